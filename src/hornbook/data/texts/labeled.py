"""Text classification data: labeled texts for training, validation and test.

A folder with `train.jsonl` and optionally `valid.jsonl` and `test.jsonl` (also `.csv`, `.tsv`,
`.gz`, and any name that means a split: `hornbook.data.readers.split_names`), or one file.  Each row
has a `text` and a `label`: a word or a number, or, for multi-label data, a list of them, possibly
empty.  White space around labels is ignored.

Without validation data, a tenth of the training texts is held out: the same one in every call with
the same seed, stratified by label, with identical texts on one side.  Test data is only used by
`hornbook evaluate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hornbook.data.readers.in_memory_rows import (
    MemoryRows,
    plain_row,
)
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.row_files import fingerprint_of, place_of, rows_of, split_by_content
from hornbook.data.texts.labels import Trimming
from hornbook.data.texts.splits import TextData
from hornbook.data.texts.summary import Reading, TextSplits
from hornbook.errors import DataError, did_you_mean

ROW = 'A row needs "text" and "label".'
DID_YOU_MEAN = 20  # labels that a message may list
Label = str | int


@dataclass(frozen=True, slots=True)
class LabeledText:
    """A text with its labels.

    Attributes:
        text: The text, not blank.
        labels: None for unlabeled texts.
        several: Whether the labels were given as a list.
        where: `file:line`.
        extra: The row's other keys, such as `id`.
    """

    text: str
    labels: tuple[Label, ...] | None
    several: bool
    where: str
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


READING: Reading[LabeledText] = Reading(
    unit="texts",
    where=lambda text: text.where,
    labels=lambda text: text.labels or (),
    content=lambda text: text.text.strip(),
    same=lambda text: text.text.strip(),
)


def labeled_texts(
    path: Any, *, seed: int = 0, valid_fraction: float = 0.1
) -> TextData[LabeledText]:
    """Finds the files of each split.

    Args:
        path: A folder or a file, see the module; or rows in memory, see `MemoryRows`.
        seed: Seed of the split, if there is no validation file.
        valid_fraction: Share that is held out then.

    Raises:
        DataError: no such folder.
    """
    return TextData.open(
        path,
        read=lambda file, _, problems, trimming: _texts(file, problems, trimming),
        split_off=lambda texts: _split(texts, seed, valid_fraction),
        fingerprint=fingerprint,
        reading=READING,
        advice=ROW,
        expected="Expected train.jsonl in it, or a file.",
    )


def read_labeled_texts(
    path: str | Path, split: str = "train", *, seed: int = 0, valid_fraction: float = 0.1
) -> list[LabeledText]:
    """Reads one of the splits.

    Args:
        path: A folder or a file, see the module.
        split: `"train"`, `"valid"` or `"test"`.
        seed, valid_fraction: See `labeled_texts`.

    Raises:
        DataError: no data, or all problems of the rows, by line.
    """
    return labeled_texts(path, seed=seed, valid_fraction=valid_fraction).samples(split)


def read_training_texts(path: str | Path, *, seed: int = 0) -> TextSplits[LabeledText]:
    """Reads training and validation texts, with notes for the user.

    Args:
        path: A folder or a file, see the module.
        seed: Seed of the split, if there is no validation file.

    Raises:
        DataError: see `read_labeled_texts`.
    """
    splits = labeled_texts(path, seed=seed).training()
    return in_one_kind(splits)


def read_texts_to_predict(source: str | Path) -> Iterator[LabeledText]:
    """Yields the texts of a file, or of `"-"`, in order and without labels.

    Raises:
        DataError: at the first row without a text, with its line.
    """
    yield from _texts(source, Problems(stop_at_first=True))


def _split(
    texts: list[LabeledText], seed: int, fraction: float = 0.1
) -> tuple[list[LabeledText], list[LabeledText]]:
    return split_by_content(
        texts,
        lambda text: text.text.strip(),
        lambda text: str(text.labels),
        seed=seed,
        fraction=fraction,
    )


def text_to_predict(row: Mapping[Any, Any], where: str) -> LabeledText:
    """Checks a row in memory without a label.

    Raises:
        DataError: the row has no text.
    """
    text = _text(plain_row(row), where, Problems(stop_at_first=True), None)
    assert text is not None  # the first problem raises
    return text


def _texts(
    source: str | Path | MemoryRows, problems: Problems, trimming: Trimming | None = None
) -> Iterator[LabeledText]:
    """Yields the texts of a file or of rows in memory, labeled where there is a `trimming`."""
    columns = ("text",) if trimming is None else ("text", "label")
    for number, row in rows_of(source, problems, columns):
        text = _text(row, place_of(source, number), problems, trimming)
        if text is not None:
            yield text


def _text(
    row: Mapping[str, Any], where: str, problems: Problems, trimming: Trimming | None
) -> LabeledText | None:
    text, label = row.get("text"), row.get("label")
    if not isinstance(text, str) or not text.strip():
        how = "missing" if "text" not in row else "not a text with letters in it"
        problems.add(where, f"'text' is {how}")
        return None
    labels = None
    if trimming is not None:
        if "label" not in row:
            problems.add(where, "'label' is missing")
            return None
        values = [
            _label(x, where, trimming) for x in (label if isinstance(label, list) else [label])
        ]
        labels = tuple(dict.fromkeys(value for value in values if value is not None))
        if None in values:
            expected = "expected a word, a number, or a list of them"
            problems.add(where, f"'label' is {label!r}; {expected}")
            return None
    extra = {key: value for key, value in row.items() if key != "text"}
    return LabeledText(text, labels, isinstance(label, list), where, extra)


def _label(label: Any, where: str, trimming: Trimming) -> Label | None:
    """Returns the normalized label, or None if it is invalid."""
    if isinstance(label, str):
        return trimming(label, where) or None
    if isinstance(label, float) and label.is_integer():  # as pandas writes a column of numbers
        return int(label)
    return label if isinstance(label, int) and not isinstance(label, bool) else None


def classes_of(train: Sequence[LabeledText], valid: Sequence[LabeledText]) -> list[Label]:
    """Returns the labels of the training texts, sorted.

    Raises:
        DataError: all texts have the same label, labels mix numbers and words or lists and single
            labels, or validation texts have a label that no training text has.
    """
    first: dict[Label, str] = {}
    for text in train:
        for label in text.labels or ():
            first.setdefault(label, text.where)
    classes = sorted(first, key=_sorting)
    problems = []
    if len({frozenset(text.labels or ()) for text in train}) < 2:
        problems.append(
            f"  all training texts have the same: {', '.join(map(repr, classes)) or 'empty lists'}"
        )
    kinds = {type(label): label for label in reversed(classes)}
    if len(kinds) > 1:
        words, numbers = kinds[str], kinds[int]
        problems.append(
            f"  some are words, {words!r} in {first[words]}, and some numbers, {numbers!r} in "
            f"{first[numbers]}: write all with quotes, or all without"
        )
    several = {text.several: text for text in reversed((*train, *valid))}
    if len(several) > 1:
        problems.append(
            f"  a list of labels in {several[True].where}, a single one in {several[False].where}: "
            'write all as lists, ["a"], or none'
        )
    unknown: dict[Label, str] = {}
    for text in valid:
        for label in text.labels or ():
            if label not in first:
                unknown.setdefault(label, text.where)
    problems += [
        f"  {label!r} is in no training text, {where}. "
        + did_you_mean(str(label), map(str, classes[:DID_YOU_MEAN]))
        for label, where in unknown.items()
    ]
    if problems:
        raise DataError("These labels cannot be learned:\n" + "\n".join(problems[:10]))
    return classes


def in_one_kind(splits: TextSplits[LabeledText]) -> TextSplits[LabeledText]:
    """Converts validation labels to the type of the training labels.

    A table has only words, `"1"`; JSON has numbers, 1.
    """
    known = {str(label): label for text in splits.train for label in text.labels or ()}
    if len({type(label) for label in known.values()}) > 1:
        return splits  # for `classes_of` to refuse
    valid, changed = [], ""
    for text in splits.valid:
        labels = tuple(known.get(str(label), label) for label in text.labels or ())
        if labels != text.labels:
            changed = changed or f"{text.where}: the label {text.labels} is read as {labels}"
            text = replace(text, labels=labels)
        valid.append(text)
    return replace(splits, valid=valid, notes=[*splits.notes, *([changed] if changed else [])])


def _sorting(label: Label) -> tuple[int, int, str]:
    return (0, label, "") if isinstance(label, int) else (1, 0, label)


def fingerprint(texts: Iterable[LabeledText]) -> str:
    """Returns a SHA-256 of everything a model sees, to recognize the same data."""
    return fingerprint_of((text.text, text.labels) for text in texts)
