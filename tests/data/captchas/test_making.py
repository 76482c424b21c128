import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hornbook.data.captchas.labeled_images import read_captchas
from hornbook.data.captchas.making import Order, make_captchas
from hornbook.data.captchas.styles import STYLE_NAMES, Artist
from hornbook.data.images.decoding import read_image
from hornbook.data.seeding import random_of
from hornbook.errors import HornbookError, OptionError


def order(**changes):
    fields = {
        "style": "mixed",
        "size": (64, 32),
        "fonts": (),
        "characters": "abc123",
        "lengths": (2, 3),
        "seed": 1,
    }
    return Order(**{**fields, **changes})


@pytest.mark.parametrize("style", STYLE_NAMES)
def test_a_style_is_determined_by_seed_and_text(style):
    artist = Artist(style, (64, 32))
    first, again, other = (
        np.asarray(artist.draw(text, random_of(seed)))
        for text, seed in (("a1", 5), ("a1", 5), ("a1", 6))
    )
    assert first.shape == (32, 64, 3)
    assert (first == again).all()
    assert (first != other).any()
    assert first.std() > 10  # something dark on something light


def test_images_are_named_after_their_texts(tmp_path):
    make_captchas(tmp_path / "a", order(), 12, workers=0)
    captchas = read_captchas(tmp_path / "a")
    assert len(captchas) == 12
    assert {len(one.label) for one in captchas} == {2, 3}
    assert set("".join(one.label for one in captchas)) <= set("abc123")
    assert read_image(captchas[0].path).size == (64, 32)


def test_images_do_not_depend_on_the_number_of_processes(tmp_path, monkeypatch):
    monkeypatch.setattr("hornbook.data.captchas.making.PART", 4)
    for workers in (0, 2):
        make_captchas(tmp_path / str(workers), order(), 9, workers=workers)
    first, second = (sorted((tmp_path / name).iterdir()) for name in ("0", "2"))
    assert [one.name for one in first] == [one.name for one in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))


def test_texts_unfit_for_file_names_are_written_to_a_table(tmp_path):
    make_captchas(tmp_path / "a", order(characters="+-", lengths=(2, 2)), 5, workers=0)
    assert set("".join(one.label for one in read_captchas(tmp_path / "a"))) <= set("+-")


def test_existing_folders_and_invalid_orders_are_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(HornbookError, match="exists already"):
        make_captchas(tmp_path, order(), 5)
    for changes in (
        {"characters": "aa"},
        {"lengths": (0, 0)},
        {"style": "wrap"},
        {"fonts": ("x",)},
    ):
        with pytest.raises(OptionError):
            make_captchas(tmp_path / "new", order(**changes), 5)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("when", ["first", "last", "renamed"])
def test_a_kill_leaves_no_folder_and_no_worker(tmp_path, when):
    child = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("killed_making.py"), tmp_path / "a", when],
        stderr=subprocess.PIPE,
        env=os.environ | {"HORNBOOK_QUIET": "1"},
    )
    _, error = child.communicate(timeout=100)  # ends when the workers are gone, too
    assert child.returncode == -signal.SIGKILL, error.decode()
    assert not (tmp_path / "a").exists()
    make_captchas(tmp_path / "a", order(), 20, workers=0)
    assert len(read_captchas(tmp_path / "a")) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_is_one_message_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hornbook.data.captchas.making.png", full)
    with pytest.raises(HornbookError, match="no space left"):
        make_captchas(tmp_path / "a", order(), 20, workers=0)
    assert list(tmp_path.iterdir()) == []


def test_thousands_of_files_are_flushed_at_once(tmp_path, monkeypatch):
    calls = []
    writing = importlib.import_module("hornbook.files.writing")  # also the name of a function
    monkeypatch.setattr(writing, "MANY", 10)
    monkeypatch.setattr(os, "sync", lambda: calls.append("all"))
    make_captchas(tmp_path / "a", order(), 20, workers=0)
    assert calls == (["all"] if sys.platform == "linux" else [])
