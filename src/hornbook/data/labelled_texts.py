"""Data of text classification: texts and what they are, for training or validation.

A folder with `train.jsonl` and perhaps `valid.jsonl` (`.csv`, `.tsv` and `.gz` as well), or one
file.  Each row has a `text` and a `label`: a word or a number, or a list of them where a text may
be several things at once, or none.

Without validation data, a tenth of the texts is set aside: the same one in every call with the
same seed, as rich in every label as the rest, and identical texts on one side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hornbook.data.problems import Problems
from hornbook.data.row_files import SPLITS, file_of, rows_of, split_by_content
from hornbook.data.text_lines import name_of
from hornbook.errors import DataError
from hornbook.progress import note

ROW = 'A row needs "text" and "label".  Nothing was used.'
Label = str | int


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text, and what it is.

    Attributes:
        text: With letters in it.
        labels: None when nobody said.
        several: Whether they were said as a list.
        where: `file:line`.
        extra: The row's other keys, such as `id`.
    """

    text: str
    labels: tuple[Label, ...] | None
    several: bool
    where: str
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


def read_labelled_texts(
    path: str | Path, split: str = "train", *, seed: int = 0, valid_fraction: float = 0.1
) -> list[LabelledText]:
    """Reads one of the two splits.

    Args:
        path: A folder or a file, see the module.
        split: `"train"` or `"valid"`.
        seed: Of the split, where there is no validation file.
        valid_fraction: How much is set aside then.

    Raises:
        DataError: nothing to read was found, or all that is wrong with the rows, by line.
    """
    if split not in SPLITS:
        raise ValueError(f"split={split!r} must be one of {', '.join(SPLITS)}.")
    path = Path(path)
    if not path.exists():
        raise DataError(f"There is no file or folder {path}.")
    train = path if path.is_file() else file_of(path, "train")
    if train is None:
        raise DataError(f"{path} has no training data.\nExpected train.jsonl in it, or a file.")
    valid = None if path.is_file() else file_of(path, "valid")
    problems = Problems()
    file = train if split == "train" or valid is None else valid
    texts = list(_texts(file, problems, labelled=True))
    problems.raise_if_any(ROW)
    if valid is None:
        texts = _split(texts, seed, valid_fraction)[SPLITS.index(split)]
        if split == "valid":
            note(f"No validation file: set {valid_fraction:.0%} of {train} aside.")
    if not texts:
        raise DataError(
            f"{path} has no texts to use as {split} data.\n"
            "To set some aside takes two different texts of a label; or give a validation file."
        )
    return texts


def read_texts_to_measure(
    path: str | Path, trained_on: str, *, seed: int = 0
) -> list[LabelledText]:
    """Reads what a model is measured on: the validation split, as in `read_labelled_texts`; of a
    file that it was not trained on, everything.

    Args:
        path: A folder or a file.
        trained_on: The `fingerprint` of the texts that it was trained on.
        seed: Of the split.

    Raises:
        DataError: see `read_labelled_texts`.
    """
    path = Path(path)
    if path.is_file():
        problems = Problems()
        texts = list(_texts(path, problems, labelled=True))
        problems.raise_if_any(ROW)
        train, _ = _split(texts, seed)
        if texts and fingerprint(train) != trained_on:
            return texts
    return read_labelled_texts(path, "valid", seed=seed)


def read_texts_to_predict(source: str | Path) -> Iterator[LabelledText]:
    """Gives the texts of a file, or of `"-"`, in their order, one by one, without labels.

    Raises:
        DataError: at the first row that is no text, with its line.
    """
    yield from _texts(source, Problems(stop_at_first=True), labelled=False)


def _split(texts: list[LabelledText], seed: int, fraction: float = 0.1):
    return split_by_content(
        texts,
        lambda text: text.text.strip(),
        lambda text: str(text.labels),
        seed=seed,
        fraction=fraction,
    )


def _texts(source: str | Path, problems: Problems, *, labelled: bool) -> Iterator[LabelledText]:
    name = name_of(source)
    columns = ("text", "label") if labelled else ("text",)
    for number, row in rows_of(source, problems, columns):
        where = f"{name}:{number}"
        text, said = row.get("text"), row.get("label")
        if not isinstance(text, str) or not text.strip():
            how = "missing" if "text" not in row else "not a text with letters in it"
            problems.add(where, f"'text' is {how}")
            continue
        if labelled and "label" not in row:
            problems.add(where, "'label' is missing")
            continue
        labels = said if isinstance(said, list) else [said]
        wrong = [label for label in labels if not _is_label(label)]
        if labelled and wrong:
            problems.add(
                where, f"'label' is {said!r}; expected a word, a number, or a list of them"
            )
            continue
        kept = tuple(dict.fromkeys(labels)) if labelled else None
        extra = {key: value for key, value in row.items() if key != "text"}
        yield LabelledText(text, kept, isinstance(said, list), where, extra)


def _is_label(label: Any) -> bool:
    if isinstance(label, str):
        return bool(label.strip())
    return isinstance(label, int) and not isinstance(label, bool)


def classes_of(train: Sequence[LabelledText], valid: Sequence[LabelledText]) -> list[Label]:
    """All labels of the training texts, sorted.

    Raises:
        DataError: there are fewer than two, numbers as well as words, lists beside single
            labels, or validation texts of a label that is not among them.
    """
    classes = sorted({label for text in train for label in text.labels or ()}, key=_sorting)
    problems = []
    if len(classes) < (1 if train[0].several else 2):
        problems.append(f"  only {', '.join(map(repr, classes)) or 'empty lists'} in training")
    if len({type(label) for label in classes}) > 1:
        problems.append("  some labels are words and some are numbers")
    for text in (*train, *valid):
        if text.several != train[0].several:
            problems.append(f"  a list of labels here and a single one there: {text.where}")
            break
    unknown: dict[Label, str] = {}
    for text in valid:
        for label in text.labels or ():
            if label not in classes:
                unknown.setdefault(label, text.where)
    problems += [f"  {label!r} is in no training text: {where}" for label, where in unknown.items()]
    if problems:
        raise DataError("These labels cannot be learned:\n" + "\n".join(problems[:10]))
    return classes


def _sorting(label: Label) -> tuple[int, int, str]:
    return (0, label, "") if isinstance(label, int) else (1, 0, label)


def fingerprint(texts: Iterable[LabelledText]) -> str:
    """A SHA-256 over everything a model sees of the texts, to know the same data again."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(repr((text.text, text.labels)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
