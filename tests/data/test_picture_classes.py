"""Folders of classes: split without leaks, and every fault named with its remedy."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from hornbook.data.picture_classes import (
    read_picture_classes,
    read_to_evaluate,
    stratified_split,
)
from hornbook.errors import DataError

pytest.importorskip("PIL.Image")


@pytest.fixture
def data(picture_data, tmp_path):
    shutil.copytree(picture_data, tmp_path / "shapes")
    return tmp_path / "shapes"


def test_one_folder_is_split_in_each_class_and_always_alike(data):
    found = read_picture_classes(data, seed=3, share=0.25)
    assert found.classes == ["circle", "square", "stripes"]
    assert np.bincount(found.train.labels).tolist() == [6, 6, 6]
    assert np.bincount(found.valid.labels).tolist() == [2, 2, 2]
    assert not set(found.train.paths) & set(found.valid.paths)
    again = read_picture_classes(data, seed=3, share=0.25)
    assert again.train.fingerprint == found.train.fingerprint
    assert read_picture_classes(data, seed=4, share=0.25).train.paths != found.train.paths
    first = found.classes[found.train.labels[0]]
    assert found.train.paths[0].parent.name == first


def test_given_splits_are_kept(data, tmp_path):
    both = tmp_path / "both"
    shutil.copytree(data, both / "train")
    for number in range(2):
        for name in ("circle", "square"):
            target = both / "val" / name
            target.mkdir(parents=True, exist_ok=True)
            shutil.move(both / "train" / name / f"{number}.png", target)
    found = read_picture_classes(both)
    assert (len(found.train), len(found.valid)) == (20, 4)
    assert all("val" in path.parts for path in found.valid.paths)
    assert not found.leaked


def test_near_duplicates_stay_on_one_side_and_are_reported(data):
    for number in range(8):  # each picture of one class twice
        shutil.copy(data / "circle" / f"{number}.png", data / "circle" / f"again-{number}.png")
    found = read_picture_classes(data, share=0.4)
    names = {
        side: {path.name.removeprefix("again-") for path in split.paths if "circle" in path.parts}
        for side, split in (("train", found.train), ("valid", found.valid))
    }
    assert not names["train"] & names["valid"]
    assert len(names["valid"]) == 3
    assert len([group for group in found.duplicates if len(group) == 2]) == 8
    assert "Duplicates  8 groups" in found.summary()
    assert not found.leaked


def test_validation_pictures_that_were_learned_from_and_pictures_of_two_classes_are_named(
    data, tmp_path
):
    both = tmp_path / "both"
    shutil.copytree(data, both / "train")
    (both / "valid" / "square").mkdir(parents=True)
    shutil.copy(data / "circle" / "5.png", both / "valid" / "square" / "stranger.png")
    found = read_picture_classes(both)
    assert [path.name for path in found.leaked] == ["stranger.png"]
    assert len(found.contradicting) == 1
    assert "the figures flatter" in found.summary()
    assert "stranger.png" in found.summary()


def test_pictures_that_cannot_be_read_are_left_out_and_named(data):
    (data / "circle" / "broken.png").write_bytes(b"this is no picture")
    whole = (data / "square" / "0.png").read_bytes()
    (data / "square" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (data / "square" / "notes.txt").write_text("not a picture, and nobody minds")
    found = read_picture_classes(data)
    assert len(found.train) + len(found.valid) == 24
    assert len(found.problems) == 2
    assert "Left out    2:" in found.summary()
    assert "broken.png" in found.summary()
    assert "cut.png" in found.summary()


def spoil_everything(data):
    for path in data.rglob("*.png"):
        path.write_bytes(b"spoiled")


def spoil_one_class(data):
    for path in (data / "square").iterdir():
        path.write_bytes(b"spoiled")


FAULTS = {
    "no such folder": (shutil.rmtree, "There is no folder"),
    "an empty class": (lambda data: (data / "nothing").mkdir(), r"nothing: no picture"),
    "one class": (
        lambda data: [shutil.rmtree(data / name) for name in ("circle", "square")],
        "only one class, stripes",
    ),
    "pictures without classes": (
        lambda data: (
            [
                [shutil.move(path, data / f"{path.parent.name}-{path.name}"), path]
                for path in sorted(data.rglob("*.png"))
            ]
            and [folder.rmdir() for folder in data.iterdir() if folder.is_dir()]
        ),
        "pictures lie in it: 24",
    ),
    "names that differ in case": (
        lambda data: shutil.copytree(data / "circle", data / "Circle"),
        "same name as 'Circle' but for its case",
    ),
    "nothing to read": (spoil_everything, "Not one picture"),
    "nothing to read of a class": (spoil_one_class, "is left of square"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_the_data_is_one_clear_message(data, fault):
    spoil, message = FAULTS[fault]
    spoil(data)
    with pytest.raises(DataError, match=message):
        read_picture_classes(data)


def test_a_class_only_of_the_validation_folder_is_refused(data, tmp_path):
    shutil.copytree(data, tmp_path / "both" / "train")
    shutil.copytree(data, tmp_path / "both" / "valid")
    (tmp_path / "both" / "valid" / "circle").rename(tmp_path / "both" / "valid" / "disc")
    with pytest.raises(DataError, match="disc"):
        read_picture_classes(tmp_path / "both")
    shutil.rmtree(tmp_path / "both" / "train")
    with pytest.raises(DataError, match="no folder train"):
        read_picture_classes(tmp_path / "both")


def test_what_was_learned_from_is_never_measured_on(data, tmp_path, draw_classes):
    found = read_picture_classes(data, seed=1, share=0.25)
    options = {"learned_from": found.train.fingerprint, "seed": 1, "share": 0.25}
    split, _ = read_to_evaluate(data, found.classes, **options)
    assert split.paths == found.valid.paths
    other = draw_classes(tmp_path / "other", count=2, seed=9)
    split, _ = read_to_evaluate(other, found.classes, **options)
    assert len(split) == 6  # of another folder all are measured on
    shutil.rmtree(other / "circle")
    (other / "square" / "broken.png").write_bytes(b"")
    split, problems = read_to_evaluate(other, found.classes, **options)
    assert split.labels.tolist() == [1, 1, 2, 2]
    assert "broken.png" in problems[0]
    (other / "square").rename(other / "squre")
    with pytest.raises(DataError, match="Did you mean 'square'"):
        read_to_evaluate(other, found.classes, **options)


def test_a_split_takes_about_its_share_and_leaves_something_on_either_side():
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, 3], [40, 11, 2, 1])
    groups = np.arange(len(labels))
    for number in random.choice(np.arange(1, 40), 12, replace=False):
        groups[number] = groups[number - 1]
    for seed in range(20):
        held_out = stratified_split(labels, groups, share=0.2, seed=seed)
        for group in np.unique(groups):
            assert len(set(held_out[groups == group].tolist())) == 1
        taken = np.bincount(labels[held_out], minlength=4)
        assert 6 <= taken[0] <= 12
        assert taken[1:].tolist() == [3, 1, 0] or taken[1:].tolist() == [2, 1, 0]
