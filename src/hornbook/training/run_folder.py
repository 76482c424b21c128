"""The folder of one run: what a person opens, and what a later command needs.

recipe.json       the recipe and its fields
environment.json  versions, backend, machine
metrics.jsonl     one line an epoch
log.txt           what happened, with the time
model/            the best weights so far, configuration, vocabulary, checksums
checkpoints/      what a resumed training continues from
report.html       the whole story on one page
prepared/         of a pretraining: the vocabulary that was learned, and the corpus as token ids
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
import sys
from collections.abc import Collection
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
from hornbook.training.snapshots import Snapshots, SnapshotsOfAnother

PREPARED = "prepared"  # made before the run begins; a second try uses what is there


class RunFolder:
    """One run on the disk.

    Args:
        path: The folder.  `create` makes it, `resume` opens what is there.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.model = self.path / "model"
        self.report = self.path / "report.html"
        self.metrics_file = self.path / "metrics.jsonl"
        self.snapshots = Snapshots(self.path / "checkpoints")
        self.seconds_trained = 0.0  # over all calls that took part, set by the training loop

    @classmethod
    def create(cls, path: str | Path, recipe: dict[str, Any]) -> RunFolder:
        """Makes a new run folder.

        Raises:
            HornbookError: something is there already.
        """
        run = cls(path)
        run.check_new()
        write_json(run.path / "recipe.json", recipe)
        write_json(run.path / "environment.json", environment())
        return run

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Keeps other processes out of the folder, which is made if it is not there.

        Raises:
            LockedError: one is in it.
        """
        return locked_folder(self.path, what=f"The run {self.path}")

    def is_begun(self) -> bool:
        """Whether there is a run, however far it came."""
        return (self.path / "recipe.json").is_file()

    def is_finished(self) -> bool:
        """Whether everything is done: the report is the last file that is written."""
        return self.is_begun() and self.report.is_file()

    def check_new(self) -> None:
        """Raises:
        HornbookError: something is there already.
        """
        if self.path.exists() and (not self.path.is_dir() or _holds_something(self.path)):
            raise HornbookError(
                f"{self.path} exists already, and a run is never written over.\n"
                + (
                    "Continue it with --resume, or name another folder with --out."
                    if (self.path / "recipe.json").is_file()
                    else "Name another folder with --out."
                )
            )

    @classmethod
    def resume(
        cls, path: str | Path, recipe: dict[str, Any], free: Collection[str] = ()
    ) -> RunFolder:
        """Opens the folder of a run that was cut off.

        Args:
            path: The folder.
            recipe: What `create` was given.
            free: Names of fields that change nothing in what is learned, and may be others now.

        Raises:
            HornbookError: there is no run, or it has other fields.
        """
        run = cls(path)
        run.check_same(recipe, free)
        return run

    def check_same(self, recipe: dict[str, Any], free: Collection[str] = ()) -> None:
        """Makes sure that the run was begun as this one would be.

        Args:
            recipe: What `create` was given, or only some parts of it.
            free: See `resume`.

        Raises:
            HornbookError: naming the fields that are others.
        """
        saved = {name: value for name, value in self.recipe().items() if name in recipe}
        known = {name: saved["fields"].get(name) for name in free}
        recipe = {**recipe, "fields": {**recipe.get("fields", {}), **known}}
        if saved == recipe:
            return
        before, now = saved.get("fields", {}), recipe.get("fields", {})
        changed = [
            f"  {name}: {before.get(name)!r} then, {now.get(name)!r} now"
            for name in sorted({*before, *now})
            if before.get(name) != now.get(name)
        ]
        raise HornbookError(
            f"{self.path} was started with other fields:\n"
            + "\n".join(changed or ["  the recipe or the data"])
            + "\nResume with the same ones, or start a new run with --out."
        )

    def recipe(self) -> dict[str, Any]:
        """The contents of `recipe.json`.

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
        """The contents of `environment.json`, or what it would be where it cannot be read."""
        try:
            return json.loads(bounded_text(self.path / "environment.json"))
        except (OSError, ValueError):
            return environment()

    def metrics(self) -> list[dict[str, Any]]:
        """One dictionary an epoch."""
        if not self.metrics_file.is_file():
            return []
        return read_rows(self.metrics_file)

    def write_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Writes the whole history: a resumed run never holds an epoch twice."""
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


class Onlooker(RunFolder):
    """The run of a process that computes with another one, which writes everything.

    Args:
        path: The folder, made by the other one.
    """

    def __init__(self, path: str | Path):
        super().__init__(path)
        self.snapshots = SnapshotsOfAnother(self.path / "checkpoints")

    def write_metrics(self, rows: list[dict[str, Any]]) -> None:
        pass

    def write_report(self, html: str) -> None:
        pass

    def log(self, message: str) -> None:
        pass


def _holds_something(folder: Path) -> bool:
    """Whether more is there than what was prepared, left half-written by a kill, or a lock."""
    return any(
        ".tmp-" not in file.name and not file.name.endswith(LOCK) and file.name != PREPARED
        for file in folder.iterdir()
    )


def environment() -> dict[str, Any]:
    """What the figures of a run depend on besides its fields."""
    import keras

    packages = ("hornbook", "keras", "jax", "torch", "tensorflow", "numpy", "tokenizers")
    return {
        "backend": keras.config.backend(),
        "packages": {name: found for name in packages if (found := _version(name))},
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
