"""Rows of captchas are split as the files of a folder are; every fault names its row."""

from __future__ import annotations

import io

import numpy as np
import pandas
import pytest

from hornbook.data.captchas.captcha_rows import find_captchas
from hornbook.data.captchas.labeled_images import read_captchas
from hornbook.errors import DataError
from hornbook.recipes.captcha.labeled_data import images_to_evaluate, training_images

image_module = pytest.importorskip("PIL.Image")


def png(number):
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (8, 16), np.uint8)
    image_module.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


ROWS = [{"image": png(n), "text": f"{chr(97 + n)}{7 * n % 10}k"} for n in range(20)]


def test_rows_are_split_as_the_files_of_a_folder(tmp_path):
    for row in ROWS:
        (tmp_path / f"{row['text']}_x.png").write_bytes(row["image"])
    for split in ("train", "valid"):
        expected = [one.label for one in read_captchas(tmp_path, split)]
        for rows in (ROWS, pandas.DataFrame(ROWS)):
            assert [one.label for one in read_captchas(rows, split)] == expected


def test_held_out_rows_are_evaluated_on():
    data = training_images(ROWS, 0)
    assert (len(data.train), len(data.valid)) == (18, 2)
    captchas = images_to_evaluate(ROWS, 0, data.held_out)
    assert [one.label for one in captchas] == [one.label for one in data.valid]
    assert len(images_to_evaluate(ROWS[:9], 0, data.held_out)) == 9
    assert len(images_to_evaluate({"train": ROWS, "test": ROWS[:3]}, 0, "", "test")) == 3


def test_the_summary_names_rows(capsys, monkeypatch):
    monkeypatch.delenv("HORNBOOK_QUIET", raising=False)
    broken = [{"image": b"no image", "text": "1a"}, {"image": "nowhere.png", "text": "2a"}]
    data = training_images({"train": [*ROWS, *broken], "valid": ROWS[:2]}, 0)
    assert len(data.train) == 20
    printed = capsys.readouterr().err
    assert "train row 21 is not a readable image" in printed
    assert "train row 22 (nowhere.png) cannot be read" in printed
    lines = "\n".join(data.lines)
    assert "Labels      of the train rows" in lines
    assert "Leaked      2 validation images" in lines
    assert "valid row 1, valid row 2" in lines


def test_faults_name_the_row():
    with pytest.raises(
        DataError, match="row 1: 'text' is 7, a number, which lacks the zeros of 0007"
    ):
        find_captchas([{"image": png(0), "text": 7}]).captchas("train")
    with pytest.raises(DataError, match="The data has no training images, only test"):
        training_images({"test": ROWS}, 0)
    with pytest.raises(DataError, match="The data has no two images that differ"):
        training_images(ROWS[:1] * 3, 0)
