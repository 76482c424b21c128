"""Rows with images are the same images, whatever holds them; every fault names its row."""

from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pandas
import polars
import pyarrow
import pyarrow.parquet
import pytest

from hornbook.data.images.decoding import digest_of, read_image
from hornbook.data.images.rows.image_rows import (
    images_in,
    images_to_predict,
    labeled_images,
    named,
    row_splits,
)
from hornbook.data.readers.in_memory_rows import MemoryRows
from hornbook.data.readers.problems import Problems
from hornbook.errors import DataError

image_module = pytest.importorskip("PIL.Image")
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
NAMES = ["cat", "dog"]


def png(pixels):
    file = io.BytesIO()
    image_module.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


PNGS = [png(pixels) for pixels in PIXELS]
STRUCTS = [{"bytes": data, "path": f"{n}.png"} for n, data in enumerate(PNGS)]
LABELS = [NAMES[n % 2] for n in range(4)]


@dataclasses.dataclass
class Image:
    decode: bool = True


@dataclasses.dataclass
class ClassLabel:
    names: list


class Dataset:
    """As much of a Hugging Face `Dataset` as is public; decoded, its images are of Pillow."""

    def __init__(self, features=None, kind="torch"):
        self.features = features or {"image": Image(), "label": ClassLabel(NAMES)}
        self.kind = kind

    def with_format(self, kind):
        return Dataset(self.features, kind)

    def cast_column(self, name, feature):
        return Dataset({**self.features, name: feature}, self.kind)

    def __iter__(self):
        assert self.kind is None
        assert not self.features["image"].decode  # decoding would stop at a damaged image
        for n in range(4):
            yield {"image": STRUCTS[n], "label": n % 2}


def hub_table(images=STRUCTS):
    """A table as in Parquet files of the Hugging Face Hub: numbers with names in the metadata."""
    features = {"image": {"_type": "Image"}, "label": {"names": NAMES, "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pyarrow.table({"image": images, "label": [n % 2 for n in range(len(images))]})
    return table.replace_schema_metadata(metadata)


KINDS = {
    "bytes": [{"image": data, "label": label} for data, label in zip(PNGS, LABELS, strict=True)],
    "tuples": list(zip(PIXELS, LABELS, strict=True)),
    "pillow": [
        {"img": image_module.fromarray(one), "label": label}
        for one, label in zip(PIXELS, LABELS, strict=True)
    ],
    "lists": [(one.tolist(), label) for one, label in zip(PIXELS, LABELS, strict=True)],
    "pandas": pandas.DataFrame({"image": list(PIXELS), "label": LABELS}),
    "polars": polars.DataFrame({"image": PNGS, "label": LABELS}),
    "arrow": hub_table(),
    "dataset": Dataset(),
}


def read(source, keys=("label",), **options):
    problems = Problems()
    images = list(labeled_images(source, problems, keys, **options))
    problems.raise_if_any()
    return images


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_images_labels_and_places(kind):
    images = read(MemoryRows(KINDS[kind], "valid"))
    assert [label for _, label in images] == LABELS
    assert [image.where for image, _ in images] == [f"valid row {n}" for n in range(1, 5)]
    for pixels, (image, _) in zip(PIXELS, images, strict=True):
        np.testing.assert_array_equal(np.asarray(read_image(image)), pixels)


def test_a_path_is_the_same_image_as_its_contents(tmp_path):
    file = tmp_path / "0.png"
    file.write_bytes(PNGS[0])
    rows = [(file, "a"), (str(file), "a"), (PNGS[0], "a"), (STRUCTS[0], "a")]
    images = [image for image, _ in read(MemoryRows(rows))]
    assert len({digest_of(image) for image in images}) == 1
    assert str(images[0]) == f"row 1 ({file})"
    assert [str(image) for image in images[2:]] == ["row 3", "row 4 (0.png)"]


def test_images_with_other_palettes_are_other_images():
    one = image_module.new("P", (8, 8))
    other = one.copy()
    one.putpalette([0, 0, 0])
    other.putpalette([255, 0, 0])
    assert digest_of(one) != digest_of(other)
    assert digest_of(one) == digest_of(one.copy())


def test_gray_and_transparent_pixels_are_read():
    arrays = [PIXELS[0, :, :, 0], PIXELS[0, :, :, :1], np.dstack([PIXELS[0], np.zeros((8, 8))])]
    images = images_to_predict([array.astype(np.uint8) for array in arrays])
    gray, same, transparent = (np.asarray(read_image(image)) for image in images)
    np.testing.assert_array_equal(gray, PIXELS[0, :, :, [0, 0, 0]].transpose(1, 2, 0))
    np.testing.assert_array_equal(gray, same)
    assert (transparent == 255).all()


FAULTS = {
    "no image": ({"image": None, "label": "a"}, "row 2: 'image' is missing"),
    "an empty cell": ({"image": float("nan"), "label": "a"}, "row 2: 'image' is missing"),
    "floats": ({"image": PIXELS[0] / 255, "label": "a"}, r"array \(8, 8, 3\) of float64; expected"),
    "channels first": ({"image": PIXELS[0].T[:, :7], "label": "a"}, r"an array \(3, 7, 8\)"),
    "large values": ({"image": [[0, 256]], "label": "a"}, "values from 0 to 256, expected 0 to"),
    "another type": ({"image": 3, "label": "a"}, "of type int; expected a path, the bytes"),
    "no label": ({"image": PNGS[0], "label": None}, "row 2: 'label' is missing"),
    "a list of labels": (
        {"image": PNGS[0], "label": ["a"]},
        r"'label' is \['a'\]; expected a word",
    ),
    "no row": ("cat.png", "row 2: 'cat.png' is not a dictionary"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_names_its_row(fault):
    row, message = FAULTS[fault]
    with pytest.raises(DataError, match=message):
        read(MemoryRows([{"image": PNGS[0], "label": "a"}, row]))


def test_missing_columns_are_named_with_those_that_are_there():
    with pytest.raises(DataError, match=r"row 1: 'image' is missing.*it has 'photo', 'label'"):
        read(MemoryRows(pandas.DataFrame({"photo": ["a.png"], "label": ["a"]})))
    with pytest.raises(DataError, match=r"'label' is missing.  Expected 'label' or 'text'; it has"):
        read(MemoryRows([{"image": "a.png"}]), ("label", "text"))


def test_numbers_have_the_names_of_their_classes():
    table = hub_table().set_column(1, "label", pyarrow.array([0, 1, -1, 0]))
    with pytest.raises(DataError, match="row 3: 'label' is -1, which has no name"):
        read(MemoryRows(table))
    rows = [{"image": PNGS[0], "label": np.int64(7)}, {"image": PNGS[0], "label": 8.0}]
    assert [label for _, label in read(MemoryRows(rows))] == ["7", "8"]
    with pytest.raises(DataError, match="row 1: 'label' is 7, a number, which lacks the zeros"):
        read(MemoryRows(rows), numbers=False)


def test_an_unreadable_image_names_its_row():
    (image,) = images_to_predict([{"image": {"bytes": b"no image", "path": "x.png"}}])
    with pytest.raises(DataError, match=r"^row 1 \(x.png\) is not a readable image"):
        read_image(image)
    with pytest.raises(DataError, match=r"^image 1: 'image' is of type int"):
        read_image(next(images_to_predict([3])))


def test_an_answer_repeats_the_texts_and_numbers_of_its_row():
    row = {"id": 7, "mask": b"x", "img": PNGS[0]}
    assert named(next(images_to_predict([row]))) == {"row": 1, "id": 7, "file": None}
    table = hub_table().to_pandas()
    answers = [named(image) for image in images_to_predict(table)]
    assert answers[3] == {"row": 4, "label": 1, "file": "3.png"}
    assert named(next(images_to_predict(["a.png"]))) == {"file": "a.png"}


@pytest.mark.parametrize("place", [".", "data", "default/train"])
def test_a_folder_of_the_hugging_face_hub_is_rows(tmp_path, place):
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    image_module.fromarray(PIXELS[0]).save(tmp_path / "preview.png")
    for n in range(2):
        file = folder / f"train-{n:05}-of-00002.parquet"
        pyarrow.parquet.write_table(hub_table().slice(2 * n, 2), file)
    (tmp_path / "README.md").write_text("A data set.")
    files = row_splits(tmp_path).files("train")
    rows = [row for file in files for row in read(file)]
    assert [label for _, label in rows] == LABELS
    assert str(rows[2][0]) == f"{files[1]}:1 (2.png)"
    np.testing.assert_array_equal(np.asarray(read_image(rows[3][0])), PIXELS[3])
    assert [named(image)["row"] for image in images_in([tmp_path, files[0]])] == [1, 2, 1, 2, 1, 2]
    files[1].unlink()
    assert (
        "train-00000-of-00002.parquet: 1 of its 2 parts are missing" in row_splits(tmp_path).unused
    )


def test_a_folder_of_images_beside_another_parquet_file_is_a_folder_of_images(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "0.png").write_bytes(PNGS[0])
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"]}), tmp_path / "train.parquet")
    assert row_splits(tmp_path) is None
    assert row_splits(tmp_path / "cat") is None


def test_several_folders_of_parquet_files_are_refused(tmp_path):
    for name in ("large", "small"):
        (tmp_path / name).mkdir()
        pyarrow.parquet.write_table(hub_table(), tmp_path / name / "train.parquet")
    with pytest.raises(DataError, match=r"several folders with Parquet files: .*large, .*small"):
        row_splits(tmp_path)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_paths_in_a_file_are_relative_to_it(tmp_path, name):
    (tmp_path / "0.png").write_bytes(PNGS[0])
    table = pandas.DataFrame({"file_name": ["0.png"], "label": ["cat"]})
    file = tmp_path / name
    if name.endswith(".csv"):
        table.to_csv(file, index=False)
    else:
        table.to_json(file, orient="records", lines=True)
    ((image, label),) = read(row_splits(file).files("train")[0])
    assert label == "cat"
    np.testing.assert_array_equal(np.asarray(read_image(image)), PIXELS[0])


def test_a_damaged_parquet_file_is_one_message(tmp_path):
    file = tmp_path / "train.parquet"
    pyarrow.parquet.write_table(hub_table(), file)
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(file)
