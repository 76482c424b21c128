"""Several corpora in one model: which types each has, and what is printed about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from hornbook.data.entities.tagged_text import TaggedText
from hornbook.data.readers.text_lines import note_once
from hornbook.data.texts.summary import TextSplits, first_and_last
from hornbook.errors import DataError, OptionError, did_you_mean
from hornbook.recipes.tagging.entity_types import checked_types
from hornbook.recipes.tagging.heads import ILLEGAL


def types_of_corpora(
    train: Sequence[TaggedText], valid: Sequence[TaggedText]
) -> dict[str, list[str]]:
    """Returns the types of each corpus, the largest corpus first; {} unless there are several.

    Raises:
        DataError: a corpus cannot be learned, or some texts name none.
    """
    counts = Counter(text.corpus for text in train)
    held_out = Counter(text.corpus for text in valid)
    names = sorted(counts | held_out, key=lambda name: (-counts[name], name))
    if len(names) < 2:
        return {}
    if "" in names:
        nameless = [text for text in (*train, *valid) if not text.corpus]
        raise DataError(
            f"{len(nameless):,} texts name no corpus, {nameless[0].where} first; others are of "
            f"{', '.join(filter(None, names))}.\n"
            "Name the corpus of each row in `corpus`, or of none."
        )
    problems = [f"  {name}: no training texts" for name in names if not counts[name]]
    problems += [f"  {name}: no validation texts" for name in names if not held_out[name]]
    if problems:
        raise DataError("These corpora cannot be learned:\n" + "\n".join(problems))
    return {
        name: checked_types(in_corpus(train, name), in_corpus(valid, name), corpus=name)
        for name in names
    }


def in_corpus(texts: Sequence[TaggedText], corpus: str) -> list[TaggedText]:
    """Returns the texts of a corpus."""
    return [text for text in texts if text.corpus == corpus]


def corpus_lines(splits: TextSplits[TaggedText], corpora: Mapping[str, Sequence[str]]) -> list[str]:
    """Describes the corpora and their types, for the summary before training."""
    if not corpora:
        return []
    lines = [
        f"            {name}: {len(in_corpus(splits.train, name)):,} training texts, "
        f"{len(in_corpus(splits.valid, name)):,} validation texts, {first_and_last(types)}"
        for name, types in corpora.items()
    ]
    return [f"Corpora     {len(corpora):,}", *lines]


def scores_of_types(
    types: Sequence[str], corpora: Mapping[str, Sequence[str]]
) -> np.ndarray | None:
    """Returns what is added to the scores of types in the texts of each corpus, `(corpora, types)`:
    0, or `ILLEGAL` where the corpus does not have the type.  None if every corpus has all."""
    has_type = np.array([[kind in known for kind in types] for known in corpora.values()], bool)
    return None if has_type.all() else np.where(has_type, 0, ILLEGAL).astype(np.float32)


def check_corpus(corpus: str | None, corpora: Mapping[str, Sequence[str]]) -> None:
    """Raises OptionError if the corpus that the user names is not one of the model's."""
    if corpus is None or corpus in corpora:
        return
    if not corpora:
        raise OptionError("corpus is for models of several corpora; this one has learned from one.")
    raise OptionError(f"Unknown corpus {corpus!r}. {did_you_mean(corpus, corpora)}")


def default_corpus(corpora: Mapping[str, Sequence[str]]) -> str:
    """Returns the corpus of texts that name none, the largest, and prints which it is."""
    first, *others = corpora
    note_once(
        f"Texts without a corpus are read as those of {first}, which has the most training texts; "
        f"--corpus names another: {', '.join(others)}."
    )
    return first
