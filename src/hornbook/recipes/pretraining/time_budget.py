"""Finds how many steps fit into `--training-hours`, by timing a few steps and undoing them."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np

from hornbook.errors import CheckpointError
from hornbook.files import bounded_text, write_json
from hornbook.progress import note

COMPILING = 2  # first steps, which are not timed
TIMED = 8
SPENT_ON_STEPS = 0.93  # share of the time; the rest is for evaluating and saving


def number_of_steps(recipe: Any, steps: Any, run: Any, devices: Any) -> int:
    """Returns the recipe's `steps`, or what fits into its `training_hours`, timed once per run.

    Args:
        recipe: The recipe, with a model that is not compiled.
        steps: Its `LanguageSteps`.
        run: The `RunFolder`, where the result is stored.
        devices: The devices to train on.
    """
    if recipe.training_hours is None:
        return int(recipe.steps)
    file = run.path / "steps.json"
    if not file.is_file():
        seconds = _seconds_per_step(recipe, steps, devices)
        if devices.is_first:
            total = max(int(recipe.training_hours * 3600 * SPENT_ON_STEPS / seconds), 1)
            write_json(file, {"steps": total, "seconds_per_step": seconds})
            hours = f"{recipe.training_hours:g} hours"
            note(f"A step takes {seconds:.2f} s: {total:,} steps fit into {hours}.")
        devices.wait()
    try:
        return int(json.loads(bounded_text(file))["steps"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise CheckpointError(
            f"{file} is damaged: the number of steps is missing.\n"
            "Remove it and resume the run: steps are then timed again."
        ) from None


def _seconds_per_step(recipe: Any, steps: Any, devices: Any) -> float:
    """Times a few training steps; weights and random states are restored afterwards."""
    import keras

    from hornbook import backend
    from hornbook.training.language.steps import split_batch

    values = [np.array(keras.ops.convert_to_numpy(v.value)) for v in recipe.model.variables]
    random_states = backend.random_states()
    recipe.compile(10**6, devices)
    start = 0.0
    for number, batch in enumerate(steps.batches(0, COMPILING + TIMED)):
        if number == COMPILING:
            start = time.monotonic()
        for piece in split_batch(batch.arrays()[0], recipe.accumulate):
            devices.train(recipe.model, piece)
    seconds = (time.monotonic() - start) / TIMED
    for variable, value in zip(recipe.model.variables, values, strict=True):
        variable.assign(value)
    backend.set_random_states(random_states)
    return seconds
