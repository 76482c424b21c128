from __future__ import annotations

import pytest

from hornbook.data.entities.tagged_text import Entity, TaggedText
from hornbook.errors import DataError
from hornbook.recipes.tagging.entity_types import checked_types, without_overlaps


def text(*entities, where="a:1"):
    return TaggedText("abcdef", tuple(Entity(*one) for one in entities), where)


def test_types_are_those_of_the_training_texts():
    assert checked_types([text((0, 1, "y")), text((0, 1, "x"))], [text()]) == ["x", "y"]
    with pytest.raises(DataError, match="none of the training texts has an entity"):
        checked_types([text()], [])
    with pytest.raises(
        DataError, match=r"'persn' is in no training text, b:2\. Did you mean 'pers"
    ):
        checked_types([text((0, 1, "person"))], [text((0, 1, "persn"), where="b:2")])
    with pytest.raises(DataError, match="'z' is unknown to the model, a:1"):
        checked_types([text((0, 1, "z"))], [], ["x"])


def test_overlapping_entities_are_named_with_what_to_do():
    without_overlaps([text((0, 2, "x"), (2, 3, "y"))])
    with pytest.raises(DataError, match=r"a:1: 'ab' \(x\) and 'b' \(y\)(.|\n)*--head pointer"):
        without_overlaps([text((0, 2, "x"), (1, 2, "y"))])
