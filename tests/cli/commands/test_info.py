"""`hornbook info`: the installation, and the contents of a folder."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version

import numpy as np
import pytest

from hornbook import describing
from hornbook.checkpoints import find_checkpoint
from hornbook.cli import main
from hornbook.describing import describe_folder
from hornbook.errors import CheckpointError
from hornbook.files import MANIFEST
from hornbook.installation import describe_installation, installed_version, usable_cores
from hornbook.pretrained import LAYOUTS, Pretrained
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]


@pytest.fixture
def make_folder(tiny_transformer, tmp_path):
    def make(layout="huggingface"):
        model = Pretrained(tiny_transformer(condition_size=3), WordPieceTokenizer(WORDS))
        model.save(tmp_path / "model", layout=layout)
        return tmp_path / "model"

    return make


def test_the_installation_is_printed(capsys):
    assert main(["info"]) == 0
    output = capsys.readouterr().out
    for word in (version("keras"), version("numpy"), platform.python_version()):
        assert word in output


@pytest.mark.backend
def test_the_installation_is_described_by_names_and_values():
    rows = dict(describe_installation())
    assert rows["keras"] == version("keras")
    assert rows["backend"].partition(":")[0] in ("jax", "torch", "tensorflow")
    assert int(rows["cores"]) == usable_cores() >= 1
    assert installed_version("no-such-package") is None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_model_folder_is_described(make_folder, layout):
    folder = make_folder(layout)
    rows = dict(describe_folder(folder))
    expected = {
        "family": "bert",
        "layers": "2",
        "hidden size": "12",
        "token embeddings": "40",
        "condition": "3",
        "vocabulary": "7 WordPiece tokens, lower-cased",
        "checksums": "all files are correct",
    }
    assert expected.items() <= rows.items()
    if layout != "keras":
        checkpoint = find_checkpoint(folder)
        numbers = sum(int(np.prod(checkpoint.shape(name))) for name in checkpoint.names())
        assert rows["parameters"] == f"{numbers:,}"
        assert rows["layout"] == layout


def test_each_unreadable_part_has_its_problem(make_folder, capsys):
    folder = make_folder()
    octets = bytearray((folder / "model.safetensors").read_bytes())
    octets[-1] ^= 1
    (folder / "model.safetensors").write_bytes(octets)
    (folder / "config.json").write_text("{")
    (folder / "vocab.txt").write_bytes(b"\xff")
    rows = describe_folder(folder)
    problems = {name: value for name, value in rows if value.startswith("PROBLEM")}
    assert set(problems) == {"config", "vocabulary", "checksums"}
    assert "damaged   model.safetensors" in problems["checksums"]
    assert "size      vocab.txt" in problems["checksums"]
    assert main(["info", str(folder)]) == 2
    assert "PROBLEM" in capsys.readouterr().out


def test_damage_is_found_by_a_checkpoints_own_checksums_without_a_manifest(make_folder):
    folder = make_folder("google")
    (folder / MANIFEST).unlink()
    assert dict(describe_folder(folder))["checksums"].startswith("no manifest.json")
    data = folder / "bert_model.ckpt.data-00000-of-00001"
    octets = bytearray(data.read_bytes())
    octets[0] ^= 1
    data.write_bytes(octets)
    assert dict(describe_folder(folder))["checksums"].startswith("PROBLEM")


def test_a_problem_is_reported_once_with_at_most_ten_names(make_folder, monkeypatch):
    folder = make_folder()
    entries = {f"file-{number:04}": {"bytes": 1, "sha256": ""} for number in range(1000)}
    (folder / MANIFEST).write_text(json.dumps(entries))
    problem = dict(describe_folder(folder))["checksums"]
    assert problem.count("missing ") == 10
    assert "... and 990 more" in problem

    def fail(folder):
        raise CheckpointError("Wrong:\n" + "".join(f"  x{n}\n" for n in range(99)) + "Fix it.")

    for part in ("_weights", "_vocabulary"):
        monkeypatch.setattr(describing, part, fail)
    rows = dict(describe_folder(folder))
    assert rows["weights"].splitlines()[10:] == ["  x9", "  ... and 89 more", "Fix it."]
    assert rows["vocabulary"] == "PROBLEM: as above"


def test_files_that_no_manifest_lists_are_named(make_folder):
    folder = make_folder()
    (folder / "generation_config.json").write_text("{}")
    assert "not in it: generation_config.json" in dict(describe_folder(folder))["checksums"]
    (folder / MANIFEST).write_text("{}")
    assert dict(describe_folder(folder))["checksums"].startswith("PROBLEM")


def test_a_folder_of_links_into_a_cache_is_described_as_any(make_folder, tmp_path):
    folder, links = make_folder(), tmp_path / "snapshots" / "0a1b"
    links.mkdir(parents=True)
    for file in folder.iterdir():
        (links / file.name).symlink_to(f"../../model/{file.name}")
    rows = describe_folder(links)
    assert rows == describe_folder(folder)
    assert not any(value.startswith("PROBLEM") for _, value in rows)


def test_a_missing_folder_is_named(tmp_path, capsys):
    assert main(["info", str(tmp_path / "nowhere")]) == 2
    assert "There is no model folder" in capsys.readouterr().err


def test_a_folder_without_a_vocabulary_takes_token_ids(make_folder):
    folder = make_folder()
    (folder / "vocab.txt").unlink()
    assert dict(describe_folder(folder))["vocabulary"] == "none: the model takes token IDs"
