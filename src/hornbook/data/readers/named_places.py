"""Finds data that is in one place, or in a folder per name: a criterion, a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hornbook.data.readers.in_memory_rows import (
    IN_MEMORY,
    MemorySplits,
    is_in_memory,
    memory_splits,
)
from hornbook.data.readers.split_files import SplitFiles, split_files
from hornbook.data.readers.split_names import TRAIN


class NamedPlaces(NamedTuple):
    """Where the samples of each split are.

    Attributes:
        path: The path given by the user; a description for rows in memory.
        places: A folder, a file or rows in memory; or a folder per name.
        names: The name of each folder, if there are several.
        unused: Names of files and folders that belong to no place.
    """

    path: Path | str
    places: Sequence[SplitFiles | MemorySplits]
    names: dict[Path, str]
    unused: list[str]


def named_places(data: Any, suffixes: Sequence[str] = ()) -> NamedPlaces:
    """Finds the places of data.

    A folder without training files of its own whose folders have some is a folder per name.

    Args:
        data: A folder, a file, or rows in memory.
        suffixes: See `split_files`.

    Raises:
        DataError: no such file or folder.
    """
    if is_in_memory(data):
        return NamedPlaces(IN_MEMORY, [memory_splits(data)], {}, [])
    path = Path(data)
    top = split_files(path, suffixes)
    one = NamedPlaces(path, [top], {}, [])
    if top.of_split.get(TRAIN) or not path.is_dir():
        return one
    folders = [split_files(each, suffixes) for each in sorted(path.iterdir()) if each.is_dir()]
    places = [each for each in folders if each.of_split]
    if not places or (top.of_split and not any(each.of_split.get(TRAIN) for each in places)):
        return one
    names = {each.folder: each.folder.name for each in places}
    unused = [each for each in top.names if path / each.rstrip("/") not in names]
    return NamedPlaces(path, places, names, unused)
