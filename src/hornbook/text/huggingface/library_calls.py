"""Converts errors of the `tokenizers` library to `VocabularyError`.

A runaway regular expression of a `tokenizer.json`, or a damaged table, makes Rust panic: it prints
a report and raises a `PanicException`, which is not an `Exception`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

from hornbook.text.vocabulary_file import VocabularyError

_MAXIMUM_LENGTH = 200  # characters of the library's message


@contextlib.contextmanager
def library_errors(what: str, *, passed_on: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Converts errors of the library to a `VocabularyError`.

    Args:
        what: What failed, the start of the message.
        passed_on: Errors that the caller handles.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, (VocabularyError, MemoryError, *passed_on)):
            raise
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        if "retry-limit" in reason or "match-stack" in reason:
            reason = "a regular expression of its tokenizer.json does not finish on this text"
        raise VocabularyError(f"{what}: {reason[:_MAXIMUM_LENGTH]}.") from None


class _Quiet:
    """Suppresses the panic report of Rust on standard error, and restores all other output.

    The stream belongs to the whole process, so concurrent threads share the redirection.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._failed = False
        self._saved = -1
        self._file: IO[bytes] | None = None

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._begin()
        try:
            yield
        except BaseException:
            self._failed = True
            raise
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._end()

    def _begin(self) -> None:
        self._failed = False
        try:
            if sys.stderr is not None:
                sys.stderr.flush()
            self._saved = os.dup(2)
            file = self._file = tempfile.TemporaryFile()  # noqa: SIM115
            os.dup2(file.fileno(), 2)
        except (OSError, ValueError):  # no standard error, or no space for a file
            self._close()

    def _end(self) -> None:
        if self._saved < 0 or self._file is None:
            return
        os.dup2(self._saved, 2)
        if not self._failed:
            self._file.seek(0)
            with contextlib.suppress(OSError):
                os.write(2, self._file.read())
        self._close()

    def _close(self) -> None:
        if self._saved >= 0:
            os.close(self._saved)
        if self._file is not None:
            self._file.close()
        self._saved, self._file = -1, None


quiet_panics = _Quiet()
