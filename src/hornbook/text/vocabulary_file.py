"""Reads and checks `vocab.txt`: one token per line, the line number (from 0) is the id.

Lines end only at `\\n`, because published vocabularies have tokens such as U+2028 that other
readers take for a line end.  A byte order mark and Windows line ends, added by an editor or a
version control system, are removed: they cannot change an id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from hornbook.errors import DataError
from hornbook.files import MAX_VOCABULARY_BYTES, atomic_file, bounded_bytes

PAD, UNKNOWN, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIAL_TOKENS = (PAD, UNKNOWN, CLS, SEP, MASK)
REQUIRED_TOKENS = (PAD, UNKNOWN, CLS, SEP)  # GPT-like vocabularies have no [MASK]

_SHOWN = 10
_BRACKETED = re.compile(r"\[.+\]|<.+>")


class VocabularyError(DataError):
    """A vocabulary that cannot be used."""


def read_vocabulary(path: str | Path) -> list[str]:
    """Reads the tokens of a vocabulary file in the order of their ids.

    Raises:
        VocabularyError: the file is missing, not UTF-8, or fails `check_vocabulary`.
    """
    path = Path(path)
    try:
        content = bounded_bytes(path, MAX_VOCABULARY_BYTES, VocabularyError)
    except OSError as error:
        raise VocabularyError(f"Could not read the vocabulary {path}: {error.strerror}.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise VocabularyError(
            f"{path}:{line}: this vocabulary is not UTF-8 text (byte {error.start + 1}).\n"
            "Get the file again, or convert it:  "
            f"iconv -f GB18030 -t UTF-8 {path.name} > converted.txt"
        ) from None
    tokens = text.removesuffix("\n").split("\n") if text else []
    if tokens and all(token.endswith("\r") for token in tokens[:-1]) and len(tokens) > 1:
        tokens = [token.removesuffix("\r") for token in tokens]
    check_vocabulary(tokens, where=str(path))
    return tokens


def check_vocabulary(tokens: Sequence[str], *, where: str = "the vocabulary") -> None:
    """Checks that tokens are unique and not empty, and that the special tokens exist.

    Raises:
        VocabularyError: lists every problem with its line.
    """
    if not tokens:
        raise VocabularyError(f"{where} is empty: one token per line was expected.")
    problems = []
    first_line: dict[str, int] = {}
    for line, token in enumerate(tokens, start=1):
        if token == "":
            problems.append(f"line {line}: empty")
        elif token in first_line:
            problems.append(f"line {line}: {token!r} is already on line {first_line[token]}")
        elif "\n" in token or token.endswith("\r"):
            problems.append(f"line {line}: {token!r} contains a line end")
        first_line.setdefault(token, line)
    missing = [token for token in REQUIRED_TOKENS if token not in first_line]
    if missing:
        problems.append(f"missing: {', '.join(missing)}")
    if problems:
        more = len(problems) - _SHOWN
        shown = problems if more <= 0 else [*problems[: _SHOWN - 1], problems[-1]]
        raise VocabularyError(
            f"{where} cannot be used as a vocabulary:\n"
            + "\n".join(f"  {problem}" for problem in shown)
            + (f"\n  and {more} more" if more > 0 else "")
            + "\nExpected one token per line, without duplicates, including "
            + f"{', '.join(REQUIRED_TOKENS)}."
        )


def write_vocabulary(path: str | Path, tokens: Sequence[str]) -> None:
    """Writes `vocab.txt`, atomically."""
    check_vocabulary(tokens)
    with atomic_file(path, "w") as file:
        file.writelines(f"{token}\n" for token in tokens)


def is_lowercase(tokens: Iterable[str]) -> bool:
    """Returns whether a vocabulary is of lowercased text: no ordinary token has A to Z.

    Tokens in brackets, such as `[CLS]`, `[unused1]` or `<S>`, do not count.
    """
    return not any(
        re.search("[A-Z]", token) and not _BRACKETED.fullmatch(token) for token in tokens
    )
