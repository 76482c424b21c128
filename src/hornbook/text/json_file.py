"""Reads the JSON files of a tokenizer, with clear errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hornbook.files import MAX_VOCABULARY_BYTES, bounded_text
from hornbook.text.vocabulary_file import VocabularyError


def read_text(path: Path) -> str:
    """Reads a UTF-8 file, without a byte order mark.

    Raises:
        VocabularyError: it cannot be read, or is not UTF-8.
    """
    try:
        return bounded_text(path, MAX_VOCABULARY_BYTES, VocabularyError)
    except OSError as error:
        raise VocabularyError(f"Could not read {path}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise VocabularyError(f"{path} is not UTF-8 text (byte {error.start + 1}).") from None


def read_object(path: Path) -> dict[str, Any]:
    """Reads the JSON object of a file.

    Raises:
        VocabularyError: it cannot be read, is not JSON, or holds something else.
    """
    text = read_text(path)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise VocabularyError(f"{path}:{error.lineno}: not JSON: {error.msg}.") from None
    except (ValueError, RecursionError):
        raise VocabularyError(f"{path} is not JSON that can be read.") from None
    if not isinstance(content, dict):
        raise VocabularyError(f"{path} must hold a JSON object, {{...}}.")
    if "\\ud" in text.lower():
        _refuse_half_characters(content, path)
    return content


def _refuse_half_characters(content: dict[str, Any], path: Path) -> None:
    """Raises an error for half of a surrogate pair, which JSON can contain but no text can."""
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise VocabularyError(
            f"{path}: {half} is half of a character (a surrogate without its pair).  "
            "Write the file again with the program that created it."
        ) from None


def object_in(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Returns the object under a name, or an empty one if there is none."""
    value = content.get(name)
    return value if isinstance(value, dict) else {}
