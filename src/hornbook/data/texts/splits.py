"""Labeled texts in files: training, validation and test samples.

Shared by all recipes whose samples are rows: a recipe supplies the reader of a file, the split, and
the fingerprint of samples.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Self

from hornbook.data.readers.in_memory_rows import (
    IN_MEMORY,
    MemorySplits,
    is_in_memory,
    memory_splits,
)
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.split_files import SplitFiles, missing, split_files
from hornbook.data.readers.split_names import TEST, TRAIN, VALID, check_split
from hornbook.data.texts.labels import Trimming
from hornbook.data.texts.summary import Reading, Sample, TextSplits, inside, overlap
from hornbook.errors import DataError
from hornbook.progress import note

NAMED = 5  # unused files that are listed by name
TITLES = {TRAIN: "training", VALID: "validation", TEST: "test"}


@dataclass
class TextData(Generic[Sample]):
    """Labeled samples of one or more places, each with its own split files.

    Attributes:
        path: The path given by the user; a description for rows in memory.
        places: A folder or a file, or a folder per criterion or corpus.
        read: Reads the samples of a file of a place; collects problems and stripped white space.
        split_off: Splits the samples of a place without validation files in two.
        fingerprint: Computes the fingerprint of samples.
        reading: Accessors of the samples.
        advice: What a row needs, for messages.
        expected: What the folder should contain, for messages.
        unused: Names of files and folders that belong to no place.
        several: What the folders are if there are several places, for messages.
    """

    path: Path | str
    places: Sequence[SplitFiles | MemorySplits]
    read: Callable[[Any, Any, Problems, Trimming], Iterable[Sample]]
    split_off: Callable[[list[Sample]], tuple[list[Sample], list[Sample]]]
    fingerprint: Callable[[Iterable[Sample]], str]
    reading: Reading[Sample]
    advice: str
    expected: str
    unused: Sequence[str] = ()
    several: str = "folders"
    trimming: Trimming = field(default_factory=Trimming)
    _problems: Problems = field(default_factory=Problems, repr=False)
    _known: dict[tuple[int, str], list[Sample]] = field(default_factory=dict, repr=False)

    @classmethod
    def open(
        cls,
        data: Any,
        *,
        read: Callable[[Any, Any, Problems, Trimming], Iterable[Sample]],
        split_off: Callable[[list[Sample]], tuple[list[Sample], list[Sample]]],
        fingerprint: Callable[[Iterable[Sample]], str],
        reading: Reading[Sample],
        advice: str,
        expected: str,
        suffixes: Sequence[str] = (),
    ) -> Self:
        """Opens a single place: a folder, a file, or rows in memory.

        Args:
            data: The folder, the file or the rows.
            read, split_off, fingerprint, reading, advice, expected: See the class.
            suffixes: See `split_files`.

        Raises:
            DataError: no such file or folder.
        """
        path: Path | str = IN_MEMORY
        places: Sequence[SplitFiles | MemorySplits]
        if is_in_memory(data):
            places = [memory_splits(data)]
        else:
            path, places = Path(data), [split_files(data, suffixes)]
        return cls(path, places, read, split_off, fingerprint, reading, advice, expected)

    def has(self, split: str) -> bool:
        """Whether there are files of a split."""
        return any(place.files(split) for place in self.places)

    def samples(self, split: str) -> list[Sample]:
        """Returns the samples of a split.

        For a place without validation files, some training samples are held out as its validation
        samples.

        Raises:
            DataError: there are none, or all problems of the rows, by line.
        """
        check_split(split)
        if not (self.has(split) or (split == VALID and self.has(TRAIN))):
            raise missing(self.path, self._names(), f"{TITLES[split]} data", self.expected)
        samples: list[Sample] = []
        for number, place in enumerate(self.places):
            if split == TEST or place.files(VALID):
                samples += self._rows(number, split)
            else:
                samples += self.split_off(self._rows(number, TRAIN))[split == VALID]
        self._problems.raise_if_any(f"{self.advice}  Nothing was used.")
        if not samples:
            unit = self.reading.unit
            raise DataError(
                f"{self.path} has no {unit} to use as {split} data.\n"
                f"Holding some out takes two different {unit}, two per label if they have labels; "
                "or add a validation file."
            )
        return samples

    def training(self) -> TextSplits[Sample]:
        """Returns training and validation samples, with notes for the user.

        Raises:
            DataError: see `samples`.
        """
        train, valid = self.samples(TRAIN), self.samples(VALID)
        notes = [line for line in (self._trimmed(), *self._not_used()) if line]
        return TextSplits(train, valid, self._folder, self._held_out(), notes)

    def to_measure(self, trained_on: str, split: str | None = None) -> list[Sample]:
        """Returns the samples to evaluate on; prints which they are and which were trained on.

        Args:
            trained_on: The `fingerprint` of the samples that the model was trained on.
            split: `"train"`, `"valid"` or `"test"`.  Defaults to the validation samples (from their
                own files, or those held out if the model was trained on this data), else the test
                samples, else all samples.

        Raises:
            DataError: see `samples`.
        """
        if split is not None:
            check_split(split)
        own = self.has(VALID) or (self.has(TRAIN) and self._was(trained_on))
        chosen = split or (VALID if own else TEST if self.has(TEST) else TRAIN)
        if own or chosen == TEST:
            samples = self.samples(chosen)
        elif chosen == TRAIN and self.has(TRAIN):
            samples = [
                one for number in range(len(self.places)) for one in self._rows(number, TRAIN)
            ]
        else:
            raise missing(self.path, self._names(), f"{TITLES[chosen]} data", self.expected)
        self._problems.raise_if_any(f"{self.advice}  Nothing was used.")
        unit = self.reading.unit
        what = f"{TITLES[chosen]} {unit}" if own or chosen == TEST else unit
        files = [file for place in self.places for file in place.files(chosen)]
        source = files[0] if len(files) == 1 else self.path
        lines = [f"Evaluated on {len(samples):,} {what} of {source}", self._trimmed()]
        if chosen == TEST or (chosen == VALID and self.has(VALID)):
            lines += self._overlap(samples, TITLES[chosen])
        note("\n".join(line for line in lines if line))
        return samples

    @property
    def _folder(self) -> Path:
        if isinstance(self.path, str):
            return Path()
        return self.path.parent if self.path.is_file() else self.path

    def _trimmed(self) -> str:
        return self.trimming.note(self.reading.trimmed, f"{self._folder}{os.sep}")

    def example_file(self) -> Path:
        """Returns a file to try a model on: test, validation or training samples."""
        files = [
            file
            for split in (TEST, VALID, TRAIN)
            for place in self.places
            for file in place.of_split.get(split, [])
        ]
        return files[0]  # type: ignore[return-value]  # only asked of folders

    def _rows(self, number: int, split: str) -> list[Sample]:
        """Returns the samples in the files of one place, which are read once."""
        if (number, split) not in self._known:
            place = self.places[number]
            self._known[number, split] = [
                one
                for file in place.files(split)
                for one in self.read(file, place, self._problems, self.trimming)
            ]
        return self._known[number, split]

    def _was(self, trained_on: str) -> bool:
        """Whether the model with this fingerprint was trained on these training samples."""
        sides = [self.split_off(self._rows(number, TRAIN)) for number in range(len(self.places))]
        return self.fingerprint(one for train, _ in sides for one in train) == trained_on

    def _held_out(self) -> str:
        """Describes the files that samples are held out from; "" if there are none."""
        places = [place for place in self.places if not place.files(VALID)]
        if not places:
            return ""
        files = places[0].files(TRAIN)
        single = len(places) == len(files) == 1
        named = inside(self._folder, str(files[0])) if single else f"{len(places)} {self.several}"
        return f"10% of {named} held out"

    def _not_used(self) -> list[str]:
        """Describes the files that are not read in training."""
        tests = [str(file) for place in self.places for file in place.of_split.get(TEST, [])]
        unused = [str(place.folder / name) for place in self.places for name in place.unused]
        tests, unused = (
            [inside(self._folder, name) for name in names] for names in (tests, unused)
        )
        unused += self.unused
        lines = []
        if tests:
            how = f"evaluate on it with: hornbook evaluate RUN {self.path} --split test"
            if isinstance(self.path, str):
                how = "evaluate on it with: evaluate(data, split='test')"
            lines.append(f"{_some(tests)} {'is' if len(tests) == 1 else 'are'} for testing; {how}")
        if unused:
            lines.append(f"Not used: {_some(unused)}")
        return lines

    def _overlap(self, samples: Sequence[Sample], title: str) -> list[str]:
        """Returns lines about measured samples that are training samples, if those are there."""
        if not self.has(TRAIN):
            return []
        try:
            return overlap(self.samples(TRAIN), samples, self.reading, self._folder, title)
        except DataError:
            return [f"The training {self.reading.unit} cannot be read, so overlap is unknown."]

    def _names(self) -> list[str]:
        """Returns the names of all files, for messages."""
        return [name for place in self.places for name in place.names] + list(self.unused)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
