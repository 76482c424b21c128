from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hornbook.data.texts.labeled import READING, LabeledText
from hornbook.data.texts.summary import Lengths, TextSplits, length_line, overlap, summary


def texts(*rows, file="train.csv"):
    """Of `(text, label)`, or `(text, [labels])`."""
    return [
        LabeledText(
            text,
            tuple(label) if isinstance(label, list) else (label,),
            isinstance(label, list),
            f"{file}:{number}",
        )
        for number, (text, label) in enumerate(rows, 1)
    ]


def summary_lines(train, valid, tokens=(3, 5), limit=8, **splits):
    splits = TextSplits(texts(*train), texts(*valid, file="valid.csv"), **splits)
    return summary(splits, READING, Lengths(np.array(tokens), limit)).splitlines()


TRAIN = [("good", "pos"), ("fine", "pos"), ("bad", "neg")]


def test_the_summary_of_a_clean_data_set_has_three_lines():
    assert summary_lines(TRAIN, [("so", "pos"), ("la", "neg")]) == [
        "Data        3 training texts, 2 validation texts",
        "Labels      2: pos (2), neg (1)",
        "Lengths     median 3 tokens, 95% up to 5, maximum 5; none is truncated at 8",
    ]


def test_the_summary_has_the_origin_of_the_validation_texts_and_notes():
    lines = summary_lines(
        TRAIN, [("so", "pos")], held_out="10% of x.csv held out", notes=["mind this"]
    )
    assert lines[0].endswith("1 validation texts (10% of x.csv held out)")
    assert "            no validation texts have neg" in lines
    assert lines[-1] == "Note        mind this"


def test_validation_texts_that_are_training_texts_are_counted_with_their_places():
    lines = summary_lines(TRAIN, [(" good ", "pos"), ("new", "neg"), ("bad", "neg")])
    assert lines[-3:] == [
        "Leaked      2 of 3 validation texts are training texts too, so the scores are too high:",
        "            valid.csv:1 = train.csv:1",
        "            valid.csv:3 = train.csv:3",
    ]
    assert overlap(texts(*TRAIN), texts(("new", "a")), READING, Path()) == []
    assert (
        "1 of 1 test texts" in overlap(texts(*TRAIN), texts(TRAIN[0]), READING, Path(), "test")[0]
    )


def test_places_are_relative_to_the_data_folder():
    folder = Path("data") / "mine"
    train = texts(*TRAIN, file=str(folder / "train.csv"))
    assert overlap(train, train[:1], READING, folder)[1].strip() == "train.csv:1 = train.csv:1"


def test_duplicates_and_contradicting_labels_are_counted():
    lines = summary_lines([*TRAIN, ("good", "pos"), ("good ", "neg"), ("bad", "neg")], TRAIN[1:])
    assert "Duplicates  3 training texts repeat an earlier one" in lines
    assert lines[lines.index("Disagreeing 1 texts occur with different labels:") + 1].strip() == (
        "train.csv:1 (pos), train.csv:5 (neg)"
    )


def test_the_order_of_labels_does_not_matter():
    lines = summary_lines([("x", ["a", "b"]), ("x", ["b", "a"]), ("y", [])], [("z", ["a", "b"])])
    assert not [line for line in lines if line.startswith("Disagreeing")]
    assert "            1 training texts have none" in lines


def test_of_many_labels_only_the_most_and_least_frequent_are_shown():
    train = [(f"{n} {k}", f"label {n:02}") for n in range(30) for k in range(n + 1)]
    lines = summary_lines([*train, ("x", "Label 29")], [("z", "label 29")])
    assert lines[1].startswith("Labels      31: label 29 (30), label 28 (29)")
    assert " ..., " in lines[1]
    assert lines[1].count("label") == 10 - 1  # the last one is spelled otherwise
    assert any("'Label 29' has 1 row (train.csv:466): the same as 'label 29'" in x for x in lines)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([4] * 9 + [20], "median 4 tokens, 95% up to 20, maximum 20; 1 (10.0%) are truncated at 8"),
        ([8] * 5, "median 8 tokens, 95% up to 8, maximum 8; none is truncated at 8"),
        (
            [1] * 1999 + [9],
            "median 1 tokens, 95% up to 1, maximum 9; 1 (under 0.1%) are truncated at 8",
        ),
    ],
)
def test_truncated_texts_are_counted(tokens, expected):
    assert length_line(Lengths(np.array(tokens), 8)) == expected


def test_many_unknown_tokens_are_reported():
    assert "; 12.0% of them are unknown;" in length_line(Lengths(np.array([4]), 8, 0.12))
    assert "unknown" not in length_line(Lengths(np.array([4]), 8, 0.005))
