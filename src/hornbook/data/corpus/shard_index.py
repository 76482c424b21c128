"""Reads and writes `index.json` of a prepared corpus: its token settings and its shards.

It is checked as a whole before use: against its own SHA-256, and each entry against its type.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hornbook.errors import DataError
from hornbook.files import bounded_text, write_json

INDEX = "index.json"
FORMAT = 2  # 1 had no checksum of its own
CHECKSUM = "sha256"
LARGEST = 2**62  # limit of every number in it


def read_index(folder: Path) -> dict[str, Any] | None:
    """Returns the contents of `index.json`, or None if there is none.

    Raises:
        DataError: it is damaged, or from another version of hornbook.
    """
    path = folder / INDEX
    if not path.is_file():
        return None
    try:
        index = json.loads(bounded_text(path, error=DataError))
    except (OSError, ValueError, RecursionError):
        raise damaged(path) from None
    if not isinstance(index, dict):
        raise damaged(path)
    if index.get("format") != FORMAT and _is_count(index.get("format")):
        raise DataError(
            f"{path} has format {index['format']}; this version of hornbook reads {FORMAT}.\n"
            "Remove the folder and prepare the corpus again."
        )
    checksum = index.pop(CHECKSUM, None)
    if checksum != _checksum(index):
        raise damaged(path)
    if not all(name in index and check(index[name]) for name, check in _TYPES.items()):
        raise damaged(path)
    return index


def write_index(folder: Path, index: Mapping[str, Any]) -> None:
    """Writes `index.json`, atomically, with its checksum."""
    write_json(folder / INDEX, {**index, CHECKSUM: _checksum(index)})


def damaged(path: Path) -> DataError:
    """Returns the error for a file that is missing or differs from what was written."""
    return DataError(
        f"{path} is missing or damaged: it differs from what was written.\n"
        f"Remove {path.parent} and prepare the corpus again."
    )


def _checksum(index: Mapping[str, Any]) -> str:
    content = json.dumps(index, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < LARGEST


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_count, value))


def _are_named_counts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_count, value.values()))


def _is_fingerprint(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("sources"), dict)
        and isinstance(value.get("tokenizer"), str)
        and isinstance(value.get("options"), dict)
        and _are_counts(value.get("sizes"))
    )


def _are_shards(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("file"), str)
        and Path(entry["file"]).name == entry["file"]  # not outside of the folder
        and isinstance(entry.get("sha256"), str)
        and all(_is_count(entry.get(name)) for name in ("bytes", "documents", "tokens"))
        for entry in value
    )


_TYPES: dict[str, Callable[[Any], bool]] = {
    "format": _is_count,
    "finished": lambda value: isinstance(value, bool),
    "fingerprint": _is_fingerprint,
    "vocabulary_size": _is_count,
    "special_ids": _are_named_counts,
    "before": _are_counts,
    "after": _are_counts,
    "sentinels": _are_counts,
    "chunks": _is_count,
    "statistics": _are_named_counts,
    "shards": _are_shards,
}
