"""The corpus of pretraining: its rows, and the objective that makes batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hornbook.data.objectives.tasks import OBJECTIVES

MEAN_SPAN = 3.0  # mean tokens per removed span


def objective_of(recipe: Any) -> Any:
    """Returns the recipe's objective, with its options."""
    options: dict[str, Any] = {}
    if recipe.objective in ("mlm", "electra"):
        options = {"share": recipe.mask_share, "unit": recipe.mask_unit}
    elif recipe.objective == "span":
        options = {"share": recipe.mask_share, "mean_span": MEAN_SPAN}
    if recipe.sentence_order:
        options["sentence_order"] = True
    return OBJECTIVES[recipe.objective](**options)


def rows_of(recipe: Any, objective: Any, sources: Sequence[str], prepared: Path) -> Any:
    """Returns the packed rows of a corpus, tokenized first if need be.

    Args:
        recipe: The recipe, with a tokenizer.
        objective: From `objective_of`; it determines how documents are framed.
        sources: Files, folders, patterns.
        prepared: The folder of the token IDs.
    """
    from hornbook.data.corpus.preparing import prepare_shards
    from hornbook.data.objectives.packing import pack

    shards = prepare_shards(
        sources,
        recipe.tokenizer,
        prepared / "corpus",
        words=recipe.words,
        workers=recipe.workers,
        text_field=recipe.text_field,
        lines=recipe.lines,
        skip_bad=recipe.skip_bad,
        deduplicate=recipe.deduplicate,
    )
    packing = {"across_documents": recipe.across_documents, **objective.packing}
    return pack(shards, recipe.length, **packing)


def sentinels_of(recipe: Any) -> int:
    """Returns the number of sentinel tokens that the vocabulary needs for span corruption."""
    from hornbook.data.objectives.span_corruption import span_counts

    if recipe.objective != "span":
        return 0
    return max(100, span_counts(recipe.length, recipe.mask_share, MEAN_SPAN)[1])
