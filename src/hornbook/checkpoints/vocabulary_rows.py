"""Selects rows of a vocabulary, and adds new ones, while loading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

SPREAD = 0.1  # standard deviation of added rows, relative to that of the old ones


class VocabularyRows:
    """A selection of rows of a weight that has one row per token.

    Args:
        keep: Old ids to keep, in their new order.  Defaults to all.
        compound: New tokens after them.  Each is a list of old ids, whose rows are averaged, or a
            pair of ids and weights, for a weighted average.
        size: Total number of rows.  Defaults to the number of these; with fewer the last ones
            are dropped.  With more, rows are added at the end: the mean of all old rows, and a
            tenth of their standard deviation as noise, the same for every call.  A mean is the
            least surprising row for a trained model, and the noise makes the rows differ.
        axis: The token axis: 0 for embeddings and output biases, -1 for a
            `(features, vocabulary)` kernel.

    Example:
        rows = {"token_embedding.embeddings": VocabularyRows(keep=[0, 100, 101, 102])}

    Reference: https://nlp.stanford.edu/~johnhew/vocab-expansion.html
    """

    def __init__(
        self,
        keep: Sequence[int] | None = None,
        *,
        compound: Sequence[Any] = (),
        size: int | None = None,
        axis: int = 0,
    ):
        self.keep = None if keep is None else np.array(keep, np.int64).reshape(-1)
        self.compound = [_ids_and_weights(token) for token in compound]
        self.size = size
        self.axis = axis

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the new shape of a weight of this shape.

        Raises:
            ValueError: an id is not in the table.
        """
        size = shape[self.axis]
        old_ids = np.concatenate([self._old_ids(size), *(ids for ids, _ in self.compound)])
        outside = old_ids[(old_ids < 0) | (old_ids >= size)]
        if len(outside):
            raise ValueError(f"there is no row {outside[0]} among {size}")
        result = list(shape)
        count = len(self._old_ids(size)) + len(self.compound)
        result[self.axis] = count if self.size is None else self.size
        return tuple(result)

    def __call__(self, table: np.ndarray) -> np.ndarray:
        """Returns the selected and the new rows of `table`, in its type."""
        by_token = np.moveaxis(table, self.axis, 0)
        parts = [by_token[self._old_ids(len(by_token))]]
        for ids, weights in self.compound:
            mean = np.tensordot(weights, by_token[ids].astype(np.float64), axes=1)
            parts.append(mean[None].astype(table.dtype))
        rows = np.concatenate(parts)[: self.size]
        if self.size is not None and len(rows) < self.size:
            rows = np.concatenate([rows, _new_rows(by_token, self.size - len(rows))])
        return np.moveaxis(rows, 0, self.axis)

    def _old_ids(self, size: int) -> np.ndarray:
        return np.arange(size) if self.keep is None else self.keep


def _new_rows(old: np.ndarray, count: int) -> np.ndarray:
    """Returns rows around the mean of the old ones."""
    mean, deviation = old.mean(0, dtype=np.float64), old.std(0, dtype=np.float64)
    noise = np.random.default_rng(0).normal(size=(count, *old.shape[1:]))
    rows: np.ndarray = mean + SPREAD * deviation * noise
    return rows.astype(old.dtype)


def _ids_and_weights(compound: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns the old ids of a new token, and weights with sum 1."""
    if len(compound) == 2 and not np.isscalar(compound[0]):
        ids, weights = np.array(compound[0], np.int64), np.array(compound[1], np.float64)
    else:
        ids, weights = np.array(compound, np.int64), np.ones(len(compound))
    if ids.ndim != 1 or ids.shape != weights.shape or not len(ids) or weights.sum() == 0:
        raise ValueError(f"{compound!r} is neither a list of ids nor a pair of ids and weights")
    return ids, weights / weights.sum()
