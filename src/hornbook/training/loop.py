"""The training loop: epochs of batches, with evaluation, saving and exact resuming.

The order of the batches is a pure function of the seed and the epoch, and a snapshot holds
everything else, so a run that was killed and resumed ends with the same bytes as one that
was not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from hornbook.data.ahead import in_order
from hornbook.errors import DataError, Stopped
from hornbook.progress import Progress, note
from hornbook.training.averaging import averaged_weights
from hornbook.training.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The data of one step, prepared when it is needed.

    Attributes:
        size: Number of real rows.
        arrays: Returns inputs, labels and weights; padding rows have weight 0.
        where: Returns where the rows come from, for error messages.
    """

    size: int
    arrays: Callable[[], tuple[Any, Any, Any]]
    where: Callable[[], Sequence[str]]


@dataclass(kw_only=True)
class Loop:
    """Trains a compiled model.

    Args:
        model: A compiled model; its loss takes `(labels, outputs)` with sample weights.
        batches: Returns the batches of an epoch, the same ones each time.
        epochs: Number of epochs.
        evaluate: Called after each epoch, with the averaged weights; returns metrics.
        monitor: The metric that decides which epoch is best.
        best: Whether its `"highest"` or its `"lowest"` value is best.
        save: Called when an epoch is the best so far, with the averaged weights.
        after: Called with the metrics of each epoch, before its snapshot.
        patience: Epochs without improvement before training stops; 0 never stops early.
        run: The run folder.
        unit: Unit of the progress bar.
        part: Name of an epoch in messages; training by steps calls it otherwise.
        total: Units of the whole training, for one bar over all of it.  Defaults to a bar per
            epoch.
        step: Trains on inputs, labels and weights and returns the loss.  Defaults to
            `model.train_on_batch`.
        start: Called with the state when training starts or resumes.
        watch: Called after each step with the state and the loss; what it adds to the state is
            in the next snapshot.
        snapshot_seconds: Seconds between snapshots; 0 for one per step.
        snapshot_steps: Steps between snapshots, in addition.  Defaults to no such limit.
        workers: Threads that prepare the arrays of the next batches; 0 prepares them when
            they are needed.  Defaults to one per core.
    """

    model: keras.Model
    batches: Callable[[int], Sequence[Batch]]
    epochs: int
    evaluate: Callable[[], dict[str, Any]]
    monitor: str
    save: Callable[[], None]
    patience: int
    run: RunFolder
    best: str = "highest"
    after: Callable[[dict[str, Any]], None] = lambda row: None
    unit: str = "samples"
    part: str = "epoch"
    total: int | None = None
    step: Callable[[Any, Any, Any], float] | None = None
    start: Callable[[dict[str, Any]], None] = lambda state: None
    watch: Callable[[dict[str, Any], float], None] = lambda state, loss: None
    snapshot_seconds: float = 120.0
    snapshot_steps: int | None = None
    workers: int | None = 0

    def __post_init__(self) -> None:
        self.state: dict[str, Any] = {
            "step": 0,
            "epoch": 0,  # the current one, from 0
            "batch": 0,  # the next one in this epoch
            "loss_sum": 0.0,
            "samples": 0,
            "seen": 0,  # samples over all epochs
            "seconds": 0.0,
            "waited": 0.0,  # seconds spent waiting for the arrays of a batch
            "elapsed": 0.0,  # seconds of training over all epochs
            "best": None,
            "best_epoch": 0,
            "rows": [],
        }
        self._last_snapshot = time.monotonic()

    def resume(self) -> bool:
        """Restores the newest snapshot, if there is one, and returns whether there was."""
        path = self.run.snapshots.newest()
        if path is not None:
            self.state |= self.run.snapshots.state(path)
            self.run.snapshots.restore(self.model, path)
            self.run.log(f"resumed from {path.name}")
        return path is not None

    def begin(self, metrics: dict[str, Any]) -> None:
        """Records the metrics before the first epoch as epoch 0, and saves the model."""
        self.state["rows"] = [{"epoch": 0, "step": 0, "loss": None, **metrics}]
        self.state["best"] = metrics[self.monitor]
        self.save()
        self.run.write_metrics(self.state["rows"])
        self._snapshot()

    def train(self) -> list[dict[str, Any]]:
        """Trains to the end and returns one row of metrics per epoch.

        Raises:
            Stopped: after Ctrl-C or SIGTERM, with a snapshot taken.
            DataError: the loss is not finite.
        """
        if keras.config.backend() != "torch":
            note("Each input shape is compiled on its first use, so the start is the slowest part.")
        self.start(self.state)
        overall = self._bar("training", self.total, self.state["seen"]) if self.total else None
        with _StopSignals() as signals, overall or contextlib.nullcontext():
            while self.state["epoch"] < self.epochs and not self._exhausted():
                self._epoch(signals, overall)
        self.run.seconds_trained = self.state["elapsed"]
        rows: list[dict[str, Any]] = self.state["rows"]
        return rows

    def _exhausted(self) -> bool:
        stale_epochs = self.state["epoch"] - self.state["best_epoch"]
        return bool(self.patience and self.state["rows"] and stale_epochs >= self.patience)

    def _bar(self, name: str, total: int, done: int) -> Progress:
        return Progress(name, total=total, unit=self.unit, done=done)

    def _epoch(self, signals: _StopSignals, overall: Progress | None) -> None:
        state = self.state
        batches = self.batches(state["epoch"])
        start = time.monotonic() - state["seconds"]
        name = f"{self.part} {state['epoch'] + 1}/{self.epochs}"
        bar = overall or self._bar(name, sum(batch.size for batch in batches), state["samples"])
        with contextlib.ExitStack() as stack:
            if bar is not overall:
                stack.enter_context(bar)
            for batch in stack.enter_context(self._prefetched(batches[state["batch"] :])):
                loss = self._step(batch)
                state["seconds"] = time.monotonic() - start
                self.watch(state, loss)
                bar.advance(batch.size, loss=state["loss_sum"] / state["samples"])
                self._maybe_snapshot(signals)
        with averaged_weights(self.model):
            metrics = self.evaluate()
            self._finish_epoch(metrics)
        self._snapshot()

    @contextlib.contextmanager
    def _prefetched(self, batches: Sequence[Batch]) -> Iterator[Iterator[Batch]]:
        """Yields the batches with their arrays prepared ahead; records the time spent waiting."""

        def prepare(batch: Batch) -> Batch:
            arrays = batch.arrays()
            return dataclasses.replace(batch, arrays=lambda: arrays)

        def timed() -> Iterator[Batch]:
            while True:
                start = time.monotonic()
                batch = next(stream, None)
                self.state["waited"] += time.monotonic() - start
                if batch is None:
                    return
                yield batch

        stream = in_order(prepare, batches, workers=self.workers)
        with contextlib.closing(stream):
            yield timed()

    def _step(self, batch: Batch) -> float:
        inputs, labels, weights = batch.arrays()
        if self.step is None:
            loss = float(self.model.train_on_batch(inputs, labels, sample_weight=weights))
        else:
            loss = self.step(inputs, labels, weights)
        if not math.isfinite(loss):
            rows = batch.where()
            raise DataError(
                f"The loss became {loss} at step {self.state['step'] + 1}, on a batch with "
                f"{', '.join(rows[:3])}{' ...' if len(rows) > 3 else ''}.\n"
                f"That step was not saved; {self.run.path} holds the last good state.\n"
                "Usually a smaller learning rate helps."
            )
        self.state["step"] += 1
        self.state["batch"] += 1
        self.state["loss_sum"] += loss * batch.size
        self.state["samples"] += batch.size
        self.state["seen"] += batch.size
        return loss

    def _finish_epoch(self, metrics: dict[str, Any]) -> None:
        state = self.state
        score = metrics[self.monitor]
        row = {
            "epoch": state["epoch"] + 1,
            "step": state["step"],
            "loss": state["loss_sum"] / max(state["samples"], 1),
            "learning_rate": self._learning_rate(),
            **metrics,
        }
        state["rows"].append(row)
        state["epoch"] += 1
        sign = {"highest": 1, "lowest": -1}[self.best]
        if state["best"] is None or sign * score > sign * state["best"]:
            state["best"], state["best_epoch"] = score, state["epoch"]
            self.save()
        rate = state["samples"] / max(state["seconds"], 1e-9)
        self.run.log(
            f"{self.part} {row['epoch']}  loss {row['loss']:.4f}  {self.monitor} {score:.4f}  "
            f"{rate:.0f} {self.unit}/s, {state['waited']:.1f} s waiting for data"
        )
        self.run.write_metrics(state["rows"])
        self.after(row)
        state["elapsed"] += state["seconds"]
        state.update(batch=0, loss_sum=0.0, samples=0, seconds=0.0, waited=0.0)

    def _learning_rate(self) -> float:
        optimizer = self.model.optimizer
        # with float16 it is wrapped in a LossScaleOptimizer
        return float(getattr(optimizer, "inner_optimizer", optimizer).learning_rate)

    def _maybe_snapshot(self, signals: _StopSignals) -> None:
        if signals.received is not None:
            self._snapshot()
            name = signals.received.name
            self.run.log(f"stopped by {name} after step {self.state['step']}")
            raise Stopped(
                f"stopped by {name} after step {self.state['step']}; with resume it "
                f"continues exactly there.  Everything is saved in {self.run.path}.",
                exit_status=128 + signals.received,
            )
        by_steps = self.snapshot_steps and self.state["step"] % self.snapshot_steps == 0
        if by_steps or time.monotonic() - self._last_snapshot >= self.snapshot_seconds:
            self._snapshot()

    def _snapshot(self) -> None:
        self.run.snapshots.save(self.model, self.state)
        self._last_snapshot = time.monotonic()


class _StopSignals:
    """Records Ctrl-C and SIGTERM, so that the loop can stop between two steps.

    A second signal has its usual effect.  A signal that is ignored stays ignored, as under `nohup`
    and for `&` in a script.  Outside the main thread Python delivers no signals, and nothing is
    changed.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._record)
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def _record(self, number: int, frame: Any) -> None:
        self.received = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
