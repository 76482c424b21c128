from __future__ import annotations

import json

import numpy as np
import pytest

from hornbook.checkpoints.safetensors.shards import ShardedCheckpoint
from hornbook.checkpoints.safetensors.single_file import write_safetensors
from hornbook.errors import CheckpointError

FILES = {
    "model-00001-of-00002.safetensors": {"a": np.arange(3.0), "b": np.ones((2, 2), "float32")},
    "model-00002-of-00002.safetensors": {"c": np.float16(2)},
}


def write(folder, weight_map=None):
    for file, tensors in FILES.items():
        write_safetensors(folder / file, tensors)
    if weight_map is None:
        weight_map = {name: file for file, tensors in FILES.items() for name in tensors}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return index


def test_the_files_are_read_as_one(tmp_path):
    checkpoint = ShardedCheckpoint(write(tmp_path))
    assert checkpoint.names() == ["a", "b", "c"]
    assert checkpoint.shape("b") == (2, 2)
    assert checkpoint.dtype("c") == np.float16
    assert checkpoint.read("a").tolist() == [0, 1, 2]
    assert checkpoint.layout == "huggingface"
    assert [path.name for path in checkpoint.files] == ["model.safetensors.index.json", *FILES]
    checkpoint.verify()
    with pytest.raises(KeyError, match="Known: a, b, c"):
        checkpoint.read("zebra")


def test_torch_files_are_read_as_one(torch, tmp_path):
    torch.save({"a": torch.arange(3.0)}, tmp_path / "one.bin")
    torch.save({"b": torch.ones(2)}, tmp_path / "two.bin")
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "one.bin", "b": "two.bin"}}))
    checkpoint = ShardedCheckpoint(index)
    assert checkpoint.read("a").tolist() == [0, 1, 2]
    damaged = bytearray((tmp_path / "two.bin").read_bytes())
    damaged[damaged.index(np.ones(2, "float32").tobytes())] ^= 4
    (tmp_path / "two.bin").write_bytes(damaged)
    ShardedCheckpoint(index).verify(["a"])
    with pytest.raises(CheckpointError, match=r"two\.bin"):
        ShardedCheckpoint(index).verify()


def test_missing_files_are_all_named(tmp_path):
    index = write(tmp_path)
    for file in FILES:
        (tmp_path / file).unlink()
    with pytest.raises(CheckpointError, match=", ".join(FILES)):
        ShardedCheckpoint(index)


def test_names_that_are_not_in_their_file_are_refused(tmp_path):
    first, second = FILES
    with pytest.raises(CheckpointError, match=f"names 1 tensors.*\n  a in {second}"):
        ShardedCheckpoint(write(tmp_path, {"a": second, "b": first}))


@pytest.mark.parametrize("file", ["../x.safetensors", "/etc/passwd", "", "..", "a\\b", "a\0b"])
def test_files_in_other_folders_are_refused(tmp_path, file):
    with pytest.raises(CheckpointError, match="not a file next to it"):
        ShardedCheckpoint(write(tmp_path, {"a": file}))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": 1}}'])
def test_a_damaged_index_is_refused(tmp_path, text):
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(text)
    with pytest.raises(CheckpointError, match=r"is damaged|is empty"):
        ShardedCheckpoint(index)
