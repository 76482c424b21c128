"""The lines of a large text file by their number."""

from __future__ import annotations

import functools
import json
from itertools import accumulate
from pathlib import Path


class IndexedLines:
    """A sequence of the lines of a file, each read when it is asked for.

    Args:
        name: Path of the file.
        encoding: Its encoding, one in which a line end is a byte.
        errors: What to do with bytes that are no text, as in Python's `open`.
        index: Path of the JSON file that holds the offsets of the lines, written if it is missing
            or older than the file.  Defaults to none.
    """

    def __init__(
        self,
        name: str | Path,
        encoding: str = "utf-8",
        errors: str = "strict",
        index: str | Path | None = None,
    ) -> None:
        self._decode = functools.partial(bytes.decode, encoding=encoding, errors=errors)
        self._file = open(name, "rb")  # noqa: SIM115
        path = Path(index) if index is not None else None
        if path and path.is_file() and path.stat().st_mtime >= Path(name).stat().st_mtime:
            self.offsets: list[int] = json.loads(path.read_bytes())
            return
        self.offsets = list(accumulate(map(len, self._file), initial=0))[:-1]
        if path:
            path.write_text(json.dumps(self.offsets))

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, key: int) -> str:
        self._file.seek(self.offsets[key])
        return self._decode(self._file.readline()).replace("\r\n", "\n")

    def __enter__(self) -> IndexedLines:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
