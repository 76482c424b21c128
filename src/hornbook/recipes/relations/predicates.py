"""The predicates of a data set, and what the summary says about its relations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hornbook.data.relations.related_text import RelatedText, Relation
from hornbook.data.texts.summary import LABELS, TextSplits, inside, listed, named_counts
from hornbook.errors import DataError
from hornbook.progress import note
from hornbook.recipes.relations.unit_relations import UnitRelation
from hornbook.recipes.spans.text_windows import Window


def predicates_of(train: Sequence[RelatedText]) -> list[str]:
    """Returns the predicates of the training texts, sorted.

    Raises:
        DataError: there are none.
    """
    predicates = {one.predicate for text in train for one in text.relations or ()}
    if predicates:
        return sorted(predicates)
    lost = [f"  {text.where}: {one.reason}" for text in train for one in text.unplaced]
    if not lost:
        raise DataError("There is nothing to learn: none of the training texts has a relation.")
    raise DataError(
        "There is nothing to learn: no relation has its subject and its object in its text.\n"
        + "\n".join(lost[:LABELS])
    )


def note_unknown(texts: Sequence[RelatedText], predicates: Sequence[str]) -> None:
    """Prints which predicates of texts a trained model does not know."""
    counts = _counts(texts)
    unknown = {name: count for name, count in counts.items() if name not in predicates}
    if unknown:
        note(
            f"{sum(unknown.values()):,} of {counts.total():,} relations have predicates that the "
            f"model does not know, and count as missed: {named_counts(Counter(unknown))}"
        )


def relation_lines(
    splits: TextSplits[RelatedText],
    cut: Sequence[tuple[RelatedText, Relation]],
    apart: Sequence[tuple[RelatedText, UnitRelation]],
) -> list[str]:
    """Describes the relations of the training texts, for the summary.

    Args:
        splits: The texts.
        cut: Training relations with a border inside a word or a number.
        apart: Training relations that no window holds.
    """
    counts, held_out = _counts(splits.train), _counts(splits.valid)
    total = counts.total()
    lines = [f"Relations   {total:,} of {len(counts):,} predicates: {named_counts(counts)}"]
    if without := sum(not text.triples() for text in splits.train):
        lines.append(f"            {without:,} training texts have none")
    if missing := sorted(counts.keys() - held_out.keys()):
        more = f" and {len(missing) - LABELS:,} more" if len(missing) > LABELS else ""
        lines.append(f"            no validation texts have {', '.join(missing[:LABELS])}{more}")
    if unknown := Counter({key: n for key, n in held_out.items() if key not in counts}):
        lines.append(f"            in validation texts only, never found: {named_counts(unknown)}")
    unplaced = [
        f"{inside(splits.folder, text.where)}: {', '.join(one.triple)}: {one.reason}"
        for text in splits.train
        for one in text.unplaced
    ]
    what = f"of {total:,} relations have a subject or an object that their text lacks:"
    lines += listed("Unplaced", what, unplaced)
    if others := sum(len(text.unplaced) for text in splits.valid):
        lines.append(
            f"            {others:,} of {held_out.total():,} validation relations too: they count "
            "as missed"
        )
    places = [
        f"{inside(splits.folder, text.where)}: {', '.join(text.triple(one))}" for text, one in cut
    ]
    what = f"of {total:,} relations begin or end inside a word or number, and cannot be found:"
    lines += listed("Cut", what, places)
    places = [f"{inside(splits.folder, text.where)}: {one.predicate}" for text, one in apart]
    what = f"of {total:,} relations are longer than a window, and cannot be found:"
    return lines + listed("Apart", what, places)


def outside_windows(
    relations: Sequence[UnitRelation], windows: Sequence[Window]
) -> list[UnitRelation]:
    """Returns the relations of a text that none of its windows holds."""
    if len(windows) == 1:
        return []
    return [one for one in relations if not any(w.holds(*one.hull()) for w in windows)]


def _counts(texts: Sequence[RelatedText]) -> Counter[str]:
    return Counter(one.predicate for text in texts for one in text.triples())
