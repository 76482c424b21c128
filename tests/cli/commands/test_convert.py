"""`hornbook convert`: between all layouts, and back."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
from keras import ops

import hornbook
from hornbook.cli import main
from hornbook.cli.commands import convert
from hornbook.pretrained import LAYOUTS, Pretrained
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

IDS = np.array([[2, 5, 6, 3]])


@pytest.fixture
def folder(tiny_transformer, tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]
    Pretrained(tiny_transformer(), WordPieceTokenizer(words)).save(tmp_path / "first")
    return tmp_path / "first"


def vectors(folder):
    model = hornbook.load(folder)
    assert model.tokenizer.vocabulary_size == 7
    return ops.convert_to_numpy(model.model.mlm(model(IDS)))


def test_converting_through_all_layouts_changes_nothing(folder, capsys):
    expected = vectors(folder)
    for number, layout in enumerate(("google", "keras", "huggingface")):
        target = folder.with_name(f"{number}-{layout}")
        assert main(["convert", str(folder), str(target), "--layout", layout]) == 0
        line = capsys.readouterr().out
        assert str(target) in line
        assert f"{layout} layout" in line
        np.testing.assert_allclose(vectors(target), expected, atol=1e-6)
        folder = target


def test_every_layout_is_a_choice():
    parser = argparse.ArgumentParser()
    convert.add_options(parser)
    for layout in LAYOUTS:
        assert parser.parse_args(["x", "y", "--layout", layout]).layout == layout
    (choices,) = (action.choices for action in parser._actions if action.dest == "layout")
    assert set(choices) == set(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_model_is_written_to_the_same_bytes(folder, layout):
    targets = [folder.with_name(name) for name in ("one", "two")]
    for target in targets:
        assert main(["convert", str(folder), str(target), "--layout", layout]) == 0
    for file in sorted(targets[0].iterdir()):
        if layout == "keras" and file.name in ("model.weights.h5", "manifest.json"):
            continue  # HDF5 writes the time into the file
        assert file.read_bytes() == (targets[1] / file.name).read_bytes(), file.name


def test_user_errors_are_messages_without_a_traceback(folder, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for words, message in (
        ([str(folder), str(folder)], "the same folder"),
        ([str(tmp_path / "nowhere"), str(tmp_path / "x")], "no model folder"),
        ([str(folder), str(tmp_path / "mine")], "something other than a model"),
        ([str(folder), str(tmp_path / "x"), "--family", "brt"], "Did you mean 'bert'"),
    ):
        assert main(["convert", *words]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error
    assert not (tmp_path / "x").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "mine"]
