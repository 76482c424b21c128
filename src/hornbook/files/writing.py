"""What the operating system says of a failed write, as a message for a person."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hornbook.errors import WriteError

TEMPORARY = ".tmp-hornbook-"  # behind the name of what is being written; then some letters

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
BROKEN = (errno.EIO, errno.ENXIO, errno.ESTALE)
MANY = 500  # files
IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR)

_REASONS = {
    FULL: ("there is no space left on the disk", "Free some space, or name another place."),
    FORBIDDEN: ("it may not be written to", "Name a place you may write to."),
    BROKEN: ("the disk reports an error", "Check the disk, or name another place."),
    IN_THE_WAY: ("a file is where a folder is needed", "Move it away, or name another place."),
}
# safetensors (Rust), HDF5 and Arrow raise errors of their own, with the number in their text
_WRAPPERS = ("SafetensorError", "ArrowException", "ArrowInvalid")
_NUMBER = re.compile(r"\(os error (\d+)\)|\berrno\s*=?\s*(\d+)", re.IGNORECASE)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns a failed write of `path` into a `WriteError`, whatever library wrote.

    An error about another file, one that is read in the block say, is passed on as it is.
    """
    try:
        yield
    except WriteError as error:
        if not os.path.abspath(error.path).startswith(os.path.abspath(path) + TEMPORARY):
            raise
        raise _failed(path, error.reason, error.remedy) from None  # a person knows this name
    except Exception as error:
        name = getattr(error, "filename", None)
        reason = _reason(error)
        if reason is None or not (name is None or _is_of(Path(os.fsdecode(name)), path)):
            raise
        raise _failed(path, *reason) from None


def _failed(path: Path, reason: str, remedy: str) -> WriteError:
    return WriteError(
        f"Could not write {path}: {reason}.  What was there before is unchanged.\n{remedy}",
        path=path,
        reason=reason,
        remedy=remedy,
    )


def system_message(error: BaseException) -> str | None:
    """What an error of the operating system says, in a sentence; None for any other error."""
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
    """The system's number of what went wrong, also where a library hides it in a text."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    wraps = isinstance(error, OSError | RuntimeError) or type(error).__name__ in _WRAPPERS
    found = _NUMBER.search(str(error)) if wraps else None
    return int(found[1] or found[2]) if found else None


def _reason(error: BaseException) -> tuple[str, str] | None:
    number = number_of(error)
    return next((said for numbers, said in _REASONS.items() if number in numbers), None)


def _is_of(name: Path, path: Path) -> bool:
    """Whether `name` is `path`, its temporary neighbour, something in it, or a folder above it."""
    named, target = os.path.abspath(name), os.path.abspath(path)
    return named.startswith(target) or os.path.join(target, "").startswith(os.path.join(named, ""))


def sync_files(paths: Sequence[Path]) -> None:
    """Has files written to the disk itself.

    Of thousands of small ones the system is asked once, which takes a second and not a minute.
    """
    if len(paths) > MANY and sys.platform == "linux":  # elsewhere `sync` does not wait for the disk
        os.sync()
        return
    for path in paths:
        sync_file(path)


def sync_file(path: Path) -> None:
    """Has a file written to the disk itself."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Has the names in a folder written to the disk itself."""
    if os.name == "nt":
        return  # Windows has no handle on a folder to flush
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
