"""Reads small files completely, up to a maximum size.

A `config.json` of gigabytes, or one that is an endless pipe, is refused after a maximum number of
bytes, before it fills the memory.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hornbook.errors import CheckpointError, HornbookError

MAX_JSON_BYTES = 16 * 2**20  # configurations, manifests, indexes
MAX_ROWS_BYTES = 256 * 2**20  # JSON lines, one per epoch or image
MAX_VOCABULARY_BYTES = 512 * 2**20  # vocabularies and tokenizers
_BLOCK = 2**20


def bounded_bytes(
    path: Path, limit: int = MAX_JSON_BYTES, error: type[HornbookError] = HornbookError
) -> bytes:
    """Reads a file of at most `limit` bytes.

    Args:
        path: The file; a pipe or device is not read further than `limit` either.
        limit: Maximum number of bytes.
        error: Class of the error for a longer file.

    Raises:
        OSError: it cannot be opened or read.
        HornbookError: an `error`, if the file is longer.
    """
    content = bytearray()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):  # reading `limit` at once would allocate as much memory
            content += block
            if len(content) > limit:
                raise error(
                    f"{path} is too long: the maximum is {limit / 2**20:.4g} MiB.\n"
                    "Is this another kind of file?"
                )
    return bytes(content)


def bounded_text(
    path: Path, limit: int = MAX_JSON_BYTES, error: type[HornbookError] = HornbookError
) -> str:
    """Reads a UTF-8 file of at most `limit` bytes, without a byte order mark.

    Raises:
        OSError: it cannot be opened or read.
        UnicodeDecodeError: it is not UTF-8.
        HornbookError: an `error`, if the file is longer.
    """
    return bounded_bytes(path, limit, error).decode("utf-8-sig")


def read_rows(path: Path, limit: int = MAX_ROWS_BYTES) -> list[dict[str, Any]]:
    """Reads the objects of a file of JSON lines that hornbook wrote, such as `metrics.jsonl`.

    Raises:
        CheckpointError: it cannot be read, or a line is no JSON object; naming the line.
    """
    try:
        lines = bounded_text(path, limit, CheckpointError).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from None
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise CheckpointError(f"{path}:{number}: damaged: expected one JSON object per line.")
        rows.append(row)
    return rows
