"""Small files that are read whole: never more of them than was expected.

A `config.json` of gigabytes, or one that is a pipe without an end, is refused after a stated
number of bytes, before it fills the memory.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hornbook.errors import CheckpointError, HornbookError

MAX_JSON_BYTES = 16 * 2**20  # of a configuration, a manifest, an index
MAX_ROWS_BYTES = 256 * 2**20  # of JSON lines, a row per epoch or image
MAX_VOCABULARY_BYTES = 512 * 2**20  # of a vocabulary or a tokenizer, the largest files of words
_BLOCK = 2**20


def bounded_bytes(
    path: Path, most: int = MAX_JSON_BYTES, error: type[HornbookError] = HornbookError
) -> bytes:
    """The bytes of a file of at most `most`.

    Args:
        path: The file; of a special file no more than `most` is read either.
        most: Bytes.
        error: What to raise.

    Raises:
        OSError: it cannot be opened or read.
        HornbookError: an `error`, if the file is longer.
    """
    content = bytearray()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):  # to read `most` at once would ask for as much memory
            content += block
            if len(content) > most:
                raise error(
                    f"{path} is too long: such a file has at most {most / 2**20:.4g} MiB here.\n"
                    "Is this another kind of file?"
                )
    return bytes(content)


def bounded_text(
    path: Path, most: int = MAX_JSON_BYTES, error: type[HornbookError] = HornbookError
) -> str:
    """The text of a UTF-8 file of at most `most` bytes, without a byte order mark.

    Raises:
        OSError: it cannot be opened or read.
        UnicodeDecodeError: it is not UTF-8.
        HornbookError: an `error`, if the file is longer.
    """
    return bounded_bytes(path, most, error).decode("utf-8-sig")


def read_rows(path: Path, most: int = MAX_ROWS_BYTES) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines that hornbook wrote, such as `metrics.jsonl`.

    Raises:
        CheckpointError: it cannot be read, or a line holds no JSON object, with its number.
    """
    try:
        lines = bounded_text(path, most, CheckpointError).splitlines()
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
