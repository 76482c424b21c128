"""Which heads of a checkpoint are loaded, and notes about the others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hornbook.checkpoints import Checkpoint
from hornbook.models.configuration.choices import HEADS, TASK_HEADS
from hornbook.pretrained.opening.sources.bert4keras_model import LAYOUT, heads_of_user
from hornbook.progress import note

if TYPE_CHECKING:
    from hornbook.models.configuration.transformer_config import TransformerConfig
    from hornbook.models.family import Family

OWN = "hornbook."  # prefix of weights that no other layout has

# Names of fine-tuned heads, in transformers and in Google's programs.
_UNUSED = re.compile(
    r"(classifier|qa_outputs|score|classification_head|sequence_summary|multiple_choice_head"
    r"|logits_proj|answer_class|start_logits|end_logits|regressor)\.|output_(weights|bias)$"
    r"|cls/squad/output_(weights|bias)$"
)
# ending of a class name of transformers -> its head
_OF_CLASSES = {
    "ForSequenceClassification": "classification",
    "ForTokenClassification": "token_classification",
    "ForQuestionAnswering": "question_answering",
}


def heads_in(family: Family, checkpoint: Checkpoint, config: TransformerConfig) -> tuple[str, ...]:
    """Returns the heads found in a checkpoint; fine-tuned ones only if hornbook saved it."""
    if checkpoint.layout == "keras":
        return config.heads
    existing = set(checkpoint.names())
    table = family.table(checkpoint.layout, config)
    own = {name.removeprefix(OWN) for name in existing if name.startswith(OWN)}
    unused = unused_names(checkpoint)
    heads = []
    for head in HEADS:
        rows = [names for path, names in table.items() if path.startswith(f"{head}.")]
        if head == "mlm" and unused and f"{head}.bias" in table:
            rows = [table["mlm.bias"]]  # ModernBERT's classifiers start like its language head
        tied = head == "mlm" and config.language_head == "tied" and config.tie_word_embeddings
        if (
            tied  # it has no weights of its own
            or any(_has(existing, family, checkpoint.layout, names) for names in rows)
            or any(path.startswith(f"{head}.") for path in own)
        ):
            heads.append(head)
    return (*heads, *(head for head in config.heads if head in TASK_HEADS))


def unused_names(checkpoint: Checkpoint) -> list[str]:
    """Returns the names of the weights of fine-tuned heads."""
    if checkpoint.layout == LAYOUT:
        return heads_of_user(checkpoint)
    return [name for name in checkpoint.names() if _UNUSED.match(name)]


def name_unused(
    family: Family, checkpoint: Checkpoint, heads: Iterable[str], values: Mapping[str, Any]
) -> bool:
    """Notes which fine-tuned heads of a checkpoint are not loaded.

    Args:
        family: Family of the model.
        checkpoint: The source of the weights.
        heads: The heads of the model.
        values: Contents of its configuration file.

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
    if checkpoint.layout == LAYOUT:
        loads = ": hornbook.checkpoints.find_checkpoint(path).read(name) returns an array"
    note(f"{some} of {checkpoint.files[0].name} {are} not used{loads}.")
    return True


def likely_heads(checkpoint: Checkpoint, values: Mapping[str, Any]) -> list[str]:
    """Returns the heads that fine-tuned weights may belong to, the most likely first."""
    classes = values.get("architectures")
    declared = [
        head
        for name in (classes if isinstance(classes, list) else ())
        for ending, head in _OF_CLASSES.items()
        if str(name).endswith(ending)
    ]
    names = unused_names(checkpoint)
    if any(name.startswith(("qa_outputs.", "cls/squad/")) for name in names):
        return [*declared, "question_answering"]
    return [*declared, "classification", "token_classification"] if names else declared


def number_of_labels(family: Family, checkpoint: Checkpoint, heads: Iterable[str]) -> int | None:
    """Returns the number of labels of a classification head; None without one."""
    for head in heads:
        path = f"{head}.output_dense.kernel"
        row = family.task_heads.get(checkpoint.layout, {}).get(head, {}).get(path)
        name = OWN + path if row is None else row if isinstance(row, str) else row.name
        if head in ("classification", "token_classification") and name in checkpoint.names():
            shape = checkpoint.shape(name)
            exchanged = shape if row is None or isinstance(row, str) else row.exchanged_shape(shape)
            return exchanged[-1] if exchanged else None
    return None


def _has(existing: set[str], family: Family, layout: str, names: Any) -> bool:
    prefix = family.optional_prefix.get(layout, "")
    rows = names if isinstance(names, tuple) else (names,)
    plain = [name if isinstance(name, str) else name.name for name in rows]
    return any(name in existing or name.removeprefix(prefix) in existing for name in plain)
