"""The steps of a pretraining: which rows each one reads, and how a model is measured on the rest.

Everything here is a pure function of the seed and the number of the step, so a resumed training
continues with exactly the rows it has not read yet.
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
from hornbook.training.language.losses import shared_weights
from hornbook.training.loop import Batch

Arrays = dict[str, np.ndarray]

MEASURED = 2**31 - 1  # the epoch of the held-out rows' random numbers, the same each time
MOST_HELD_OUT = 1024  # rows; more would take long and add little
TOGETHER = 8  # held-out rows in a row, so that few documents are on both sides of the split
DIVERGED = 1.5  # times the loss of the first steps


@dataclass(frozen=True)
class LanguageSteps:
    """The rows of each step of a pretraining.

    Args:
        objective: Makes a batch: one of `hornbook.data.objectives.tasks`.
        rows: The rows, from `pack`.
        train, held_out: Indices of rows, see `split_rows`.
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
        """Returns the steps from `first` to before `last`, from 0."""
        return [self._batch(step) for step in range(first, last)]

    @property
    def steps_per_epoch(self) -> int:
        """Steps until every training row has been read."""
        return -(-len(self.train) // self.rows_per_step)

    def _batch(self, step: int) -> Batch:
        epoch, number = divmod(step, self.steps_per_epoch)

        def numbers() -> np.ndarray:
            order = _order(len(self.train), self.rows_per_step, self.seed, epoch)
            rows: np.ndarray = self.train[order[number]]
            return rows

        def arrays() -> tuple[Arrays, None, None]:
            batch = self.objective.batch(self.rows, self.seed, epoch, numbers())
            return shared_weights(batch), None, None

        def where() -> list[str]:
            rows = ", ".join(map(str, numbers()[:8]))
            return [f"the corpus's rows {rows} and others (epoch {epoch + 1}, batch {number + 1})"]

        return Batch(size=self.rows_per_step * self.rows.length, arrays=arrays, where=where)

    def measure(self, predict: Callable[[Arrays], Arrays], rows_at_once: int) -> dict[str, float]:
        """Returns the mean loss, accuracy and perplexity on the held-out rows.

        Args:
            predict: Returns `loss`, `correct` and `weight` of each row.
            rows_at_once: Rows per batch.
        """
        sums = dict.fromkeys(("loss", "correct", "weight"), 0.0)
        for arrays, real in self.held_out_batches(rows_at_once):
            outputs = predict(arrays)
            for name in sums:
                sums[name] += float(np.asarray(outputs[name][:real], "float64").sum())
        weight = max(sums["weight"], 1e-9)
        return measures(sums["loss"] / weight, sums["correct"] / weight)

    def held_out_batches(self, rows_at_once: int) -> Iterator[tuple[Arrays, int]]:
        """Yields batches of held-out rows, with weights of 0 or 1, and the number of real rows."""
        for start in range(0, len(self.held_out), rows_at_once):
            numbers = self.held_out[start : start + rows_at_once]
            real = len(numbers)
            numbers = np.resize(numbers, rows_at_once)
            arrays = self.objective.batch(self.rows, self.seed, MEASURED, numbers)
            if "original_ids" in arrays:
                arrays["real_weights"] = (arrays["documents"] > 0).astype("float32")
            yield arrays, real


def measures(loss: float, accuracy: float) -> dict[str, float]:
    """Returns the metrics of a mean loss and accuracy, by their names in the log."""
    return {
        "held_out_loss": loss,
        "accuracy": accuracy,
        "perplexity": math.exp(min(loss, 700.0)),
    }


@functools.lru_cache(maxsize=2)
def _order(count: int, rows_per_step: int, seed: int, epoch: int) -> np.ndarray:
    return shuffled(count, rows_per_step, seed, epoch)


def split_rows(count: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Splits rows for training from those held out, in small groups spread over the corpus.

    Args:
        count: Number of rows.
        share: Share to hold out, but at least one row and at most `MOST_HELD_OUT`.

    Raises:
        DataError: there are fewer than two rows.
    """
    if count < 2:
        raise DataError(
            f"The corpus fills {count} row{'s' * (count != 1)}; at least two are needed, one of "
            "them to measure on.\nAdd text, or use shorter rows with --length."
        )
    wanted = min(max(round(count * share), 1), MOST_HELD_OUT, count - 1)
    together = min(TOGETHER, wanted)
    groups = max(wanted // together, 1)
    starts = (np.arange(groups) + 1) * count // groups - together
    held_out = np.unique((starts[:, None] + np.arange(together)).ravel())
    return np.setdiff1d(np.arange(count), held_out), held_out


def parts_of(arrays: Arrays, parts: int) -> Sequence[Arrays]:
    """The batches of a step: Keras averages their gradients, and here so are their losses."""
    if parts == 1:
        return [arrays]
    weighing = ("weights", "order_weight", "real_weights")
    scaled = {name: value * parts if name in weighing else value for name, value in arrays.items()}
    pieces = {name: np.split(value, parts) for name, value in scaled.items()}
    return [{name: pieces[name][number] for name in pieces} for number in range(parts)]


def check_progress(state: dict[str, Any], loss: float, run: Any) -> None:
    """Stops a training that only gets worse.

    Args:
        state: Of the loop, after the step; what is known of the losses so far is kept in it.
        loss: Of this step.
        run: The `RunFolder`, for the message.

    Raises:
        DataError: the running mean is far above that of the first steps.
    """
    count = state.get("counted", 0) + 1
    rate = max(1 / count, 0.05)
    state["counted"], state["running"] = count, state.get("running", 0.0) * (1 - rate) + loss * rate
    if count == 10:
        state["first"] = state["running"]
    if count > 40 and state["running"] > DIVERGED * state["first"]:
        raise DataError(
            f"The loss diverges: about {state['first']:.2f} in the first steps, "
            f"{state['running']:.2f} by step {state['step']}.\n"
            f"{run.model} holds the best model so far, if one was measured.  Start again with a "
            "smaller --learning-rate or a longer --warmup."
        )
