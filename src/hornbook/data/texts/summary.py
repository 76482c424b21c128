"""Summarizes labeled texts before training.

It covers rows per split, labels, lengths in tokens, and what distorts the scores: duplicates, equal
texts with different labels, validation texts that are training texts too.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from hornbook.data.texts.labels import counted, doubtful_labels

Sample = TypeVar("Sample")
SHOWN = 3  # examples of each kind
LABELS = 10  # with more, only the most and the least frequent are named


@dataclass(frozen=True)
class TextSplits(Generic[Sample]):
    """The training and validation samples of a text recipe.

    Attributes:
        train, valid: The samples.
        folder: Folder of the files; places in messages are relative to it.
        held_out: Origin of the validation samples if there is no validation file, in words.
        notes: Notes for the user: unused files, corrected labels.
    """

    train: list[Sample]
    valid: list[Sample]
    folder: Path = Path()
    held_out: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reading(Generic[Sample]):
    """Accessors of a recipe's samples, for the summary.

    Attributes:
        unit: Name of the samples: `"texts"`.
        where: `file:line` of a sample.
        labels: All labels of a sample.
        content: Everything the model reads of a sample, to find repetitions.
        same: Like `content`, without order: equal samples must not be on both sides of a split.
        trimmed: Name of the values whose white space is stripped.
        details: What is labeled where `labels` leaves out a part: equal samples disagree if it
            differs.  Defaults to `labels`.
    """

    unit: str
    where: Callable[[Sample], str]
    labels: Callable[[Sample], Sequence[object]]
    content: Callable[[Sample], Hashable]
    same: Callable[[Sample], Hashable]
    trimmed: str = "label"
    details: Callable[[Sample], Sequence[object]] | None = None


@dataclass(frozen=True)
class Lengths:
    """Lengths of the training samples in tokens, special ones included, before truncation.

    Attributes:
        tokens: `(samples,)`.
        limit: Maximum length of the model.
        unknown: Share of unknown tokens.
        beyond: What happens to longer samples.
    """

    tokens: np.ndarray
    limit: int
    unknown: float = 0.0
    beyond: str = "truncated at"


def summary(
    splits: TextSplits[Sample],
    reading: Reading[Sample],
    lengths: Lengths,
    labels: Sequence[str] | None = None,
) -> str:
    """Describes the data, for the user to check.

    Args:
        splits: The samples.
        reading: Their accessors.
        lengths: Lengths of the training samples.
        labels: Lines about the labels.  Defaults to their counts.
    """
    train, valid, unit = splits.train, splits.valid, reading.unit
    aside = f" ({splits.held_out})" if splits.held_out else ""
    lines = [
        f"Data        {len(train):,} training {unit}, {len(valid):,} validation {unit}{aside}",
        *(label_lines(splits, reading) if labels is None else labels),
        f"Lengths     {length_line(lengths)}",
        *_duplicates(train, reading, splits.folder),
        *overlap(train, valid, reading, splits.folder),
        *(f"Note        {line}" for line in splits.notes),
    ]
    return "\n".join(lines)


def label_lines(splits: TextSplits[Sample], reading: Reading[Sample]) -> list[str]:
    """Returns the counts of the labels, and the doubtful ones."""
    rows, where = counted(
        (label, inside(splits.folder, reading.where(one)))
        for one in splits.train
        for label in reading.labels(one)
    )
    by_rows = sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    named = first_and_last([f"{label} ({count:,})" for label, count in by_rows])
    lines = [f"Labels      {len(rows):,}: {named}"]
    if without := sum(not reading.labels(one) for one in splits.train):
        lines.append(f"            {without:,} training {reading.unit} have none")
    held_out = {str(label) for one in splits.valid for label in reading.labels(one)}
    if missing := [label for label, _ in by_rows if label not in held_out]:
        shown = ", ".join(missing[:LABELS]) + (" ..." if len(missing) > LABELS else "")
        lines.append(f"            no validation {reading.unit} have {shown}")
    return lines + listed("Doubtful", "labels:", doubtful_labels(rows, where))


def length_line(lengths: Lengths) -> str:
    """Describes the lengths and how many samples are truncated."""
    tokens = lengths.tokens
    median, most_of_them = np.percentile(tokens, [50, 95], method="inverted_cdf")
    cut = int((tokens > lengths.limit).sum())
    share = f"{cut / len(tokens):.1%}" if cut / len(tokens) >= 0.001 else "under 0.1%"
    what = (
        f"{cut:,} ({share}) are {lengths.beyond} {lengths.limit:,}"
        if cut
        else f"none is {lengths.beyond} {lengths.limit:,}"
    )
    unknown = f"; {lengths.unknown:.1%} of them are unknown" if lengths.unknown >= 0.01 else ""
    return (
        f"median {median:,} tokens, 95% up to {most_of_them:,}, maximum {tokens.max():,}"
        f"{unknown}; {what}"
    )


def _duplicates(train: Sequence[Sample], reading: Reading[Sample], folder: Path) -> list[str]:
    """Describes equal training samples, and those among them with different labels."""
    groups: dict[Hashable, list[Sample]] = defaultdict(list)
    for one in train:
        groups[reading.content(one)].append(one)
    several = [group for group in groups.values() if len(group) > 1]
    more = sum(map(len, several)) - len(several)
    disagreeing = []
    for group in several:
        by_labels: dict[tuple[str, ...], str] = {}
        for one in group:
            labels = tuple(sorted(map(str, (reading.details or reading.labels)(one))))
            by_labels.setdefault(labels, inside(folder, reading.where(one)))
        if len(by_labels) > 1:
            shared = set.intersection(*map(set, by_labels)) if reading.details else set()
            places = [f"{at} ({_besides(shared, labels)})" for labels, at in by_labels.items()]
            disagreeing.append(", ".join(places))
    lines = []
    if more:
        lines.append(f"Duplicates  {more:,} training {reading.unit} repeat an earlier one")
    what = f"{reading.unit} occur with different labels:"
    return lines + listed("Disagreeing", what, disagreeing)


def _besides(shared: AbstractSet[str], labels: Sequence[str]) -> str:
    """Lists the labels that are not shared."""
    own = [label for label in labels if label not in shared]
    more = " ..." if len(own) > LABELS else ""
    return ", ".join(own[:LABELS]) + more or ("nothing more" if shared else "none")


def overlap(
    train: Sequence[Sample],
    measured: Sequence[Sample],
    reading: Reading[Sample],
    folder: Path,
    split: str = "validation",
) -> list[str]:
    """Returns lines about measured samples that are training samples too; [] if none are."""
    places: dict[Hashable, str] = {}
    for one in train:
        places.setdefault(reading.same(one), reading.where(one))
    leaked = [
        f"{inside(folder, reading.where(one))} = {inside(folder, places[same])}"
        for one in measured
        if (same := reading.same(one)) in places
    ]
    unit = reading.unit
    what = (
        f"of {len(measured):,} {split} {unit} are training {unit} too, so the scores are too high:"
    )
    return listed("Leaked", what, leaked)


def inside(folder: Path, place: str) -> str:
    """Returns a place, `file:line`, relative to a folder."""
    return place.removeprefix(f"{folder}{os.sep}")


def named_counts(counts: Counter[str]) -> str:
    """Lists names with their counts; of many the most and the least frequent."""
    return first_and_last([f"{name} ({count:,})" for name, count in counts.most_common()])


def first_and_last(names: Sequence[str]) -> str:
    """Lists names, of many only the first and the last."""
    if len(names) > LABELS:
        names = [*names[: LABELS // 2], "...", *names[-LABELS // 2 :]]
    return ", ".join(names)


def listed(title: str, what: str, lines: Sequence[str]) -> list[str]:
    """Returns lines with a count and the first examples; [] if there are none."""
    if not lines:
        return []
    more = [f"            and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else []
    shown = [f"            {line}" for line in lines[:SHOWN]]
    return [f"{title:<12}{len(lines):,} {what}", *shown, *more]
