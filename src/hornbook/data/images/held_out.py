"""The images a trained model is measured on: never, unless asked for, those it learned from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hornbook.data.images.class_folders import ClassFolders, find_class_folders
from hornbook.data.images.classes import ClassSplit, side_of, stratified_split, surveyed
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
    """The images to measure a trained model on.  What they are is said.

    Args:
        data: A folder as for training, or another with folders of classes: then all of it.
        classes: The names the model knows.
        learned_from: Fingerprint of the images it learned from.
        seed, share: Of the split it was trained with.
        split: `"train"`, `"valid"`, `"test"`; None: validation images, which are those that were
            set aside when the folder is that of the training; else those of the test folder, else
            all.

    Returns:
        The images, and why some are left out.

    Raises:
        DataError: as `read_image_classes`, a folder that is no class of the model, or no such
            split.
    """
    folders = find_class_folders(data)
    has = folders.splits
    own = "train" in has and "valid" not in has and split != "test"  # perhaps split by ourselves
    place = "train" if own else split or next(one for one in ("valid", "test") if one in has)
    if place not in has:
        raise DataError(f"{data} holds no {place} folder, only {folders.names()}.")
    paths, labels, digests, hashes, problems = _read_split(folders, place, classes)
    if own:
        groups = near_duplicate_groups(np.stack(hashes))
        held_out = stratified_split(labels, groups, share=share, seed=seed)
        train, valid = (
            side_of(folders, paths, labels, digests, one) for one in (~held_out, held_out)
        )
        if train.fingerprint == learned_from and split != "train":
            note(f"Measured on the {len(valid):,} images that were set aside in the training.")
            return valid, problems
        if train.fingerprint == learned_from:
            return _told(train, has[place], learned_from), problems
        if split == "valid":
            raise DataError(
                f"{data} holds no valid folder, and it is not the folder of the training, of which "
                "a share was set aside."
            )
        if split is None and "test" in has:
            place = "test"
            paths, labels, digests, _, problems = _read_split(folders, place, classes)
    whole = side_of(folders, paths, labels, digests, np.ones(len(paths), dtype=bool))
    return _told(whole, has[place], learned_from), problems


def _read_split(folders: ClassFolders, split: str, classes: Sequence[str]) -> tuple:
    """Paths, labels, digests and hashes of the images of a split, and what is left out."""
    by_class = folders.files(split)
    if unknown := sorted(set(by_class) - set(classes)):
        raise DataError(
            f"{folders.splits[split]}: the model knows no class {', '.join(unknown)}. "
            + did_you_mean(unknown[0], classes)
        )
    files = [
        (path, classes.index(name), split)
        for name, paths in sorted(by_class.items())
        for path in paths
    ]
    kept, problems = surveyed(folders.splits[split], files)
    paths, numbers, _, digests, hashes = map(list, zip(*kept, strict=True))
    if unused := folders.unused_lines():
        note("Not used:\n  " + "\n  ".join(unused))
    return paths, np.array(numbers, dtype=np.int64), digests, hashes, problems


def _told(side: ClassSplit, folder: Path, learned_from: str) -> ClassSplit:
    """Says what is measured on."""
    note(f"Measured on {folder}: {len(side):,} images.")
    if side.fingerprint == learned_from:
        note("The run learned from these images: the figures do not tell how it reads new ones.")
    return side
