"""Converts the operating system's errors of a failed write to messages, and flushes files."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hornbook.errors import WriteError

TEMPORARY = ".tmp-hornbook-"  # suffix of files and folders being written; then 12 letters

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
BROKEN = (errno.EIO, errno.ENXIO, errno.ESTALE)
MANY = 500  # files
IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR)

_REASONS = {
    FULL: ("there is no space left on the disk", "Free some space, or name another path."),
    FORBIDDEN: ("it may not be written to", "Name a path you may write to."),
    BROKEN: ("the disk reports an error", "Check the disk, or name another path."),
    IN_THE_WAY: ("a file is where a folder is needed", "Move it away, or name another path."),
}
# safetensors (Rust), HDF5 and Arrow raise their own errors, with the error number in the text
_WRAPPERS = ("SafetensorError", "ArrowException", "ArrowInvalid")
_NUMBER = re.compile(r"\(os error (\d+)\)|\berrno\s*=?\s*(\d+)", re.IGNORECASE)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Converts the error of a failed write of `path` to a `WriteError`, for any library.

    An error about another file, for example one that is read in the block, is raised unchanged.
    """
    try:
        yield
    except WriteError as error:
        if not os.path.abspath(error.path).startswith(os.path.abspath(path) + TEMPORARY):
            raise
        raise _failed(path, error.reason, error.remedy) from None  # under the name users know
    except Exception as error:
        name = getattr(error, "filename", None)
        reason = _reason(error)
        if reason is None or not (name is None or _is_of(Path(os.fsdecode(name)), path)):
            raise
        raise _failed(path, *reason) from None


def _failed(path: Path, reason: str, remedy: str) -> WriteError:
    return WriteError(
        f"Could not write {path}: {reason}.  Existing files are unchanged.\n{remedy}",
        path=path,
        reason=reason,
        remedy=remedy,
    )


def system_message(error: BaseException) -> str | None:
    """Returns a sentence for an error of the operating system; None for any other error."""
    number, reason = number_of(error), _reason(error)
    if number is None:
        return None
    name = getattr(error, "filename", None)
    if not isinstance(name, str | bytes | os.PathLike):
        name = None
    place = "the output" if name is None else os.fsdecode(name)
    if number in FULL and reason is not None:
        return f"Could not write {place}: {reason[0]}.\n{reason[1]}"
    return f"{place}: {os.strerror(number)}." if name is not None else f"{os.strerror(number)}."


def number_of(error: BaseException) -> int | None:
    """Returns the system's error number, even if a library only has it in its message."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    wraps = isinstance(error, OSError | RuntimeError) or type(error).__name__ in _WRAPPERS
    match = _NUMBER.search(str(error)) if wraps else None
    return int(match[1] or match[2]) if match else None


def _reason(error: BaseException) -> tuple[str, str] | None:
    number = number_of(error)
    return next((reason for numbers, reason in _REASONS.items() if number in numbers), None)


def _is_of(name: Path, path: Path) -> bool:
    """Returns whether `name` is `path`, its temporary file, inside it, or a folder above it."""
    other, target = os.path.abspath(name), os.path.abspath(path)
    return other.startswith(target) or os.path.join(target, "").startswith(os.path.join(other, ""))


def sync_files(paths: Sequence[Path]) -> None:
    """Flushes files to the disk.

    Thousands of small files are flushed with one call, which takes a second instead of a minute.
    """
    if len(paths) > MANY and sys.platform == "linux":  # elsewhere `sync` does not wait for the disk
        os.sync()
        return
    for path in paths:
        sync_file(path)


def sync_file(path: Path) -> None:
    """Flushes a file to the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Flushes the names in a folder to the disk."""
    if os.name == "nt":
        return  # Windows cannot flush a folder
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
