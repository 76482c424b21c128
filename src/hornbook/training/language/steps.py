"""The steps of pretraining: the rows of each step, and evaluation on the held-out rows.

Everything here is a pure function of the seed and the index of the step, so a resumed run
continues with exactly the rows that were not used yet.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hornbook.data.objectives.row_order import shuffled
from hornbook.errors import DataError
from hornbook.training.language.losses import normalized_weights
from hornbook.training.loop import Batch

Arrays = dict[str, np.ndarray]

EVALUATION_EPOCH = 2**31 - 1  # held-out rows have the random numbers of this epoch, each time
MAX_HELD_OUT = 1024  # rows; more would take long and add little
GROUP = 8  # consecutive held-out rows, so that few documents are on both sides of the split
DIVERGENCE = 1.5  # times the loss of the first steps


@dataclass(frozen=True)
class LanguageSteps:
    """The rows of each step of pretraining.

    Args:
        objective: Makes a batch: one of `hornbook.data.objectives.tasks`.
        rows: The rows, from `pack`.
        train, held_out: Indices of the rows, see `split_rows`.
        rows_per_step: Rows per optimizer step.
        seed: Random seed of order and masking.
    """

    objective: Any
    rows: Any
    train: np.ndarray
    held_out: np.ndarray
    rows_per_step: int
    seed: int

    def batches(self, first: int, last: int) -> list[Batch]:
        """Returns the batches of steps `first` to `last - 1`, counted from 0."""
        return [self._batch(step) for step in range(first, last)]

    @property
    def steps_per_epoch(self) -> int:
        """Number of steps in which every training row is used once."""
        return -(-len(self.train) // self.rows_per_step)

    def _batch(self, step: int) -> Batch:
        epoch, index = divmod(step, self.steps_per_epoch)

        def row_indices() -> np.ndarray:
            order = _order(len(self.train), self.rows_per_step, self.seed, epoch)
            indices: np.ndarray = self.train[order[index]]
            return indices

        def arrays() -> tuple[Arrays, None, None]:
            batch = self.objective.batch(self.rows, self.seed, epoch, row_indices())
            return normalized_weights(batch), None, None

        def where() -> list[str]:
            rows = ", ".join(map(str, row_indices()[:8]))
            return [f"the corpus's rows {rows} and others (epoch {epoch + 1}, batch {index + 1})"]

        return Batch(size=self.rows_per_step * self.rows.length, arrays=arrays, where=where)

    def measure(self, predict: Callable[[Arrays], Arrays], rows_at_once: int) -> dict[str, float]:
        """Returns the mean loss, accuracy and perplexity on the held-out rows.

        Args:
            predict: Returns `loss`, `correct` and `weight` of each row.
            rows_at_once: Rows per batch.
        """
        sums = dict.fromkeys(("loss", "correct", "weight"), 0.0)
        for arrays, count in self.held_out_batches(rows_at_once):
            outputs = predict(arrays)
            for name in sums:
                sums[name] += float(np.asarray(outputs[name][:count], "float64").sum())
        weight = max(sums["weight"], 1e-9)
        return measures(sums["loss"] / weight, sums["correct"] / weight)

    def held_out_batches(self, rows_at_once: int) -> Iterator[tuple[Arrays, int]]:
        """Yields batches of held-out rows, with weights of 0 or 1, and the number of rows."""
        for start in range(0, len(self.held_out), rows_at_once):
            indices = self.held_out[start : start + rows_at_once]
            count = len(indices)
            indices = np.resize(indices, rows_at_once)
            arrays = self.objective.batch(self.rows, self.seed, EVALUATION_EPOCH, indices)
            if "original_ids" in arrays:
                arrays["real_weights"] = (arrays["documents"] > 0).astype("float32")
            yield arrays, count


def measures(loss: float, accuracy: float) -> dict[str, float]:
    """Returns the metrics by their names in the log."""
    return {
        "held_out_loss": loss,
        "accuracy": accuracy,
        "perplexity": math.exp(min(loss, 700.0)),
    }


@functools.lru_cache(maxsize=2)
def _order(count: int, rows_per_step: int, seed: int, epoch: int) -> np.ndarray:
    return shuffled(count, rows_per_step, seed, epoch)


def split_rows(count: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Splits the rows into training and held-out rows; the latter are small groups over the corpus.

    Args:
        count: Number of rows.
        share: Share to hold out, but at least one row and at most `MAX_HELD_OUT`.

    Raises:
        DataError: there are fewer than two rows.
    """
    if count < 2:
        raise DataError(
            f"The corpus fills {count} row{'s' * (count != 1)}; at least two are needed, one of "
            "them to measure on.\nAdd text, or use shorter rows with --length."
        )
    held_out_count = min(max(round(count * share), 1), MAX_HELD_OUT, count - 1)
    group = min(GROUP, held_out_count)
    groups = max(held_out_count // group, 1)
    starts = (np.arange(groups) + 1) * count // groups - group
    held_out = np.unique((starts[:, None] + np.arange(group)).ravel())
    return np.setdiff1d(np.arange(count), held_out), held_out


def split_batch(arrays: Arrays, parts: int) -> Sequence[Arrays]:
    """Splits a step into batches, scaled so that their mean loss is the loss of the step."""
    if parts == 1:
        return [arrays]
    names = ("weights", "order_weight", "real_weights")
    scaled = {name: value * parts if name in names else value for name, value in arrays.items()}
    pieces = {name: np.split(value, parts) for name, value in scaled.items()}
    return [{name: pieces[name][part] for name in pieces} for part in range(parts)]


def check_progress(state: dict[str, Any], loss: float, run: Any) -> None:
    """Stops training when the loss diverges.

    Args:
        state: State of the loop after the step; the running mean of the losses is kept in it.
        loss: Loss of this step.
        run: The `RunFolder`, for the message.

    Raises:
        DataError: the running mean is far above that of the first steps.
    """
    count = state.get("counted", 0) + 1
    rate = max(1 / count, 0.05)
    state["counted"], state["running"] = count, state.get("running", 0.0) * (1 - rate) + loss * rate
    if count == 10:
        state["first"] = state["running"]
    if count > 40 and state["running"] > DIVERGENCE * state["first"]:
        raise DataError(
            f"The loss diverges: about {state['first']:.2f} in the first steps, "
            f"{state['running']:.2f} by step {state['step']}.\n"
            f"{run.model} holds the best model so far, if one was measured.  Start again with a "
            "smaller --learning-rate or a longer --warmup."
        )
