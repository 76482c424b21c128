"""Text matching data: labeled pairs for training, validation and test.

Three layouts are supported:

* a folder with a folder per criterion, each with `train.jsonl` and optionally `valid.jsonl` and
  `test.jsonl` (also `.txt` as in the Sohu contest of 2021, `.csv`, `.tsv`, `.gz`, and any name that
  means a split: `hornbook.data.readers.split_names`);
* a folder with these files: one criterion, named after the folder;
* one file.

In the last two, a `criterion` column may name the criterion of each row.

Without validation data, a tenth of the training pairs is held out: the same one in every call with
the same seed, stratified by criterion and label, with identical texts on one side.  Test data is
only used by `hornbook evaluate`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hornbook.data.readers.in_memory_rows import MemoryRows
from hornbook.data.readers.named_places import named_places
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.row_files import fingerprint_of, split_by_content
from hornbook.data.readers.split_files import SplitFiles
from hornbook.data.texts.labels import Trimming, counted, doubtful_labels, trimmed
from hornbook.data.texts.pair_rows import (
    Pair,
    group_letter,
    pair_to_predict,
    read_labeled_pairs,
    read_pairs_to_predict,
)
from hornbook.data.texts.splits import TextData
from hornbook.data.texts.summary import Reading, TextSplits, inside, label_lines, listed
from hornbook.errors import DataError

__all__ = ["MatchingData", "Pair", "pair_to_predict", "read_pairs", "read_pairs_to_predict"]

ALL = "all"
MATCH = "match"  # the criterion of pairs in memory that name none


@dataclass(frozen=True)
class MatchingData:
    """Labeled pairs.

    Attributes:
        pairs: In the order of the files.
        criteria: Names of the criteria, sorted.
        groups: Criteria whose scores are averaged together: `{"A": [...], "B": [...]}` by the
            last letter of their names, and `"all"` for names without such a letter.
    """

    pairs: list[Pair]
    criteria: list[str]
    groups: dict[str, list[str]]


READING: Reading[Pair] = Reading(
    unit="pairs",
    where=lambda pair: pair.where,
    labels=lambda pair: (pair.label,),
    content=lambda pair: (pair.criterion, pair.source.strip(), pair.target.strip()),
    same=lambda pair: (pair.criterion, *sorted((pair.source.strip(), pair.target.strip()))),
    trimmed="criterion name",
)


def labeled_pairs(
    path: Any,
    *,
    seed: int = 0,
    valid_fraction: float = 0.1,
    criterion: str | None = None,
) -> TextData[Pair]:
    """Finds the files of each split.

    Args:
        path: A folder or a file, see the module; or rows in memory, see `MemoryRows`.
        seed: Seed of the split, if there is no validation file.
        valid_fraction: Share that is held out then.
        criterion: Criterion of pairs without one, if there are no criterion folders.  Defaults to
            the name of the folder or file, and to "match" for pairs in memory.

    Raises:
        DataError: no such folder.
    """
    path, places, criteria, unused = named_places(path)

    def read(file: Any, place: Any, problems: Problems, trimming: Trimming) -> list[Pair]:
        name: Any = criteria.get(place.folder)
        if name is None and isinstance(file, MemoryRows):
            name = _criterion_or(criterion or MATCH)
        elif name is None:
            name = _criterion_or(criterion or _default_criterion(path, place, file))
        return read_labeled_pairs(file, name, problems, trimming)

    return TextData(
        path,
        places,
        read,
        lambda pairs: split_off(pairs, seed=seed, fraction=valid_fraction),
        fingerprint,
        READING,
        'A row needs "source", "target" and "label" (0 or 1).',
        "Expected train.jsonl in it, or a folder per criterion with train.jsonl in each.",
        unused,
        several="criteria",
    )


def read_pairs(
    path: Any, split: str = "train", *, seed: int = 0, valid_fraction: float = 0.1
) -> MatchingData:
    """Reads one of the splits.

    Args:
        path: A folder or a file, see the module.
        split: `"train"`, `"valid"` or `"test"`.
        seed, valid_fraction: See `labeled_pairs`.

    Raises:
        DataError: no data, or all problems of the rows, by line.
    """
    pairs = labeled_pairs(path, seed=seed, valid_fraction=valid_fraction).samples(split)
    criteria = sorted({pair.criterion for pair in pairs})
    return MatchingData(pairs, criteria, group_criteria(criteria))


def group_criteria(criteria: Iterable[str]) -> dict[str, list[str]]:
    """Groups criteria by the last letter of their names; those without one are `"all"`."""
    groups: dict[str, list[str]] = defaultdict(list)
    for criterion in sorted(criteria):
        groups[group_letter(criterion) or ALL].append(criterion)
    return dict(sorted(groups.items()))


def split_off(
    pairs: list[Pair], *, seed: int = 0, fraction: float = 0.1
) -> tuple[list[Pair], list[Pair]]:
    """Splits into training and validation pairs by their content, not their position.

    The same two texts, in either order and for any criterion, stay on one side.  Of each stratum
    (the criteria and labels of two texts), `fraction` goes to validation.
    """
    return split_by_content(
        pairs,
        lambda pair: "\0".join(sorted((pair.source.strip(), pair.target.strip()))),
        lambda pair: (pair.criterion, pair.label),
        seed=seed,
        fraction=fraction,
    )


def _default_criterion(path: Path, place: SplitFiles, file: Path) -> str:
    """Returns the criterion of pairs without one: the name of the folder or of the file.

    For `train/LCQMC.jsonl` beside `train/AFQMC.jsonl` it is the file's name, for
    `train/part-1.jsonl` beside `train/part-2.jsonl` the folder's.
    """
    name = file.name.split(".")[0]
    of_files = any(
        len({re.sub(r"[\W\d_]", "", one.name.split(".")[0]) for one in files}) > 1
        for files in place.of_split.values()
    )
    return name if path.is_file() or of_files else path.resolve().name


def _criterion_or(name: str) -> Any:
    def criterion(row: Mapping[str, Any]) -> object:
        own = row.get("criterion")
        return name if own is None or (isinstance(own, str) and not trimmed(own)) else own

    return criterion


def common_criteria(train: Iterable[Pair], valid: Iterable[Pair]) -> list[str]:
    """Returns the criteria of the training pairs, sorted.

    Raises:
        DataError: training and validation criteria differ, or all training pairs of one have the
            same label.
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


def criteria_lines(splits: TextSplits[Pair]) -> list[str]:
    """Describes criteria and labels, for the summary before training."""
    if len({pair.criterion for pair in splits.train}) == 1:
        return label_lines(splits, READING)
    rows, where = counted(
        (pair.criterion, inside(splits.folder, pair.where)) for pair in splits.train
    )
    lines = [
        f"            {criterion}: {_matching(splits.train, criterion, 'training')}, "
        f"{_matching(splits.valid, criterion, 'validation')}"
        for criterion in sorted(rows)
    ]
    doubtful = listed("Doubtful", "criteria:", doubtful_labels(rows, where))
    return [f"Criteria    {len(rows):,}", *lines, *doubtful]


def _matching(pairs: Sequence[Pair], criterion: str, title: str) -> str:
    labels = [pair.label for pair in pairs if pair.criterion == criterion]
    share = labels.count(1) / max(len(labels), 1)
    return f"{len(labels):,} {title} pairs ({share:.0%} match)"


def fingerprint(pairs: Iterable[Pair]) -> str:
    """Returns a SHA-256 of everything a model sees, to recognize the same data."""
    return fingerprint_of((pair.source, pair.target, pair.label, pair.criterion) for pair in pairs)
