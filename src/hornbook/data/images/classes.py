"""Images in a folder for each class, in one set or in several: see `class_folders`.

    DATA/train/CLASS/*.jpg  and  DATA/valid/CLASS/*.jpg
    DATA/CLASS/*.jpg        a share of each class is set aside for validation

A folder of images to test with is never learned from.
Every image is decoded once before anything is trained: those that cannot be read are named and
left out, and those that are the same to the eye never stand on both sides of our own split.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hornbook.data.ahead import in_order
from hornbook.data.images.class_folders import ClassFolders, find_class_folders
from hornbook.data.images.decoding import read_image
from hornbook.data.images.formats import folders_in
from hornbook.data.images.near_duplicates import near_duplicate_groups, perceptual_hash
from hornbook.data.seeding import random_of
from hornbook.data.texts.labels import doubtful_labels
from hornbook.errors import DataError
from hornbook.progress import Progress

HELD_OUT = 0.2  # of each class, where there is no folder `valid`
NEAR = (64, 64)  # pixels that a hash needs


@dataclass(frozen=True)
class ClassSplit:
    """Images with their classes.

    Attributes:
        paths: Of the files.
        labels: `(images,)` int64, numbers of the classes.
        fingerprint: SHA-256 of names, labels and contents.
    """

    paths: list[Path]
    labels: np.ndarray
    fingerprint: str

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True)
class ImageClasses:
    """What a data folder holds.

    Attributes:
        classes: Names of the folders, sorted.
        train, valid: The two sides.
        problems: Why some images are left out, one line each.
        duplicates: Groups of near duplicates, by their paths.
        leaked: Validation images of which the given training folder has a near duplicate.
        contradicting: Of the groups, those with images of several classes.
        splits: Split -> its folder and, of a split that is not learned from, what is in it.
        unused: What else is in the folder, one line each.
    """

    classes: list[str]
    train: ClassSplit
    valid: ClassSplit
    problems: list[str] = field(default_factory=list)
    duplicates: list[list[Path]] = field(default_factory=list)
    leaked: list[Path] = field(default_factory=list)
    contradicting: list[list[Path]] = field(default_factory=list)
    splits: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    def summary(self, shown: int = 3) -> str:
        """What was found, for the person to check."""
        counts = np.bincount(self.train.labels, minlength=len(self.classes))
        least, most = int(counts.argmin()), int(counts.argmax())
        spread = (
            f"of {counts[least]:,} images each"
            if counts[least] == counts[most]
            else f"from {counts[least]:,} images ({self.classes[least]}) "
            f"to {counts[most]:,} ({self.classes[most]})"
        )
        lines = [
            f"Images    {len(self.train):,} to learn from, {len(self.valid):,} to check with",
            f"Classes     {len(self.classes)}, {spread}",
        ]
        lines += self._doubtful(counts, shown)
        lines += _split_lines(self.splits)
        if self.unused:
            lines += _listed("Not used", self.unused, 6)
        if self.problems:
            lines += _listed(f"Left out    {len(self.problems):,}", self.problems, shown)
        if self.duplicates:
            lines.append(
                f"Duplicates  {_groups(self.duplicates)} of images that are the same to the "
                + ("eye" if self.leaked else "eye, each kept on one side")
            )
        if self.leaked:
            named = [str(path) for path in self.leaked]
            lines += _listed(
                f"Leaked      {len(named):,} validation images are in the training folder too, "
                "so the figures flatter",
                named,
                shown,
            )
        if self.contradicting:
            named = [" = ".join(map(str, group)) for group in self.contradicting]
            lines += _listed(
                f"Disagreeing {_groups(named)} with images of several classes", named, shown
            )
        return "\n".join(lines)

    def _doubtful(self, counts: np.ndarray, shown: int) -> list[str]:
        """Folders that are perhaps one class, or no class: `Cat` beside `cat`."""
        where: dict[str, str] = {}
        for path, label in zip(self.train.paths, self.train.labels, strict=True):
            where.setdefault(self.classes[label], path.parent.name)
        rows = {name: int(n) for name, n in zip(self.classes, counts, strict=True) if n}
        doubtful = doubtful_labels(rows, where, "image")
        return _listed(f"Doubtful    {len(doubtful):,}", doubtful, shown) if doubtful else []


def read_image_classes(data: str | Path, *, seed: int = 0, share: float = HELD_OUT) -> ImageClasses:
    """Finds, decodes and splits the images of a data folder.

    Args:
        data: See above.
        seed: Of our own split.
        share: Of each class that is held out by it.

    Raises:
        DataError: no such folder, no classes, only one, an empty one, names that differ only in
            case, a class of `valid` that `train` has not, or nothing that can be read.
    """
    folders = find_class_folders(data)
    if "train" not in folders.splits:
        raise DataError(
            f"{data} has a folder {folders.names()}, but no folder train, so there is nothing to "
            "learn from.\nAdd one, or measure a trained run on it with hornbook evaluate."
        )
    found = {split: folders.files(split) for split in ("train", "valid") if split in folders.splits}
    classes = sorted(found["train"])
    _check_classes(folders, classes, found.get("valid"))
    number = {name: place for place, name in enumerate(classes)}
    files: list[tuple[Path, int, str]] = [
        (path, number[name], split)
        for split, by_class in found.items()
        for name, paths in sorted(by_class.items())
        for path in paths
    ]
    kept, problems = surveyed(Path(data), files)
    paths, numbers, splits, digests, hashes = map(list, zip(*kept, strict=True))
    labels = np.array(numbers, dtype=np.int64)
    groups = near_duplicate_groups(np.stack(hashes))
    if "valid" in found:
        held_out = np.array([split == "valid" for split in splits])
    else:
        held_out = stratified_split(labels, groups, share=share, seed=seed)
    _check_sides(data, classes, labels, held_out, problems)
    return ImageClasses(
        classes,
        side_of(folders, paths, labels, digests, ~held_out),
        side_of(folders, paths, labels, digests, held_out),
        problems,
        **_duplicates(paths, labels, groups, held_out),
        splits=_splits_of(folders),
        unused=folders.unused_lines(),
    )


def _splits_of(folders: ClassFolders) -> dict[str, str]:
    """What the summary says of each split: where it lies, and how much is kept for a test."""
    return {
        split: str(path) + (f": {folders.count(split)}" if split == "test" else "")
        for split, path in folders.splits.items()
    }


def _split_lines(splits: dict[str, str]) -> list[str]:
    lines = []
    if len(splits) > 1 or "train" not in splits:
        held_out = [] if "valid" in splits else ["; a share of it is set aside to check with"]
        lines.append(f"Learned     from {splits['train']}{''.join(held_out)}")
    if "valid" in splits:
        lines.append(f"Checked     with {splits['valid']}")
    if "test" in splits:
        lines.append(f"Kept        {splits['test']}, for hornbook evaluate --split test")
    return lines


def stratified_split(
    labels: np.ndarray, groups: np.ndarray, *, share: float, seed: int
) -> np.ndarray:
    """Sets a share of each class aside; what is in one group stays on one side.

    Args:
        labels: `(images,)`.
        groups: `(images,)`, of each image the number of the first one of its group; a group
            belongs to the class of that one.
        share: Between 0 and 1; at least one group of each class is on either side, if it has two.
        seed: Together with the class it settles the choice.

    Returns:
        `(images,)` booleans, True where an image is set aside.
    """
    held_out = np.zeros(len(labels), dtype=bool)
    sizes = np.bincount(groups, minlength=len(labels))
    firsts = np.flatnonzero(sizes)
    for label in np.unique(labels):
        own = firsts[labels[firsts] == label]
        wanted = max(share * sizes[own].sum(), 1)
        taken = 0
        for group in random_of(seed, int(label)).permutation(own)[1:]:
            if taken + sizes[group] / 2 > wanted and taken:
                continue
            held_out |= groups == group
            taken += sizes[group]
            if taken >= wanted:
                break
    return held_out


def _check_classes(
    folders: ClassFolders, classes: list[str], valid: dict[str, list[Path]] | None
) -> None:
    data = folders.data
    if len(classes) < 2:
        inside = folders.splits["train"] / classes[0]
        below = folders_in(inside)
        raise DataError(
            f"{data} has only one class, {classes[0]}: there is nothing to tell apart.\n"
            + (
                f"Did you mean {inside}?  It holds folders: {', '.join(p.name for p in below[:5])}."
                if below
                else "Add a folder with images of something else."
            )
        )
    if unknown := sorted(set(valid or ()) - set(classes)):
        raise DataError(
            f"{data}: the validation folder has classes that the training folder has not: "
            f"{', '.join(unknown)}.\nRename them, or add images of them to learn from."
        )


def _check_sides(data, classes, labels, held_out, problems) -> None:
    """Raises DataError when nothing readable is left of a class, or to check with."""
    counts = np.bincount(labels[~held_out], minlength=len(classes))
    if empty := [classes[label] for label in np.flatnonzero(counts == 0)]:
        reasons = "\n  ".join(problems[:3])
        raise DataError(
            f"{data}: no image to learn from is left of {', '.join(empty)}.\n  {reasons}"
        )
    if not held_out.any():
        raise DataError(
            f"{data}: no image is left to check with.\n"
            "Every class needs two different images, or the folder valid some that can be read."
        )


def surveyed(data: Path, files: list[tuple[Path, int, str]]) -> tuple[list[tuple], list[str]]:
    """The files that can be read, with what `_survey` says, and why the others cannot."""
    paths = [path for path, _, _ in files]
    found = []
    with Progress("looking at the images", total=len(paths), unit="images") as bar:
        for one in in_order(_survey, paths):
            found.append(one)
            bar.advance(1)
    problems = [one for one in found if isinstance(one, str)]
    kept = [
        (*file, *one) for file, one in zip(files, found, strict=True) if not isinstance(one, str)
    ]
    if not kept:
        raise DataError(f"Not one image of {data} can be read:\n  " + "\n  ".join(problems[:5]))
    return kept, problems


def _survey(path: Path) -> tuple[str, np.ndarray] | str:
    """SHA-256 and hash of an image, or why it cannot be read."""
    try:
        data = path.read_bytes()
        image = read_image(data, near=NEAR, where=str(path))
    except DataError as error:
        return str(error)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}."
    return hashlib.sha256(data).hexdigest(), perceptual_hash(image)


def side_of(folders, paths, labels, digests, chosen: np.ndarray) -> ClassSplit:
    """Its fingerprint does not depend on where the class folders lie: names, labels, contents."""
    numbers = np.flatnonzero(chosen).tolist()
    digest = hashlib.sha256()
    for number in numbers:
        line = f"{folders.name_of(paths[number])}\n{labels[number]}\n{digests[number]}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return ClassSplit([paths[number] for number in numbers], labels[chosen], digest.hexdigest())


def _duplicates(paths, labels, groups, held_out) -> dict[str, list]:
    """What `ImageClasses` says about near duplicates."""
    found: dict[str, list] = {"duplicates": [], "leaked": [], "contradicting": []}
    for group, size in Counter(groups.tolist()).items():
        if size == 1:
            continue
        members = np.flatnonzero(groups == group)
        named = [paths[number] for number in members]
        found["duplicates"].append(named)
        if len(set(labels[members].tolist())) > 1:
            found["contradicting"].append(named)
        if not held_out[members].all():
            found["leaked"] += [paths[number] for number in members if held_out[number]]
    return found


def _groups(found: Sequence) -> str:
    return "1 group" if len(found) == 1 else f"{len(found):,} groups"


def _listed(title: str, lines: Sequence[str], shown: int) -> list[str]:
    more = [f"  and {len(lines) - shown:,} more"] if len(lines) > shown else []
    return [f"{title}:", *(f"  {line}" for line in lines[:shown]), *more]
