from __future__ import annotations

import json

import pytest

from hornbook.data.texts.labeled import (
    classes_of,
    fingerprint,
    labeled_texts,
    read_labeled_texts,
    read_texts_to_predict,
    read_training_texts,
)
from hornbook.errors import DataError


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def rows(count=40):
    return [{"text": f"text {n}", "label": "ab"[n % 2], "id": n} for n in range(count)]


def test_a_folder_has_one_file_per_split(tmp_path):
    write(tmp_path / "train.jsonl", rows(6))
    write(tmp_path / "valid.jsonl", rows(2))
    train, valid = (read_labeled_texts(tmp_path, split) for split in ("train", "valid"))
    assert [text.text for text in train] == [f"text {n}" for n in range(6)]
    assert [text.labels for text in valid] == [("a",), ("b",)]
    assert train[3].where.endswith("train.jsonl:4")
    assert train[3].extra["id"] == 3
    assert classes_of(train, valid) == ["a", "b"]


def test_a_tenth_of_each_label_is_held_out_with_identical_texts_together(tmp_path):
    file = write(tmp_path / "data.jsonl", rows() + rows())
    train, valid = (read_labeled_texts(file, split) for split in ("train", "valid"))
    assert len(train) == 72
    assert sorted(text.labels for text in valid) == [("a",)] * 4 + [("b",)] * 4
    assert not {text.text for text in train} & {text.text for text in valid}
    again = read_labeled_texts(file, "valid")
    assert fingerprint(again) == fingerprint(valid) != fingerprint(train)


def test_the_training_file_is_evaluated_on_its_held_out_part_and_others_as_a_whole(tmp_path):
    file = write(tmp_path / "data.jsonl", rows())
    train, valid = (read_labeled_texts(file, split) for split in ("train", "valid"))
    assert labeled_texts(file).to_measure(fingerprint(train)) == valid
    assert len(labeled_texts(file).to_measure(fingerprint(valid))) == len(train) + len(valid)
    (tmp_path / "one.jsonl").write_text('{"text": "a", "label": "x"}', "utf-8")
    assert len(labeled_texts(tmp_path / "one.jsonl").to_measure("")) == 1
    with pytest.raises(DataError, match="two different texts"):
        read_labeled_texts(tmp_path / "one.jsonl", "valid")


def test_labels_of_tables_are_strings_and_of_json_also_numbers(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\ngood,1\nbad,0\n", "utf-8")
    table = read_labeled_texts(tmp_path, "train")
    assert [text.labels for text in table] == [("1",), ("0",)]
    write(tmp_path / "valid.jsonl", [{"text": "so", "label": 1}])
    assert [text.labels for text in read_labeled_texts(tmp_path, "valid")] == [(1,)]


def test_a_list_is_several_labels_or_none(tmp_path):
    rows = [{"text": "x", "label": ["b", "a", "b"]}, {"text": "y", "label": []}]
    texts = read_labeled_texts(write(tmp_path / "train.jsonl", rows * 2).parent, "train")
    assert [text.labels for text in texts[:2]] == [("b", "a"), ()]
    assert classes_of(texts, texts) == ["a", "b"]


def test_all_errors_are_reported_with_their_lines(tmp_path):
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
            {"text": "x", "label": " \u3000"},
        ],
    )
    with pytest.raises(DataError) as error:
        read_labeled_texts(tmp_path, "train")
    message = str(error.value)
    assert all(f"train.jsonl:{line}: " in message for line in range(2, 9))
    assert "'text' is missing" in message
    assert "'label' is missing" in message
    assert 'A row needs "text" and "label"' in message


@pytest.mark.parametrize(
    ("train", "valid", "expected"),
    [
        (["a", "a"], ["a"], "all training texts have the same: 'a'"),
        ([["a", "b"], ["b", "a"]], [["a"]], "all training texts have the same: 'a', 'b'"),
        ([[], []], [[]], "all training texts have the same: empty lists"),
        (["a", 1], ["a"], r"words, 'a' in .*train.jsonl:1, and some numbers, 1 in .*train.jsonl:2"),
        (["a", "b"], ["c"], r"'c' is in no training text, .*valid.jsonl:1. Known: a, b"),
        (["a", ["b"]], ["a"], r"a list of labels in .*train.jsonl:2, a single one in .*train.*:1:"),
        (["a", "b"], ["a", ["b"]], r"a list of labels in .*valid.jsonl:2, a single one in .*in.js"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(tmp_path, train, valid, expected):
    for split, labels in (("train", train), ("valid", valid)):
        write(tmp_path / f"{split}.jsonl", [{"text": "x", "label": label} for label in labels])
    texts = [read_labeled_texts(tmp_path, split) for split in ("train", "valid")]
    with pytest.raises(DataError, match=expected):
        classes_of(*texts)


@pytest.mark.parametrize("blank", [" ", "\t", "\u3000", "\xa0", "\ufeff", "\u200b", "\r"])
def test_white_space_around_labels_is_stripped_and_reported_once(tmp_path, blank):
    rows = [
        {"text": f"{n}", "label": ("a", f"b{blank}", f"{blank}b", "b")[n % 4]} for n in range(8)
    ]
    lists = [{"text": f"{n}", "label": [f"a{blank}", "a"] if n else []} for n in range(3)]
    write(tmp_path / "one" / "train.jsonl", rows)
    write(tmp_path / "one" / "valid.jsonl", rows[:2])
    write(tmp_path / "lists" / "train.jsonl", lists)
    splits = read_training_texts(tmp_path / "one")
    assert classes_of(splits.train, splits.valid) == ["a", "b"]
    [note] = splits.notes
    assert "around 5 labels is ignored" in note
    assert f"'b' , {tmp_path}" not in note
    assert "train.jsonl:2" in note
    texts = read_labeled_texts(tmp_path / "lists" / "train.jsonl")
    assert {text.labels for text in texts} <= {("a",), ()}


def test_numbers_of_tables_and_json_are_unified(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\ngood,1\nbad,0\n", "utf-8")
    write(tmp_path / "valid.jsonl", [{"text": "so", "label": 1}, {"text": "la", "label": 0.0}])
    splits = read_training_texts(tmp_path)
    assert classes_of(splits.train, splits.valid) == ["0", "1"]
    assert [text.labels for text in splits.valid] == [("1",), ("0",)]
    assert "valid.jsonl:1" in splits.notes[0]


def test_an_integral_float_label_is_an_integer(tmp_path):
    rows = [{"text": str(n), "label": [1, 1.0, 0, 0.0][n % 4]} for n in range(8)]
    texts = read_labeled_texts(write(tmp_path / "train.jsonl", rows))
    assert {text.labels for text in texts} == {(1,), (0,)}


@pytest.mark.parametrize("name", ["dev.jsonl", "validation.jsonl", "VALID.jsonl", "x_val.jsonl"])
def test_common_split_names_are_recognized(tmp_path, name):
    write(tmp_path / "Training.jsonl", rows(6))
    write(tmp_path / name, rows(4))
    splits = read_training_texts(tmp_path)
    assert (len(splits.train), len(splits.valid)) == (6, 4)
    assert (splits.held_out, splits.notes) == ("", [])


def test_test_data_and_unused_files_are_reported(tmp_path):
    write(tmp_path / "train.jsonl", rows(40))
    write(tmp_path / "test.jsonl", rows(6))
    (tmp_path / "notes.csv").write_text("x\n")
    (tmp_path / "more.parquet").write_bytes(b"PAR1")
    (tmp_path / "README.md").write_text("#")
    splits = read_training_texts(tmp_path)
    assert (len(splits.train), len(splits.valid)) == (36, 4)
    assert splits.held_out == "10% of train.jsonl held out"
    test, unused = splits.notes
    assert test.startswith("test.jsonl is for testing")
    assert f"hornbook evaluate RUN {tmp_path} --split test" in test
    assert "notes.csv" in unused
    assert "more.parquet (unsupported kind)" in unused
    assert "README" not in unused
    assert len(read_labeled_texts(tmp_path, "test")) == 6


def test_a_split_may_be_a_folder_of_files(tmp_path):
    for part in range(2):
        write(tmp_path / "train" / f"part-{part}.jsonl", rows(4))
    write(tmp_path / "Dev" / "all.jsonl", rows(2))
    (tmp_path / "test").mkdir()
    splits = read_training_texts(tmp_path)
    assert (len(splits.train), len(splits.valid)) == (8, 2)
    assert splits.notes == ["Not used: test"]


def test_two_files_for_a_split_are_refused(tmp_path):
    write(tmp_path / "train.jsonl", rows(6))
    write(tmp_path / "dev.jsonl", rows(2))
    write(tmp_path / "valid.csv", rows(2))
    with pytest.raises(DataError, match=r"more than one valid file: dev\.jsonl, valid\.csv"):
        read_training_texts(tmp_path)


def test_folders_without_training_data_can_be_evaluated(tmp_path, capsys):
    for name in ("valid", "test"):
        folder = tmp_path / name
        write(folder / f"{name}.jsonl", rows(6))
        assert len(labeled_texts(folder).to_measure("")) == 6
        what = {"valid": "validation", "test": "test"}[name]
        assert f"Evaluated on 6 {what} texts of {folder}" in capsys.readouterr().err
        with pytest.raises(DataError, match=rf"no training data.\nIt holds {name}.jsonl\nExpec"):
            read_labeled_texts(folder)
        with pytest.raises(DataError, match="no training data"):
            labeled_texts(folder).to_measure("", "train")


def test_a_split_can_be_selected_for_evaluation_and_leaks_are_counted(tmp_path, capsys):
    write(tmp_path / "train.jsonl", rows(40))
    write(tmp_path / "test.jsonl", rows(6))
    train = read_labeled_texts(tmp_path)
    known = fingerprint(train)
    sizes = {None: 4, "train": 36, "valid": 4, "test": 6}
    for split, size in sizes.items():
        assert len(labeled_texts(tmp_path).to_measure(known, split)) == size
        output = capsys.readouterr().err
        assert ("test texts are training texts too" in output) == (split == "test")
    assert len(labeled_texts(tmp_path).to_measure("other")) == 6
    assert len(labeled_texts(tmp_path).to_measure("other", "train")) == 40
    with pytest.raises(DataError, match=r"no validation data.\nIt holds train.jsonl, test.jsonl"):
        labeled_texts(tmp_path).to_measure("other", "valid")


def test_missing_data_is_reported(tmp_path):
    with pytest.raises(DataError, match="no file or folder"):
        read_labeled_texts(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"Expected train\.jsonl"):
        read_labeled_texts(tmp_path)
    (tmp_path / "train.jsonl").write_text("\n", "utf-8")
    with pytest.raises(DataError, match="no texts"):
        read_labeled_texts(tmp_path, "train")


def test_texts_to_predict_are_read_lazily(tmp_path):
    file = write(tmp_path / "new.jsonl", [{"text": "x", "id": 7}, {"id": 8}])
    texts = read_texts_to_predict(file)
    first = next(texts)
    assert (first.text, first.labels, first.extra) == ("x", None, {"id": 7})
    with pytest.raises(DataError, match=r"new\.jsonl:2: 'text' is missing"):
        next(texts)
