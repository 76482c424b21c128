"""A file that is written whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from hornbook.files.locks import NoLocksError, is_same, lock_handle
from hornbook.files.writing import TEMPORARY, sync_folder, writing


@contextlib.contextmanager
def atomic_file(path: str | Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Opens a temporary neighbour of `path`, which takes its name when the block succeeds.

    Of two processes that write one file at the same time, the last one to finish wins: each
    writes a neighbour of its own, and locks it.

    Args:
        path: The file to write or replace.
        mode: `"wb"` or `"w"` (UTF-8, `\\n`).

    Raises:
        WriteError: the disk is full or the folder cannot be written; `path` is as before.
    """
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        with writing(path), open(path, mode, **_options(mode)) as file:  # a pipe, or /dev/stdout
            yield file
        return
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        temporary, file = _opened(path, mode)
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if os.name != "nt":
                    os.replace(temporary, path)  # still locked: nobody takes it for abandoned
            if os.name == "nt":
                os.replace(temporary, path)  # what is open cannot be renamed there
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` as readable JSON, atomically."""
    with atomic_file(path, "w") as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
        file.write("\n")


def temporary_name(path: Path) -> Path:
    """A name beside `path` that nobody else has."""
    return path.with_name(f"{path.name}{TEMPORARY}{uuid.uuid4().hex[:12]}")


def temporaries(path: Path) -> list[Path]:
    """What is being written, or was left half-written, to become `path`."""
    letters = "[0-9a-f]" * 12
    return list(path.parent.glob(glob.escape(path.name) + TEMPORARY + letters))


def _opened(path: Path, mode: str) -> tuple[Path, IO[Any]]:
    """A new temporary file that this process has the lock of, where there are locks."""
    while True:
        temporary = temporary_name(path)
        file = open(temporary, mode.replace("w", "x"), **_options(mode))  # noqa: SIM115
        try:
            # whoever cleans up may have been faster
            if lock_handle(file.fileno()) and is_same(file.fileno(), temporary):
                return temporary, file
        except NoLocksError:
            return temporary, file
        except BaseException:
            file.close()
            raise
        file.close()
        temporary.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Removes what killed processes left of earlier attempts to write `path`."""
    for left in temporaries(path):
        if left.is_dir():  # `path` was to be a folder then
            shutil.rmtree(left, ignore_errors=True)
            continue
        with contextlib.suppress(OSError, NoLocksError), open(left, "r+b") as file:
            if lock_handle(file.fileno()):
                if os.name == "nt":
                    file.close()
                left.unlink(missing_ok=True)


def _options(mode: str) -> dict[str, Any]:
    return {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
