from __future__ import annotations

import json

import pytest

from hornbook.data.readers.json_lines import read_json_lines
from hornbook.data.texts.labeled import read_labeled_texts, read_texts_to_predict
from hornbook.errors import DataError

ROWS = [{"text": f"good thing {i}", "label": "pos"} for i in range(5)]
ROWS += [{"text": f"bad thing {i}", "label": "neg"} for i in range(5)]


def rows(path):
    return list(read_json_lines(path))


@pytest.mark.parametrize("indent", [None, 1, 4])
def test_a_json_array_is_read_as_rows(tmp_path, indent):
    path = tmp_path / "train.json"
    path.write_text(json.dumps(ROWS, indent=indent))
    assert [row for _, row in rows(path)] == ROWS
    assert len(read_labeled_texts(tmp_path)) == 8  # the other two are for validation
    assert [text.text for text in read_texts_to_predict(path)] == [row["text"] for row in ROWS]


def test_rows_of_an_array_have_their_first_line(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('\n[\n {"text": "a"},\n\n {\n"text": "b"}\n]\n')
    assert rows(path) == [(3, {"text": "a"}), (5, {"text": "b"})]


def test_json_written_by_pandas_is_read(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["今天\n好", "b"], "label": [1, 0]})
    path = tmp_path / "a.json"
    frame.to_json(path, orient="records")
    assert [row for _, row in rows(path)] == frame.to_dict("records")
    frame.to_json(path, orient="records", lines=True)
    assert [row for _, row in rows(path)] == frame.to_dict("records")


def test_consecutive_objects_over_several_lines_are_rows(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(row, indent=2) for row in ROWS))
    assert [row for _, row in rows(path)] == ROWS


def test_an_array_on_one_line_may_exceed_the_line_limit(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(ROWS * 100))
    assert len(list(read_json_lines(path, max_line_bytes=1000))) == 1000


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"text": {"0": "a", "1": "b"}, "label": {"0": "x", "1": "y"}}, "columns, not rows"),
        ({"text": ["a", "b"], "label": ["x", "y"]}, "columns, not rows"),
        ({"version": 1, "data": ROWS}, "the rows are in 'data' of one JSON object"),
        ({"columns": ["a"], "index": [0], "data": [["x"]]}, "the rows are in 'data'"),
        ([["a", "x"], ["b", "y"]], "each row must be a JSON object"),
        (["a", "b"], "each row must be a JSON object"),
    ],
)
def test_json_without_rows_is_refused(tmp_path, indent, content, message):
    path = tmp_path / "train.json"
    path.write_text(json.dumps(content, indent=indent))
    with pytest.raises(DataError, match="1 problem") as caught:
        read_labeled_texts(path)
    assert message in str(caught.value)
    assert f"{path}:" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"text": "a"}, {"text": "b"}', ":1: column 30"),
        ('[\n{"text": "a"}\n{"text": "b"}\n]', ":3: column 1: ',' or ']' expected"),
        ('[{"text": NaN}]', "NaN is not JSON"),
        ('[{"text": "a"}] {"b": 1}', "text after the end"),
        ("[" * 100_000, "nested too deeply"),
        ('[\n{"text": "a\nb"}]', ":2: column 12: Invalid control character"),
    ],
)
def test_an_invalid_array_is_refused(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError, match="1 problem") as caught:
        rows(path)
    assert message in str(caught.value)


def test_a_first_row_with_lists_followed_by_rows_is_not_a_file_of_columns(tmp_path):
    path = tmp_path / "a.jsonl"
    columns = [{"text": ["a", "b"], "label": ["x", "y"]}, {"text": ["c"], "label": ["z"]}]
    path.write_text("\n".join(map(json.dumps, columns)))
    assert [row for _, row in rows(path)] == columns
