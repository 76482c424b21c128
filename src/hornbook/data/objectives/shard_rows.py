"""A prepared corpus cut into rows, which are put together when a batch asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hornbook.data.corpus.token_shards import Shard, TokenShards, bits_between
from hornbook.data.objectives.packed_rows import PackedRows, positions_within
from hornbook.errors import OptionError, did_you_mean

FRAMINGS = ("enclose", "end", "none")


class Frame(NamedTuple):
    """The special tokens around each piece that a document has in a row.

    Attributes:
        before: Before every piece.
        after: Behind a piece.
        cut_pieces: Whether `after` also stands where a document is cut and goes on in the next
            row.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    cut_pieces: bool

    @classmethod
    def of(cls, shards: TokenShards, framing: str | None) -> Frame:
        """The frame of that name; None: `"enclose"` where the tokenizer has [CLS] and [SEP]."""
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
        """How many special tokens stand before and behind each piece."""
        ends = np.ones_like(ends) if self.cut_pieces else ends
        return np.full(len(begins), len(self.before)), ends * len(self.after)


class Rows:
    """A corpus cut into rows; `pack` makes it.

    Attributes:
        shards: The corpus.
        length: Tokens of a row.
        frame: The special tokens around a document.
        pad_id: What rows are filled with.
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
        """Puts the rows of these numbers together."""
        stretches = [self._stretch(int(number)) for number in numbers]
        row, begins, ends, tokens = (
            np.concatenate([np.zeros(0, np.int64), *parts])
            for parts in zip(*(self._pieces(i, *s) for i, s in enumerate(stretches)), strict=True)
        )
        before, after = self.frame.sizes(begins, ends)
        return self._laid_out(stretches, row, before, tokens, after)

    def _stretch(self, number: int) -> tuple[Shard, int, int]:
        """The shard of a row, and the tokens where it begins and ends."""
        shard = self._shard[number]
        begins = number > 0 and self._shard[number - 1] == shard
        return (
            self.shards.shards[shard],
            int(self._ends[number - 1]) if begins else 0,
            int(self._ends[number]),
        )

    @staticmethod
    def _pieces(row: int, shard: Shard, begin: int, end: int) -> tuple[np.ndarray, ...]:
        """Of each piece of a document: its row, whether the document begins and ends, tokens."""
        starts = shard.document_starts
        first, last = np.searchsorted(starts, begin, "right"), np.searchsorted(starts, end, "left")
        edges = np.concatenate([[begin], starts[first:last], [end]])
        begins = np.ones(len(edges) - 1, np.int64)
        begins[0] = starts[first - 1] == begin
        ends = np.ones(len(edges) - 1, np.int64)
        ends[-1] = end == len(shard.token_ids) or (last < len(starts) and starts[last] == end)
        return np.full(len(begins), row), begins, ends, np.diff(edges)

    def _laid_out(
        self,
        stretches: Sequence[tuple[Shard, int, int]],
        row: np.ndarray,
        before: np.ndarray,
        tokens: np.ndarray,
        after: np.ndarray,
    ) -> PackedRows:
        """The arrays of pieces given by their rows and sizes."""
        shape = len(stretches), self.length
        sizes = before + tokens + after
        offsets = np.cumsum(sizes) - sizes
        first_of_row = np.searchsorted(row, row)  # the number of the first piece of each one's row
        # of every token: its piece, its number within it, and where it stands in the batch
        piece = np.repeat(np.arange(len(sizes)), sizes)
        within = np.arange(len(piece)) - offsets[piece]
        places = (row * self.length + offsets - offsets[first_of_row])[piece] + within
        behind = within - (before + tokens)[piece]  # 0, 1 ... in the special tokens at the end
        is_before, is_after = within < before[piece], behind >= 0
        is_text = ~(is_before | is_after)

        ids = np.zeros(len(piece), np.int32)
        ids[is_before] = np.array(self.frame.before, np.int32)[within[is_before]]
        ids[is_after] = np.array(self.frame.after, np.int32)[behind[is_after]]
        ids[is_text] = np.concatenate([s.token_ids[begin:end] for s, begin, end in stretches])

        def filled(values: np.ndarray, at: np.ndarray = places, fill: int = 0) -> np.ndarray:
            array = np.full(shape, fill, values.dtype)
            array.ravel()[at] = values
            return array

        def starts(name: str) -> np.ndarray:
            found = [bits_between(getattr(s, name), begin, end) for s, begin, end in stretches]
            values = np.concatenate(found)
            values[np.cumsum(tokens) - tokens] = True  # also where a sentence was cut
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
