"""Rows of classes are split, checked and evaluated on as folders of classes are."""

from __future__ import annotations

import pandas
import pytest

from hornbook.data.images.classes import read_image_classes
from hornbook.data.images.held_out import read_to_evaluate
from hornbook.errors import DataError

pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def rows(image_data):
    """The drawn images, in an order in which classes alternate."""
    files = sorted(image_data.rglob("*.png"), key=lambda file: (file.stem, file.parent.name))
    return [{"image": file.read_bytes(), "label": file.parent.name} for file in files]


@pytest.fixture(scope="module")
def dataset(rows):
    return read_image_classes(rows, seed=3, share=0.25)


def test_rows_are_split_as_the_folder_is(image_data, rows, dataset):
    folder = read_image_classes(image_data, seed=3, share=0.25)
    assert dataset.classes == folder.classes
    for one, other in ((dataset.train, folder.train), (dataset.valid, folder.valid)):
        assert [image.content for image in one.paths] == [file.read_bytes() for file in other.paths]
        assert one.labels.tolist() == other.labels.tolist()
    again = read_image_classes(pandas.DataFrame(rows), seed=3, share=0.25)
    assert again.train.fingerprint == dataset.train.fingerprint


def test_held_out_rows_are_evaluated_on(rows, dataset):
    options = {"learned_from": dataset.train.fingerprint, "seed": 3, "share": 0.25}
    split, _ = read_to_evaluate(rows, dataset.classes, **options)
    assert [str(one) for one in split.paths] == [str(one) for one in dataset.valid.paths]
    split, _ = read_to_evaluate({"train": rows, "test": rows[:3]}, dataset.classes, **options)
    assert len(split) == 6
    split, _ = read_to_evaluate({"test": rows[:3]}, dataset.classes, **options)
    assert split.labels.tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="The data holds no valid split, only test"):
        read_to_evaluate({"test": rows[:3]}, dataset.classes, split="valid", **options)
    with pytest.raises(DataError, match="Did you mean 'square'"):
        read_to_evaluate([{**rows[0], "label": "squre"}], dataset.classes, **options)


def test_the_summary_names_rows(rows):
    broken = {"image": b"no image", "label": "circle"}
    data = {"train": [*rows, broken], "validation": rows[:3], "test": rows[:1], "extra": rows}
    dataset = read_image_classes(data)
    assert (len(dataset.train), len(dataset.valid)) == (24, 3)
    summary = dataset.summary()
    assert "train row 25 is not a readable image" in summary
    assert "Leaked      3 validation images are training images too" in summary
    assert "  validation row 1\n" in summary
    assert "Test        the test rows, for hornbook evaluate" in summary
    assert "Not used:\n  extra" in summary


FAULTS = {
    "no training rows": (lambda rows: {"test": rows}, "no split train"),
    "no rows": (lambda rows: [], "The data has no train rows"),
    "one class": (lambda rows: rows[::3], "only one class, circle.*\nAdd rows of another class"),
    "an unknown class": (
        lambda rows: {"train": rows, "valid": [{**rows[0], "label": "disc"}]},
        "the validation split has classes that the training split lacks: disc",
    ),
    "nothing to read": (
        lambda rows: [{**row, "image": b"x"} for row in rows],
        "The data has no readable image:\n  row 1 ",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_error_is_one_message(rows, fault):
    spoil, message = FAULTS[fault]
    with pytest.raises(DataError, match=message):
        read_image_classes(spoil(rows))
