from __future__ import annotations

import pytest

from hornbook.data.readers.text_rows import text_to_predict, texts_to_predict
from hornbook.errors import DataError


def test_texts_to_predict_are_lines_or_rows(tmp_path):
    (tmp_path / "a.txt").write_text("\none two\n three\n", "utf-8")
    (tmp_path / "b.jsonl").write_text('{"text": "x", "id": 3, "events": 5}\n{}\n', "utf-8")
    (tmp_path / "c.csv").write_text("id,text\n3,x\n", "utf-8")
    (tmp_path / "d.txt").write_text("\n", "utf-8")
    texts = list(texts_to_predict(tmp_path / "a.txt"))
    assert [(one.text, one.where[-1]) for one in texts] == [("one two", "2"), (" three", "3")]
    rows = texts_to_predict(tmp_path / "b.jsonl")
    assert next(rows).extra["id"] == 3
    with pytest.raises(DataError, match=r"b\.jsonl:2: 'text' is missing"):
        next(rows)
    assert [one.text for one in texts_to_predict(tmp_path / "c.csv")] == ["x"]
    assert list(texts_to_predict(tmp_path / "d.txt")) == []
    assert text_to_predict({"content": "x"}, "row 1").extra == {"content": "x"}
