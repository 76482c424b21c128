"""Hides an exact share of the tokens of a row, whole words at a time, anew in every epoch.

What is hidden depends on nothing but the random numbers given, one generator a row; so a batch can
be made again at any time, on any machine.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hornbook.data.objectives.packed_rows import PackedRows
from hornbook.errors import OptionError, did_you_mean

UNITS = {  # how probable runs of 1, 2, 3 ... words are
    "tokens": (1.0,),  # each a word
    "words": (1.0,),
    "ngrams": (6.0, 3.0, 2.0),  # ALBERT: the n-th as probable as 1 / n
    "spans": tuple(0.8**n for n in range(10)),  # SpanBERT: geometric, at most ten words
}


class Masked(NamedTuple):
    """Rows with some of their tokens hidden.

    Attributes:
        token_ids: `(rows, length)` int32, as the model sees them.
        masked_positions: `(rows, most)` int32: the places in a row that are to be told, rising;
            what is not used is 0.
        labels: `(rows, most)` int32: what stood there.
        weights: `(rows, most)` float32: 1, and 0 for what is not used.
    """

    token_ids: np.ndarray
    masked_positions: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


def quota(tokens: int, share: float) -> int:
    """How many of `tokens` are hidden: the share, rounded, and one at least."""
    return min(tokens, max(1, int(share * tokens + 0.5)))


@dataclass(frozen=True, kw_only=True)
class Masking:
    """How tokens are hidden.

    Of the tokens to be told, `masked` become the mask, `kept` stay as they are, and the others
    become any ordinary token, each drawn by itself.

    Attributes:
        mask_id: The id of the mask.
        vocabulary_size: Random tokens are below it,
        not_drawn: and none of these.
        share: Of the tokens of a row, special ones not counted.
        unit: What is hidden together: `"words"`, `"tokens"`, `"ngrams"` of up to three words,
            `"spans"` of up to ten.
        masked, kept: Shares of the tokens to be told.

    Raises:
        OptionError: a share is not between 0 and 1, or there is no such unit.
    """

    mask_id: int
    vocabulary_size: int
    not_drawn: Collection[int] = ()
    share: float = 0.15
    unit: str = "words"
    masked: float = 0.8
    kept: float = 0.1

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise OptionError(f"Unknown unit {self.unit!r}.  {did_you_mean(self.unit, UNITS)}")
        if not 0 < self.share < 1:
            raise OptionError(f"share={self.share} is no share; 0.15 is the usual one.")
        if not 0 <= self.masked <= self.masked + self.kept <= 1:
            raise OptionError(f"masked={self.masked} and kept={self.kept} are no shares of one.")

    @cached_property
    def steps(self) -> np.ndarray:
        """From which numbers on, among the tokens that are drawn, ids are one further."""
        left_out = np.array(sorted(set(self.not_drawn)), np.int64)
        return left_out - np.arange(len(left_out))


def mask_words(rows: PackedRows, random: Sequence[np.random.Generator], masking: Masking) -> Masked:
    """Hides tokens of each row.

    The quota of a row is met to the token: words are taken in random order, those too long for
    what is left passed over; when no word fits any more, one is hidden in part.

    Args:
        rows: Whose special tokens are never hidden.
        random: For each row its own.
        masking: How.
    """
    count, length = rows.token_ids.shape
    most = quota(length, masking.share)
    token_ids = rows.token_ids.copy()
    positions, labels = np.zeros((count, most), np.int32), np.zeros((count, most), np.int32)
    weights = np.zeros((count, most), np.float32)
    text = (rows.documents > 0) & ~rows.special
    starts = text if masking.unit == "tokens" else text & rows.word_starts
    for row in range(count):
        chosen = _chosen(text[row], starts[row], rows.documents[row], random[row], masking)
        used = len(chosen)
        positions[row, :used] = chosen
        labels[row, :used] = rows.token_ids[row, chosen]
        weights[row, :used] = 1
        token_ids[row, chosen] = _replaced(labels[row, :used], random[row], masking)
    return Masked(token_ids, positions, labels, weights)


def _chosen(
    text: np.ndarray,
    starts: np.ndarray,
    documents: np.ndarray,
    random: np.random.Generator,
    masking: Masking,
) -> np.ndarray:
    """The places to be told in one row, rising."""
    places = np.flatnonzero(text)
    if not len(places):
        return places
    first = np.flatnonzero(starts[places])  # a piece of a document begins with a word
    sizes = np.diff(first, append=len(places))
    taken = np.zeros(len(places), bool)
    left = quota(len(places), masking.share)
    words = _words_in_turn(documents[places[first]], sizes, left, random, UNITS[masking.unit])
    for word in words:
        size = min(int(sizes[word]), left)
        taken[first[word] : first[word] + size] = True
        left -= size
    return places[taken]


def _words_in_turn(
    documents: np.ndarray,
    sizes: np.ndarray,
    left: int,
    random: np.random.Generator,
    runs: Sequence[float],
) -> list[int]:
    """Words whose sizes add up to `left`; the last may be longer than what is left for it."""
    order = random.permutation(len(sizes)).tolist()
    probable = np.cumsum(runs) / np.sum(runs)
    lengths = (np.searchsorted(probable, random.random(len(order)), "right") + 1).tolist()
    size_of, document_of = sizes.tolist(), documents.tolist()
    taken: dict[int, None] = {}
    for word, run in zip(order, lengths, strict=True):
        for one in range(word, min(word + run, len(order))):
            if one in taken or size_of[one] > left or document_of[one] != document_of[word]:
                break
            taken[one] = None
            left -= size_of[one]
        if not left:
            return list(taken)
    return [*taken, next(word for word in order if word not in taken)]


def _replaced(ids: np.ndarray, random: np.random.Generator, masking: Masking) -> np.ndarray:
    """What the model sees in place of these ids."""
    kind = random.random(len(ids))
    steps = masking.steps
    drawn = random.integers(0, masking.vocabulary_size - len(steps), len(ids))
    drawn += np.searchsorted(steps, drawn, side="right")
    seen = np.where(kind < masking.masked + masking.kept, ids, drawn)
    return np.where(kind < masking.masked, masking.mask_id, seen)
