"""Files that are not what their name says: what a download left behind instead of weights."""

from __future__ import annotations

from pathlib import Path

from hornbook.checkpoints.byte_range import file_size, read_range
from hornbook.errors import CheckpointError

UNFINISHED = (".incomplete", ".part", ".partial", ".crdownload", ".download", ".aria2", ".tmp")
_GIT_LFS = b"version https://git-lfs"


def refuse_placeholder(path: Path, *, may_be_empty: bool = False) -> None:
    """Says so when `path` is a Git LFS pointer, a web page, or empty.

    Raises:
        CheckpointError: it is one of these, or cannot be read.
    """
    size = file_size(path)
    beginning = read_range(path, 0, min(size, 64)).tobytes()
    if beginning.startswith(_GIT_LFS):
        raise CheckpointError(
            f"{path} is a Git LFS pointer: a note of {size} bytes saying where the weights are.\n"
            "Run `git lfs install` and `git lfs pull` in its folder, or download the file itself."
        )
    if beginning.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise CheckpointError(
            f"{path} is a web page, probably an error message that was saved under this name.\n"
            "Download the file again and look at what the address gives."
        )
    if size == 0 and not may_be_empty:
        raise CheckpointError(f"{path} is empty.\nDownload or copy it again.")
