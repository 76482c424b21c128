"""Pseudo-labels: a trained run, the teacher, labels training images for the next run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.data.images.classes import ClassSplit
from hornbook.data.images.formats import find_images
from hornbook.data.images.rows.row_image import ImageFile
from hornbook.errors import OptionError
from hornbook.files import atomic_file, read_rows
from hornbook.progress import note

PSEUDO_LABELS = "pseudo_labels.jsonl"


def open_teacher(recipe: Any) -> Any:
    """Opens the teacher, an `Images` run; returns None if the recipe has none.

    Raises:
        OptionError: it has other classes.
    """
    if recipe.teacher_run is None:
        return None
    teacher = type(recipe).load(recipe.teacher_run)
    if teacher.classes != recipe.classes:
        raise OptionError(f"The run {recipe.teacher_run} has other classes than the data.")
    return teacher


def with_pseudo_labels(
    recipe: Any, train: ClassSplit, teacher: Any, folder: Path
) -> tuple[list[ImageFile], np.ndarray]:
    """Returns the training images, and those that the teacher labels confidently.

    Args:
        recipe: The `Images`.
        train: Images with their labels.
        teacher: See `open_teacher`.
        folder: The folder of `pseudo_labels.jsonl`, which a resumed run reads again.

    Returns:
        Paths, and their class indices.
    """
    if teacher is None:
        return train.paths, train.labels
    file = folder / PSEUDO_LABELS
    if not file.is_file():
        images = find_images(recipe.unlabeled)
        with atomic_file(file, "w") as lines:
            for row in teacher.predict_stream(images, top=1, views=2):
                if row["error"] is None and row["probability"] >= recipe.min_confidence:
                    lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    rows = read_rows(file)
    confidence = f"{recipe.min_confidence:.0%}"
    note(f"Teacher     {len(rows):,} images labeled with a confidence of at least {confidence}")
    labels = [recipe.classes.index(row["label"]) for row in rows]
    paths = [*train.paths, *(Path(row["file"]) for row in rows)]
    return paths, np.concatenate([train.labels, np.array(labels, np.int64)])
