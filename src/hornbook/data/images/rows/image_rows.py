"""Reads rows with an image and a label: in memory, in Parquet files, in JSON lines and tables.

    {"image": ..., "label": "iris"}                     see `row_image` for the kinds of images
    {"image": {"bytes": ..., "path": "1.jpg"}, ...}     as Hugging Face's datasets have it

The image may also be called `img`, `file`, `file_name` or `path`; the keys of the first row count
for all.  Paths in a file are relative to its folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hornbook.data.images.decoding import Source
from hornbook.data.images.formats import folders_in, look_for_images, named_images
from hornbook.data.images.rows.row_image import RowImage, row_image
from hornbook.data.readers.in_memory_rows import (
    MemoryRows,
    MemorySplits,
    each_sample,
    is_in_memory,
    memory_splits,
    plain_row,
)
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.row_files import TABLE_SUFFIXES, place_of, rows_of, suffix_of
from hornbook.data.readers.split_files import SplitFiles, split_files
from hornbook.data.readers.split_names import TEST, TRAIN, VALID
from hornbook.errors import DataError
from hornbook.tabular.parquet import class_names, parquet_rows, parquet_schema

IMAGE_KEYS = ("image", "img", "file", "file_name", "path")
PARQUET = (".parquet", ".pq")
ROW_SUFFIXES = (*PARQUET, ".jsonl", ".ndjson", ".json", *TABLE_SUFFIXES)

_PARTS = re.compile(r"-\d{5}-of-(\d{5})\.")

Splits = SplitFiles | MemorySplits


def row_splits(data: Any, suffixes: Sequence[str] = ROW_SUFFIXES) -> Splits | None:
    """Finds the rows of each split; returns None for a folder of image files.

    Args:
        data: Rows in memory, a file, or a folder with a Parquet file per split, in it or in one of
            its folders, as downloaded from the Hugging Face Hub.
        suffixes: Those of files with rows.

    Raises:
        DataError: several folders in the folder hold Parquet files.
    """
    if is_in_memory(data):
        return memory_splits(data)
    path = Path(data)
    if path.is_file():
        return split_files(path) if suffix_of(path) in suffixes else None
    if not path.is_dir():
        return None
    places = [one for one in [_parquet_splits(path)] if one is not None]
    places = places or [one for one in map(_parquet_splits, folders_in(path)) if one is not None]
    if not places or not (_have_images(places) or not look_for_images(path).paths):
        return None
    if len(places) > 1:
        names = ", ".join(str(place.folder) for place in places)
        raise DataError(f"{path} has several folders with Parquet files: {names}.\nName one.")
    return places[0]


def _parquet_splits(folder: Path) -> SplitFiles | None:
    if not any(next(folder.glob(f"{part}*.parquet"), None) for part in ("", "*/")):
        return None
    places = split_files(folder, PARQUET)
    of_split = {
        split: own
        for split, files in places.of_split.items()
        if (own := [file for file in files if suffix_of(file) in PARQUET])
    }
    unused = list(places.unused)
    for first, *others in of_split.values():
        parts = _PARTS.search(first.name)
        if parts and (missing := int(parts[1]) - 1 - len(others)) > 0:
            unused.append(f"{first.name}: {missing} of its {int(parts[1])} parts are missing")
    return SplitFiles(folder, of_split, unused) if of_split else None


def _have_images(places: Sequence[SplitFiles]) -> bool:
    files = [file for place in places for group in place.of_split.values() for file in group]
    return bool(set(IMAGE_KEYS) & set(parquet_schema(files[0]).names))


def file_to_try(places: Splits) -> Path:
    """Returns a file to try a model on: of the test, validation or training split."""
    files = [file for split in (TEST, VALID, TRAIN) for file in places.files(split)]
    return files[0]  # type: ignore[return-value]  # only asked of files


def labeled_images(
    source: Path | MemoryRows,
    problems: Problems,
    label_keys: Sequence[str],
    *,
    numbers: bool = True,
) -> Iterator[tuple[RowImage, str]]:
    """Yields the images of rows with their labels.

    Args:
        source: A file, or rows in memory.
        problems: Collects what is wrong with the rows.
        label_keys: Names that the label may have; the first is also that of the second value of a
            tuple in memory.
        numbers: Whether a label may be a number that has no name.

    Raises:
        DataError: the first row has no image or no label.
    """
    image_key = label_key = ""
    names: list[str] = []
    for number, row in _rows(source, problems, ("image", label_keys[0])):
        where = place_of(source, number)
        if not image_key:
            image_key, label_key = _key(IMAGE_KEYS, row, where), _key(label_keys, row, where)
            names = _class_names(source, label_key)
        image = row_image(row.get(image_key), where, folder=_folder(source), key=image_key)
        if image.fault:
            problems.add(where, image.fault)
        label, fault = _label(row.get(label_key), names, numbers)
        if fault:
            problems.add(where, f"{label_key!r} {fault}")
        if not (image.fault or fault):
            yield image, label


def images_to_predict(samples: Any) -> Iterator[Source]:
    """Yields the images of samples passed to `predict`, in order.

    Args:
        samples: Paths, the bytes of files, images as in `row_image`, or rows with one; a table of
            such rows, or a dataset.

    Raises:
        DataError: a row has no image.
    """
    for number, sample in enumerate(each_sample(samples), 1):
        if isinstance(sample, str | Path | bytes | RowImage):
            yield sample
        elif isinstance(sample, Mapping) and not {"bytes", "path"} >= set(sample) >= {"bytes"}:
            yield _unlabeled(plain_row(sample), number, f"row {number}", Path())
        else:
            yield row_image(sample, f"image {number}")


def images_in(sources: Iterable[str | Path]) -> Iterator[Source]:
    """Yields the images of files and folders: see `named_images`, and for rows `row_splits`.

    Raises:
        DataError: a row has no image, or a file cannot be read.
    """
    for source in sources:
        places = row_splits(source)
        if places is None:
            yield from named_images([source])
            continue
        for file in [file for split in places.of_split for file in places.files(split)]:
            for number, row in _rows(file, Problems(stop_at_first=True), ()):
                yield _unlabeled(row, number, place_of(file, number), _folder(file))


def named(source: Source) -> dict[str, Any]:
    """Returns the beginning of an answer: what a row has besides its image, and the `file`, which
    is None if the image has no path."""
    if isinstance(source, RowImage):
        return {**source.extra, "file": source.path}
    return {"file": str(source) if isinstance(source, str | Path) else None}


def _unlabeled(row: Mapping[str, Any], number: int, where: str, folder: Path) -> RowImage:
    key = _key(IMAGE_KEYS, row, where)
    simple = (str, int, float, type(None))  # what JSON can write; not the bytes of another image
    others = {k: value for k, value in row.items() if k != key and isinstance(value, simple)}
    return row_image(row[key], where, folder=folder, key=key, extra={"row": number, **others})


def _rows(
    source: Path | MemoryRows, problems: Problems, values: Sequence[str]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if isinstance(source, Path) and suffix_of(source) in PARQUET:
        return parquet_rows(source)
    return rows_of(source, problems, (), values=values)


def _folder(source: Path | MemoryRows) -> Path:
    return source.parent if isinstance(source, Path) else Path()


def _class_names(source: Path | MemoryRows, column: str) -> list[str]:
    if isinstance(source, MemoryRows):
        return source.class_names(column)
    if suffix_of(source) in PARQUET:
        return class_names(parquet_schema(source).metadata, column)
    return []


def _key(keys: Sequence[str], row: Mapping[str, Any], where: str) -> str:
    """Returns the first of the keys that a row has.

    Raises:
        DataError: it has none of them.
    """
    key = next((key for key in keys if key in row), None)
    if key is None:
        others = ", ".join(repr(name) for name in list(row)[:8])
        expected = " or ".join(map(repr, keys))
        raise DataError(f"{where}: {keys[0]!r} is missing.  Expected {expected}; it has {others}.")
    return key


def _label(label: Any, names: Sequence[str], numbers: bool) -> tuple[str, str]:
    """Returns a label as text, and what is wrong with it."""
    if label is None or label == "" or label != label:
        return "", "is missing"
    if isinstance(label, float) and label.is_integer():  # as pandas writes a column of numbers
        label = int(label)
    if isinstance(label, int) and not isinstance(label, bool):
        if names:
            is_known = 0 <= label < len(names)
            return (names[label], "") if is_known else ("", f"is {label}, which has no name")
        if not numbers:
            return "", f"is {label}, a number, which lacks the zeros of 0007; expected a text"
        return str(label), ""
    if isinstance(label, str) and label.strip():
        return label.strip(), ""
    return "", f"is {label!r:.60}; expected a word{' or a number' if numbers else ''}"
