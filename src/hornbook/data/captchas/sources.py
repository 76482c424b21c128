"""A folder of captchas: its splits, its sets, and where the label of each image comes from.

A file of labels (`label_files`) that names images of the folder goes first; images without one are
read by their names (`captcha_names`), with one rule for each set.  Files of labels lie in the
folder, in a folder of it, or, if their name says that they hold labels, beside it.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hornbook.data.captchas.file_names import ADVICE, check_labels, find_rule
from hornbook.data.captchas.label_files import SUFFIXES, LabelRow, is_labelish, read_label_file
from hornbook.data.images.formats import (
    folders_in,
    look_for_images,
    loose_files_in,
    no_image_in,
    passed_over,
)
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.split_names import splits_in
from hornbook.errors import DataError


@dataclass(frozen=True)
class Captcha:
    """An image and what it says.

    Attributes:
        path: Its file.
        label: What it says.
        set_name: The folder it belongs to, where several are learned together; else "".
    """

    path: Path
    label: str
    set_name: str = ""


@dataclass
class CaptchaFolder:
    """What a folder holds.

    Attributes:
        path: The folder, or a table of labels.
        splits: `"train"`, `"valid"`, `"test"` -> the images, each with its set; `"train"` is
            everything where there are no splits.
        labels: Of the images that a file of labels names.
        sources: Where the labels come from that were asked for so far, one line each.
        unused: What is there and not used, one line each.
    """

    path: Path
    splits: dict[str, dict[Path, str]] = field(default_factory=dict)
    labels: dict[Path, str] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def captchas(self, split: str) -> list[Captcha]:
        """The labelled images of a split, in the order of their paths; [] if it is not there.

        Raises:
            DataError: names that say nothing about the images.
        """
        found = []
        for set_name, paths in self.by_set(split).items():
            labels = {path: self.labels[path] for path in paths if path in self.labels}
            labels = labels or self._read_names(set_name, paths)
            found += [Captcha(path, label, set_name) for path, label in labels.items()]
        return sorted(found, key=lambda captcha: captcha.path)

    def by_set(self, split: str) -> dict[str, list[Path]]:
        """The images of each set of a split."""
        paths: dict[str, list[Path]] = defaultdict(list)
        for path, set_name in self.splits.get(split, {}).items():
            paths[set_name].append(path)
        return paths

    def names(self) -> str:
        """The splits that are there."""
        return " and ".join(self.splits)

    def lines(self) -> list[str]:
        """What a person should know: where labels come from and what is not used."""
        kept = f"Kept        {_images(len(self.splits.get('test', ())))} of the test split"
        return [
            *(f"Labels      {line}" for line in dict.fromkeys(self.sources)),
            *([kept] if "test" in self.splits and len(self.splits) > 1 else []),
            *(f"Not used    {line}" for line in self.unused),
        ]

    def _read_names(self, set_name: str, paths: Sequence[Path]) -> dict[Path, str]:
        groups = [self.by_set(split).get(set_name, []) for split in self.splits]  # one rule for all
        every = [path for group in groups for path in group if path not in self.labels]
        rule = find_rule([path.name for path in every])
        labels = {path: rule.label(path.name) for path in paths}
        problems = Problems()
        for path, label in labels.items():
            if not label:
                problems.add(str(path), "its name says no text")
        problems.raise_if_any(ADVICE)
        names = [path.name for path in paths]
        check_labels(list(labels.values()), names, str(paths[0].parent))
        self.sources.append(rule.summary(names) + (f" ({set_name})" if set_name else ""))
        return labels


def read_captcha_folder(path: str | Path) -> CaptchaFolder:
    """Finds the images of a folder, their splits and sets, and what labels them.

    Args:
        path: A folder, or a file of labels beside the images.

    Raises:
        DataError: there is no such folder or no image in it, or what is wrong with the labels.
    """
    path = Path(path)
    found = CaptchaFolder(path)
    folder = path.parent if path.is_file() else path
    images = look_for_images(folder)
    if not images.paths:
        raise DataError(no_image_in(folder, images))
    roots = _find_splits(found, folder, images.paths)
    known = {path: split for split, paths in found.splits.items() for path in paths}
    if path.is_file():
        files = [path]
    else:
        files = _candidates(folder, roots)
    used = _Labels(found, folder, known).read(files, explicit=path.is_file())
    rest = images.passed_over.copy()
    rest.subtract(file.suffix.lower() for file in used if file.is_relative_to(folder))
    if others := passed_over(+rest):
        found.unused.append(others)
    return found


def _find_splits(found: CaptchaFolder, folder: Path, paths: Iterable[Path]) -> list[Path]:
    """Fills in `splits`, with the set of each image; returns the folders of the splits."""
    names = [one.name for one in folders_in(folder)]
    named = splits_in(names)
    for name in set(names).difference(*named.values()):
        inside = splits_in(one.name for one in folders_in(folder / name))
        if len(inside) > 1:
            raise DataError(
                f"{folder / name} holds {' and '.join(inside)}: splits belong above the sets.\n"
                f"Expected {folder}/train/{name} and {folder}/valid/{name}."
            )
    for split, same in named.items():
        if len(same) > 1:
            raise DataError(
                f"{folder} has more than one {split} folder: {', '.join(same)}.\nLeave one."
            )
    split_of = {same[0]: split for split, same in named.items()}
    sets: dict[str, dict[Path, str]] = defaultdict(dict)
    unused: dict[str, int] = defaultdict(int)
    for path in paths:
        parts = path.relative_to(folder).parts
        own = split_of.get(parts[0]) if len(parts) > 1 else None
        if own is None and "train" in named:
            unused[parts[0] if len(parts) > 1 else "."] += 1
            continue
        inner = parts if own is None else parts[1:]
        sets[own or "train"][path] = inner[0] if len(inner) > 1 else ""
    if len({set_name for paths in sets.values() for set_name in paths.values()}) == 1:
        sets = defaultdict(dict, {split: dict.fromkeys(sets[split], "") for split in sets})
    found.splits = {split: sets[split] for split in ("train", "valid", "test") if split in sets}
    for name, number in unused.items():
        found.unused.append(f"{folder / name}: {_images(number)} of no split")
    return [folder / name for name in split_of]


def _candidates(folder: Path, roots: Sequence[Path]) -> list[Path]:
    """Files that may hold labels: those of the folder first."""
    inner = [one for root in [folder, *roots] for one in folders_in(root)]
    files = []
    for place in dict.fromkeys([folder, *roots, *inner]):
        here = [file for file in loose_files_in(place) if file.suffix.lower() in SUFFIXES]
        if len(here) > 20:  # a text beside each image, or something else
            here = [file for file in here if is_labelish(file)]
        files += [file for file in here if file.is_file()]
    beside = loose_files_in(folder.absolute().parent)
    labelish = [file for file in beside if file.suffix.lower() in SUFFIXES and is_labelish(file)]
    first = sorted(files, key=lambda file: file.name.lower() not in ("labels.csv", "labels.tsv"))
    return [*first, *(file for file in labelish if file.is_file())]


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number:,} images"


class _Labels:
    """Gives the images of a folder the labels that files say."""

    def __init__(self, found: CaptchaFolder, folder: Path, known: dict[Path, str]):
        self.found, self.folder, self.known = found, folder, known
        self.by_name: dict[str, list[Path]] = defaultdict(list)
        for path in known:
            for name in {path.name, path.stem}:
                self.by_name[unicodedata.normalize("NFC", name)].append(path)
        self.problems = Problems()
        self.source: dict[Path, Path] = {}  # image -> the file that labels it
        self.split_of: dict[Path, str] = {}  # as the names of the files say

    def read(self, files: Sequence[Path], *, explicit: bool) -> list[Path]:
        """Reads all files, and returns those that name images, or have been said not to."""
        told = []
        splits = splits_in([file.name for file in files])
        split_of = {name: split for split, names in splits.items() for name in names}
        for file in files:
            rows = read_label_file(file, self.by_name)
            inside = file.parent.is_relative_to(self.folder)
            if not rows:
                if explicit:
                    raise DataError(f"{file} names none of the images in {self.folder}.")
                if inside and is_labelish(file):
                    self.found.unused.append(f"{file}, which names no image that is here")
                    told.append(file)
                continue
            told.append(file)
            used = self._take(file, rows, split_of.get(file.name), missing_is_wrong=inside)
            if used:
                path, label = used[0]
                self.found.sources.append(
                    f"of {file}: {_images(len(used))}, e.g. {path.name} -> {label}"
                )
        self.problems.raise_if_any()
        if explicit and not self.found.labels:
            raise DataError(f"{files[0]} names no image.")
        self._settle_splits()
        self._say_missing()
        return told

    def _take(
        self, file: Path, rows: Sequence[LabelRow], split: str | None, *, missing_is_wrong: bool
    ) -> list[tuple[Path, str]]:
        """Takes over what a file says; returns what was not known before."""
        used = []
        here: dict[Path, str] = {}
        for row in rows:
            where = f"{file}:{row.line}"
            paths = self._images(file, row.name, split)
            if not row.label:
                self.problems.add(where, "the label is empty")
            elif len(paths) > 1:
                self.problems.add(where, f"{len(paths)} images are called {row.name}")
            elif not paths:
                if missing_is_wrong:
                    self.problems.add(where, f"there is no file {file.parent / row.name}")
            elif here.setdefault(paths[0], row.label) != row.label:
                before = here[paths[0]]
                self.problems.add(where, f"{row.name} is there twice, as {before} and {row.label}")
            elif self.found.labels.get(paths[0], row.label) != row.label:
                before = f"{self.found.labels[paths[0]]} in {self.source[paths[0]].name}"
                self.problems.add(where, f"{row.name} is {row.label} here, and {before}")
            elif paths[0] not in self.found.labels:
                self.found.labels[paths[0]] = row.label
                self.source[paths[0]] = file
                used.append((paths[0], row.label))
        if split is not None:
            self.split_of.update((path, split) for path, _ in used)
        return used

    def _images(self, file: Path, name: str, split: str | None) -> list[Path]:
        """The images that a row may mean: by its path, else by the end of its path."""
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        for root in (file.parent, self.folder):
            path = root.joinpath(*parts)
            if path in self.known:
                return [path]
        last = unicodedata.normalize("NFC", parts[-1]) if parts else ""
        paths = self.by_name.get(last, [])
        for number in range(len(parts), 0, -1):
            tail = tuple(parts[-number:-1])
            same = [path for path in paths if path.parts[-number:-1] == tail]
            if len(same) == 1:
                return same
            if same and number == 1:
                near = [path for path in same if path.is_relative_to(file.parent)]
                own = [path for path in near or same if self.known[path] == split]
                return own or near or same
        return []

    def _settle_splits(self) -> None:
        """`valid_labels.csv` says of which split images are that lie in no folder of one."""
        splits = self.found.splits
        if not self.split_of or list(splits) != ["train"]:
            return
        settled: dict[str, dict[Path, str]] = {"train": {}, "valid": {}, "test": {}}
        for path, set_name in splits["train"].items():
            settled[self.split_of.get(path, "train")][path] = set_name
        self.found.splits = {split: paths for split, paths in settled.items() if paths}

    def _say_missing(self) -> None:
        for split in self.found.splits:
            for own in self.found.by_set(split).values():
                missing = [path for path in own if path not in self.found.labels]
                if missing and len(missing) < len(own):
                    named = ", ".join(path.name for path in missing[:3])
                    more = ", ..." if len(missing) > 3 else ""
                    self.found.unused.append(
                        f"{len(missing):,} of {len(own):,} images, which no row of the labels "
                        f"names: {named}{more}"
                    )
