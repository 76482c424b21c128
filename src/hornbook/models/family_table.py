"""The families as a table, made from their own data."""

from __future__ import annotations

import dataclasses
from typing import Any

from hornbook.models.configuration.choices import CHOICES
from hornbook.models.configuration.transformer_config import TransformerConfig
from hornbook.models.families import FAMILIES
from hornbook.models.family import Family

# needed only where a fine-tuned head is asked for
_OF_CLASSIFIERS = ("classifier_act", "classifier_pooling", "classifier_transform")
COLUMNS = (
    "family",
    "also called",
    "sizes",
    "layouts",
    "heads",
    "heads of fine-tuned checkpoints",
    "applications",
    "what it chooses",
    "paper",
)


def family_rows() -> list[list[str]]:
    """One row for each family, its cells in the order of `COLUMNS`."""
    return [
        [
            family.name,
            ", ".join(family.aliases),
            ", ".join(family.sizes),
            ", ".join(family.weights),
            "; ".join(f"{layout}: {', '.join(heads)}" for layout, heads in _heads(family)),
            ", ".join(family.task_heads_in("huggingface")),
            ", ".join(family.applications),
            ", ".join(f"{name}={value}" for name, value in _choices(family)),
            family.paper,
        ]
        for family in FAMILIES.values()
    ]


def markdown() -> str:
    """The page of the documentation."""
    lines = [
        "# Model families",
        "",
        "Written by `hornbook families --markdown` from the data in `models/families/`.",
        "`hornbook.load(folder, family=...)` takes a name of the first two columns; without it "
        "the configuration decides.",
        "Sizes are layers x features.  The keyword `application` says what it is to be; its own "
        "comes first.",
        "Any of them can also be saved in the layout `keras`, takes `condition_size`, and "
        "computes in float32, bfloat16 or float16.",
        "",
        _line(COLUMNS),
        _line("---" for _ in COLUMNS),
    ]
    for row in family_rows():
        name, *others, paper = row
        lines.append(_line([f"`{name}`", *others, f"[{paper.partition('://')[2]}]({paper})"]))
    lines += [
        "",
        "What there is to choose, the first being what a family has that does not say:",
        "",
    ]
    for name, values in CHOICES.items():
        lines.append(f"- `{name}`: {', '.join(f'`{value}`' for value in values)}")
    return "\n".join(lines) + "\n"


def _heads(family: Family) -> list[tuple[str, tuple[str, ...]]]:
    return [(layout, family.heads_in(layout)) for layout in family.weights]


def _choices(family: Family) -> list[tuple[str, object]]:
    """What it does not have in common with everybody."""
    defaults = {item.name: item.default for item in dataclasses.fields(TransformerConfig)}
    chosen = [
        (name, value)
        for name, value in family.choices.items()
        if name not in {"application", *family.words, *_OF_CLASSIFIERS}
        and value not in (None, defaults[name])
    ]
    said = sorted(family.words - {"tie_word_embeddings", *_OF_CLASSIFIERS})
    return [*chosen, *((word, "as its config says") for word in said)]


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
