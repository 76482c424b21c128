"""The families hornbook knows.  A new one is a file beside this one and a line here."""

from __future__ import annotations

from hornbook.errors import CheckpointError, did_you_mean
from hornbook.models.families.bert import BERT
from hornbook.models.family import Family

FAMILIES: dict[str, Family] = {family.name: family for family in (BERT,)}


def family_named(name: str) -> Family:
    """The family called `name`, which may be one of its aliases.

    Raises:
        CheckpointError: naming the nearest one.
    """
    names = {alias: family for family in FAMILIES.values() for alias in family.aliases} | FAMILIES
    key = name.lower().replace("_", "-")
    if key not in names:
        raise CheckpointError(f"Unknown model family {name!r}. {did_you_mean(key, names)}")
    return names[key]
