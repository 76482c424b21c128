"""The folder of one run: results for the user, and what later commands need.

recipe.json       the recipe and its fields
environment.json  versions, backend, machine
metrics.jsonl     one line per epoch
log.txt           events, with their time
model/            the best weights so far, configuration, vocabulary, checksums
checkpoints/      snapshots to resume from
report.html       the report
prepared/         of pretraining: the learned vocabulary, and the corpus as token IDs
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
import sys
from collections.abc import Callable, Collection
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hornbook.errors import HornbookError
from hornbook.files import (
    LOCK,
    atomic_file,
    bounded_text,
    locked_folder,
    read_rows,
    write_json,
    writing,
)
from hornbook.training.snapshots import ReadOnlySnapshots, Snapshots

PREPARED = "prepared"  # written before the run starts, and reused


class RunFolder:
    """The folder of one run.

    Args:
        path: The folder.  `create` creates it, `resume` opens an existing one.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.model = self.path / "model"
        self.report = self.path / "report.html"
        self.metrics_file = self.path / "metrics.jsonl"
        self.snapshots = Snapshots(self.path / "checkpoints")
        self.seconds_trained = 0.0  # over all processes that trained, set by the training loop

    @classmethod
    def create(cls, path: str | Path, recipe: dict[str, Any]) -> RunFolder:
        """Creates a new run folder.

        Raises:
            HornbookError: the folder is not empty.
        """
        run = cls(path)
        run.check_new()
        write_json(run.path / "recipe.json", recipe)
        write_json(run.path / "environment.json", environment())
        return run

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Locks the folder against other processes; creates it if needed.

        Raises:
            LockedError: another process has the lock.
        """
        return locked_folder(self.path, what=f"The run {self.path}")

    def is_begun(self) -> bool:
        """Whether there is a run, finished or not."""
        return (self.path / "recipe.json").is_file()

    def is_finished(self) -> bool:
        """Whether the run is finished: the report is written last."""
        return self.is_begun() and self.report.is_file()

    def check_new(self) -> None:
        """Makes sure that the folder is empty.

        Raises:
            HornbookError: it is not.
        """
        if self.path.exists() and (not self.path.is_dir() or _has_contents(self.path)):
            raise HornbookError(
                f"{self.path} exists already, and a run is never overwritten.\n"
                + (
                    "Continue it with --resume, or name another folder with --out."
                    if (self.path / "recipe.json").is_file()
                    else "Name another folder with --out."
                )
            )

    @classmethod
    def resume(
        cls,
        path: str | Path,
        recipe: dict[str, Any],
        may_change: Collection[str] = (),
        canonical: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> RunFolder:
        """Opens the folder of a run that was interrupted.

        Args:
            path: The folder.
            recipe: The argument of `create`.
            may_change: Names of fields that do not affect the result, and may differ now.
            canonical: Returns saved fields in their current spelling.

        Raises:
            HornbookError: there is no run, or its fields differ.
        """
        run = cls(path)
        run.check_same(recipe, may_change, canonical)
        return run

    def check_same(
        self,
        recipe: dict[str, Any],
        may_change: Collection[str] = (),
        canonical: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> None:
        """Makes sure that the run was started with the same recipe, fields and data.

        Args:
            recipe: The argument of `create`, or only some parts of it.
            may_change, canonical: See `resume`.

        Raises:
            HornbookError: naming the fields that differ.
        """
        saved = {name: value for name, value in self.recipe().items() if name in recipe}
        saved["fields"] = canonical(saved["fields"])
        unchecked = {name: saved["fields"].get(name) for name in may_change}
        recipe = {**recipe, "fields": {**recipe.get("fields", {}), **unchecked}}
        if saved == recipe:
            return
        before, now = saved.get("fields", {}), recipe.get("fields", {})
        changes = [
            f"  {name}: {before.get(name)!r} then, {now.get(name)!r} now"
            for name in sorted({*before, *now})
            if before.get(name) != now.get(name)
        ]
        raise HornbookError(
            f"{self.path} was started with other fields:\n"
            + "\n".join(changes or ["  the recipe or the data"])
            + "\nResume with the same ones, or start a new run with --out."
        )

    def recipe(self) -> dict[str, Any]:
        """Returns the contents of `recipe.json`.

        Raises:
            HornbookError: this is no run folder.
        """
        file = self.path / "recipe.json"
        try:
            saved = json.loads(bounded_text(file))
        except FileNotFoundError:
            raise HornbookError(
                f"{self.path} is not a run: it has no recipe.json.\n"
                "A run folder is what `hornbook train RECIPE DATA --out RUN` makes."
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise HornbookError(f"{file} cannot be read: {error}") from None
        if not isinstance(saved, dict) or not isinstance(saved.get("fields"), dict):
            raise HornbookError(f"{file} is damaged: it holds no fields of a recipe.")
        return saved

    def environment(self) -> dict[str, Any]:
        """Returns the contents of `environment.json`, or of a new one if it cannot be read."""
        try:
            saved: dict[str, Any] = json.loads(bounded_text(self.path / "environment.json"))
            return saved
        except (OSError, ValueError):
            return environment()

    def metrics(self) -> list[dict[str, Any]]:
        """Returns one dictionary per epoch."""
        if not self.metrics_file.is_file():
            return []
        return read_rows(self.metrics_file)

    def write_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Writes all epochs: a resumed run never lists an epoch twice."""
        with atomic_file(self.metrics_file, "w") as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def write_report(self, html: str) -> None:
        """Writes `report.html`."""
        with atomic_file(self.report, "w") as file:
            file.write(html)

    def log(self, message: str) -> None:
        """Adds a line with the time to `log.txt`."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
        file = self.path / "log.txt"
        with writing(file), open(file, "a", encoding="utf-8") as lines:
            lines.write(f"{now} UTC  {message}\n")


class ReadOnlyRun(RunFolder):
    """The run in a process that only computes: another process writes all files.

    Args:
        path: The folder, created by the other process.
    """

    def __init__(self, path: str | Path):
        super().__init__(path)
        self.snapshots = ReadOnlySnapshots(self.path / "checkpoints")

    def write_metrics(self, rows: list[dict[str, Any]]) -> None:
        pass

    def write_report(self, html: str) -> None:
        pass

    def log(self, message: str) -> None:
        pass


def _has_contents(folder: Path) -> bool:
    """Whether there is more than prepared data, a lock, and what a kill left half-written."""
    return any(
        ".tmp-" not in file.name and not file.name.endswith(LOCK) and file.name != PREPARED
        for file in folder.iterdir()
    )


def environment() -> dict[str, Any]:
    """Returns what the results of a run depend on besides its fields."""
    import keras

    packages = ("hornbook", "keras", "jax", "torch", "tensorflow", "numpy", "tokenizers")
    return {
        "backend": keras.config.backend(),
        "packages": {name: release for name in packages if (release := _version(name))},
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "command": " ".join(sys.argv),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
