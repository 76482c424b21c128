"""Selects the images a trained model is evaluated on: never its training images, unless asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hornbook.data.images.class_folders import ClassFolders, find_class_folders
from hornbook.data.images.classes import ClassSplit, side_of, stratified_split, survey
from hornbook.data.images.near_duplicates import near_duplicate_groups
from hornbook.errors import DataError, did_you_mean
from hornbook.progress import note


def read_to_evaluate(
    data: str | Path,
    classes: Sequence[str],
    *,
    learned_from: str,
    seed: int,
    share: float,
    split: str | None = None,
) -> tuple[ClassSplit, list[str]]:
    """Returns the images to evaluate a trained model on, and prints which ones they are.

    Args:
        data: The training data, or another folder with class folders, which is then used whole.
        classes: The class names of the model.
        learned_from: Fingerprint of the images it was trained on.
        seed, share: Of the split it was trained with.
        split: `"train"`, `"valid"` or `"test"`.  Defaults to the validation images (those held out
            in training if `data` is the training folder), else the test folder, else all images.

    Returns:
        The images, and why others are left out, one line each.

    Raises:
        DataError: see `read_image_classes`; or a folder that is not a class of the model, or no
            such split.
    """
    folders = find_class_folders(data)
    has = folders.splits
    own = "train" in has and "valid" not in has and split != "test"  # perhaps our own split
    place = "train" if own else split or next(one for one in ("valid", "test") if one in has)
    if place not in has:
        raise DataError(f"{data} holds no {place} folder, only {folders.names()}.")
    paths, labels, digests, hashes, problems = _read_split(folders, place, classes)
    if own:
        groups = near_duplicate_groups(hashes)
        held_out = stratified_split(labels, groups, share=share, seed=seed)
        train, valid = (
            side_of(folders, paths, labels, digests, one) for one in (~held_out, held_out)
        )
        if train.fingerprint == learned_from and split != "train":
            note(f"Evaluated on the {len(valid):,} images held out in training.")
            return valid, problems
        if train.fingerprint == learned_from:
            return _announced(train, has[place], learned_from), problems
        if split == "valid":
            raise DataError(
                f"{data} has no valid folder, and it is not the folder the model was trained on, "
                "of which a share was held out."
            )
        if split is None and "test" in has:
            place = "test"
            paths, labels, digests, _, problems = _read_split(folders, place, classes)
    whole = side_of(folders, paths, labels, digests, np.ones(len(paths), dtype=bool))
    return _announced(whole, has[place], learned_from), problems


def _read_split(
    folders: ClassFolders, split: str, classes: Sequence[str]
) -> tuple[list[Path], np.ndarray, list[str], np.ndarray, list[str]]:
    """Returns paths, labels, digests and hashes of the images of a split, and the problems."""
    by_class = folders.files(split)
    if unknown := sorted(set(by_class) - set(classes)):
        raise DataError(
            f"{folders.splits[split]}: the model has no class {', '.join(unknown)}. "
            + did_you_mean(unknown[0], classes)
        )
    files = [
        (path, classes.index(name), split)
        for name, paths in sorted(by_class.items())
        for path in paths
    ]
    images, problems = survey(folders.splits[split], files)
    if unused := folders.unused_lines():
        note("Not used:\n  " + "\n  ".join(unused))
    return (
        [image.path for image in images],
        np.array([image.label for image in images], dtype=np.int64),
        [image.digest for image in images],
        np.stack([image.hash for image in images]),
        problems,
    )


def _announced(side: ClassSplit, folder: Path, learned_from: str) -> ClassSplit:
    """Prints what the model is evaluated on."""
    note(f"Evaluated on {folder}: {len(side):,} images.")
    if side.fingerprint == learned_from:
        note("The run was trained on these images: the scores do not tell how it does on new ones.")
    return side
