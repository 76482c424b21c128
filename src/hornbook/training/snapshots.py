"""Snapshots: everything that training needs to resume exactly where it was.

A snapshot is a folder `step-00000120` with every weight, the optimizer's variables, each
random state, and the state of the loop.  It is written atomically, with a SHA-256, and resumes bit
for bit: Keras's own BackupAndRestore keeps neither the place in the epoch nor the random states.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from hornbook import backend
from hornbook.errors import CheckpointError
from hornbook.files import (
    REPLACED,
    atomic_folder,
    bounded_text,
    remove_abandoned,
    settle,
    verify_manifest,
    write_json,
)
from hornbook.progress import note

MAX_STATE_BYTES = 256 * 2**20  # of the state of the loop, with a row per epoch

FILES = ("state.json", "variables.safetensors")
_NAME = re.compile(r"step-(\d{8,})")


class Snapshots:
    """The snapshots of one run.

    Args:
        folder: The folder of the snapshots.
        keep: Number of snapshots to keep, the newest.
    """

    def __init__(self, folder: str | Path, *, keep: int = 2):
        self.folder = Path(folder)
        self.keep = keep

    def save(self, model: keras.Model, state: dict[str, Any]) -> Path:
        """Writes a snapshot; `state` has at least `step`, and only JSON values."""
        path = self.folder / f"step-{state['step']:08d}"
        with atomic_folder(path) as temporary:
            values = {name: _to_numpy(variable) for name, variable in _variables(model).items()}
            values |= backend.random_states()
            save_file(values, temporary / "variables.safetensors")
            write_json(temporary / "state.json", state)
        for old in self._paths()[self.keep :]:
            shutil.rmtree(old, ignore_errors=True)
        return path

    def newest(self) -> Path | None:
        """Returns the newest intact snapshot, or None; reports damaged newer ones.

        Raises:
            CheckpointError: there are snapshots, and every one is damaged.
        """
        problems = []
        for path in self._paths():
            try:
                verify_manifest(path, reads=FILES)
            except CheckpointError as error:
                problems.append(str(error).partition("\nTake the folder")[0])
                continue
            if problems:
                note("\n".join([*problems, f"Training resumes from the one before, {path.name}."]))
            return path
        if problems:
            raise CheckpointError(
                f"Every snapshot in {self.folder} is damaged:\n"
                + "\n".join(problems)
                + f"\nRemove {self.folder} to start again with --resume, or start a new run."
            )
        return None

    def state(self, path: Path) -> dict[str, Any]:
        """Returns the state that `save` was called with."""
        file = path / "state.json"
        try:
            state = json.loads(bounded_text(file, MAX_STATE_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{file} cannot be read: {error}") from None
        if not isinstance(state, dict):
            raise CheckpointError(f"{file} is damaged: expected one JSON object.")
        return state

    def restore(self, model: keras.Model, path: Path) -> None:
        """Assigns the saved values to every variable of the built and compiled `model`.

        Raises:
            CheckpointError: the snapshot is of another model; nothing is changed then.
        """
        try:
            saved = load_file(path / "variables.safetensors")
        except SafetensorError as error:
            raise CheckpointError(f"{path} cannot be read: {error}") from None
        random_states = {name: saved.pop(name) for name in backend.random_states() if name in saved}
        variables = _variables(model)
        shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
        if {name: value.shape for name, value in saved.items()} != shapes:
            raise CheckpointError(
                f"{path} is of another model.\nResume with the fields the run was started with."
            )
        for name, variable in variables.items():
            variable.assign(saved[name])
        backend.set_random_states(random_states)

    def clear(self) -> None:
        """Removes all snapshots, when training is finished."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _paths(self) -> list[Path]:
        """Returns the snapshots, the newest first; removes what a kill left half-written."""
        if not self.folder.is_dir():
            return []
        for path in self.folder.glob(f"step-*{REPLACED}"):
            settle(path.with_name(path.name.removesuffix(REPLACED)))
        remove_abandoned(self.folder, "step-*")
        paths = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        return sorted(paths, key=lambda path: int(path.name.removeprefix("step-")), reverse=True)


class ReadOnlySnapshots(Snapshots):
    """The snapshots of another process."""

    def save(self, model: keras.Model, state: dict[str, Any]) -> Path:
        return self.folder

    def clear(self) -> None:
        pass


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Returns weights, random states and optimizer variables, numbered in the order of creation.

    Their paths are no use: Keras numbers the names of layers within a session, so the same model
    built again has other paths.
    """
    with contextlib.suppress(AttributeError):  # an optimizer has no slots before its first step
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    return {f"{index:05d}": variable for index, variable in enumerate(variables)}


def _to_numpy(variable: keras.Variable) -> np.ndarray:
    value: Any = variable.value
    if hasattr(value, "read_value"):  # TensorFlow's, which may be on several devices
        value = value.read_value()
    # np.ascontiguousarray would turn a scalar, such as the optimizer's step, into an array of one
    return np.array(keras.ops.convert_to_numpy(value), order="C")
