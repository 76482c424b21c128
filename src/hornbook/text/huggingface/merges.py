"""The merges of byte pair encoding: pairs of pieces, the most frequent first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hornbook.text.json_file import read_text
from hornbook.text.vocabulary_file import VocabularyError


def read_merges(path: Path) -> list[tuple[str, str]]:
    """Reads the merges of a file in order, one `left right` per line.

    Raises:
        VocabularyError: at the first invalid line.
    """
    merges = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        line = line.removesuffix("\r")
        if not line or (number == 1 and line.startswith("#version")):
            continue
        parts = line.split(" ")
        if len(parts) != 2 or not all(parts):
            raise VocabularyError(f"{path}:{number}: expected two pieces to merge, found {line!r}.")
        merges.append((parts[0], parts[1]))
    return merges


def check_merges(
    merges: Iterable[Any], vocabulary: Mapping[str, Any], where: str, prefix: str = ""
) -> None:
    """Checks that both pieces and their result are tokens.

    The `tokenizers` library does not check: it strips `prefix` from any right piece, and an invalid
    merge may crash Python.

    Raises:
        VocabularyError: at the first invalid merge.
    """
    for merge in merges:
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if (
            not isinstance(pair, list | tuple)
            or len(pair) != 2
            or not all(isinstance(piece, str) and piece in vocabulary for piece in pair)
            or not pair[1].startswith(prefix)
            or pair[0] + pair[1].removeprefix(prefix) not in vocabulary
        ):
            raise VocabularyError(f"{where}: the merge {merge!r} does not fit the vocabulary.")
