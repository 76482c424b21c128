"""Keeping some rows of a vocabulary, and making new ones, while loading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

SPREAD = 0.1  # of made-up rows, beside that of the old ones


class VocabularyRows:
    """Chooses the rows of a table that has one for each token.

    Args:
        keep: The old ids to keep, in their new order; None keeps all.
        compound: New tokens that follow them.  Each is a list of old ids, whose mean it
            becomes, or a pair of ids and weights, whose weighted mean it becomes.
        size: Rows in all; None: as many as these are.  Those beyond it are left out.  Those
            that are short of it are made up and follow the others: the mean of all old rows
            and a tenth of their standard deviation as noise, the same at every call.  A mean
            is the least surprising row to a trained model, and the noise tells them apart.
        axis: The axis that counts tokens: 0 for embeddings and output biases, -1 for a
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
        self.compound = [_ids_and_weights(one) for one in compound]
        self.size = size
        self.axis = axis

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that a table of this shape gets.

        Raises:
            ValueError: an id is not in the table.
        """
        size = shape[self.axis]
        wanted = np.concatenate([self._kept(size), *(ids for ids, _ in self.compound)])
        outside = wanted[(wanted < 0) | (wanted >= size)]
        if len(outside):
            raise ValueError(f"there is no row {outside[0]} among {size}")
        result = list(shape)
        chosen = len(self._kept(size)) + len(self.compound)
        result[self.axis] = chosen if self.size is None else self.size
        return tuple(result)

    def __call__(self, table: np.ndarray) -> np.ndarray:
        """The chosen and the new rows of `table`, in its type."""
        by_token = np.moveaxis(table, self.axis, 0)
        parts = [by_token[self._kept(len(by_token))]]
        for ids, weights in self.compound:
            mean = np.tensordot(weights, by_token[ids].astype(np.float64), axes=1)
            parts.append(mean[None].astype(table.dtype))
        rows = np.concatenate(parts)[: self.size]
        if self.size is not None and len(rows) < self.size:
            rows = np.concatenate([rows, _made_up(by_token, self.size - len(rows))])
        return np.moveaxis(rows, 0, self.axis)

    def _kept(self, size: int) -> np.ndarray:
        return np.arange(size) if self.keep is None else self.keep


def _made_up(old: np.ndarray, number: int) -> np.ndarray:
    """New rows around the mean of the old ones."""
    mean, deviation = old.mean(0, dtype=np.float64), old.std(0, dtype=np.float64)
    noise = np.random.default_rng(0).normal(size=(number, *old.shape[1:]))
    rows: np.ndarray = mean + SPREAD * deviation * noise
    return rows.astype(old.dtype)


def _ids_and_weights(one: Any) -> tuple[np.ndarray, np.ndarray]:
    """The old ids of a new token, and weights that add up to 1."""
    if len(one) == 2 and not np.isscalar(one[0]):
        ids, weights = np.array(one[0], np.int64), np.array(one[1], np.float64)
    else:
        ids, weights = np.array(one, np.int64), np.ones(len(one))
    if ids.ndim != 1 or ids.shape != weights.shape or not len(ids) or weights.sum() == 0:
        raise ValueError(f"{one!r} is neither a list of ids nor a pair of ids and weights")
    return ids, weights / weights.sum()
