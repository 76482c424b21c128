from __future__ import annotations

import json

import pytest

from hornbook.data.relations.related_data import (
    related_texts,
)
from hornbook.errors import DataError


def read_all(file):
    """All samples of a file."""
    return related_texts(file).to_measure("")


ROW = {"text": "甲的父亲是乙", "relations": [["甲", "父亲", "乙"]]}


def test_splits_of_a_folder_and_of_rows_in_memory(tmp_path):
    for name in ("train.jsonl", "dev.jsonl"):
        (tmp_path / name).write_text(json.dumps(ROW) + "\n" + json.dumps(ROW), "utf-8")
    data = related_texts(tmp_path)
    assert [data.has(split) for split in ("train", "valid", "test")] == [True, True, False]
    rows = [{**ROW, "text": f"{ROW['text']}{n}"} for n in range(20)]
    splits = related_texts(rows).training()
    assert (len(splits.train), len(splits.valid)) == (18, 2)
    [text] = related_texts([(ROW["text"], ROW["relations"])]).samples("train")
    assert text.relations == splits.train[0].relations


def test_a_file_of_one_row_is_read(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(ROW), "utf-8")
    assert [len(one.relations) for one in read_all(tmp_path / "a.jsonl")] == [1]


def test_problems_are_listed_with_their_lines(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(ROW) + '\n{"text": "x"}\n{"text": 3}\n', "utf-8")
    with pytest.raises(DataError) as error:
        read_all(tmp_path / "a.jsonl")
    assert "a.jsonl:2: no relations" in str(error.value)
    assert "a.jsonl:3: 'text' is not a text" in str(error.value)
    assert "Expected rows such as" in str(error.value)
