"""Locks of the operating system, which end with the process that holds them, even if it is killed.

Whether a writer is still running is never decided by its process ID, which means nothing in
another container or on another host, but only by the lock.  The locked file names its holder for
messages.  It is removed afterwards; the file of a killed process is not locked.
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

LOCK = ".locked-by-hornbook"  # name in a locked folder; suffix beside any other target
# errors of a file system without locks
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)
_HELD = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK)
_FAR = 2**30  # offset of the locked byte: beyond the contents, because Windows forbids reading it
_MAXIMUM_HOLDER = 4096  # bytes read from a lock file

_folders: dict[Path, int] = {}  # folders locked by this process -> thread
_notified: set[str] = set()


class NoLocksError(Exception):
    """The file system has no locks."""


@contextlib.contextmanager
def locked_folder(folder: str | Path, *, what: str = "") -> Iterator[None]:
    """Keeps other processes from using a folder, which is created if it does not exist.

    A folder that was created here and is still empty at the end is removed again.

    Args:
        folder: The folder, for example of a run.
        what: Its name in messages.  Defaults to its path.

    Raises:
        LockedError: another process uses it; naming the process.
        WriteError: it cannot be created.
    """
    folder = Path(os.path.abspath(folder))
    if covered(folder):
        yield
        return
    with writing(folder):
        new_folders = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with lock(folder / LOCK, what or str(folder)):
            _folders[folder] = threading.get_ident()
            try:
                yield
            finally:
                del _folders[folder]
    finally:
        with contextlib.suppress(OSError):  # it is not empty
            for each in new_folders:
                each.rmdir()


def covered(path: Path) -> bool:
    """Returns whether this thread holds the lock of `path` or of a folder above it."""
    thread = threading.get_ident()
    return any(_folders.get(folder) == thread for folder in (path, *path.parents))


@contextlib.contextmanager
def lock(file: Path, what: str) -> Iterator[bool]:
    """Holds a lock; yields False, with a note the first time, if the file system has none.

    Raises:
        LockedError: another process holds it.
    """
    with writing(file):
        try:
            handle = _acquire(file)
        except NoLocksError:
            handle = None
    if handle is None:
        _notify_once(file.parent)
        yield False
        return
    if handle < 0:
        raise LockedError(
            f"{what} is in use{_holder(file)}\n"
            "Wait until that process has ended, or name another folder."
        )
    try:
        _write_holder(handle)
        yield True
    finally:
        _release(handle, file)


def _acquire(file: Path) -> int | None:
    """Returns the handle of a lock, or -1 if another process holds it."""
    for patience in (0.05, 0.1, 0.2, 0):  # a process that checks a lock holds it for a moment
        handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            if lock_handle(handle):
                if is_same(handle, file):
                    return handle
                patience = 0.001  # the last holder has just removed it
        except BaseException:
            os.close(handle)
            with contextlib.suppress(OSError):
                file.unlink()
            raise
        os.close(handle)
        time.sleep(patience)
    return -1


def is_held(file: Path) -> bool:
    """Returns whether a process holds the lock of a file."""
    try:
        handle = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # for example, another user's
    try:
        return not lock_handle(handle)
    except NoLocksError:
        return False
    finally:
        os.close(handle)


def lock_handle(handle: int) -> bool:
    """Locks an open file until it is closed; returns False if another process holds the lock.

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
        if error.errno in _HELD:
            return False
        if error.errno in _NO_LOCKS:
            raise NoLocksError from None
        raise
    return True


def is_same(handle: int, file: Path) -> bool:
    """Returns whether an open file still has its name, or another process has removed it."""
    if os.name == "nt":
        return True  # Windows cannot remove an open file
    try:
        return os.path.samestat(os.fstat(handle), os.stat(file))
    except OSError:
        return False


def _release(handle: int, file: Path) -> None:
    if os.name == "nt":
        os.close(handle)
    with contextlib.suppress(OSError):
        file.unlink()  # while the lock is held; later the file could be that of the next holder
    if os.name != "nt":
        os.close(handle)


def _write_holder(handle: int) -> None:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    command = shlex.join([os.path.basename(sys.argv[0] or "python"), *sys.argv[1:]])[:1000]
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "since": now, "command": command}
    with contextlib.suppress(OSError):  # on a full disk the lock is held nevertheless
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps(holder, ensure_ascii=False).encode("utf-8", "replace"))


def _holder(file: Path) -> str:
    """Describes the holder of a lock, as far as it is known."""
    try:
        with open(file, "rb") as content:
            holder: Any = json.loads(content.read(_MAXIMUM_HOLDER))
        words = [str(holder[name])[:500] for name in ("pid", "host", "since", "command")]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return " by another process."
    number, host, since, command = ("".join(c for c in word if c.isprintable()) for word in words)
    return f" by process {number} on {host}, since {since}:\n  {command}"


def _notify_once(folder: Path) -> None:
    if "no locks" not in _notified:
        _notified.add("no locks")
        note(
            f"The file system of {folder} has no locks: make sure that no two processes write to "
            "the same place.  Temporary files of killed processes are not removed."
        )
