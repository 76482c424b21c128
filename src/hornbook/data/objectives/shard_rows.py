"""A prepared corpus split into rows, which are assembled batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hornbook.data.corpus.token_shards import Shard, TokenShards, bits_between
from hornbook.data.objectives.packed_rows import PackedRows, positions_within
from hornbook.errors import OptionError, did_you_mean

FRAMINGS = ("enclose", "end", "none")


class Frame(NamedTuple):
    """The special tokens around each piece of a document in a row.

    Attributes:
        before: Tokens before every piece.
        after: Tokens after a piece.
        cut_pieces: Whether `after` also follows a piece whose document continues in the next row.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    cut_pieces: bool

    @classmethod
    def of(cls, shards: TokenShards, framing: str | None) -> Frame:
        """Returns a frame by name.  Defaults to `"enclose"` for tokenizers with [CLS] and [SEP]."""
        special = shards.special_ids
        if framing is None:
            framing = "enclose" if shards.before and shards.after else "end"
        if framing not in FRAMINGS:
            raise OptionError(f"Unknown framing {framing!r}.  {did_you_mean(framing, FRAMINGS)}")
        if framing == "none":
            return cls((), (), False)
        ends = [special[name] for name in ("eos", "sep") if name in special]
        after = shards.after or tuple(ends[:1])
        return cls(shards.before, after, framing == "enclose")

    def sizes(self, begins: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the numbers of special tokens before and after each piece."""
        ends = np.ones_like(ends) if self.cut_pieces else ends
        return np.full(len(begins), len(self.before)), ends * len(self.after)


class Rows:
    """A corpus split into rows, made by `pack`.

    Attributes:
        shards: The corpus.
        length: Tokens per row.
        frame: The special tokens around a document.
        pad_id: Id of the padding.
    """

    def __init__(
        self, shards: TokenShards, length: int, frame: Frame, ends: Sequence[np.ndarray]
    ) -> None:
        self.shards, self.length, self.frame = shards, length, frame
        self.pad_id = shards.special_ids.get("pad", 0)
        self._shard = np.repeat(np.arange(len(ends)), [len(part) for part in ends])
        self._ends = np.concatenate([*ends, np.zeros(0, np.int64)])
        self._special = [
            token_id for purpose, token_id in shards.special_ids.items() if purpose != "unk"
        ]

    def __len__(self) -> int:
        return len(self._ends)

    def batch(self, numbers: Sequence[int] | np.ndarray) -> PackedRows:
        """Assembles the rows with these indices."""
        slices = [self._slice(int(number)) for number in numbers]
        row, begins, ends, tokens = (
            np.concatenate([np.zeros(0, np.int64), *parts])
            for parts in zip(*(self._pieces(i, *s) for i, s in enumerate(slices)), strict=True)
        )
        before, after = self.frame.sizes(begins, ends)
        return self._assembled(slices, row, before, tokens, after)

    def _slice(self, number: int) -> tuple[Shard, int, int]:
        """Returns the shard of a row, and its first and last token (exclusive)."""
        shard = self._shard[number]
        begins = number > 0 and self._shard[number - 1] == shard
        return (
            self.shards.shards[shard],
            int(self._ends[number - 1]) if begins else 0,
            int(self._ends[number]),
        )

    @staticmethod
    def _pieces(row: int, shard: Shard, begin: int, end: int) -> tuple[np.ndarray, ...]:
        """Returns for each piece its row, whether its document begins and ends, and its size."""
        starts = shard.document_starts
        first, last = np.searchsorted(starts, begin, "right"), np.searchsorted(starts, end, "left")
        edges = np.concatenate([[begin], starts[first:last], [end]])
        begins = np.ones(len(edges) - 1, np.int64)
        begins[0] = starts[first - 1] == begin
        ends = np.ones(len(edges) - 1, np.int64)
        ends[-1] = end == len(shard.token_ids) or (last < len(starts) and starts[last] == end)
        return np.full(len(begins), row), begins, ends, np.diff(edges)

    def _assembled(
        self,
        slices: Sequence[tuple[Shard, int, int]],
        row: np.ndarray,
        before: np.ndarray,
        tokens: np.ndarray,
        after: np.ndarray,
    ) -> PackedRows:
        """Returns the arrays of pieces with these rows and sizes."""
        shape = len(slices), self.length
        sizes = before + tokens + after
        offsets = np.cumsum(sizes) - sizes
        first_of_row = np.searchsorted(
            row, row
        )  # index of the first piece in the row of each piece
        # for every token: its piece, its index in the piece, and its place in the batch
        piece = np.repeat(np.arange(len(sizes)), sizes)
        within = np.arange(len(piece)) - offsets[piece]
        places = (row * self.length + offsets - offsets[first_of_row])[piece] + within
        behind = within - (before + tokens)[piece]  # 0, 1 ... for the special tokens at the end
        is_before, is_after = within < before[piece], behind >= 0
        is_text = ~(is_before | is_after)

        ids = np.zeros(len(piece), np.int32)
        ids[is_before] = np.array(self.frame.before, np.int32)[within[is_before]]
        ids[is_after] = np.array(self.frame.after, np.int32)[behind[is_after]]
        ids[is_text] = np.concatenate([s.token_ids[begin:end] for s, begin, end in slices])

        def filled(values: np.ndarray, at: np.ndarray = places, fill: int = 0) -> np.ndarray:
            array = np.full(shape, fill, values.dtype)
            array.ravel()[at] = values
            return array

        def starts(name: str) -> np.ndarray:
            bits = [bits_between(getattr(s, name), begin, end) for s, begin, end in slices]
            values = np.concatenate(bits)
            values[np.cumsum(tokens) - tokens] = True  # also where a sentence is split
            return filled(values, places[is_text])

        documents = filled((np.arange(len(row)) - first_of_row + 1)[piece].astype(np.int32))
        return PackedRows(
            token_ids=filled(ids, fill=self.pad_id),
            documents=documents,
            positions=positions_within(documents),
            word_starts=starts("word_starts"),
            sentence_starts=starts("sentence_starts"),
            special=filled(~is_text | np.isin(ids, self._special)),
        )
