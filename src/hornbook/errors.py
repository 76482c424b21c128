"""Errors that a user of hornbook can fix.

The message of a `HornbookError` says what was wrong, where, what was expected, and what to do.  The
command line prints it without a traceback and exits with status 2.  Programming errors are
`ValueError` or `TypeError` instead.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType


class HornbookError(Exception):
    """An error that a user can fix.

    Attributes:
        exit_status: Exit status of the command line.
    """

    exit_status = 2


class DataError(HornbookError):
    """Unusable data: a broken line, a wrong label, an empty file."""


class CheckpointError(HornbookError):
    """A checkpoint that is damaged, incomplete, or of another model."""


class OptionError(HornbookError):
    """An option or field with an invalid value."""


class WriteError(HornbookError):
    """A file could not be written; its previous contents are unchanged.

    Args:
        message: The whole message.
        path: The file.
        reason: Why it could not be written, in a few words.
        remedy: What to do, in a sentence.
    """

    def __init__(self, message: str, *, path: Path = Path(), reason: str = "", remedy: str = ""):
        super().__init__(message)
        self.path, self.reason, self.remedy = path, reason, remedy


class LockedError(HornbookError):
    """Another process is writing to the same place."""


class Stopped(HornbookError):
    """The user or the system requested a stop; everything is saved.

    Args:
        message: The message.
        exit_status: 128 plus the signal number: 130 after Ctrl-C, 143 after SIGTERM.
    """

    def __init__(self, message: str, *, exit_status: int = 130):
        super().__init__(message)
        self.exit_status = exit_status


class MissingExtraError(HornbookError):
    """A package required by an optional feature is not installed."""


def require(module: str, *, extra: str, package: str | None = None) -> ModuleType:
    """Imports an optional module.

    Raises:
        MissingExtraError: it is not installed; the message has the `pip install` line.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != module.split(".")[0]:
            raise  # the package is installed, but one of its dependencies is missing
        raise MissingExtraError(
            f"This needs {package or module}, which is not installed.\n"
            f"Install it with:  pip install 'hornbook[{extra}]'"
        ) from None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns a sentence with the closest of `known`, or with all if none is close."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known: {', '.join(names)}." if names else "There are none."
