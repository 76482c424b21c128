from __future__ import annotations

import csv
import json

import pytest

from hornbook.data.readers.answer_files import print_answers, write_answers
from hornbook.errors import OptionError

ANSWERS = [
    {"id": 7, "source": '他说："好,行"', "probability": 0.25, "label": 0},
    {"id": 8, "source": "two\nlines", "probability": 0.75, "label": 1},
]


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".txt", ".JSONL"])
def test_json_lines_have_one_answer_each(tmp_path, ending):
    path = tmp_path / f"answers{ending}"
    assert write_answers(path, iter(ANSWERS)) == 2
    text = path.read_bytes().decode("utf-8")
    assert [json.loads(line) for line in text.splitlines()] == ANSWERS
    assert "他说" in text


@pytest.mark.parametrize(("ending", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_a_table_has_one_column_per_key(tmp_path, ending, delimiter):
    path = tmp_path / f"answers{ending}"
    assert write_answers(path, iter(ANSWERS)) == 2
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=delimiter))
    expected = [{name: str(value) for name, value in row.items()} for row in ANSWERS]
    assert rows == expected


def test_rows_of_a_table_may_lack_or_add_keys(tmp_path):
    path = tmp_path / "answers.csv"
    write_answers(path, [{"a": 1, "b": 2}, {"a": 3}, {"a": 4, "b": 5, "c": 6}])
    assert path.read_text("utf-8").split() == ["a,b", "1,2", "3,", "4,5"]


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_no_answers_make_an_empty_file(tmp_path, ending):
    path = tmp_path / f"answers{ending}"
    assert write_answers(path, []) == 0
    assert path.read_bytes() == b""


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_an_error_midway_leaves_the_old_file(tmp_path, ending):
    path = tmp_path / f"answers{ending}"
    path.write_text("old")

    def failing():
        yield ANSWERS[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_answers(path, failing())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_suffix_is_refused_before_prediction(tmp_path):
    def computed():
        raise AssertionError
        yield

    with pytest.raises(OptionError, match=r"\.xlsx.*\.jsonl.*\.csv"):
        write_answers(tmp_path / "answers.xlsx", computed())
    assert not list(tmp_path.iterdir())


def test_printed_answers_are_json_lines(capsys):
    print_answers(iter(ANSWERS))
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ANSWERS
