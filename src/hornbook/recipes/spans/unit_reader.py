"""Texts as units and windows, the inputs of a model that finds spans.

Answers are in units (see `hornbook.data.entities.units`), not in pieces of the tokenizer: a piece
of SentencePiece may hold the end of one entity and the beginning of the next.  So each unit is
tokenized by itself, and its first piece stands for it.  A text with more pieces than the model
reads at once is read in windows that overlap; what is found in them is joined unit by unit.
Another text, such as a question, may stand in front of each window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from hornbook.data.entities.tag_schemes import TokenSpan
from hornbook.data.entities.tagged_text import TaggedText
from hornbook.data.entities.units import unit_spans
from hornbook.data.texts.summary import Lengths
from hornbook.recipes.spans.text_windows import Units, Window
from hornbook.text.tokenizer import BARE, Encoding, Tokenizer

OVERLAP = 4  # windows share one part in this many
PIECES = 16  # maximum of one unit: of a longer run of letters the model reads only the beginning
_BEFORE = "。"  # precedes a unit that does not begin the text, and never joins with it


class UnitReader:
    """Finds the units of texts, their tokens and windows.

    Args:
        tokenizer: The encoder's.
        limit: Maximum tokens that the encoder reads at once, special ones included.
        front: Maximum tokens of a text in front of each window; 0 if there is none.
        segment_ids: Returns the segment IDs of a window.  Defaults to those of the tokenizer.

    Raises:
        VocabularyError: `front`, but the tokenizer has no template for pairs.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        limit: int,
        front: int = 0,
        segment_ids: Callable[[Encoding], list[int]] = lambda encoding: encoding.segment_ids,
    ):
        self.tokenizer, self.limit, self.front, self.segment_ids = (
            tokenizer,
            limit,
            front,
            segment_ids,
        )
        self.template = tokenizer.template if tokenizer.add_special_tokens else BARE
        # of a window behind the longest front
        self.room = max(1, limit - front - self.template.num_special_tokens(2 if front else 1))
        self._known: dict[str, list[int]] = {}

    def lengths(
        self, units: Sequence[Units], fronts: Sequence[Sequence[int]] | None = None
    ) -> Lengths:
        """Returns the lengths of texts in tokens, with those in front, for the summary."""
        unknown_id = self.tokenizer.special_ids.get("unk", -1)
        counts = np.array([sum(map(len, one.pieces)) for one in units])
        unknown = sum(list(ids).count(unknown_id) for one in units for ids in one.pieces)
        tokens = counts + self.limit - self.room - self.front
        if fronts is not None:
            tokens += [len(front) for front in fronts]
        share = unknown / max(int(counts.sum()), 1)
        return Lengths(tokens, self.limit, share, beyond="read in windows of")

    def units(self, texts: Iterable[TaggedText]) -> list[Units]:
        """Returns the units of each text, tokenized."""
        texts = list(texts)
        spans = [unit_spans(text.text) for text in texts]
        keys = [
            [_in_context(text.text, *span) for span in of_text]
            for text, of_text in zip(texts, spans, strict=True)
        ]
        self._learn({key for of_text in keys for key in of_text})
        found = []
        for text, of_text, of_keys in zip(texts, spans, keys, strict=True):
            gold: list[TokenSpan] = []
            units = Units(
                of_text,
                [self._known[key] for key in of_keys],
                None if text.entities is None else gold,
            )
            for entity in text.entities or ():
                span = units.covering(entity.start, entity.end)
                if span is None:
                    units.cut.append(entity)
                else:
                    gold.append(TokenSpan(*span, entity.type))
            found.append(units)
        return found

    def _learn(self, keys: set[str]) -> None:
        new = sorted(keys - self._known.keys())
        for key, (ids, offsets) in zip(new, self.tokenizer.pieces(new), strict=True):
            start = len(key) - len(key.removeprefix(_BEFORE).lstrip(" "))
            own = [one for one, (_, end) in zip(ids, offsets, strict=True) if end > start]
            unknown = self.tokenizer.special_ids.get("unk", 0)
            self._known[key] = own[: min(PIECES, self.room)] or [unknown]

    def windows(
        self, units: Sequence[Units], fronts: Sequence[Sequence[int]] | None = None
    ) -> list[Window]:
        """Cuts texts into windows that the model can read, at least one per text.

        Args:
            units: The texts.
            fronts: The tokens in front of the windows of each; more than `front` are truncated.
        """
        windows = []
        for number, one in enumerate(units):
            front = () if fronts is None else fronts[number][: self.front]
            room = self.room + self.front - len(front)
            for first, last in _cut([len(pieces) for pieces in one.pieces], room):
                windows.append(Window(number, one, first, last, front))
        return windows

    def columns(self, windows: Sequence[Window]) -> dict[str, list[Any]]:
        """Returns the network's inputs, one value per window."""
        columns: dict[str, list[Any]] = {
            name: []
            for name in ("token_ids", "segment_ids", "padding_mask", "unit_index", "unit_mask")
        }
        for window in windows:
            pieces = window.units.pieces[window.first : window.last]
            ids = [one for of_unit in pieces for one in of_unit]
            # in place of offsets: which pieces are the first of their unit
            firsts = [(int(index == 0), 0) for of_unit in pieces for index in range(len(of_unit))]
            front = [(list(window.front), [(0, 0)] * len(window.front))] if self.front else []
            ids, segments, places = self.template.arrange([*front, (ids, firsts)], None)
            columns["token_ids"].append(ids)
            columns["segment_ids"].append(self.segment_ids(Encoding(ids, segments, places, [])))
            columns["padding_mask"].append([1] * len(ids))
            index = [number for number, place in enumerate(places) if place == (1, 0)]
            columns["unit_index"].append(index)
            columns["unit_mask"].append([1] * len(index))
        return columns


def _in_context(text: str, start: int, end: int) -> str:
    """Returns a unit behind what decides how it is tokenized: nothing, a space, or a character."""
    if start == 0:
        return text[start:end]
    return _BEFORE + " " * text[start - 1].isspace() + text[start:end]


def _cut(sizes: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Cuts units of these sizes into windows of at most `room`, which overlap by a quarter."""
    windows = []
    first = 0
    while True:
        last, size = first, 0
        while last < len(sizes) and size + sizes[last] <= room:
            size += sizes[last]
            last += 1
        windows.append((first, last))
        if last == len(sizes):
            return windows
        shared = 0
        following = last
        while following - 1 > first and shared + sizes[following - 1] <= room // OVERLAP:
            following -= 1
            shared += sizes[following]
        first = following
