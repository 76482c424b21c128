"""`hornbook predict`: the exit status says whether there is an answer."""

from __future__ import annotations

import json

import pytest

import hornbook.recipes
from hornbook.cli import main


class Reader:
    """Answers for files whose name has no `bad` in it."""

    name = "reader"

    def __init__(self, *, answers_have_errors=True, files=()):
        self.answers_have_errors, self.files = answers_have_errors, files

    def predict_files(self, sources):
        for name in self.files:
            yield {"file": name, "error": f"{name} is no image." if "bad" in name else None}


@pytest.fixture
def predict(monkeypatch, tmp_path, capsys):
    def predict(*words, **options):
        monkeypatch.setattr(hornbook.recipes, "open_runs", lambda runs: Reader(**options))
        status = main(["predict", str(tmp_path), *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return predict


def test_what_cannot_be_read_has_a_row_and_does_not_hide_the_answers(predict):
    status, out, err = predict(files=["a.png", "bad.png", "worse-bad.png"])
    assert status == 0
    assert [json.loads(line)["file"] for line in out.splitlines()] == [
        "a.png",
        "bad.png",
        "worse-bad.png",
    ]
    assert err == "2 could not be answered.  The first: bad.png is no image.\n"


@pytest.mark.parametrize("to_file", [False, True])
def test_nothing_but_errors_is_no_success(predict, tmp_path, to_file):
    out = tmp_path / "answers.csv"
    words = ["--out", str(out)] if to_file else []
    status, _, err = predict(*words, files=["bad-1", "bad-2"])
    assert status == 2
    assert err == "hornbook: None of 2 could be answered.  The first: bad-1 is no image.\n"
    if to_file:
        assert out.read_text().splitlines()[1:] == [
            "bad-1,bad-1 is no image.",
            "bad-2,bad-2 is no image.",
        ]


def test_nothing_at_all_is_no_success(predict):
    status, out, err = predict(files=[])
    assert (status, out) == (2, "")
    assert "no samples to answer for" in err


def test_files_that_are_not_there_are_named_before_anything_is_computed(predict, tmp_path):
    there = tmp_path / "a.png"
    there.write_bytes(b"x")
    missing = [str(tmp_path / f"gone-{number}") for number in range(12)]
    status, out, err = predict(str(there), *missing, files=["a.png"])
    assert (status, out) == (2, "")
    assert err.count("gone-") == 10
    assert "and 2 more" in err


def test_a_pattern_and_standard_input_are_no_missing_files(predict):
    assert predict("-", "data/*.txt", files=["a"])[0] == 0


def test_a_column_of_the_users_own_that_is_called_error_is_none(predict):
    assert predict(files=["bad"], answers_have_errors=False)[0] == 0
