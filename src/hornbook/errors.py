"""What can go wrong that the person using hornbook can put right.

A `HornbookError` carries one message for a person: what was wrong, where, what was
expected, and what to do.  The command line prints it without a traceback and exits with
status 2.  A programmer's mistake is a `ValueError` or `TypeError` instead.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType


class HornbookError(Exception):
    """Anything a user can fix.

    Attributes:
        exit_status: What the command line exits with.
    """

    exit_status = 2


class DataError(HornbookError):
    """A data file that cannot be used as it is: broken line, wrong label, empty file."""


class CheckpointError(HornbookError):
    """A checkpoint that is damaged, incomplete, or belongs to another model."""


class OptionError(HornbookError):
    """An option or field with a value that cannot work."""


class WriteError(HornbookError):
    """Something could not be written; what was there before is unchanged.

    Args:
        message: For a person.
        path: What was to be written.
        reason: Why not, in some words.
        remedy: What to do, in a sentence.
    """

    def __init__(self, message: str, *, path: Path = Path(), reason: str = "", remedy: str = ""):
        super().__init__(message)
        self.path, self.reason, self.remedy = path, reason, remedy


class LockedError(HornbookError):
    """Another process is writing to the same place."""


class Stopped(HornbookError):
    """The user or the system asked to stop; everything is saved.

    Args:
        message: For a person.
        exit_status: 128 and the number of the signal: 130 after Ctrl-C, 143 after SIGTERM.
    """

    def __init__(self, message: str, *, exit_status: int = 130):
        super().__init__(message)
        self.exit_status = exit_status


class MissingExtraError(HornbookError):
    """A package that an optional feature needs is not installed."""


def require(module: str, *, extra: str, package: str | None = None) -> ModuleType:
    """Imports an optional `module`, or says what to install.

    Raises:
        MissingExtraError: with the `pip install` line that brings it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != module.split(".")[0]:
            raise  # the package is there, and something it needs is not: not ours to explain
        raise MissingExtraError(
            f"This needs {package or module}, which is not installed.\n"
            f"Install it with:  pip install 'hornbook[{extra}]'"
        ) from None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence naming the nearest of `known`, or all of them when none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known: {', '.join(names)}." if names else "There are none."
