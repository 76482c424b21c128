"""Data of text matching: a folder or a file of labelled pairs, for training or validation.

Three forms are read:

* a folder with a folder per criterion, each with `train.jsonl` and perhaps `valid.jsonl`
  (`.txt` as in Sohu's contest of 2021, `.csv`, `.tsv` and `.gz` as well);
* a folder with these files in it: one criterion, named as the folder;
* one file, whose `criterion` column, if it has one, tells the criteria apart.

Without validation data, a tenth of the pairs is set aside: the same one in every call with the
same seed, as rich in every criterion and label as the rest, and identical texts on one side.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hornbook.data.pair_rows import (
    Pair,
    group_letter,
    read_labelled_pairs,
    read_pairs_to_predict,
)
from hornbook.data.problems import Problems
from hornbook.data.row_files import SPLITS, file_of, split_by_content
from hornbook.errors import DataError
from hornbook.progress import note

__all__ = ["MatchingData", "Pair", "read_pairs", "read_pairs_to_predict"]

ALL = "all"


@dataclass(frozen=True)
class MatchingData:
    """Labelled pairs.

    Attributes:
        pairs: In the order of the files.
        criteria: Their names, sorted.
        groups: The criteria whose scores are averaged together: `{"A": [...], "B": [...]}`
            when names end so, and `"all"` for those that do not.
    """

    pairs: list[Pair]
    criteria: list[str]
    groups: dict[str, list[str]]


def read_pairs(
    path: str | Path, split: str = "train", *, seed: int = 0, valid_fraction: float = 0.1
) -> MatchingData:
    """Reads one of the two splits.

    Args:
        path: A folder or a file; the module says of which forms.
        split: `"train"` or `"valid"`.
        seed: Of the split, where there is no validation file.
        valid_fraction: How much is set aside then.

    Raises:
        DataError: nothing to read was found, or all that is wrong with the rows, by line.
    """
    if split not in SPLITS:
        raise ValueError(f"split={split!r} must be one of {', '.join(SPLITS)}.")
    path = Path(path)
    problems = Problems()
    pairs: list[Pair] = []
    cut_off = []
    for train, valid, criterion in _files(path):
        if valid is not None:
            pairs += read_labelled_pairs(train if split == "train" else valid, criterion, problems)
        else:
            found = read_labelled_pairs(train, criterion, problems)
            pairs += split_off(found, seed=seed, fraction=valid_fraction)[SPLITS.index(split)]
            cut_off.append(str(train))
    problems.raise_if_any('A row needs "source", "target" and "label" (0 or 1).  Nothing was used.')
    if not pairs:
        raise DataError(f"{path} has no pairs to use as {split} data.")
    if cut_off and split == "valid":
        place = cut_off[0] if len(cut_off) == 1 else f"{len(cut_off)} criteria"
        note(f"No validation file: set {valid_fraction:.0%} of {place} aside.")
    criteria = sorted({pair.criterion for pair in pairs})
    return MatchingData(pairs, criteria, group_criteria(criteria))


def group_criteria(criteria: Iterable[str]) -> dict[str, list[str]]:
    """The criteria by the letter their name ends with; those without a letter are `"all"`."""
    groups: dict[str, list[str]] = defaultdict(list)
    for criterion in sorted(criteria):
        groups[group_letter(criterion) or ALL].append(criterion)
    return dict(sorted(groups.items()))


def split_off(
    pairs: list[Pair], *, seed: int = 0, fraction: float = 0.1
) -> tuple[list[Pair], list[Pair]]:
    """Splits into training and validation pairs, by what they say and not by where they stand.

    The same two texts, in either order and under any criterion, are on one side only.  Of each
    kind (the criteria and labels that two texts have) `fraction` goes to validation.
    """
    return split_by_content(
        pairs,
        lambda pair: "\0".join(sorted((pair.source.strip(), pair.target.strip()))),
        lambda pair: (pair.criterion, pair.label),
        seed=seed,
        fraction=fraction,
    )


def _files(path: Path) -> list[tuple[Path, Path | None, Any]]:
    """Training file, validation file and criterion (a name, or a function of the row)."""
    if path.is_file():
        name = path.name.split(".")[0]
        return [(path, None, _criterion_or(name))]
    if not path.is_dir():
        raise DataError(f"There is no file or folder {path}.")
    train = file_of(path, "train")
    if train is not None:
        return [(train, file_of(path, "valid"), _criterion_or(path.resolve().name))]
    found = [
        (train, file_of(folder, "valid"), folder.name)
        for folder in sorted(path.iterdir())
        if folder.is_dir() and (train := file_of(folder, "train")) is not None
    ]
    if not found:
        raise DataError(
            f"{path} has no training data.\n"
            "Expected train.jsonl in it, or a folder per criterion with train.jsonl in each."
        )
    return list(found)


def _criterion_or(name: str) -> Any:
    def criterion(row: Mapping[str, Any]) -> object:
        own = row.get("criterion")
        return name if own is None or own == "" else own

    return criterion


def common_criteria(train: Iterable[Pair], valid: Iterable[Pair]) -> list[str]:
    """The criteria of the training pairs, sorted.

    Raises:
        DataError: training and validation do not have the same ones, or the training pairs
            of one all have the same label.
    """
    labels: dict[str, tuple[set[int | None], set[int | None]]] = defaultdict(lambda: (set(), set()))
    for number, pairs in enumerate((train, valid)):
        for pair in pairs:
            labels[pair.criterion][number].add(pair.label)
    problems = []
    for criterion, (seen, held_out) in sorted(labels.items()):
        if not seen:
            problems.append(f"  {criterion}: no training pairs")
        elif len(seen) == 1:
            problems.append(f"  {criterion}: all training pairs have label {min(seen, key=str)}")
        if not held_out:
            problems.append(f"  {criterion}: no validation pairs")
    if problems:
        raise DataError(
            "These criteria cannot be learned:\n"
            + "\n".join(problems)
            + "\nEach needs training pairs of both labels, 1 and 0, and validation pairs."
        )
    return sorted(labels)


def fingerprint(pairs: Iterable[Pair]) -> str:
    """A SHA-256 over everything a model sees of the pairs, to know the same data again."""
    digest = hashlib.sha256()
    for pair in pairs:
        row = repr((pair.source, pair.target, pair.label, pair.criterion))
        digest.update(row.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
