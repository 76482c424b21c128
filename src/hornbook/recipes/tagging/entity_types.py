"""Checks the entities of a data set, and describes them for the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hornbook.data.entities.tagged_text import TaggedText, overlapping
from hornbook.data.texts.summary import LABELS, TextSplits, inside, listed, named_counts
from hornbook.errors import DataError, did_you_mean
from hornbook.recipes.spans.text_windows import Units

SHOWN = 10  # problems in one message


def checked_types(
    train: Sequence[TaggedText],
    valid: Sequence[TaggedText],
    known: Sequence[str] = (),
    corpus: str = "",
) -> list[str]:
    """Returns the types of entities, sorted.

    Args:
        train, valid: The texts.
        known: Types of a trained model, in place of those of `train`.
        corpus: Their corpus if there are several, for messages.

    Raises:
        DataError: there are no entities, or some have a type that the model cannot learn.
    """
    types = set(known) or {entity.type for text in train for entity in text.entities or ()}
    of = f" of {corpus}" if corpus else ""
    if not types:
        raise DataError(f"There is nothing to learn: none of the training texts{of} has an entity.")
    problems = []
    measured = train if known else valid
    unknown: dict[str, str] = {}
    for text in measured:
        for entity in text.entities or ():
            if entity.type not in types:
                unknown.setdefault(entity.type, text.where)
    whose = "unknown to the model" if known else "in no training text"
    problems = [
        f"  {kind!r} is {whose}{of}, {where}. {did_you_mean(kind, sorted(types))}"
        for kind, where in unknown.items()
    ]
    if problems:
        raise DataError("These types cannot be used:\n" + "\n".join(problems[:SHOWN]))
    return sorted(types)


def without_overlaps(texts: Sequence[TaggedText]) -> None:
    """Checks that no entities share a character, which tags cannot represent.

    Raises:
        DataError: some do, with their places.
    """
    pairs = [(text, pair) for text in texts if (pair := overlapping(text.entities or ()))]
    if not pairs:
        return
    lines = [
        f"  {text.where}: {text.text[a.start : a.end]!r} ({a.type}) and "
        f"{text.text[b.start : b.end]!r} ({b.type})"
        for text, (a, b) in pairs[:SHOWN]
    ]
    raise DataError(
        f"{len(pairs):,} texts have overlapping entities, which tags cannot represent:\n"
        + "\n".join(lines)
        + "\nTrain with --head pointer, which finds overlapping entities."
    )


def entity_lines(splits: TextSplits[TaggedText], units: Sequence[Units]) -> list[str]:
    """Describes the entities of the training texts, for the summary.

    Args:
        splits: The texts.
        units: Of the training texts.
    """
    counts = Counter(entity.type for text in splits.train for entity in text.entities or ())
    total = sum(counts.values())
    lines = [f"Entities    {total:,} of {len(counts):,} types: {named_counts(counts)}"]
    if without := sum(not text.entities for text in splits.train):
        lines.append(f"            {without:,} training texts have none")
    held_out = {entity.type for text in splits.valid for entity in text.entities or ()}
    if missing := sorted(counts.keys() - held_out):
        lines.append(f"            no validation texts have {', '.join(missing[:LABELS])}")
    cut = [
        f"{inside(splits.folder, text.where)}: {text.text[one.start : one.end]!r}"
        for text, of_text in zip(splits.train, units, strict=True)
        for one in of_text.cut
    ]
    what = f"of {total:,} entities begin or end inside a word or number, and cannot be found:"
    return lines + listed("Cut", what, cut)
