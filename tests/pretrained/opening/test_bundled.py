"""The models that come with hornbook: loaded by name, described, small enough."""

from __future__ import annotations

import numpy as np
import pytest

import hornbook
from hornbook.cli import main
from hornbook.errors import CheckpointError
from hornbook.files import verify_manifest
from hornbook.pretrained.opening.bundled import NAMES, model_folder
from hornbook.recipes.marked_segments import MARKED_SEGMENTS

MAXIMUM_SIZE = 12_000_000  # bytes: it is in every wheel


@pytest.fixture(scope="module")
def tiny():
    return hornbook.load("hornbook-tiny")


@pytest.mark.backend
def test_a_model_loaded_by_name_fills_masks(tiny):
    assert tiny.fill("床前明[MASK]光，疑是地上霜。") == "床前明月光，疑是地上霜。"
    assert tiny.fill("数据[MASK]的性能") == "数据库的性能"
    vectors = tiny.encode(["数据库", "the database"])
    assert vectors.shape == (2, tiny.config.hidden_size)
    assert np.abs(vectors[0] - vectors[1]).max() > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_each_is_whole_and_small_and_its_card_names_data_license_steps_and_command(name):
    folder = model_folder(name)
    assert verify_manifest(folder)
    assert sum(file.stat().st_size for file in folder.iterdir()) <= MAXIMUM_SIZE
    card = (folder / "README.md").read_text("utf-8")
    for words in ("CC BY-SA 4.0", "chinese-poetry", "| steps |", "held-out", "hornbook pretrain"):
        assert words in card


def test_the_rows_for_shared_tokens_exist_and_differ(tiny):
    rows = tiny.model.segment_embedding.get_weights()[0]
    assert len(rows) == MARKED_SEGMENTS
    distances = np.linalg.norm(rows[:, None] - rows, axis=-1)
    assert distances[~np.eye(MARKED_SEGMENTS, dtype=bool)].min() > 0.5


def test_a_folder_of_that_name_takes_precedence_and_other_names_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="Known by name: hornbook-tiny"):
        hornbook.load("hornbook-tinny")
    assert model_folder("hornbook-tiny").is_absolute()
    (tmp_path / "hornbook-tiny").mkdir()
    assert str(model_folder("hornbook-tiny")) == "hornbook-tiny"


def test_info_and_evaluate_take_the_name(tmp_path, capsys):
    (tmp_path / "text.txt").write_text("春眠不觉晓\n", "utf-8")
    assert main(["info", "hornbook-tiny"]) == 0
    assert "roformer" in capsys.readouterr().out
    assert main(["evaluate", "hornbook-tiny", str(tmp_path / "text.txt")]) == 0
    assert "perplexity" in capsys.readouterr().out
