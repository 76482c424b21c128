"""Masks an exact share of the tokens of a row, whole words at a time.

The masking depends only on the given generators, one per row, so a batch can be reproduced at any
time, on any machine.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hornbook.data.objectives.packed_rows import PackedRows
from hornbook.errors import OptionError, did_you_mean

UNITS = {  # relative probabilities of runs of 1, 2, 3 ... words
    "tokens": (1.0,),  # each token is a word
    "words": (1.0,),
    "ngrams": (6.0, 3.0, 2.0),  # ALBERT: proportional to 1 / n
    "spans": tuple(0.8**n for n in range(10)),  # SpanBERT: geometric, at most ten words
}


class Masked(NamedTuple):
    """Rows with masked tokens.

    Attributes:
        token_ids: `(rows, length)` int32, as the model sees them.
        masked_positions: `(rows, maximum)` int32: positions to predict, increasing, padded with 0.
        labels: `(rows, maximum)` int32: the original tokens there.
        weights: `(rows, maximum)` float32: 1, and 0 for padding.
    """

    token_ids: np.ndarray
    masked_positions: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


def quota(tokens: int, share: float) -> int:
    """Returns how many of `tokens` to predict: the share, rounded, but at least one."""
    return min(tokens, max(1, int(share * tokens + 0.5)))


@dataclass(frozen=True, kw_only=True)
class Masking:
    """Options of masking.

    Of the tokens to predict, a share of `masked` becomes the mask token, `kept` stays unchanged,
    and the others become random ordinary tokens.

    Attributes:
        mask_id: Id of the mask token.
        vocabulary_size: Exclusive upper bound of random token ids.
        not_drawn: Ids that are never drawn as random tokens.
        share: Share of the tokens of a row to predict, special tokens not counted.
        unit: What is masked together: `"words"`, `"tokens"`, `"ngrams"` of up to three words,
            `"spans"` of up to ten.
        masked, kept: Shares of the tokens to predict.

    Raises:
        OptionError: a share is not between 0 and 1, or an unknown unit.
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
            raise OptionError(f"share={self.share} must be between 0 and 1; 0.15 is usual.")
        if not 0 <= self.masked <= self.masked + self.kept <= 1:
            raise OptionError(
                f"masked={self.masked} and kept={self.kept} must be shares with a sum of at most 1."
            )

    @cached_property
    def steps(self) -> np.ndarray:
        """Thresholds among drawn numbers from which on ids are shifted by one more."""
        left_out = np.array(sorted(set(self.not_drawn)), np.int64)
        return left_out - np.arange(len(left_out))


def mask_words(rows: PackedRows, random: Sequence[np.random.Generator], masking: Masking) -> Masked:
    """Masks tokens of each row.

    The quota of a row is met exactly: words are taken in random order, skipping those longer than
    the rest of the quota; when no word fits, one is masked in part.

    Args:
        rows: The rows; special tokens are never masked.
        random: One generator per row.
        masking: The options.
    """
    count, length = rows.token_ids.shape
    maximum = quota(length, masking.share)
    token_ids = rows.token_ids.copy()
    positions, labels = np.zeros((count, maximum), np.int32), np.zeros((count, maximum), np.int32)
    weights = np.zeros((count, maximum), np.float32)
    text = (rows.documents > 0) & ~rows.special
    starts = text if masking.unit == "tokens" else text & rows.word_starts
    for row in range(count):
        places = _masked_places(text[row], starts[row], rows.documents[row], random[row], masking)
        size = len(places)
        positions[row, :size] = places
        labels[row, :size] = rows.token_ids[row, places]
        weights[row, :size] = 1
        token_ids[row, places] = _replacements(labels[row, :size], random[row], masking)
    return Masked(token_ids, positions, labels, weights)


def _masked_places(
    text: np.ndarray,
    starts: np.ndarray,
    documents: np.ndarray,
    random: np.random.Generator,
    masking: Masking,
) -> np.ndarray:
    """Returns the positions to predict in one row, increasing."""
    places = np.flatnonzero(text)
    if not len(places):
        return places
    first = np.flatnonzero(starts[places])  # every piece of a document begins with a word
    sizes = np.diff(first, append=len(places))
    is_masked = np.zeros(len(places), bool)
    remaining = quota(len(places), masking.share)
    words = _words_in_turn(documents[places[first]], sizes, remaining, random, UNITS[masking.unit])
    for word in words:
        size = min(int(sizes[word]), remaining)
        is_masked[first[word] : first[word] + size] = True
        remaining -= size
    return places[is_masked]


def _words_in_turn(
    documents: np.ndarray,
    sizes: np.ndarray,
    remaining: int,
    random: np.random.Generator,
    runs: Sequence[float],
) -> list[int]:
    """Returns words whose sizes add up to `remaining`; the last one may exceed it."""
    order = random.permutation(len(sizes)).tolist()
    probable = np.cumsum(runs) / np.sum(runs)
    lengths = (np.searchsorted(probable, random.random(len(order)), "right") + 1).tolist()
    size_of, document_of = sizes.tolist(), documents.tolist()
    selected: dict[int, None] = {}
    for word, run in zip(order, lengths, strict=True):
        for one in range(word, min(word + run, len(order))):
            if one in selected or size_of[one] > remaining or document_of[one] != document_of[word]:
                break
            selected[one] = None
            remaining -= size_of[one]
        if not remaining:
            return list(selected)
    return [*selected, next(word for word in order if word not in selected)]


def _replacements(ids: np.ndarray, random: np.random.Generator, masking: Masking) -> np.ndarray:
    """Returns what the model sees in place of these ids."""
    kind = random.random(len(ids))
    steps = masking.steps
    drawn = random.integers(0, masking.vocabulary_size - len(steps), len(ids))
    drawn += np.searchsorted(steps, drawn, side="right")
    unmasked = np.where(kind < masking.masked + masking.kept, ids, drawn)
    return np.where(kind < masking.masked, masking.mask_id, unmasked)
