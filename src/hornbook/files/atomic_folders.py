"""Writes a folder atomically, completely or not at all, with its checksums."""

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

REPLACED = ".replaced-by-hornbook"  # suffix of a folder that is being replaced
_PATIENCE = 2.0  # seconds: longer than two renames take


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yields an empty temporary folder, which becomes `path` when the block succeeds.

    Each file is flushed to the disk and listed with its SHA-256 in `manifest.json`.  An
    existing folder at `path` is replaced.  If the block fails, parent folders that were created
    are removed again.  A kill between the two renames leaves the old folder under its name with
    the suffix `REPLACED`; `settle` restores it.

    Raises:
        LockedError: another process is writing the folder.
        WriteError: the disk is full or may not be written to; `path` is unchanged.
    """
    path = _absolute(path)
    temporary, old = temporary_name(path), _old(path)
    with contextlib.ExitStack() as stack:
        with writing(path):
            new_parents = [folder for folder in path.parents if not folder.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
        stack.callback(_remove_empty, path, new_parents)
        has_lock = stack.enter_context(_lock_of(path))
        with writing(path):
            _restore(path)
            if has_lock:
                _remove(temporaries(path))
            temporary.mkdir()
            try:
                yield temporary
                write_manifest(temporary)
                sync_files(files_of(temporary))
                for folder in {file.parent for file in files_of(temporary)}:
                    sync_folder(folder)
                shutil.rmtree(old, ignore_errors=True)  # left by a kill after the renames
                if path.exists():
                    os.rename(path, old)
                try:
                    os.rename(temporary, path)
                except BaseException:
                    _restore(path)
                    raise
                sync_folder(path.parent)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


def settle(path: str | Path) -> None:
    """Restores the folder that `atomic_folder` had renamed when it was killed.

    Waits for a process that is replacing the folder right now, and does not disturb it.
    """
    path = _absolute(path)
    end = time.monotonic() + _PATIENCE
    while _old(path).is_dir() and not path.exists():
        if not _is_being_written(path):
            with contextlib.suppress(FileNotFoundError):  # another process was faster
                _restore(path)
        elif time.monotonic() > end:
            return
        else:
            time.sleep(0.02)


def remove_abandoned(folder: str | Path, pattern: str) -> None:
    """Removes the temporary files of killed processes in a folder, but not those of running ones.

    Args:
        folder: The folder in which `atomic_folder` wrote.
        pattern: Pattern of the names, as for `Path.glob`.
    """
    folder = _absolute(folder)
    names = {path.name.rpartition(TEMPORARY)[0] for path in folder.glob(f"{pattern}{TEMPORARY}*")}
    names |= {path.name.removesuffix(LOCK) for path in folder.glob(pattern + LOCK)}
    for path in (folder / name for name in names):
        with contextlib.suppress(LockedError), _lock_of(path) as has_lock:
            if has_lock:
                _remove(temporaries(path))
                if not is_held(lock_file := path.with_name(path.name + LOCK)):
                    lock_file.unlink(missing_ok=True)


@contextlib.contextmanager
def _lock_of(path: Path) -> Iterator[bool]:
    """Keeps other processes from writing `path`; yields False if the file system has no locks."""
    if covered(path):
        yield True
        return
    with lock(path.with_name(path.name + LOCK), str(path)) as has_lock:
        yield has_lock


def _is_being_written(path: Path) -> bool:
    """Returns whether another process holds the lock of `path`, or of its run."""
    if covered(path):
        return False
    locks = [path.with_name(path.name + LOCK), *(parent / LOCK for parent in [*path.parents][:3])]
    return any(is_held(file) for file in locks)


def _restore(path: Path) -> None:
    old = _old(path)
    if old.is_dir() and not path.exists():
        os.rename(old, path)


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)


def _remove_empty(path: Path, folders: list[Path]) -> None:
    if not path.exists():
        with contextlib.suppress(OSError):  # another process wrote into it
            for folder in folders:
                folder.rmdir()


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(path))  # "." and ".." have no name for a suffix


def _old(path: Path) -> Path:
    return path.with_name(path.name + REPLACED)
