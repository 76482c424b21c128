"""Locks of the operating system: they end with the process that holds them, however it ended.

Whether a writer still lives is never asked by its process number, which means nothing in another
container or on another host; only the lock is asked.  The file that is locked says for a person
who holds it.  It is removed afterwards; one that a killed process left is locked by nobody.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hornbook.errors import LockedError
from hornbook.files.writing import writing
from hornbook.progress import note

LOCK = ".locked-by-hornbook"  # in a folder that is worked in; behind the name of another target
# what a file system without locks says
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)
_TAKEN = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK)
_FAR = 2**30  # Windows forbids to read what is locked, so a byte behind all that is written is
_LONGEST = 4096  # bytes that are read of who holds a lock

_folders: dict[Path, int] = {}  # those this process holds the lock of, and which thread
_told: set[str] = set()


class NoLocksError(Exception):
    """The file system has no locks."""


@contextlib.contextmanager
def locked_folder(folder: str | Path, *, what: str = "") -> Iterator[None]:
    """Keeps other processes from working in a folder, which is made if it is not there.

    A folder that is still empty at the end, and was made here, is removed again.

    Args:
        folder: Of a run, say.
        what: What it is called in a message; without it, its path.

    Raises:
        LockedError: another process works in it, which is named.
        WriteError: it cannot be made.
    """
    folder = Path(os.path.abspath(folder))
    if covered(folder):
        yield
        return
    with writing(folder):
        made = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with lock(folder / LOCK, what or str(folder)):
            _folders[folder] = threading.get_ident()
            try:
                yield
            finally:
                del _folders[folder]
    finally:
        with contextlib.suppress(OSError):  # something is in it
            for one in made:
                one.rmdir()


def covered(path: Path) -> bool:
    """Whether this thread holds the lock of a folder that `path` is in, or is."""
    me = threading.get_ident()
    return any(_folders.get(one) == me for one in (path, *path.parents))


@contextlib.contextmanager
def lock(file: Path, what: str) -> Iterator[bool]:
    """Holds a lock; False is given where the file system has none, which is said once.

    Raises:
        LockedError: another process holds it.
    """
    with writing(file):
        try:
            handle = _acquired(file)
        except NoLocksError:
            handle = None
    if handle is None:
        _tell_once(file.parent)
        yield False
        return
    if handle < 0:
        raise LockedError(
            f"{what} is in use{_holder(file)}\n"
            "Wait until that process has ended, or name another place."
        )
    try:
        _say_who(handle)
        yield True
    finally:
        _release(handle, file)


def _acquired(file: Path) -> int | None:
    """The handle of a lock, or -1 where another process holds it."""
    for patience in (0.05, 0.1, 0.2, 0):  # who only asks whether it is held holds it for a moment
        handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            if lock_handle(handle):
                if is_same(handle, file):
                    return handle
                patience = 0.001  # its last holder removed it just now
        except BaseException:
            os.close(handle)
            with contextlib.suppress(OSError):
                file.unlink()
            raise
        os.close(handle)
        time.sleep(patience)
    return -1


def is_held(file: Path) -> bool:
    """Whether a process holds the lock of a file."""
    try:
        handle = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # it is another user's, say
    try:
        return not lock_handle(handle)
    except NoLocksError:
        return False
    finally:
        os.close(handle)


def lock_handle(handle: int) -> bool:
    """Locks an open file until it is closed, and returns whether nobody else had.

    Raises:
        NoLocksError: the file system has no locks.
    """
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        if error.errno in _NO_LOCKS:
            raise NoLocksError from None
        raise
    return True


def is_same(handle: int, file: Path) -> bool:
    """Whether an open file still has its name: another process may have removed it."""
    if os.name == "nt":
        return True  # there an open file cannot be removed
    try:
        return os.path.samestat(os.fstat(handle), os.stat(file))
    except OSError:
        return False


def _release(handle: int, file: Path) -> None:
    if os.name == "nt":
        os.close(handle)
    with contextlib.suppress(OSError):
        file.unlink()  # while the lock is held, else it could be the next one's
    if os.name != "nt":
        os.close(handle)


def _say_who(handle: int) -> None:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    command = shlex.join([os.path.basename(sys.argv[0] or "python"), *sys.argv[1:]])[:1000]
    who = {"host": socket.gethostname(), "pid": os.getpid(), "since": now, "command": command}
    with contextlib.suppress(OSError):  # the disk is full: the lock is held all the same
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps(who, ensure_ascii=False).encode("utf-8", "replace"))


def _holder(file: Path) -> str:
    """Who holds a lock, as far as the file says."""
    try:
        with open(file, "rb") as content:
            who: Any = json.loads(content.read(_LONGEST))
        words = [str(who[name])[:500] for name in ("pid", "host", "since", "command")]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return " by another process."
    number, host, since, command = ("".join(c for c in word if c.isprintable()) for word in words)
    return f" by process {number} on {host}, since {since}:\n  {command}"


def _tell_once(folder: Path) -> None:
    if "no locks" not in _told:
        _told.add("no locks")
        note(
            f"The file system of {folder} has no locks: make sure yourself that no two processes "
            "write to one place.  What a killed one left half-written stays there."
        )
