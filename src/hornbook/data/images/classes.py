"""Images with their classes, in one set or several: in folders (`class_folders`) or in rows
(`rows.image_rows`).

    DATA/train/CLASS/*.jpg  and  DATA/valid/CLASS/*.jpg
    DATA/CLASS/*.jpg        a share of each class is held out for validation
    {"train": rows, "valid": rows}, or rows with an `image` and a `label`

Test images are never trained on.  Every image is decoded once before training: unreadable images
are reported and left out, and near duplicates never end up on both sides of our own split.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hornbook.data.ahead import in_order
from hornbook.data.images.decoding import digest_of, read_contents, read_image
from hornbook.data.images.near_duplicates import near_duplicate_groups, perceptual_hash
from hornbook.data.images.rows.class_rows import Classes, find_classes
from hornbook.data.images.rows.row_image import ImageFile
from hornbook.data.seeding import random_of
from hornbook.data.texts.labels import doubtful_labels
from hornbook.errors import DataError
from hornbook.progress import Progress

HELD_OUT = 0.2  # of each class, where there is no folder `valid`
NEAR = (64, 64)  # decoding size that is enough for a hash


@dataclass(frozen=True)
class ClassSplit:
    """Images with their classes.

    Attributes:
        paths: The files; or the images of rows, in place of their paths.
        labels: `(images,)` int64, class indices.
        fingerprint: SHA-256 of names, labels and contents.
    """

    paths: list[ImageFile]
    labels: np.ndarray
    fingerprint: str

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True)
class ImageClasses:
    """The images of a data folder, or of rows.

    Attributes:
        classes: Names of the classes, sorted.
        train, valid: The training and validation images.
        problems: Why images are left out, one line each.
        duplicates: Groups of near duplicates, by path.
        leaked: Validation images of a split of their own with a near duplicate among the training
            images.
        contradicting: The groups of near duplicates that span several classes.
        splits: Split -> its folder or rows; for a test folder also the number of images.
        unused: What else is in the folder, one line each.
    """

    classes: list[str]
    train: ClassSplit
    valid: ClassSplit
    problems: list[str] = field(default_factory=list)
    duplicates: list[list[ImageFile]] = field(default_factory=list)
    leaked: list[ImageFile] = field(default_factory=list)
    contradicting: list[list[ImageFile]] = field(default_factory=list)
    splits: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    def summary(self, shown: int = 3) -> str:
        """Describes the data, for the user to check."""
        counts = np.bincount(self.train.labels, minlength=len(self.classes))
        least, most = int(counts.argmin()), int(counts.argmax())
        spread = (
            f"of {counts[least]:,} images each"
            if counts[least] == counts[most]
            else f"from {counts[least]:,} images ({self.classes[least]}) "
            f"to {counts[most]:,} ({self.classes[most]})"
        )
        lines = [
            f"Images      {len(self.train):,} for training, {len(self.valid):,} for validation",
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
                f"Duplicates  {_groups(self.duplicates)} of near-identical images"
                + ("" if self.leaked else ", each kept on one side of the split")
            )
        if self.leaked:
            named = [str(path) for path in self.leaked]
            lines += _listed(
                f"Leaked      {len(named):,} validation images are training images too, "
                "so the scores are too high",
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
        """Returns classes that may be the same one, or no class: `Cat` beside `cat`."""
        where: dict[str, str] = {}
        for path, label in zip(self.train.paths, self.train.labels, strict=True):
            place = path.parent.name if isinstance(path, Path) else str(path)
            where.setdefault(self.classes[label], place)
        rows = {name: int(n) for name, n in zip(self.classes, counts, strict=True) if n}
        doubtful = doubtful_labels(rows, where, "image")
        return _listed(f"Doubtful    {len(doubtful):,}", doubtful, shown) if doubtful else []


def read_image_classes(data: Any, *, seed: int = 0, share: float = HELD_OUT) -> ImageClasses:
    """Finds, decodes and splits the images of a data folder, or of rows.

    Args:
        data: A folder or rows, as above.
        seed: Seed of our own split.
        share: Fraction of each class that it holds out.

    Raises:
        DataError: no such folder; no classes, only one, or an empty one; names that differ only
            in case; a class in `valid` that `train` lacks; or no readable image.
    """
    source = find_classes(data)
    part = source.part
    if "train" not in source.splits:
        raise DataError(
            f"{source.data} has a {part} {source.names()}, but no {part} train, so there is "
            "nothing to train on.\nAdd one, or evaluate a trained run on it with hornbook evaluate."
        )
    files_of = {
        split: source.files(split) for split in ("train", "valid") if split in source.splits
    }
    classes = sorted(files_of["train"])
    _check_classes(source, classes, files_of.get("valid"))
    number = {name: place for place, name in enumerate(classes)}
    files: list[tuple[ImageFile, int, str]] = [
        (path, number[name], split)
        for split, by_class in files_of.items()
        for name, paths in sorted(by_class.items())
        for path in paths
    ]
    images, problems = survey(source.data, files)
    paths, digests = [image.path for image in images], [image.digest for image in images]
    labels = np.array([image.label for image in images], dtype=np.int64)
    hashes = np.stack([image.hash for image in images])
    groups = near_duplicate_groups(hashes)
    if "valid" in files_of:
        held_out = np.array([image.split == "valid" for image in images])
    else:
        held_out = stratified_split(labels, groups, share=share, seed=seed)
    _check_sides(source.data, classes, labels, held_out, problems)
    return ImageClasses(
        classes,
        side_of(source, paths, labels, digests, ~held_out),
        side_of(source, paths, labels, digests, held_out),
        problems,
        **_duplicates(paths, labels, groups, held_out),
        splits=_splits_of(source),
        unused=source.unused_lines(),
    )


def _splits_of(source: Classes) -> dict[str, str]:
    """Returns the folder or rows of each split, and for a test folder the number of images."""
    counts = {"test": source.count("test")} if "test" in source.splits else {}
    return {
        split: f"{place}: {counts[split]}" if counts.get(split) else str(place)
        for split, place in source.splits.items()
    }


def _split_lines(splits: dict[str, str]) -> list[str]:
    lines = []
    if len(splits) > 1 or "train" not in splits:
        held_out = "" if "valid" in splits else "; a share of it is held out for validation"
        lines.append(f"Training    {splits['train']}{held_out}")
    if "valid" in splits:
        lines.append(f"Validation  {splits['valid']}")
    if "test" in splits:
        lines.append(f"Test        {splits['test']}, for hornbook evaluate --split test")
    return lines


def stratified_split(
    labels: np.ndarray, groups: np.ndarray, *, share: float, seed: int
) -> np.ndarray:
    """Holds out a share of each class; the images of a group stay together.

    Args:
        labels: `(images,)`.
        groups: `(images,)`, for each image the index of the first image of its group, whose class
            is the class of the group.
        share: Between 0 and 1; a class with two or more groups has at least one on each side.
        seed: Together with the class index, determines the choice.

    Returns:
        `(images,)` booleans, True where an image is held out.
    """
    held_out = np.zeros(len(labels), dtype=bool)
    sizes = np.bincount(groups, minlength=len(labels))
    firsts = np.flatnonzero(sizes)
    for label in np.unique(labels):
        own = firsts[labels[firsts] == label]
        target = max(share * sizes[own].sum(), 1)
        count = 0
        for group in random_of(seed, int(label)).permutation(own)[1:]:
            if count + sizes[group] / 2 > target and count:
                continue
            held_out |= groups == group
            count += sizes[group]
            if count >= target:
                break
    return held_out


def _check_classes(
    source: Classes, classes: list[str], valid: dict[str, list[ImageFile]] | None
) -> None:
    if len(classes) < 2:
        raise DataError(
            f"{source.data} has only one class, {classes[0]}; at least two are needed.\n"
            + source.one_class_hint(classes[0])
        )
    if unknown := sorted(set(valid or ()) - set(classes)):
        raise DataError(
            f"{source.data}: the validation {source.part} has classes that the training "
            f"{source.part} lacks: {', '.join(unknown)}.\n"
            "Rename them, or add training images of them."
        )


def _check_sides(
    data: str | Path,
    classes: Sequence[str],
    labels: np.ndarray,
    held_out: np.ndarray,
    problems: Sequence[str],
) -> None:
    """Raises DataError if a class has no readable training image, or there is none to validate."""
    counts = np.bincount(labels[~held_out], minlength=len(classes))
    if empty := [classes[label] for label in np.flatnonzero(counts == 0).tolist()]:
        reasons = "\n  ".join(problems[:3])
        raise DataError(f"{data}: no readable training image of {', '.join(empty)}.\n  {reasons}")
    if not held_out.any():
        raise DataError(
            f"{data}: no image is left for validation.\n"
            "A class needs two different images, or the validation split some readable ones."
        )


class SurveyedImage(NamedTuple):
    """A readable image.

    Attributes:
        path: The file, or the image of a row.
        label: Class index.
        split: `"train"`, `"valid"` or `"test"`.
        digest: See `digest_of`.
        hash: `(WORDS,)`, see `perceptual_hash`.
    """

    path: ImageFile
    label: int
    split: str
    digest: str
    hash: np.ndarray


def survey(
    data: Path | str, files: Sequence[tuple[ImageFile, int, str]]
) -> tuple[list[SurveyedImage], list[str]]:
    """Decodes files of `(path, label, split)`; returns the readable ones, and the problems.

    Raises:
        DataError: no file can be read.
    """
    images, problems = [], []
    with Progress("checking images", total=len(files), unit="images") as bar:
        hashes = in_order(_hashes_or_problem, [path for path, _, _ in files])
        for (path, label, split), outcome in zip(files, hashes, strict=True):
            if isinstance(outcome, str):
                problems.append(outcome)
            else:
                images.append(SurveyedImage(path, label, split, *outcome))
            bar.advance(1)
    if not images:
        raise DataError(f"{data} has no readable image:\n  " + "\n  ".join(problems[:5]))
    return images, problems


def _hashes_or_problem(path: ImageFile) -> tuple[str, np.ndarray] | str:
    """Returns SHA-256 and perceptual hash of an image, or why it cannot be read."""
    try:
        data = read_contents(path)
        image = read_image(data, near=NEAR, where=str(path))
        return digest_of(data), perceptual_hash(image)
    except DataError as error:
        return str(error)


def side_of(
    source: Classes,
    paths: Sequence[ImageFile],
    labels: np.ndarray,
    digests: Sequence[str],
    mask: np.ndarray,
) -> ClassSplit:
    """Returns the images where `mask` is True.

    The fingerprint covers names of files, labels and contents, not the location of the folders.
    """
    indices = np.flatnonzero(mask).tolist()
    digest = hashlib.sha256()
    for index in indices:
        line = f"{source.name_of(paths[index])}\n{labels[index]}\n{digests[index]}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return ClassSplit([paths[index] for index in indices], labels[mask], digest.hexdigest())


def _duplicates(
    paths: Sequence[ImageFile], labels: np.ndarray, groups: np.ndarray, held_out: np.ndarray
) -> dict[str, Any]:
    """Returns the fields of `ImageClasses` about near duplicates."""
    duplicates: list[list[ImageFile]] = []
    leaked: list[ImageFile] = []
    contradicting: list[list[ImageFile]] = []
    for group, size in Counter(groups.tolist()).items():
        if size == 1:
            continue
        members = np.flatnonzero(groups == group).tolist()
        files = [paths[index] for index in members]
        duplicates.append(files)
        if len(set(labels[members].tolist())) > 1:
            contradicting.append(files)
        if not held_out[members].all():
            leaked += [paths[index] for index in members if held_out[index]]
    return {"duplicates": duplicates, "leaked": leaked, "contradicting": contradicting}


def _groups(groups: Sequence[object]) -> str:
    return "1 group" if len(groups) == 1 else f"{len(groups):,} groups"


def _listed(title: str, lines: Sequence[str], shown: int) -> list[str]:
    more = [f"  and {len(lines) - shown:,} more"] if len(lines) > shown else []
    return [f"{title}:", *(f"  {line}" for line in lines[:shown]), *more]
