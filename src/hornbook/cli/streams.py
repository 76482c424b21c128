"""The three standard streams as a command finds them: closed, full, or of a narrow encoding."""

from __future__ import annotations

import errno
import os
import sys

from hornbook.files import system_message


def open_missing() -> None:
    """Gives each closed standard stream a file of its own.

    Else the next file that is opened gets its number, and what a library prints goes into it.
    What is written on a closed standard output fails, as it does for any other program; messages
    for a closed standard error are lost; a closed standard input is empty.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            access = os.O_WRONLY if name == "stderr" else os.O_RDONLY
            handle = os.open(os.devnull, access)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def message_of(error: Exception) -> str | None:
    """What to say when the system or a stream refuses; None for a mistake of ours."""
    if isinstance(error, UnicodeEncodeError) and error.object[error.start : error.end]:
        letter = error.object[error.start]
        return (
            f"Standard output is in {error.encoding}, which cannot show {letter!a}.\n"
            "Files are written all the same.  To see it here, say  export PYTHONIOENCODING=utf-8"
        )
    if isinstance(error, OSError) and error.errno == errno.EBADF and error.filename is None:
        return "Standard output is closed, so nothing can be printed.\nSend it to a file or a pipe."
    return system_message(error)
