"""Runs pretraining: steps between two evaluations, samples, log and report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hornbook.training.devices.device import Devices
    from hornbook.training.language.steps import LanguageSteps
    from hornbook.training.run_folder import RunFolder

MEASUREMENTS = 20  # evaluations on the held-out rows over the whole training


def train_to_the_end(
    recipe: Any, steps: LanguageSteps, run: RunFolder, devices: Devices, *, resume: bool
) -> None:
    """Trains to the end, and writes the report.

    Args:
        recipe: The `Pretraining`, with a model that is not compiled.
        steps: Its rows.
        run: Its run folder.
        devices: The devices to train on.
        resume: Whether to continue from the newest snapshot.
    """
    from hornbook.models.decoding.compiling import keep_compiled_functions
    from hornbook.recipes.pretraining.log import TrainingLog
    from hornbook.recipes.pretraining.report import write_report
    from hornbook.recipes.pretraining.time_budget import number_of_steps
    from hornbook.training.language.steps import split_batch

    keep_compiled_functions()
    run.snapshots.keep = recipe.keep_checkpoints
    total = number_of_steps(recipe, steps, run, devices)
    recipe.compile(total, devices)
    interval = min(recipe.measure_steps or -(-total // MEASUREMENTS), total)
    rows_at_once = steps.rows_per_step // recipe.accumulate
    log = TrainingLog(recipe, run, steps, total, devices)

    def step(arrays: Any, *_: Any) -> float:
        pieces = split_batch(arrays, recipe.accumulate)
        return sum(devices.train(recipe.model, piece) for piece in pieces) / len(pieces)

    def evaluate() -> dict[str, float]:
        metrics = steps.measure(lambda piece: devices.predict(recipe.model, piece), rows_at_once)
        recipe.story = log.story(metrics)
        return metrics

    rows = recipe.train(
        run,
        resume=resume,
        model=recipe.model,
        batches=lambda number: steps.batches(
            number * interval, min((number + 1) * interval, total)
        ),
        epochs=-(-total // interval),
        evaluate=evaluate,
        monitor="held_out_loss",
        best="lowest",
        after=log.write,
        patience=0,
        step=step,
        start=log.begin,
        watch=log.watch,
        unit="tokens",
        part="measurement",
        total=total * steps.rows_per_step * recipe.length,
        snapshot_seconds=recipe.checkpoint_minutes * 60,
        snapshot_steps=recipe.checkpoint_steps,
        workers=2,
    )
    if devices.is_first:
        write_report(run, recipe, rows, log)
        run.snapshots.clear()
