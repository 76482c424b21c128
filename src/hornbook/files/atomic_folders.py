"""A folder that is written whole or not at all, with its checksums."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from hornbook.errors import LockedError
from hornbook.files.atomic_files import temporaries, temporary_name
from hornbook.files.locks import LOCK, covered, is_held, lock
from hornbook.files.manifest import files_of, write_manifest
from hornbook.files.writing import TEMPORARY, sync_files, sync_folder, writing

REPLACED = ".replaced-by-hornbook"  # behind the name of a folder that is being replaced
_PATIENCE = 2.0  # seconds: longer than two renames take


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Gives an empty temporary folder, which becomes `path` when the block succeeds.

    Each file is flushed to the disk and listed with its SHA-256 in `manifest.json`.  An
    existing folder at `path` is replaced.  When the block fails, folders that were made to hold
    it are removed again.  A kill between the two renames leaves the old
    folder under its name with `REPLACED` behind it; `settle` puts it back.

    Raises:
        LockedError: another process is writing it.
        WriteError: the disk is full or may not be written to; `path` is as before.
    """
    path = _absolute(path)
    temporary, old = temporary_name(path), _old(path)
    with contextlib.ExitStack() as stack:
        with writing(path):
            made = [folder for folder in path.parents if not folder.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
        stack.callback(_remove_empty, path, made)
        alone = stack.enter_context(_lock_of(path))
        with writing(path):
            _put_back(path)
            if alone:
                _remove(temporaries(path))
            temporary.mkdir()
            try:
                yield temporary
                write_manifest(temporary)
                sync_files(files_of(temporary))
                for folder in {file.parent for file in files_of(temporary)}:
                    sync_folder(folder)
                shutil.rmtree(old, ignore_errors=True)  # a kill after the renames left it
                if path.exists():
                    os.rename(path, old)
                try:
                    os.rename(temporary, path)
                except BaseException:
                    _put_back(path)
                    raise
                sync_folder(path.parent)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


def settle(path: str | Path) -> None:
    """Puts back the folder that a kill in the middle of `atomic_folder` had moved aside.

    A process that is just replacing the folder is waited for, and never disturbed.
    """
    path = _absolute(path)
    end = time.monotonic() + _PATIENCE
    while _old(path).is_dir() and not path.exists():
        if not _is_being_written(path):
            with contextlib.suppress(FileNotFoundError):  # its writer did it at last
                _put_back(path)
        elif time.monotonic() > end:
            return
        else:
            time.sleep(0.02)


def remove_abandoned(folder: str | Path, pattern: str) -> None:
    """Removes what killed processes left half-written in a folder, and nothing of living ones.

    Args:
        folder: Where folders were written with `atomic_folder`.
        pattern: Of their names, as for `Path.glob`.
    """
    folder = _absolute(folder)
    names = {left.name.rpartition(TEMPORARY)[0] for left in folder.glob(pattern + TEMPORARY + "*")}
    names |= {left.name.removesuffix(LOCK) for left in folder.glob(pattern + LOCK)}
    for path in (folder / name for name in names):
        with contextlib.suppress(LockedError), _lock_of(path) as alone:
            if alone:
                _remove(temporaries(path))
                if not is_held(lock_file := path.with_name(path.name + LOCK)):
                    lock_file.unlink(missing_ok=True)


@contextlib.contextmanager
def _lock_of(path: Path) -> Iterator[bool]:
    """Keeps others from writing `path`; False where the file system has no locks."""
    if covered(path):
        yield True
        return
    with lock(path.with_name(path.name + LOCK), str(path)) as alone:
        yield alone


def _is_being_written(path: Path) -> bool:
    """Whether another process holds the lock of `path`, or of a run it is in."""
    if covered(path):
        return False
    locks = [path.with_name(path.name + LOCK), *(one / LOCK for one in [*path.parents][:3])]
    return any(is_held(one) for one in locks)


def _put_back(path: Path) -> None:
    old = _old(path)
    if old.is_dir() and not path.exists():
        os.rename(old, path)


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)


def _remove_empty(path: Path, made: list[Path]) -> None:
    if not path.exists():
        with contextlib.suppress(OSError):  # somebody else has put something there
            for folder in made:
                folder.rmdir()


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(path))  # "." and ".." have no name to put anything behind


def _old(path: Path) -> Path:
    return path.with_name(path.name + REPLACED)
