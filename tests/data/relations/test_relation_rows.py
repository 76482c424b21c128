from __future__ import annotations

import pytest

from hornbook.data.readers.problems import Problems
from hornbook.data.relations.related_text import Relation, Span, Triple
from hornbook.data.relations.relation_rows import read_rows
from hornbook.errors import DataError

TEXT = "电影黑洞由李明主演"
ACTOR = Relation(Span(2, 4), "主演", Span(5, 7))


def read(*rows):
    problems = Problems()
    texts = list(read_rows(((f"f:{n}", row) for n, row in enumerate(rows, 1)), "f", problems))
    problems.raise_if_any()
    return texts


@pytest.mark.parametrize(
    "row",
    [
        {"spo_list": [{"subject": "黑洞", "predicate": "主演", "object": "李明"}]},
        {
            "spo_list": [
                {
                    "subject": "黑洞",
                    "predicate": "主演",
                    "object": {"@value": "李明"},
                    "subject_type": "影视作品",
                    "object_type": {"@value": "人物"},
                }
            ]
        },
        {"triple_list": [["黑洞", "主演", "李明"], ["黑洞", "主演", "李明"]]},
        {"relations": [("黑洞", "主演", "李明")]},
        {"relations": [[[2, 4], "主演", [5, 7]]]},
        {
            "relations": [
                {
                    "subject": {"start": 2, "end": 4},
                    "predicate": "主演",
                    "object": {"start": 5, "end": 7, "text": "李明"},
                }
            ]
        },
        {
            "relations": [
                {
                    "subject": {"start": 2, "end": 3, "text": "黑洞"},
                    "predicate": "主演",
                    "object": {"start": 5, "end": 6, "text": "李明"},
                }
            ]
        },
    ],
)
def test_forms_of_rows(row):
    [text] = read({"text": TEXT, "id": 3, **row})
    assert text.relations == (ACTOR,)
    assert text.triples() == {Triple("黑洞", "主演", "李明")}
    assert text.extra["id"] == 3
    assert text.has_offsets == ("黑洞" not in str(row) or "start" in str(row))


def test_each_slot_of_an_object_is_a_relation():
    target = {"@value": "李明", "inWork": "黑洞", "inArea": ""}
    [text] = read(
        {"text": TEXT, "spo_list": [{"subject": "电影", "predicate": "p", "object": target}]}
    )
    assert text.triples() == {Triple("电影", "p", "李明"), Triple("电影", "p/inWork", "黑洞")}


def test_triples_that_are_not_in_the_text_are_kept_apart():
    [text] = read(
        {"text": "New York", "triple_list": [["York", "in", "USA"], ["Yor", "in", "New"]]}
    )
    assert text.relations == ()
    assert [one.reason for one in text.unplaced] == [
        "'Yor' is only inside a word or number",
        "'USA' is not in the text",
    ]
    assert text.triples() == {Triple("York", "in", "USA"), Triple("Yor", "in", "New")}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "no relations; expected"),
        ({"relations": 3}, "'relations' is 3; expected"),
        ({"relations": [["黑洞", "主演"]]}, "the relation"),
        ({"relations": [["黑洞", "", "李明"]]}, "the predicate of"),
        ({"relations": [["黑洞", "主演", ""]]}, "expected two strings, or two of"),
        ({"relations": [["黑洞", "主演", [5, 7]]]}, "expected two strings, or two of"),
        ({"relations": [[[2, 4], "主演", [5, 70]]]}, "from 5 to 70 is empty or outside"),
        ({"relations": [[[4, 2], "主演", [5, 7]]]}, "from 4 to 2 is empty or outside"),
        (
            {"relations": [[{"start": 1, "end": 3, "text": "黑洞"}, "主演", [5, 7]]]},
            "from 1 to 3 is '影黑', not '黑洞'",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(row, message):
    with pytest.raises(DataError, match=f"f:2: .*{message}"):
        read({"text": TEXT, "relations": []}, {"text": TEXT, **row})


def test_a_row_needs_a_text():
    with pytest.raises(DataError, match="f:1: 'text' is missing"):
        read({"relations": []})
