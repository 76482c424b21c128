"""Handles standard streams that are closed, full, or in an encoding without some characters."""

from __future__ import annotations

import errno
import os
import sys

from hornbook.files import system_message


def open_missing() -> None:
    """Opens a null device for each closed standard stream.

    Otherwise the next file that is opened gets its descriptor, and what a library prints goes into
    it.  Writing to a closed standard output still fails, as for any other program; messages for a
    closed standard error are lost; a closed standard input is empty.
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
    """Returns the message for an error of the system or a stream; None for a bug."""
    if isinstance(error, UnicodeEncodeError) and error.object[error.start : error.end]:
        character = error.object[error.start]
        return (
            f"Standard output is in {error.encoding}, which cannot encode {character!a}.\n"
            "Files are written nevertheless.  To print it, use  export PYTHONIOENCODING=utf-8"
        )
    if isinstance(error, OSError) and error.errno == errno.EBADF and error.filename is None:
        return "Standard output is closed, so nothing can be printed.\nSend it to a file or a pipe."
    return system_message(error)
