"""Other files of a model folder stay with the model."""

from __future__ import annotations

import pytest

from hornbook.pretrained.opening.companions import Companions


@pytest.fixture
def folder(tmp_path):
    files = {
        "config.json": "{}",
        "model.safetensors": "w",
        "pytorch_model.bin": "w",
        "onnx/model.onnx": "w",
        "README.md": "read",
        "LICENSE": "law",
        "chat_template.jinja": "{{ x }}",
        "modules.json": "[]",
        "1_Pooling/config.json": "{}",
        "2_Dense/model.safetensors": "dense",
        "tokenizer.json": "{}",
        "manifest.json": "{}",
        ".git/config": "x",
        "__pycache__/a.pyc": "x",
    }
    for name, content in files.items():
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return tmp_path / "model"


def names_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_all_files_but_weights_in_other_formats_are_copied(folder, tmp_path):
    tokenizer = object()
    companions = Companions.read(folder, [folder / "model.safetensors"], tokenizer)
    out = tmp_path / "out"
    out.mkdir()
    left_out = companions.write(out, tokenizer)
    assert sorted(left_out) == ["onnx/model.onnx", "pytorch_model.bin"]
    assert names_in(out) == [
        *("1_Pooling/config.json", "2_Dense/model.safetensors", "LICENSE", "README.md"),
        *("chat_template.jinja", "modules.json", "tokenizer.json"),
    ]
    assert (out / "LICENSE").read_text("utf-8") == "law"


def test_existing_files_stay_and_an_outdated_vocabulary_is_named(folder, tmp_path):
    companions = Companions.read(folder, [folder / "model.safetensors"], object())
    out = tmp_path / "out"
    out.mkdir()
    (out / "README.md").write_text("new", "utf-8")
    assert "tokenizer.json" in companions.write(out, object())
    assert (out / "README.md").read_text("utf-8") == "new"
    assert not (out / "tokenizer.json").exists()
