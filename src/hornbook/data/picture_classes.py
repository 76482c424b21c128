"""Pictures in a folder for each class, in one set or in two.

    DATA/train/CLASS/*.jpg  and  DATA/valid/CLASS/*.jpg
    DATA/CLASS/*.jpg        a share of each class is set aside for validation

Every picture is decoded once before anything is trained: those that cannot be read are named and
left out, and those that are the same to the eye never stand on both sides of our own split.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hornbook.data.ahead import in_order
from hornbook.data.near_duplicates import near_duplicate_groups, perceptual_hash
from hornbook.data.pictures import ENDINGS, find_pictures, read_picture
from hornbook.data.problems import Problems
from hornbook.data.random_numbers import random_of
from hornbook.errors import DataError, did_you_mean
from hornbook.progress import Progress

SPLITS = {"train": ("train", "training"), "valid": ("valid", "val", "validation")}
HELD_OUT = 0.2  # of each class, where there is no folder `valid`
NEAR = (64, 64)  # pixels that a hash needs


@dataclass(frozen=True)
class ClassSplit:
    """Pictures with their classes.

    Attributes:
        paths: Of the files.
        labels: `(pictures,)` int64, numbers of the classes.
        fingerprint: SHA-256 of names, labels and contents.
    """

    paths: list[Path]
    labels: np.ndarray
    fingerprint: str

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True)
class PictureClasses:
    """What a data folder holds.

    Attributes:
        classes: Names of the folders, sorted.
        train, valid: The two sides.
        problems: Why some pictures are left out, one line each.
        duplicates: Groups of near duplicates, by their paths.
        leaked: Validation pictures of which the given training folder has a near duplicate.
        contradicting: Of the groups, those with pictures of several classes.
    """

    classes: list[str]
    train: ClassSplit
    valid: ClassSplit
    problems: list[str] = field(default_factory=list)
    duplicates: list[list[Path]] = field(default_factory=list)
    leaked: list[Path] = field(default_factory=list)
    contradicting: list[list[Path]] = field(default_factory=list)

    def summary(self, shown: int = 3) -> str:
        """What was found, for the person to check."""
        counts = np.bincount(self.train.labels, minlength=len(self.classes))
        least, most = int(counts.argmin()), int(counts.argmax())
        spread = (
            f"of {counts[least]:,} pictures each"
            if counts[least] == counts[most]
            else f"from {counts[least]:,} pictures ({self.classes[least]}) "
            f"to {counts[most]:,} ({self.classes[most]})"
        )
        lines = [
            f"Pictures    {len(self.train):,} to learn from, {len(self.valid):,} to check with",
            f"Classes     {len(self.classes)}, {spread}",
        ]
        if self.problems:
            lines += _listed(f"Left out    {len(self.problems):,}", self.problems, shown)
        if self.duplicates:
            lines.append(
                f"Duplicates  {_groups(self.duplicates)} of pictures that are the same to the "
                + ("eye" if self.leaked else "eye, each kept on one side")
            )
        if self.leaked:
            named = [str(path) for path in self.leaked]
            lines += _listed(
                f"Leaked      {len(named):,} validation pictures are in the training folder too, "
                "so the figures flatter",
                named,
                shown,
            )
        if self.contradicting:
            named = [" = ".join(map(str, group)) for group in self.contradicting]
            lines += _listed(
                f"Disagreeing {_groups(named)} with pictures of several classes", named, shown
            )
        return "\n".join(lines)


def read_picture_classes(
    data: str | Path, *, seed: int = 0, share: float = HELD_OUT
) -> PictureClasses:
    """Finds, decodes and splits the pictures of a data folder.

    Args:
        data: See above.
        seed: Of our own split.
        share: Of each class that is held out by it.

    Raises:
        DataError: no such folder, no classes, only one, an empty one, names that differ only in
            case, a class of `valid` that `train` has not, or nothing that can be read.
    """
    folders = split_folders(data)
    found = {split: _class_files(folder) for split, folder in folders.items()}
    classes = sorted(found["train"])
    _check_classes(Path(data), classes, found.get("valid"))
    number = {name: place for place, name in enumerate(classes)}
    files = [
        (path, number[name], split)
        for split, by_class in found.items()
        for name, paths in sorted(by_class.items())
        for path in paths
    ]
    kept, problems = _surveyed(Path(data), files)
    paths, numbers, splits, digests, hashes = map(list, zip(*kept, strict=True))
    labels = np.array(numbers, dtype=np.int64)
    groups = near_duplicate_groups(np.stack(hashes))
    if "valid" in found:
        held_out = np.array([split == "valid" for split in splits])
    else:
        held_out = stratified_split(labels, groups, share=share, seed=seed)
    _check_sides(data, classes, labels, held_out, problems)
    return PictureClasses(
        classes,
        _side(Path(data), paths, labels, digests, ~held_out),
        _side(Path(data), paths, labels, digests, held_out),
        problems,
        **_duplicates(paths, labels, groups, held_out),
    )


def read_to_evaluate(
    data: str | Path, classes: Sequence[str], *, learned_from: str, seed: int, share: float
) -> tuple[ClassSplit, list[str]]:
    """The pictures to measure a trained model on: never those it learned from.

    Args:
        data: A folder as for training, or another with folders of classes: then all of it.
        classes: The names the model knows.
        learned_from: Fingerprint of the pictures it learned from.
        seed, share: Of the split it was trained with.

    Returns:
        The pictures, and why some are left out.

    Raises:
        DataError: as `read_picture_classes`, or a folder that is no class of the model.
    """
    folders = split_folders(data)
    folder = folders.get("valid", folders["train"])
    by_class = _class_files(folder)
    if unknown := sorted(set(by_class) - set(classes)):
        raise DataError(
            f"{folder}: the model knows no class {', '.join(unknown)}. "
            + did_you_mean(unknown[0], classes)
        )
    files = [
        (path, classes.index(name), "")
        for name, paths in sorted(by_class.items())
        for path in paths
    ]
    kept, problems = _surveyed(folder, files)
    paths, numbers, _, digests, hashes = map(list, zip(*kept, strict=True))
    labels = np.array(numbers, dtype=np.int64)
    if "valid" not in folders:  # perhaps the folder of the training, which was split then
        groups = near_duplicate_groups(np.stack(hashes))
        held_out = stratified_split(labels, groups, share=share, seed=seed)
        if _side(folder, paths, labels, digests, ~held_out).fingerprint == learned_from:
            return _side(folder, paths, labels, digests, held_out), problems
    return _side(folder, paths, labels, digests, np.ones(len(paths), dtype=bool)), problems


def split_folders(data: str | Path) -> dict[str, Path]:
    """The folders of the splits; only `train`, which is `data` itself, when there are none."""
    data = Path(data)
    if not data.is_dir():
        raise DataError(
            f"There is no folder {data}.\n"
            "Expected DATA/CLASS/*.jpg, or DATA/train/CLASS/*.jpg and DATA/valid/CLASS/*.jpg."
        )
    folders = {
        split: data / name
        for split, names in SPLITS.items()
        for name in names
        if (data / name).is_dir()
    }
    if "valid" in folders and "train" not in folders:
        raise DataError(f"{data} has a folder {folders['valid'].name}, but no folder train.")
    return folders or {"train": data}


def stratified_split(
    labels: np.ndarray, groups: np.ndarray, *, share: float, seed: int
) -> np.ndarray:
    """Sets a share of each class aside; what is in one group stays on one side.

    Args:
        labels: `(pictures,)`.
        groups: `(pictures,)`, of each picture the number of the first one of its group; a group
            belongs to the class of that one.
        share: Between 0 and 1; at least one group of each class is on either side, if it has two.
        seed: Together with the class it settles the choice.

    Returns:
        `(pictures,)` booleans, True where a picture is set aside.
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


def _class_files(folder: Path) -> dict[str, list[Path]]:
    """The pictures of each class folder.

    Raises:
        DataError: there are none, or one is empty; naming all of them.
    """
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    folders = [path for path in inside if path.is_dir()]
    if not folders:
        loose = sum(path.suffix.lower() in ENDINGS for path in inside)
        raise DataError(
            f"{folder} holds no folder for a class"
            + (f", but pictures lie in it: {loose:,}" if loose else "")
            + f".\nPut the pictures of each class into a folder of its own: {folder}/CLASS/*.jpg."
        )
    problems = Problems()
    seen: dict[str, str] = {}
    found = {}
    for path in folders:
        same = unicodedata.normalize("NFC", path.name).casefold()
        if same in seen:
            problems.add(str(path), f"the same name as {seen[same]!r} but for its case")
        seen[same] = path.name
        try:
            found[path.name] = find_pictures(path)
        except DataError:
            problems.add(str(path), f"no picture ({', '.join(ENDINGS)}) in this class")
    problems.raise_if_any("Fill, rename or remove these folders: each one is a class.")
    return found


def _check_classes(data: Path, classes: list[str], valid: dict[str, list[Path]] | None) -> None:
    if len(classes) < 2:
        raise DataError(
            f"{data} has only one class, {classes[0]}: there is nothing to tell apart.\n"
            "Add a folder with pictures of something else."
        )
    if unknown := sorted(set(valid or ()) - set(classes)):
        raise DataError(
            f"{data}: the validation folder has classes that the training folder has not: "
            f"{', '.join(unknown)}.\nRename them, or add pictures of them to learn from."
        )


def _check_sides(data, classes, labels, held_out, problems) -> None:
    """Raises DataError when nothing readable is left of a class, or to check with."""
    counts = np.bincount(labels[~held_out], minlength=len(classes))
    if empty := [classes[label] for label in np.flatnonzero(counts == 0)]:
        reasons = "\n  ".join(problems[:3])
        raise DataError(
            f"{data}: no picture to learn from is left of {', '.join(empty)}.\n  {reasons}"
        )
    if not held_out.any():
        raise DataError(
            f"{data}: no picture is left to check with.\n"
            "Every class needs two different pictures, or the folder valid some that can be read."
        )


def _surveyed(data: Path, files: list[tuple[Path, int, str]]) -> tuple[list[tuple], list[str]]:
    """The files that can be read, with what `_survey` says, and why the others cannot."""
    paths = [path for path, _, _ in files]
    found = []
    with Progress("looking at the pictures", total=len(paths), unit="pictures") as bar:
        for one in in_order(_survey, paths):
            found.append(one)
            bar.advance(1)
    problems = [one for one in found if isinstance(one, str)]
    kept = [
        (*file, *one) for file, one in zip(files, found, strict=True) if not isinstance(one, str)
    ]
    if not kept:
        raise DataError(f"Not one picture of {data} can be read:\n  " + "\n  ".join(problems[:5]))
    return kept, problems


def _survey(path: Path) -> tuple[str, np.ndarray] | str:
    """SHA-256 and hash of a picture, or why it cannot be read."""
    try:
        data = path.read_bytes()
        picture = read_picture(data, near=NEAR, where=str(path))
    except DataError as error:
        return str(error)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}."
    return hashlib.sha256(data).hexdigest(), perceptual_hash(picture)


def _side(data: Path, paths, labels, digests, chosen: np.ndarray) -> ClassSplit:
    numbers = np.flatnonzero(chosen).tolist()
    digest = hashlib.sha256()
    for number in numbers:
        line = (
            f"{paths[number].relative_to(data).as_posix()}\n{labels[number]}\n{digests[number]}\n"
        )
        digest.update(line.encode("utf-8", "surrogateescape"))
    return ClassSplit([paths[number] for number in numbers], labels[chosen], digest.hexdigest())


def _duplicates(paths, labels, groups, held_out) -> dict[str, list]:
    """What `PictureClasses` says about near duplicates."""
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
