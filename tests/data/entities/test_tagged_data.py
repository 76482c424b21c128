from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas
import pytest

from hornbook.data.entities.tagged_data import (
    READING,
    fingerprint,
    read_texts_to_tag,
    tagged_texts,
    text_to_tag,
)
from hornbook.data.entities.tagged_text import Entity, TaggedText, overlapping
from hornbook.data.texts.summary import Lengths, TextSplits, summary
from hornbook.errors import DataError


def read_all(file):
    """All samples of a file."""
    return tagged_texts(file).to_measure("")


def test_formats_are_recognized_by_content(tmp_path):
    (tmp_path / "a.txt").write_text("我们 去 北京\n\n好\n", "utf-8")
    (tmp_path / "b.txt").write_text("我 S\n们 S\n", "utf-8")
    (tmp_path / "c.txt").write_text(json.dumps({"text": "ab", "entities": []}), "utf-8")
    words, columns, rows = (read_all(tmp_path / f"{name}.txt") for name in "abc")
    assert [(one.text, len(one.entities)) for one in words] == [("我们去北京", 3), ("好", 1)]
    assert words[0].entities[2] == (3, 5, "word")
    assert columns[0].entities == ((0, 1, "word"), (1, 2, "word"))
    assert rows[0].entities == ()
    assert rows[0].where.endswith("c.txt:1")


def test_a_file_in_no_known_format_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("To be or not to be\nthat is the question\n", "utf-8")
    with pytest.raises(DataError, match="neither a token and its tag per line, nor"):
        read_all(tmp_path / "a.txt")


def test_splits_are_found_with_the_endings_of_tagged_files(tmp_path):
    for name in ("train.char.bmes", "dev.char.bmes", "test.bio", "readme.md"):
        (tmp_path / name).write_text("我 S-x\n", "utf-8")
    data = tagged_texts(tmp_path)
    assert [data.has(split) for split in ("train", "valid", "test")] == [True] * 3


def test_rows_in_memory_are_read_like_those_of_files():
    rows = [{"text": f"ab{n}", "entities": [[0, 1, "x"]]} for n in range(20)]
    splits = tagged_texts(rows).training()
    assert (len(splits.train), len(splits.valid)) == (18, 2)
    assert splits.train[0].entities == (Entity(0, 1, "x"),)


@pytest.mark.parametrize(
    "row",
    [
        {"text": "ab", "entities": [[0, 1, "x"]]},
        {"tokens": ["a", "b"], "ner_tags": ["B-x", "O"]},
        {"data": {"text": "ab"}, "label": [[0, 1, "x"]]},
        ("ab", [[0, 1, "x"]]),
    ],
)
def test_every_form_can_be_trained_on_and_predicted(row):
    [text] = tagged_texts({"train": [row], "valid": [row]}).samples("train")
    assert (text.text, text.entities) == ("ab", (Entity(0, 1, "x"),))
    if isinstance(row, dict):
        table = pandas.DataFrame([row])
        [text] = tagged_texts({"train": table, "valid": table}).samples("train")
        assert text.entities == (Entity(0, 1, "x"),)
        assert text_to_tag(row, "row 1").text == "ab"


@pytest.mark.parametrize(
    "row",
    [
        {"text": "ab", "entities": [[0, 1, "x"], [1, 2, "x"]]},
        {"text": "ab", "entities": [{"start": 0, "end": 1, "type": "x"}]},
        {"tokens": ["a", "b"], "tags": ["B-x", "O"]},
        {"data": {"text": "ab"}, "annotations": [{"result": []}]},
    ],
)
def test_a_file_of_one_row_is_read(tmp_path, row):
    (tmp_path / "a.jsonl").write_text(json.dumps(row), "utf-8")
    assert [one.text for one in read_all(tmp_path / "a.jsonl")] == ["ab"]
    assert [one.text for one in read_texts_to_tag(tmp_path / "a.jsonl")] == ["ab"]


def test_rows_inside_an_object_are_refused_with_what_to_do(tmp_path):
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"data": [{"text": "ab", "entities": []}] * 2}), "utf-8")
    with pytest.raises(DataError, match="the rows are in 'data' of one JSON object"):
        read_all(file)


def test_texts_to_tag_are_lines_or_rows(tmp_path):
    (tmp_path / "a.txt").write_text("one two\n\n three\n", "utf-8")
    (tmp_path / "b.jsonl").write_text('{"text": "x", "id": 3, "entities": 5}\n{}\n', "utf-8")
    texts = list(read_texts_to_tag(tmp_path / "a.txt"))
    assert [(one.text, one.where.rpartition(":")[2]) for one in texts] == [
        ("one two", "1"),
        (" three", "3"),
    ]
    rows = read_texts_to_tag(tmp_path / "b.jsonl")
    assert next(rows).extra["id"] == 3
    with pytest.raises(DataError, match=r"b\.jsonl:2: 'text' is missing"):
        next(rows)


def test_files_with_tags_and_segmented_files_are_read_as_texts_too(tmp_path):
    (tmp_path / "a.bio").write_text("北 B-x\n京 I-x\n\n好 O\n", "utf-8")
    (tmp_path / "b.txt").write_text("我们 去 北京\n", "utf-8")
    columns, words = (list(read_texts_to_tag(tmp_path / name)) for name in ("a.bio", "b.txt"))
    assert [(one.text, one.entities) for one in columns] == [("北京", None), ("好", None)]
    assert [(one.text, one.entities) for one in words] == [("我们去北京", None)]


def test_corpora_are_folders_or_named_in_rows(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.seg").write_text("我们 去\n去 北京\n", "utf-8")
    (tmp_path / "notes.jsonl").touch()
    data = tagged_texts(tmp_path)
    splits = data.training()
    assert {one.corpus for one in splits.train} == {one.corpus for one in splits.valid}
    assert splits.held_out == "10% of 2 corpora held out"
    assert splits.notes == ["Not used: notes.jsonl"]
    rows = [
        {"text": "ab", "entities": [], "corpus": " x\u3000"},
        {"tokens": ["a", "b"], "tags": ["B-x", "O"], "corpus": 5},
        {"text": "cd", "entities": [], "corpus": None},
    ]
    texts = tagged_texts({"train": rows, "valid": rows}, corpus="y").samples("train")
    assert [(one.text, one.corpus) for one in texts] == [("ab", "x"), ("cd", "y"), ("ab", "5")]
    with pytest.raises(DataError, match=r"train row 1: 'corpus' is \['x'\], not a name"):
        tagged_texts({"train": [{**rows[0], "corpus": ["x"]}]}).samples("train")


def test_a_single_corpus_does_not_change_the_fingerprint():
    one = TaggedText("ab", (), "a:1")
    named = [replace(one, corpus=name) for name in ("x", "y")]
    assert fingerprint([one, one]) == fingerprint([named[0], named[0]]) != fingerprint(named)


def test_equal_texts_with_different_entities_are_named():
    entities = [(Entity(0, 1, "x"), Entity(2, 3, "x")), (Entity(0, 1, "x"), Entity(1, 3, "x"))]
    train = [
        TaggedText("abc", entities[0], "a:1"),
        TaggedText("abc", entities[1], "a:2"),
        TaggedText(" abc", tuple(Entity(a + 1, b + 1, x) for a, b, x in entities[0]), "a:3"),
        TaggedText("abc", entities[0][:1], "a:4"),
        TaggedText("abc", entities[1], "a:5", corpus="of its own"),
    ]
    lines = summary(TextSplits(train, []), READING, Lengths(np.ones(5), 9), []).splitlines()
    assert [line.strip() for line in lines[-2:]] == [
        "Disagreeing 1 texts occur with different labels:",
        "a:1 (x 'c' at 2), a:2 (x 'bc' at 1), a:4 (nothing more)",
    ]


def test_overlapping_entities_are_found():
    a, b, c = Entity(0, 4, "x"), Entity(1, 2, "y"), Entity(4, 6, "x")
    assert overlapping((a, b, c)) == (a, b)
    assert overlapping((a, c)) is None
    assert overlapping(()) is None
