"""Files that are either wholly there or not there at all, and are noticed when damaged.

Keras, safetensors and most tools open the target and write into it: a kill or a full disk
in that moment leaves nothing readable.  Here everything is written under a temporary name,
flushed to the disk, and renamed.  A folder also gets `manifest.json` with the SHA-256 of
each of its files, which is checked when the folder is read.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from hornbook.errors import CheckpointError, HornbookError

MANIFEST = "manifest.json"
REPLACED = ".replaced-by-hornbook"  # behind the name of a folder that is being replaced
_TEXT: dict[str, Any] = {"encoding": "utf-8", "newline": "\n"}


@contextlib.contextmanager
def atomic_file(path: str | Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Opens a temporary neighbour of `path`, which takes its name when the block succeeds.

    Args:
        path: The file to write or replace.
        mode: `"wb"` or `"w"` (UTF-8, `\\n`).

    Raises:
        HornbookError: the disk is full or the folder cannot be written; `path` is as before.
    """
    path = Path(path)
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    with writing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(path)
            with open(temporary, mode, **({} if "b" in mode else _TEXT)) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` as readable JSON, atomically."""
    with atomic_file(path, "w") as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
        file.write("\n")


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Gives an empty temporary folder, which becomes `path` when the block succeeds.

    Each file is flushed to the disk and listed with its SHA-256 in `manifest.json`.  An
    existing folder at `path` is replaced.  When the block fails, folders that were made to hold
    it are removed again.  A kill between the two renames leaves the old
    folder under its name with `REPLACED` behind it; `settle` puts it back.
    """
    path = _absolute(path)
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    old = _old(path)
    with writing(path):
        made = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        settle(path)
        _remove_abandoned(path)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            yield temporary
            write_manifest(temporary)
            for file in _files(temporary):
                _sync_file(file)
            for folder in {file.parent for file in _files(temporary)}:
                _sync_folder(folder)
            shutil.rmtree(old, ignore_errors=True)  # a kill after the renames left it
            if path.exists():
                os.rename(path, old)
            os.rename(temporary, path)
            _sync_folder(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            if not path.exists():
                with contextlib.suppress(OSError):  # somebody else has put something there
                    for folder in made:
                        folder.rmdir()
        shutil.rmtree(old, ignore_errors=True)


def settle(path: str | Path) -> None:
    """Puts back the folder that a kill in the middle of `atomic_folder` had moved aside."""
    path = _absolute(path)
    old = _old(path)
    if old.is_dir() and not path.exists():
        os.rename(old, path)


def write_manifest(folder: str | Path) -> None:
    """Writes `manifest.json`: for each file below `folder` its size and SHA-256."""
    folder = Path(folder)
    entries = {
        file.relative_to(folder).as_posix(): {
            "bytes": file.stat().st_size,
            "sha256": sha256_of(file),
        }
        for file in _files(folder)
    }
    write_json(folder / MANIFEST, entries)


def verify_manifest(folder: str | Path, *, required: bool = True) -> bool:
    """Checks each file of `folder` against its manifest.

    Returns:
        True when there is a manifest and everything agrees; False when there is none and
        it is not `required`.

    Raises:
        CheckpointError: naming every damaged or missing file at once.
    """
    folder = Path(folder)
    manifest = folder / MANIFEST
    if not manifest.is_file():
        if required:
            raise CheckpointError(f"{folder} has no {MANIFEST}, so it cannot be checked.")
        return False
    try:
        entries = json.loads(manifest.read_text("utf-8"))
        expected = {
            str(name): (int(entry["bytes"]), str(entry["sha256"]))
            for name, entry in entries.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise CheckpointError(f"{manifest} is damaged: it is not a list of checksums.") from None
    problems = []
    for name, (size, digest) in expected.items():
        file = folder / name
        if not _is_below(file, folder):
            problems.append(f"  outside   {name!r}")
        elif not file.is_file():
            problems.append(f"  missing   {name}")
        elif file.stat().st_size != size:
            problems.append(
                f"  size      {name}: {size} bytes expected, {file.stat().st_size} found"
            )
        elif sha256_of(file) != digest:
            problems.append(f"  damaged   {name}: its SHA-256 is not the one in {MANIFEST}")
    if problems:
        raise CheckpointError(
            f"{folder} is not as it was written:\n"
            + "\n".join(problems)
            + "\nTake the folder from its source again, or use an older checkpoint."
        )
    return True


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the operating system says of a failed write into a message for a person."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            reason = "there is no space left on the disk"
            remedy = "Free some space, or name another place."
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            reason = "it may not be written to"
            remedy = "Name a place you may write to."
        elif error.errno in (errno.EEXIST, errno.ENOTDIR):
            reason = "a file is where a folder is needed"
            remedy = "Move it away, or name another place."
        else:
            raise
        raise HornbookError(
            f"Could not write {path}: {reason}.  What was there before is unchanged.\n{remedy}"
        ) from None


def _remove_abandoned(path: Path) -> None:
    """Removes what killed processes left of earlier attempts to write `path`."""
    if os.name == "nt":
        return  # there is no asking after a process without touching it
    for left in path.parent.glob(glob.escape(path.name) + ".tmp-*"):
        number = left.name.rpartition("-")[2]
        if number.isdecimal() and _is_gone(int(number)):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def _is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(path))  # "." and ".." have no name to put anything behind


def _old(path: Path) -> Path:
    return path.with_name(path.name + REPLACED)


def _is_below(file: Path, folder: Path) -> bool:
    try:
        return file.resolve().is_relative_to(folder.resolve())
    except (ValueError, OSError):  # a name that no file can have
        return False


def _files(folder: Path) -> list[Path]:
    return sorted(
        file for file in folder.rglob("*") if file.is_file() and file != folder / MANIFEST
    )


def _sync_file(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    if os.name == "nt":
        return  # Windows has no handle on a folder to flush
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
