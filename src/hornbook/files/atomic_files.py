"""Writes a file atomically: completely or not at all."""

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
    """Opens a temporary file beside `path`, which is renamed to it when the block succeeds.

    If two processes write the same file at the same time, the last one to finish wins: each
    writes a temporary file of its own, and locks it.

    Args:
        path: The file to write or replace.
        mode: `"wb"` or `"w"` (UTF-8, `\\n`).

    Raises:
        WriteError: the disk is full or the folder may not be written to; `path` is unchanged.
    """
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        with writing(path), open(path, mode, **_options(mode)) as file:  # a pipe, or /dev/stdout
            yield file
        return
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        temporary, file = _open_temporary(path, mode)
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if os.name != "nt":
                    os.replace(temporary, path)  # still locked, so nobody considers it abandoned
            if os.name == "nt":
                os.replace(temporary, path)  # Windows cannot rename an open file
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` as indented JSON, atomically."""
    with atomic_file(path, "w") as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
        file.write("\n")


def temporary_name(path: Path) -> Path:
    """Returns a unique name beside `path`."""
    return path.with_name(f"{path.name}{TEMPORARY}{uuid.uuid4().hex[:12]}")


def temporaries(path: Path) -> list[Path]:
    """Returns the temporary files of `path`: those being written, and abandoned ones."""
    letters = "[0-9a-f]" * 12
    return list(path.parent.glob(glob.escape(path.name) + TEMPORARY + letters))


def _open_temporary(path: Path, mode: str) -> tuple[Path, IO[Any]]:
    """Opens a new temporary file and locks it, if the file system has locks."""
    while True:
        temporary = temporary_name(path)
        file = open(temporary, mode.replace("w", "x"), **_options(mode))  # noqa: SIM115
        try:
            # a process that cleans up may have been faster
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
    """Removes the temporary files that killed processes left when writing `path`."""
    for temporary in temporaries(path):
        if temporary.is_dir():  # of a folder at `path`
            shutil.rmtree(temporary, ignore_errors=True)
            continue
        with contextlib.suppress(OSError, NoLocksError), open(temporary, "r+b") as file:
            if lock_handle(file.fileno()):
                if os.name == "nt":
                    file.close()
                temporary.unlink(missing_ok=True)


def _options(mode: str) -> dict[str, Any]:
    return {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
