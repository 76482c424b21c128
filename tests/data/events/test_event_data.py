from __future__ import annotations

import json

import pytest

from hornbook.data.events.event_data import fingerprint, texts_with_events
from hornbook.errors import DataError

ROW = {"text": "甲起诉乙", "events": [{"type": "起诉", "trigger": "起诉", "arguments": []}]}


def test_splits_of_a_folder_and_of_rows_in_memory(tmp_path):
    for name in ("train.jsonl", "dev.jsonl"):
        (tmp_path / name).write_text(json.dumps(ROW) + "\n" + json.dumps(ROW), "utf-8")
    data = texts_with_events(tmp_path)
    assert [data.has(split) for split in ("train", "valid", "test")] == [True, True, False]
    rows = [{**ROW, "text": f"{ROW['text']}{n}"} for n in range(20)]
    splits = texts_with_events(rows).training()
    assert (len(splits.train), len(splits.valid)) == (18, 2)
    [text] = texts_with_events([(ROW["text"], ROW["events"])]).samples("train")
    assert text.events == splits.train[0].events
    assert fingerprint([text]) == fingerprint(data.samples("train")[:1])


def test_a_file_of_one_row_is_read_and_problems_have_their_lines(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps(ROW), "utf-8")
    assert [len(one.events) for one in texts_with_events(file).to_measure("")] == [1]
    file.write_text(json.dumps(ROW) + '\n{"text": "x"}\n{"text": 3}\n', "utf-8")
    with pytest.raises(DataError) as error:
        texts_with_events(file).to_measure("")
    assert "a.jsonl:2: no events" in str(error.value)
    assert "a.jsonl:3: 'text' is not a text" in str(error.value)
    assert "Expected rows such as" in str(error.value)
