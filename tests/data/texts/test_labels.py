from __future__ import annotations

import string

import pytest

from hornbook.data.texts import labels
from hornbook.data.texts.labels import Trimming, counted, doubtful_labels, trimmed


def doubts(rows):
    return doubtful_labels(rows, dict.fromkeys(rows, "f:3"))


@pytest.mark.parametrize(
    ("label", "kept"),
    [
        (" pos", "pos"),
        ("pos\n", "pos"),
        ("\u3000pos\xa0\ufeff", "pos"),
        ("\u200bvery  good\u200e", "very  good"),
        ("pos", "pos"),
        (" \u3000", ""),
    ],
)
def test_white_space_around_a_label_is_stripped(label, kept):
    assert trimmed(label) == kept


def test_stripped_labels_are_counted_with_the_first_place():
    trimming = Trimming()
    assert trimming.note() == ""
    assert [trimming(label, "f:7") for label in ("a ", "a", " b")] == ["a", "a", "b"]
    assert trimming.note() == "White space around 2 labels is ignored: 'a ' is 'a', f:7"
    assert trimming.note("label", "f") == trimming.note().replace("f:7", ":7")
    assert "2 criterion names" in trimming.note("criterion name")


@pytest.mark.parametrize(
    ("rare", "frequent"),
    [
        ("Positive", "positive"),
        ("ＰＯＳＩＴＩＶＥ", "positive"),
        ("posi tive", "posi-tive"),
        ("posi_tive", "posi  tive"),
        ("1.0", "1"),
    ],
)
def test_labels_that_differ_only_in_case_width_or_white_space_are_doubtful(rare, frequent):
    [line] = doubts({rare: 30, frequent: 40, "other": 30})
    assert f"{rare!r} has 30 rows (f:3): the same as {frequent!r} (40 rows)?" in line


@pytest.mark.parametrize("rare", ["postive", "posittive", "positive!", "posotive", "psoitive"])
def test_a_label_one_letter_from_a_frequent_one_is_doubtful(rare):
    [line] = doubts({rare: 8, "positive": 100, "negative": 90})
    assert f"{rare!r} has 8 rows (f:3): a misspelling of 'positive'" in line


def test_rare_labels_are_doubtful_the_rarest_first():
    lines = doubts({"a": 100, "b": 5, "c": 1, "d": 90})
    assert [line[:15] for line in lines] == ["'c' has 1 row (", "'b' has 5 rows "]
    assert all("too few to learn from" in line for line in lines)


@pytest.mark.parametrize(
    "rows",
    [
        {"pos": 6, "neg": 6},
        {"class1": 100, "class2": 9, "class12": 9},
        {"体育": 100, "教育": 20},
        {"cat": 100, "car": 30, "cart": 30},
        {str(number): 5 for number in range(70)},
        {"a": 1, "b": 1},
        {"sun": 20, "fun": 6},
        {},
    ],
)
def test_labels_of_a_clean_data_set_are_not_doubtful(rows):
    assert doubts(rows) == []


def test_labels_are_counted_with_their_first_place():
    assert counted([("a", "f:1"), (2, "f:2"), ("a", "f:3")]) == (
        {"a": 2, "2": 1},
        {"a": "f:1", "2": "f:2"},
    )


def test_thousands_of_labels_are_checked_fast(monkeypatch):
    compared = []
    monkeypatch.setattr(labels, "_one_letter_apart", lambda *two: compared.append(two) and False)
    letters = string.ascii_lowercase[:15]
    rows = {f"{one}{two}{three}xyz": 9 for one in letters for two in letters for three in letters}
    assert doubts({**rows, "frequent": 99, "frequemt": 6, "f" * 5000: 6}) == []
    assert ("frequemt", "frequent") in compared
    assert len(compared) < 10 * len(rows)
