"""A folder of captchas: its splits, its sets, and the source of each image's label.

A label file (`label_files`) that names images of the folder has precedence; other images are
labeled by their file names (`file_names`), with one rule per set.  Label files are in the folder,
in one of its folders, or, if their name suggests labels, beside it.
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
from hornbook.data.images.rows.row_image import ImageFile
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.split_names import splits_in
from hornbook.errors import DataError


@dataclass(frozen=True)
class Captcha:
    """A labeled image.

    Attributes:
        path: The file, or the image of a row.
        label: Its text.
        set_name: Its folder, if several are trained on together; else "".
    """

    path: ImageFile
    label: str
    set_name: str = ""


@dataclass
class CaptchaFolder:
    """The captchas of a folder.

    Attributes:
        path: The folder, or a table of labels.
        splits: `"train"`, `"valid"`, `"test"` -> the images, each with its set; everything is
            `"train"` if there are no splits.
        labels: Labels of the images that a label file names.
        sources: Where the labels requested so far come from, one line each.
        unused: Files that are not used, one line each.
    """

    path: Path
    splits: dict[str, dict[Path, str]] = field(default_factory=dict)
    labels: dict[Path, str] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def captchas(self, split: str) -> list[Captcha]:
        """Returns the labeled images of a split, sorted by path; [] if there is no such split.

        Raises:
            DataError: the names carry no labels.
        """
        rows: list[tuple[Path, str, str]] = []
        for set_name, paths in self.by_set(split).items():
            labels = {path: self.labels[path] for path in paths if path in self.labels}
            labels = labels or self._read_names(set_name, paths)
            rows += [(path, label, set_name) for path, label in labels.items()]
        return [Captcha(*row) for row in sorted(rows)]

    def by_set(self, split: str) -> dict[str, list[Path]]:
        """Returns the images of each set of a split."""
        paths: dict[str, list[Path]] = defaultdict(list)
        for path, set_name in self.splits.get(split, {}).items():
            paths[set_name].append(path)
        return paths

    def names(self) -> str:
        """Returns the names of the splits."""
        return " and ".join(self.splits)

    def lines(self) -> list[str]:
        """Describes where labels come from and what is not used."""
        test = f"Test        {_images(len(self.splits.get('test', ())))} in the test split"
        return [
            *(f"Labels      {line}" for line in dict.fromkeys(self.sources)),
            *([test] if "test" in self.splits and len(self.splits) > 1 else []),
            *(f"Not used    {line}" for line in self.unused),
        ]

    def _read_names(self, set_name: str, paths: Sequence[Path]) -> dict[Path, str]:
        groups = [
            self.by_set(split).get(set_name, []) for split in self.splits
        ]  # one rule for all splits
        every = [path for group in groups for path in group if path not in self.labels]
        rule = find_rule([path.name for path in every])
        labels = {path: rule.label(path.name) for path in paths}
        problems = Problems()
        for path, label in labels.items():
            if not label:
                problems.add(str(path), "its name holds no text")
        problems.raise_if_any(ADVICE)
        names = [path.name for path in paths]
        check_labels(list(labels.values()), names, str(paths[0].parent))
        self.sources.append(rule.summary(names) + (f" ({set_name})" if set_name else ""))
        return labels


def read_captcha_folder(path: str | Path) -> CaptchaFolder:
    """Finds the images of a folder, their splits and sets, and their labels.

    Args:
        path: A folder, or a label file beside the images.

    Raises:
        DataError: no such folder, no image in it, or problems of the labels.
    """
    path = Path(path)
    captchas = CaptchaFolder(path)
    folder = path.parent if path.is_file() else path
    images = look_for_images(folder)
    if not images.paths:
        raise DataError(no_image_in(folder, images))
    roots = _find_splits(captchas, folder, images.paths)
    known = {path: split for split, paths in captchas.splits.items() for path in paths}
    if path.is_file():
        files = [path]
    else:
        files = _candidates(folder, roots)
    label_files = _Labels(captchas, folder, known).read(files, explicit=path.is_file())
    rest = images.passed_over.copy()
    rest.subtract(file.suffix.lower() for file in label_files if file.is_relative_to(folder))
    if others := passed_over(+rest):
        captchas.unused.append(others)
    return captchas


def _find_splits(captchas: CaptchaFolder, folder: Path, paths: Iterable[Path]) -> list[Path]:
    """Sets `splits`, with the set of each image, and returns the split folders."""
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
                f"{folder} has more than one {split} folder: {', '.join(same)}.\nKeep one."
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
    captchas.splits = {split: sets[split] for split in ("train", "valid", "test") if split in sets}
    for name, number in unused.items():
        captchas.unused.append(f"{folder / name}: {_images(number)} of no split")
    return [folder / name for name in split_of]


def _candidates(folder: Path, roots: Sequence[Path]) -> list[Path]:
    """Returns files that may hold labels, those of the folder first."""
    inner = [one for root in [folder, *roots] for one in folders_in(root)]
    files = []
    for place in dict.fromkeys([folder, *roots, *inner]):
        here = [file for file in loose_files_in(place) if file.suffix.lower() in SUFFIXES]
        if len(here) > 20:  # a text file per image, or something else
            here = [file for file in here if is_labelish(file)]
        files += [file for file in here if file.is_file()]
    beside = loose_files_in(folder.absolute().parent)
    labelish = [file for file in beside if file.suffix.lower() in SUFFIXES and is_labelish(file)]
    first = sorted(files, key=lambda file: file.name.lower() not in ("labels.csv", "labels.tsv"))
    return [*first, *(file for file in labelish if file.is_file())]


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number:,} images"


class _Labels:
    """Assigns labels from label files to the images of a folder."""

    def __init__(self, captchas: CaptchaFolder, folder: Path, known: dict[Path, str]):
        self.captchas, self.folder, self.known = captchas, folder, known
        self.by_name: dict[str, list[Path]] = defaultdict(list)
        for path in known:
            for name in {path.name, path.stem}:
                self.by_name[unicodedata.normalize("NFC", name)].append(path)
        self.problems = Problems()
        self.source: dict[Path, Path] = {}  # image -> the file that labels it
        self.split_of: dict[Path, str] = {}  # by the name of the label file

    def read(self, files: Sequence[Path], *, explicit: bool) -> list[Path]:
        """Reads all files; returns those that name images or were reported not to."""
        reported = []
        splits = splits_in([file.name for file in files])
        split_of = {name: split for split, names in splits.items() for name in names}
        for file in files:
            rows = read_label_file(file, self.by_name)
            inside = file.parent.is_relative_to(self.folder)
            if not rows:
                if explicit:
                    raise DataError(f"{file} names none of the images in {self.folder}.")
                if inside and is_labelish(file):
                    self.captchas.unused.append(f"{file}, which names no image of this folder")
                    reported.append(file)
                continue
            reported.append(file)
            new_labels = self._take(file, rows, split_of.get(file.name), missing_is_wrong=inside)
            if new_labels:
                path, label = new_labels[0]
                self.captchas.sources.append(
                    f"of {file}: {_images(len(new_labels))}, e.g. {path.name} -> {label}"
                )
        self.problems.raise_if_any()
        if explicit and not self.captchas.labels:
            raise DataError(f"{files[0]} names no image.")
        self._settle_splits()
        self._report_missing()
        return reported

    def _take(
        self, file: Path, rows: Sequence[LabelRow], split: str | None, *, missing_is_wrong: bool
    ) -> list[tuple[Path, str]]:
        """Adds the labels of a file; returns those that are new."""
        new_labels = []
        here: dict[Path, str] = {}
        for row in rows:
            where = f"{file}:{row.line}"
            paths = self._images(file, row.name, split)
            if not row.label:
                self.problems.add(where, "the label is empty")
            elif len(paths) > 1:
                self.problems.add(where, f"{len(paths)} images are named {row.name}")
            elif not paths:
                if missing_is_wrong:
                    self.problems.add(where, f"there is no file {file.parent / row.name}")
            elif here.setdefault(paths[0], row.label) != row.label:
                before = here[paths[0]]
                self.problems.add(where, f"{row.name} has two labels, {before} and {row.label}")
            elif self.captchas.labels.get(paths[0], row.label) != row.label:
                before = f"{self.captchas.labels[paths[0]]} in {self.source[paths[0]].name}"
                self.problems.add(where, f"{row.name} is {row.label} here, but {before}")
            elif paths[0] not in self.captchas.labels:
                self.captchas.labels[paths[0]] = row.label
                self.source[paths[0]] = file
                new_labels.append((paths[0], row.label))
        if split is not None:
            self.split_of.update((path, split) for path, _ in new_labels)
        return new_labels

    def _images(self, file: Path, name: str, split: str | None) -> list[Path]:
        """Returns the images that a row may mean: by its path, else by the end of its path."""
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
        """Assigns splits by label file (`valid_labels.csv`) to images outside of split folders."""
        splits = self.captchas.splits
        if not self.split_of or list(splits) != ["train"]:
            return
        settled: dict[str, dict[Path, str]] = {"train": {}, "valid": {}, "test": {}}
        for path, set_name in splits["train"].items():
            settled[self.split_of.get(path, "train")][path] = set_name
        self.captchas.splits = {split: paths for split, paths in settled.items() if paths}

    def _report_missing(self) -> None:
        for split in self.captchas.splits:
            for own in self.captchas.by_set(split).values():
                missing = [path for path in own if path not in self.captchas.labels]
                if missing and len(missing) < len(own):
                    named = ", ".join(path.name for path in missing[:3])
                    more = ", ..." if len(missing) > 3 else ""
                    self.captchas.unused.append(
                        f"{len(missing):,} of {len(own):,} images, which have no row in the "
                        f"labels: {named}{more}"
                    )
