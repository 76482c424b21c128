"""`hornbook predict`: the exit status tells whether there is an answer."""

from __future__ import annotations

import json

import pytest

import hornbook.recipes
from hornbook.cli import main


class Reader:
    """Answers for files without `bad` in their names."""

    name = "reader"

    def __init__(self, *, answers_have_errors=True, files=()):
        self.answers_have_errors, self.files = answers_have_errors, files

    def predict_stream(self, samples):
        raise NotImplementedError

    def predict_files(self, sources):
        for name in self.files:
            yield {"file": name, "error": f"{name} is not an image." if "bad" in name else None}


@pytest.fixture
def predict(monkeypatch, tmp_path, capsys):
    def predict(*words, **options):
        monkeypatch.setattr(hornbook.recipes, "open_runs", lambda runs: Reader(**options))
        status = main(["predict", str(tmp_path), *words])
        output = capsys.readouterr()
        return status, output.out, output.err

    return predict


def test_an_unreadable_file_has_a_row_and_does_not_hide_the_answers(predict):
    status, out, err = predict(files=["a.png", "bad.png", "worse-bad.png"])
    assert status == 0
    assert [json.loads(line)["file"] for line in out.splitlines()] == [
        "a.png",
        "bad.png",
        "worse-bad.png",
    ]
    assert err == "2 samples have no answer.  The first: bad.png is not an image.\n"


@pytest.mark.parametrize("to_file", [False, True])
def test_only_errors_are_a_failure(predict, tmp_path, to_file):
    out = tmp_path / "answers.csv"
    words = ["--out", str(out)] if to_file else []
    status, _, err = predict(*words, files=["bad-1", "bad-2"])
    assert status == 2
    assert err == "hornbook: None of 2 samples has an answer.  The first: bad-1 is not an image.\n"
    if to_file:
        assert out.read_text().splitlines()[1:] == [
            "bad-1,bad-1 is not an image.",
            "bad-2,bad-2 is not an image.",
        ]


def test_no_samples_are_a_failure(predict):
    status, out, err = predict(files=[])
    assert (status, out) == (2, "")
    assert "There are no samples" in err


def test_missing_files_are_named_before_anything_is_computed(predict, tmp_path):
    existing = tmp_path / "a.png"
    existing.write_bytes(b"x")
    missing = [str(tmp_path / f"gone-{number}") for number in range(12)]
    status, out, err = predict(str(existing), *missing, files=["a.png"])
    assert (status, out) == (2, "")
    assert err.count("gone-") == 10
    assert "and 2 more" in err


def test_a_pattern_and_standard_input_are_not_missing_files(predict):
    assert predict("-", "data/*.txt", files=["a"])[0] == 0


def test_a_users_own_column_named_error_is_not_an_error(predict):
    assert predict(files=["bad"], answers_have_errors=False)[0] == 0
