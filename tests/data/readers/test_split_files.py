from __future__ import annotations

import pytest

from hornbook.data.readers.split_files import is_row_file, missing, split_files
from hornbook.errors import DataError


def fill(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", "utf-8")
    return folder


def test_files_and_folders_of_each_split_are_found_by_name(tmp_path):
    names = ["train/a.csv", "train/b.csv", "Validation.jsonl.gz", "test.txt", "other/c.csv"]
    splits = split_files(fill(tmp_path, *names))
    assert {split: [path.name for path in paths] for split, paths in splits.of_split.items()} == {
        "train": ["a.csv", "b.csv"],
        "valid": ["Validation.jsonl.gz"],
        "test": ["test.txt"],
    }
    assert splits.unused == ["other/"]
    assert splits.names == [
        "train/a.csv",
        "train/b.csv",
        "Validation.jsonl.gz",
        "test.txt",
        "other/",
    ]


def test_system_files_and_documents_beside_the_data_are_ignored(tmp_path):
    names = [
        ".DS_Store",
        "~$train.csv",
        "__MACOSX/train.csv",
        "README.txt",
        "LICENSE",
        "notes.md",
        "manifest.json",
    ]
    splits = split_files(fill(tmp_path, "train.csv", "Thumbs.db", "train/.hidden.csv", *names))
    assert splits.files("train") == [tmp_path / "train.csv"]
    assert splits.unused == ["train/"]


def test_a_single_file_is_training_data(tmp_path):
    fill(tmp_path, "test.csv", "valid.csv")
    splits = split_files(tmp_path / "test.csv")
    assert splits.of_split == {"train": [tmp_path / "test.csv"]}


def test_an_unsupported_file_format_is_reported(tmp_path):
    splits = split_files(fill(tmp_path, "train.parquet", "valid.xlsx", "test.jsonl.gz"))
    assert splits.unused == [
        "train.parquet (unsupported kind)",
        "valid.xlsx (unsupported kind)",
    ]
    assert list(splits.of_split) == ["test"]
    assert not is_row_file(tmp_path / "train.parquet")


@pytest.mark.parametrize("twin", ["train.csv", "TRAINING.jsonl", "train/a.csv", "train_2.jsonl"])
def test_two_files_for_a_split_are_refused_when_it_is_used(tmp_path, twin):
    splits = split_files(fill(tmp_path, "train.jsonl", "valid.jsonl", twin))
    assert splits.files("valid") == [tmp_path / "valid.jsonl"]
    with pytest.raises(DataError, match="more than one train file") as caught:
        splits.files("train")
    assert "train.jsonl" in str(caught.value)
    assert twin in str(caught.value)


def test_the_plainer_name_of_a_split_is_used(tmp_path):
    splits = split_files(fill(tmp_path, "train.jsonl", "train_unlabeled.jsonl"))
    assert splits.files("train") == [tmp_path / "train.jsonl"]
    assert splits.unused == ["train_unlabeled.jsonl"]


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no file or folder"):
        split_files(tmp_path / "nowhere")
    error = missing(tmp_path, [f"{n}.csv" for n in range(7)], "test data", "Expected test.csv.")
    assert str(error).splitlines()[1:] == [
        "It holds 0.csv, 1.csv, 2.csv, 3.csv, 4.csv ...",
        "Expected test.csv.",
    ]
