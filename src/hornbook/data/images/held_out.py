"""Selects the images a trained model is evaluated on: never its training images, unless asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.data.images.classes import ClassSplit, side_of, stratified_split, survey
from hornbook.data.images.near_duplicates import near_duplicate_groups
from hornbook.data.images.rows.class_rows import Classes, find_classes
from hornbook.data.images.rows.row_image import ImageFile
from hornbook.errors import DataError, did_you_mean
from hornbook.progress import note


def read_to_evaluate(
    data: Any,
    classes: Sequence[str],
    *,
    learned_from: str,
    seed: int,
    share: float,
    split: str | None = None,
) -> tuple[ClassSplit, list[str]]:
    """Returns the images to evaluate a trained model on, and prints which ones they are.

    Args:
        data: The training data, or another folder or other rows, which are then used whole.
        classes: The class names of the model.
        learned_from: Fingerprint of the images it was trained on.
        seed, share: Of the split it was trained with.
        split: `"train"`, `"valid"` or `"test"`.  Defaults to the validation images (those held out
            in training if `data` is the training folder), else the test folder, else all images.

    Returns:
        The images, and why others are left out, one line each.

    Raises:
        DataError: see `read_image_classes`; or a class that the model does not have, or no such
            split.
    """
    source = find_classes(data)
    has = source.splits
    own = "train" in has and "valid" not in has and split != "test"  # perhaps our own split
    place = "train" if own else split or next(one for one in ("valid", "test") if one in has)
    if place not in has:
        raise DataError(f"{source.data} holds no {place} {source.part}, only {source.names()}.")
    paths, labels, digests, hashes, problems = _read_split(source, place, classes)
    if own:
        groups = near_duplicate_groups(hashes)
        held_out = stratified_split(labels, groups, share=share, seed=seed)
        train, valid = (
            side_of(source, paths, labels, digests, one) for one in (~held_out, held_out)
        )
        if train.fingerprint == learned_from and split != "train":
            note(f"Evaluated on the {len(valid):,} images held out in training.")
            return valid, problems
        if train.fingerprint == learned_from:
            return _announced(train, has[place], learned_from), problems
        if split == "valid":
            raise DataError(
                f"{source.data} has no valid {source.part}, and it is not the data the model was "
                "trained on, of which a share was held out."
            )
        if split is None and "test" in has:
            place = "test"
            paths, labels, digests, _, problems = _read_split(source, place, classes)
    whole = side_of(source, paths, labels, digests, np.ones(len(paths), dtype=bool))
    return _announced(whole, has[place], learned_from), problems


def _read_split(
    source: Classes, split: str, classes: Sequence[str]
) -> tuple[list[ImageFile], np.ndarray, list[str], np.ndarray, list[str]]:
    """Returns paths, labels, digests and hashes of the images of a split, and the problems."""
    by_class = source.files(split)
    if unknown := sorted(set(by_class) - set(classes)):
        raise DataError(
            f"{source.splits[split]}: the model has no class {', '.join(unknown)}. "
            + did_you_mean(unknown[0], classes)
        )
    files = [
        (path, classes.index(name), split)
        for name, paths in sorted(by_class.items())
        for path in paths
    ]
    images, problems = survey(source.splits[split], files)
    if unused := source.unused_lines():
        note("Not used:\n  " + "\n  ".join(unused))
    return (
        [image.path for image in images],
        np.array([image.label for image in images], dtype=np.int64),
        [image.digest for image in images],
        np.stack([image.hash for image in images]),
        problems,
    )


def _announced(side: ClassSplit, place: Path | str, learned_from: str) -> ClassSplit:
    """Prints what the model is evaluated on."""
    note(f"Evaluated on {place}: {len(side):,} images.")
    if side.fingerprint == learned_from:
        note("The run was trained on these images: the scores do not tell how it does on new ones.")
    return side
