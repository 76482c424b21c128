"""Folders of classes: split without leaks, and every fault named with its remedy."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from hornbook.data.images.classes import read_image_classes, stratified_split
from hornbook.data.images.held_out import read_to_evaluate
from hornbook.errors import DataError

pytest.importorskip("PIL.Image")


@pytest.fixture
def data(image_data, tmp_path):
    shutil.copytree(image_data, tmp_path / "shapes")
    return tmp_path / "shapes"


def test_a_single_folder_is_split_by_class_reproducibly(data):
    dataset = read_image_classes(data, seed=3, share=0.25)
    assert dataset.classes == ["circle", "square", "stripes"]
    assert np.bincount(dataset.train.labels).tolist() == [6, 6, 6]
    assert np.bincount(dataset.valid.labels).tolist() == [2, 2, 2]
    assert not set(dataset.train.paths) & set(dataset.valid.paths)
    again = read_image_classes(data, seed=3, share=0.25)
    assert again.train.fingerprint == dataset.train.fingerprint
    assert read_image_classes(data, seed=4, share=0.25).train.paths != dataset.train.paths
    first = dataset.classes[dataset.train.labels[0]]
    assert dataset.train.paths[0].parent.name == first


def test_existing_splits_are_used(data, tmp_path):
    both = tmp_path / "both"
    shutil.copytree(data, both / "train")
    for number in range(2):
        for name in ("circle", "square"):
            target = both / "val" / name
            target.mkdir(parents=True, exist_ok=True)
            shutil.move(both / "train" / name / f"{number}.png", target)
    dataset = read_image_classes(both)
    assert (len(dataset.train), len(dataset.valid)) == (20, 4)
    assert all("val" in path.parts for path in dataset.valid.paths)
    assert not dataset.leaked


def test_near_duplicates_stay_on_one_side_and_are_reported(data):
    for number in range(8):  # each image of one class twice
        shutil.copy(data / "circle" / f"{number}.png", data / "circle" / f"again-{number}.png")
    dataset = read_image_classes(data, share=0.4)
    names = {
        side: {path.name.removeprefix("again-") for path in split.paths if "circle" in path.parts}
        for side, split in (("train", dataset.train), ("valid", dataset.valid))
    }
    assert not names["train"] & names["valid"]
    assert len(names["valid"]) == 3
    assert len([group for group in dataset.duplicates if len(group) == 2]) == 8
    assert "Duplicates  8 groups" in dataset.summary()
    assert not dataset.leaked


def test_leaked_and_contradicting_images_are_listed(data, tmp_path):
    both = tmp_path / "both"
    shutil.copytree(data, both / "train")
    (both / "valid" / "square").mkdir(parents=True)
    shutil.copy(data / "circle" / "5.png", both / "valid" / "square" / "stranger.png")
    dataset = read_image_classes(both)
    assert [path.name for path in dataset.leaked] == ["stranger.png"]
    assert len(dataset.contradicting) == 1
    assert "the scores are too high" in dataset.summary()
    assert "stranger.png" in dataset.summary()


def test_unreadable_images_are_left_out_and_listed(data):
    (data / "circle" / "broken.png").write_bytes(b"this is no image")
    whole = (data / "square" / "0.png").read_bytes()
    (data / "square" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (data / "square" / "notes.txt").write_text("not an image, and nobody minds")
    dataset = read_image_classes(data)
    assert len(dataset.train) + len(dataset.valid) == 24
    assert len(dataset.problems) == 2
    assert "Left out    2:" in dataset.summary()
    assert "broken.png" in dataset.summary()
    assert "cut.png" in dataset.summary()


def spoil_everything(data):
    for path in data.rglob("*.png"):
        path.write_bytes(b"spoiled")


def spoil_one_class(data):
    for path in (data / "square").iterdir():
        path.write_bytes(b"spoiled")


FAULTS = {
    "no such folder": (shutil.rmtree, "There is no folder"),
    "an empty class": (lambda data: (data / "nothing").mkdir(), r"nothing: no image"),
    "one class": (
        lambda data: [shutil.rmtree(data / name) for name in ("circle", "square")],
        "only one class, stripes",
    ),
    "images without classes": (
        lambda data: (
            [
                [shutil.move(path, data / f"{path.parent.name}-{path.name}"), path]
                for path in sorted(data.rglob("*.png"))
            ]
            and [folder.rmdir() for folder in data.iterdir() if folder.is_dir()]
        ),
        "has no class folders, but 24 images directly in it",
    ),
    "names that differ in case": (
        lambda data: shutil.copytree(data / "circle", data / "Circle"),
        "its name differs from 'Circle' only in case",
    ),
    "nothing to read": (spoil_everything, "has no readable image:"),
    "nothing to read of a class": (spoil_one_class, "no readable training image of square"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_error_in_the_data_is_one_message(data, fault):
    spoil, message = FAULTS[fault]
    spoil(data)
    with pytest.raises(DataError, match=message):
        read_image_classes(data)


def test_a_class_without_training_images_is_refused(data, tmp_path):
    shutil.copytree(data, tmp_path / "both" / "train")
    shutil.copytree(data, tmp_path / "both" / "valid")
    (tmp_path / "both" / "valid" / "circle").rename(tmp_path / "both" / "valid" / "disc")
    with pytest.raises(DataError, match="disc"):
        read_image_classes(tmp_path / "both")
    shutil.rmtree(tmp_path / "both" / "train")
    with pytest.raises(DataError, match="no folder train"):
        read_image_classes(tmp_path / "both")


def test_training_images_are_never_evaluated_on(data, tmp_path, draw_classes):
    dataset = read_image_classes(data, seed=1, share=0.25)
    options = {"learned_from": dataset.train.fingerprint, "seed": 1, "share": 0.25}
    split, _ = read_to_evaluate(data, dataset.classes, **options)
    assert split.paths == dataset.valid.paths
    other = draw_classes(tmp_path / "other", count=2, seed=9)
    split, _ = read_to_evaluate(other, dataset.classes, **options)
    assert len(split) == 6  # of another folder all are measured on
    shutil.rmtree(other / "circle")
    (other / "square" / "broken.png").write_bytes(b"")
    split, problems = read_to_evaluate(other, dataset.classes, **options)
    assert split.labels.tolist() == [1, 1, 2, 2]
    assert "broken.png" in problems[0]
    (other / "square").rename(other / "squre")
    with pytest.raises(DataError, match="Did you mean 'square'"):
        read_to_evaluate(other, dataset.classes, **options)


def test_a_split_has_about_its_share_and_both_sides_are_not_empty():
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


@pytest.mark.parametrize(
    ("train", "test"),
    [("Training", "Testing"), ("TRAIN", "TEST"), ("train_set", "test_set"), ("训练集", "测试集")],
)
def test_a_test_folder_is_never_trained_on(data, tmp_path, train, test):
    shutil.copytree(data, tmp_path / "both" / train)
    shutil.copytree(data, tmp_path / "both" / test)
    dataset = read_image_classes(tmp_path / "both", share=0.25)
    assert dataset.classes == ["circle", "square", "stripes"]
    assert (len(dataset.train), len(dataset.valid)) == (18, 6)
    assert all(train in path.parts for path in [*dataset.train.paths, *dataset.valid.paths])
    assert f"{test}: 24 images in 3 classes, for hornbook evaluate" in dataset.summary()


@pytest.mark.parametrize("name", ["val", "Validation", "VALID", "dev", "val_set"])
def test_the_names_of_validation_folders(data, tmp_path, name):
    shutil.copytree(data, tmp_path / "both" / "Train")
    shutil.copytree(data, tmp_path / "both" / name)
    dataset = read_image_classes(tmp_path / "both")
    assert (len(dataset.train), len(dataset.valid)) == (24, 24)
    assert name in dataset.summary()


def test_a_class_may_have_the_name_of_a_split(data):
    (data / "circle").rename(data / "train")
    dataset = read_image_classes(data)
    assert dataset.classes == ["square", "stripes", "train"]


def test_split_folders_without_classes_are_refused(data):
    shutil.rmtree(data / "circle")
    (data / "square").rename(data / "train")
    (data / "stripes").rename(data / "test")
    with pytest.raises(DataError, match="named after splits"):
        read_image_classes(data)


def test_two_folders_for_one_split_are_refused(data, tmp_path):
    for name in ("train", "val", "validation"):
        shutil.copytree(data, tmp_path / "both" / name)
    with pytest.raises(DataError, match="more than one valid folder: val, validation"):
        read_image_classes(tmp_path / "both")


def test_splits_within_the_classes_are_refused(data):
    for name in ("train", "test"):
        shutil.copytree(data / "circle", data / "square" / name)
    with pytest.raises(DataError, match="square: holds train and test: splits belong above"):
        read_image_classes(data)


def test_classes_with_a_test_folder_beside_them(data, tmp_path):
    shutil.copytree(data, tmp_path / "copy")
    shutil.move(tmp_path / "copy", data / "test")
    dataset = read_image_classes(data)
    assert dataset.classes == ["circle", "square", "stripes"]
    assert len(dataset.train) + len(dataset.valid) == 24


def test_unused_files_are_listed(data, tmp_path):
    both = tmp_path / "both"
    shutil.copytree(data, both / "train")
    shutil.copytree(data, both / "valid")
    shutil.copytree(data, both / "extra")
    (both / "train" / "square" / "x.heic").write_bytes(b"x")
    shutil.copy(data / "square" / "0.png", both / "train" / "loose.png")
    summary = read_image_classes(both).summary()
    assert "extra: 24 images" in summary
    assert "1 file passed over: 1 .heic" in summary
    assert "1 image beside the class folders" in summary


def test_a_parent_of_the_data_folder_is_answered_with_the_data_folder(data):
    with pytest.raises(DataError, match=f"Did you mean {data}"):
        read_image_classes(data.parent)


def test_suffixes_of_phones_and_browsers_are_read(data):
    (data / "square" / "0.png").rename(data / "square" / "0.jfif")
    (data / "square" / "1.png").rename(data / "square" / "1")
    dataset = read_image_classes(data)
    assert len(dataset.train) + len(dataset.valid) == 24


def test_system_files_are_not_a_class(data):
    (data / "__MACOSX" / "circle").mkdir(parents=True)
    (data / "__MACOSX" / "circle" / "._0.png").write_bytes(b"x")
    (data / ".ipynb_checkpoints").mkdir()
    (data / "Thumbs.db").write_bytes(b"x")
    dataset = read_image_classes(data)
    assert (dataset.classes, dataset.unused) == (["circle", "square", "stripes"], [])


def test_each_split_can_be_evaluated(data, tmp_path, draw_classes, capsys):
    both = tmp_path / "both"
    shutil.copytree(data, both / "train")
    draw_classes(both / "Test", count=2, seed=9)
    dataset = read_image_classes(both, seed=1, share=0.25)
    options = {"learned_from": dataset.train.fingerprint, "seed": 1, "share": 0.25}
    split, _ = read_to_evaluate(both, dataset.classes, **options)
    assert split.paths == dataset.valid.paths
    split, _ = read_to_evaluate(both, dataset.classes, split="test", **options)
    assert len(split) == 6
    assert "Evaluated on" in capsys.readouterr().err
    split, _ = read_to_evaluate(both, dataset.classes, split="train", **options)
    assert split.paths == dataset.train.paths
    assert "trained on these images" in capsys.readouterr().err
    split, _ = read_to_evaluate(
        both / "train", dataset.classes, **options
    )  # the same, named itself
    assert split.paths == dataset.valid.paths
    shutil.rmtree(both / "train")
    split, _ = read_to_evaluate(both, dataset.classes, **options)
    assert len(split) == 6
    with pytest.raises(DataError, match="holds no valid folder, only Test"):
        read_to_evaluate(both, dataset.classes, split="valid", **options)


def test_classes_that_differ_only_in_blanks_or_case_are_listed(data):
    (data / "square").rename(data / "Circle ")
    summary = read_image_classes(data).summary()
    assert "Doubtful    1:" in summary
    assert "the same as 'Circle '" in summary or "the same as 'circle'" in summary
