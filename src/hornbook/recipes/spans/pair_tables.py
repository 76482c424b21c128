"""Tables of pairs of units: their loss, and the cells that are above 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logsumexp

from hornbook.recipes.spans.span_recipe import sample_loss

CELLS = 2**25  # of the tables of a step: 128 MiB in float32, and several times that with gradients
MOST = 200  # cells of one call; an untrained model has thousands above 0


def table_loss() -> Any:
    """Returns the loss of tables `(batch, tables, units, units)`, summed over the tables."""
    import keras

    from hornbook.layers import span_crossentropy

    return sample_loss(
        lambda labels, scores: keras.ops.sum(span_crossentropy(labels, scores), axis=-1)
    )


def loss_of_tables(labels: np.ndarray, tables: np.ndarray, possible: np.ndarray) -> float:
    """Returns the loss of one window, as `table_loss` does.

    Args:
        labels, tables: `(tables, units, units)`.
        possible: Whether a cell counts, the same shape.
    """
    total = 0.0
    for cells, sign in ((possible & ~labels, 1), (possible & labels, -1)):
        scores = np.where(cells, sign * tables, -np.inf).reshape(len(tables), -1)
        total += float(np.logaddexp(0, logsumexp(scores, axis=1)).sum())
    return total


def positive_cells(tables: np.ndarray) -> np.ndarray:
    """Returns the indices of the cells above 0, `(cells, axes)`, in order, the most certain if
    there are more than `MOST`."""
    cells = np.argwhere(tables > 0)
    if len(cells) > MOST:
        scores = tables[tuple(cells.T)]
        cells = cells[np.sort(np.argsort(-scores, kind="stable")[:MOST])]
    return cells
