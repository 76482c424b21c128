"""Files that a failed download leaves in place of weights: pointers, web pages, empty files."""

from __future__ import annotations

from pathlib import Path

from hornbook.checkpoints.byte_range import file_size, read_range
from hornbook.errors import CheckpointError

UNFINISHED = (".incomplete", ".part", ".partial", ".crdownload", ".download", ".aria2", ".tmp")
_GIT_LFS = b"version https://git-lfs"


def refuse_placeholder(path: Path, *, may_be_empty: bool = False) -> None:
    """Raises an error if `path` is a Git LFS pointer, a web page, or empty.

    Raises:
        CheckpointError: it is one of these, or cannot be read.
    """
    size = file_size(path)
    beginning = read_range(path, 0, min(size, 64)).tobytes()
    if beginning.startswith(_GIT_LFS):
        raise CheckpointError(
            f"{path} is a Git LFS pointer of {size} bytes, not the weights themselves.\n"
            "Run `git lfs install` and `git lfs pull` in its folder, or download the file itself."
        )
    if beginning.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise CheckpointError(
            f"{path} is a web page, probably an error message that was saved under this name.\n"
            "Open the address in a browser to see the message, then download the file again."
        )
    if size == 0 and not may_be_empty:
        raise CheckpointError(f"{path} is empty.\nDownload or copy it again.")
