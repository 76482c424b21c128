from __future__ import annotations

import pytest

from hornbook.data.entities.entity_rows import read_rows
from hornbook.data.readers.problems import Problems
from hornbook.errors import DataError

TEXT = "张三住在北京市"
EXPECTED = ((0, 2, "PER"), (4, 7, "LOC"))
TAGS = ["B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC", "I-LOC"]
LABEL_STUDIO = [
    {"value": {"start": 0, "end": 2, "text": "张三", "labels": ["PER"]}, "type": "labels"},
    {"value": {"start": 4, "end": 7, "text": "北京市", "labels": ["LOC"]}, "type": "labels"},
    {"value": {"choices": ["good"]}, "type": "choices"},
]
FORMS = {
    "lists": {"text": TEXT, "entities": [[4, 7, "LOC"], [0, 2, "PER"], [0, 2, "PER"]]},
    "named values": {
        "text": TEXT,
        "entities": [
            {"start": 0, "end": 2, "type": "PER"},
            {"start": 4, "end": 7, "type": "LOC"},
        ],
    },
    "CLUENER": {"text": TEXT, "label": {"PER": {"张三": [[0, 1]]}, "LOC": {"北京市": [[4, 6]]}}},
    "CMeEE": {
        "text": TEXT,
        "entities": [
            {"start_idx": 0, "end_idx": 1, "type": "PER", "entity": "张三"},
            {"start_idx": 4, "end_idx": 6, "type": "LOC", "entity": "北京市"},
        ],
    },
    "doccano": {"id": 1, "text": TEXT, "label": [[0, 2, "PER"], [4, 7, "LOC"]]},
    "doccano, old": {"data": TEXT, "labels": [[0, 2, "PER"], [4, 7, "LOC"]]},
    "doccano, named": {
        "text": TEXT,
        "entities": [
            {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 2},
            {"id": 2, "label": "LOC", "start_offset": 4, "end_offset": 7},
        ],
    },
    "Label Studio": {"data": {"text": TEXT}, "annotations": [{"result": LABEL_STUDIO}]},
    "Label Studio, short": {
        "text": TEXT,
        "label": [LABEL_STUDIO[0]["value"], LABEL_STUDIO[1]["value"]],
    },
    "tokens": {"tokens": list(TEXT), "ner_tags": TAGS},
}


def read(*rows):
    problems = Problems()
    places = ((f"a.jsonl:{number}", row) for number, row in enumerate(rows, 1))
    texts = list(read_rows(places, "a.jsonl", problems))
    problems.raise_if_any()
    return [(text.text, text.entities) for text in texts]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_entities(form):
    assert read(FORMS[form]) == [(TEXT, EXPECTED)]


def test_texts_beside_the_offsets_decide_for_the_whole_file_whether_ends_are_included():
    beside = {"text": "aab", "entities": [{"start": 0, "end": 1, "type": "x", "text": "aa"}]}
    alone = {"text": "aab", "entities": [[1, 2, "x"]]}
    assert read(beside, alone)[1] == ("aab", ((1, 3, "x"),))
    assert read(alone) == [("aab", ((1, 2, "x"),))]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "ab", "entities": [[0, 3, "x"]]}, "from 0 to 3 is empty or outside"),
        ({"text": "ab", "entities": [[1, 1, "x"]]}, "from 1 to 1 is empty or outside"),
        ({"text": "ab", "entities": [[2, 1, "x"]]}, "from 2 to 1 is empty or outside"),
        ({"text": "ab", "entities": [[0, 1, ""]]}, "expected one word"),
        ({"text": "ab", "entities": [{"start": 0, "end": 1, "labels": []}]}, "expected one word"),
        ({"text": "ab", "entities": [["0", 1, "x"]]}, "has no start and end"),
        ({"text": "ab", "entities": [[0, 1]]}, "expected .start, end, type."),
        ({"text": "a b", "entities": [[1, 2, "x"]]}, "only white space"),
        ({"text": "ab", "entities": [[0, 1, "x", "b"]]}, "is 'a', not 'b'"),
        ({"text": "ab", "entities": "x"}, "in a list"),
        ({"text": "ab"}, "no entities"),
        ({"text": " ", "entities": []}, "not a text with letters"),
        ({"entities": []}, "'text' is missing"),
        ({"tokens": ["a"], "ner_tags": [1]}, "not their indices"),
        ({"tokens": ["a", "b"], "tags": ["O"]}, "2 tokens without a tag each"),
        ({"tokens": ["a", "b"], "tags": ["B-x", "I-y"]}, "the BIO tag 'I-y' does not continue"),
        ({"tokens": []}, "is empty"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(row, message):
    good = {"text": "ab", "entities": [[0, 1, "x", "a"]]}
    with pytest.raises(DataError, match=f"a.jsonl:2: .*{message}"):
        read(good, row)
