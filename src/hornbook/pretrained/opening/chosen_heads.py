"""Which heads a model gets from a checkpoint, and what becomes of those it does not get."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from hornbook.checkpoints import Checkpoint
from hornbook.models.configuration.choices import HEADS, TASK_HEADS
from hornbook.progress import note

OWN = "hornbook."  # before the names of weights that no other layout knows

# What the heads of fine-tuned checkpoints are called, in transformers and in Google's programs.
_UNUSED = re.compile(
    r"(classifier|qa_outputs|score|classification_head|sequence_summary|multiple_choice_head"
    r"|logits_proj|answer_class|start_logits|end_logits|regressor)\.|output_(weights|bias)$"
    r"|cls/squad/output_(weights|bias)$"
)
# the beginning of a class of transformers -> the head that it has
_OF_CLASSES = {
    "ForSequenceClassification": "classification",
    "ForTokenClassification": "token_classification",
    "ForQuestionAnswering": "question_answering",
}


def heads_in(family: Any, checkpoint: Checkpoint, config: Any) -> tuple[str, ...]:
    """The heads whose weights a checkpoint has; those of fine-tuning only if hornbook wrote it."""
    if checkpoint.layout == "keras":
        return config.heads
    there = set(checkpoint.names())
    table = family.table(checkpoint.layout, config)
    own = {name.removeprefix(OWN) for name in there if name.startswith(OWN)}
    unused = unused_names(checkpoint)
    found = []
    for head in HEADS:
        rows = [names for path, names in table.items() if path.startswith(f"{head}.")]
        if head == "mlm" and unused and f"{head}.bias" in table:
            rows = [table["mlm.bias"]]  # ModernBERT's classifiers begin as its language head does
        tied = head == "mlm" and config.language_head == "tied" and config.tie_word_embeddings
        if (
            tied  # it has no weights of its own
            or any(_has(there, family, checkpoint.layout, names) for names in rows)
            or any(path.startswith(f"{head}.") for path in own)
        ):
            found.append(head)
    return (*found, *(head for head in config.heads if head in TASK_HEADS))


def unused_names(checkpoint: Checkpoint) -> list[str]:
    """The weights of heads that the checkpoint was fine-tuned with."""
    return [name for name in checkpoint.names() if _UNUSED.match(name)]


def name_unused(
    family: Any, checkpoint: Checkpoint, heads: Iterable[str], values: Mapping[str, Any]
) -> bool:
    """Says which heads a checkpoint has and the model does not get.

    Args:
        family: A `Family`.
        checkpoint: Where the weights come from.
        heads: Those that the model gets.
        values: The contents of its configuration file.

    Returns:
        Whether there are any.
    """
    rows: dict[str, Any] = {}
    for head in set(heads) & set(TASK_HEADS):
        rows |= family.task_heads.get(checkpoint.layout, {}).get(head, {})
    used = {name if isinstance(name, str) else name.name for name in rows.values()}
    unused = [name for name in unused_names(checkpoint) if name not in used]
    if not unused:
        return False
    some = ", ".join(unused[:4]) + (f" and {len(unused) - 4} more" if len(unused) > 4 else "")
    are = "is" if len(unused) == 1 else "are"
    able = [head for head in likely_heads(checkpoint, values) if head not in heads]
    able = [head for head in able if head in family.task_heads_in(checkpoint.layout)]
    loads = f": hornbook.load(..., heads={able[:1]}) loads the head" if able else ""
    note(f"{some} of {checkpoint.files[0].name} {are} not used{loads}.")
    return True


def likely_heads(checkpoint: Checkpoint, values: Mapping[str, Any]) -> list[str]:
    """What the weights of a fine-tuned head are for, the likeliest first."""
    classes = values.get("architectures")
    said = [
        head
        for name in (classes if isinstance(classes, list) else ())
        for ending, head in _OF_CLASSES.items()
        if str(name).endswith(ending)
    ]
    names = unused_names(checkpoint)
    if any(name.startswith(("qa_outputs.", "cls/squad/")) for name in names):
        return [*said, "question_answering"]
    return [*said, "classification", "token_classification"] if names else said


def number_of_labels(family: Any, checkpoint: Checkpoint, heads: Iterable[str]) -> int | None:
    """The labels that the head asked for tells apart; None: it is none, or not there."""
    for head in heads:
        path = f"{head}.output_dense.kernel"
        row = family.task_heads.get(checkpoint.layout, {}).get(head, {}).get(path)
        name = OWN + path if row is None else row if isinstance(row, str) else row.name
        if head in ("classification", "token_classification") and name in checkpoint.names():
            shape = checkpoint.shape(name)
            exchanged = shape if row is None or isinstance(row, str) else row.exchanged_shape(shape)
            return exchanged[-1] if exchanged else None
    return None


def _has(there: set[str], family: Any, layout: str, names: Any) -> bool:
    prefix = family.optional_prefix.get(layout, "")
    several = names if isinstance(names, tuple) else (names,)
    plain = [name if isinstance(name, str) else name.name for name in several]
    return any(name in there or name.removeprefix(prefix) in there for name in plain)
