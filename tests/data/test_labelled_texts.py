from __future__ import annotations

import json

import pytest

from hornbook.data.labelled_texts import (
    classes_of,
    fingerprint,
    read_labelled_texts,
    read_texts_to_measure,
    read_texts_to_predict,
)
from hornbook.errors import DataError


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def rows(count=40):
    return [{"text": f"text {n}", "label": "ab"[n % 2], "id": n} for n in range(count)]


def test_a_folder_has_a_file_for_each_split(tmp_path):
    write(tmp_path / "train.jsonl", rows(6))
    write(tmp_path / "valid.jsonl", rows(2))
    train, valid = (read_labelled_texts(tmp_path, split) for split in ("train", "valid"))
    assert [text.text for text in train] == [f"text {n}" for n in range(6)]
    assert [text.labels for text in valid] == [("a",), ("b",)]
    assert train[3].where.endswith("train.jsonl:4")
    assert train[3].extra["id"] == 3
    assert classes_of(train, valid) == ["a", "b"]


def test_a_tenth_is_set_aside_of_each_label_and_identical_texts_together(tmp_path):
    file = write(tmp_path / "data.jsonl", rows() + rows())
    train, valid = (read_labelled_texts(file, split) for split in ("train", "valid"))
    assert len(train) == 72
    assert sorted(text.labels for text in valid) == [("a",)] * 4 + [("b",)] * 4
    assert not {text.text for text in train} & {text.text for text in valid}
    again = read_labelled_texts(file, "valid")
    assert fingerprint(again) == fingerprint(valid) != fingerprint(train)


def test_of_a_file_that_was_trained_on_the_rest_is_measured_and_of_another_all(tmp_path):
    file = write(tmp_path / "data.jsonl", rows())
    train, valid = (read_labelled_texts(file, split) for split in ("train", "valid"))
    assert read_texts_to_measure(file, fingerprint(train)) == valid
    assert len(read_texts_to_measure(file, fingerprint(valid))) == len(train) + len(valid)
    (tmp_path / "one.jsonl").write_text('{"text": "a", "label": "x"}', "utf-8")
    assert len(read_texts_to_measure(tmp_path / "one.jsonl", "")) == 1
    with pytest.raises(DataError, match="two different texts"):
        read_labelled_texts(tmp_path / "one.jsonl", "valid")


def test_a_table_has_words_and_json_numbers_too(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\ngood,1\nbad,0\n", "utf-8")
    table = read_labelled_texts(tmp_path, "train")
    assert [text.labels for text in table] == [("1",), ("0",)]
    write(tmp_path / "valid.jsonl", [{"text": "so", "label": 1}])
    assert [text.labels for text in read_labelled_texts(tmp_path, "valid")] == [(1,)]


def test_a_list_is_several_labels_or_none(tmp_path):
    found = [{"text": "x", "label": ["b", "a", "b"]}, {"text": "y", "label": []}]
    texts = read_labelled_texts(write(tmp_path / "train.jsonl", found * 2).parent, "train")
    assert [text.labels for text in texts[:2]] == [("b", "a"), ()]
    assert classes_of(texts, texts) == ["a", "b"]


def test_everything_wrong_is_named_with_its_line(tmp_path):
    write(
        tmp_path / "train.jsonl",
        [
            {"text": "fine", "label": "a"},
            {"label": "a"},
            {"text": "  ", "label": "a"},
            {"text": "x"},
            {"text": "x", "label": None},
            {"text": "x", "label": ["a", 1.5]},
            {"text": "x", "label": True},
        ],
    )
    with pytest.raises(DataError) as found:
        read_labelled_texts(tmp_path, "train")
    message = str(found.value)
    assert all(f"train.jsonl:{line}: " in message for line in range(2, 8))
    assert "'text' is missing" in message
    assert "'label' is missing" in message
    assert 'A row needs "text" and "label"' in message


@pytest.mark.parametrize(
    ("train", "valid", "expected"),
    [
        (["a", "a"], ["a"], "only 'a' in training"),
        (["a", 1], ["a"], "some labels are words and some are numbers"),
        (["a", "b"], ["c"], "'c' is in no training text"),
        (["a", ["b"]], ["a"], "a list of labels here and a single one there"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(tmp_path, train, valid, expected):
    for split, labels in (("train", train), ("valid", valid)):
        write(tmp_path / f"{split}.jsonl", [{"text": "x", "label": label} for label in labels])
    texts = [read_labelled_texts(tmp_path, split) for split in ("train", "valid")]
    with pytest.raises(DataError, match=expected):
        classes_of(*texts)


def test_nothing_to_read_is_said(tmp_path):
    with pytest.raises(DataError, match="no file or folder"):
        read_labelled_texts(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"Expected train\.jsonl"):
        read_labelled_texts(tmp_path)
    (tmp_path / "train.jsonl").write_text("\n", "utf-8")
    with pytest.raises(DataError, match="no texts"):
        read_labelled_texts(tmp_path, "train")


def test_texts_to_predict_come_one_by_one(tmp_path):
    file = write(tmp_path / "new.jsonl", [{"text": "x", "id": 7}, {"id": 8}])
    texts = read_texts_to_predict(file)
    first = next(texts)
    assert (first.text, first.labels, first.extra) == ("x", None, {"id": 7})
    with pytest.raises(DataError, match=r"new\.jsonl:2: 'text' is missing"):
        next(texts)
