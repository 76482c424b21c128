from __future__ import annotations

import json

import numpy as np

from hornbook.checkpoints import find_checkpoint
from hornbook.checkpoints.safetensors.shard_writing import write_shards

TENSORS = {
    "a": np.arange(4, dtype="float32"),
    "b": np.arange(2, dtype="float32"),
    "huge": np.zeros((5, 4), "float32"),
    "c": np.arange(6, dtype="float16"),
}


def test_a_small_model_is_one_file(tmp_path):
    assert write_shards(tmp_path, TENSORS) == [tmp_path / "model.safetensors"]


def test_a_large_model_is_split_in_order_and_read_as_one(tmp_path):
    index, *files = write_shards(tmp_path, TENSORS, shard_size=24)
    assert [file.name for file in files] == [
        f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)
    ]
    content = json.loads(index.read_text())
    assert content["metadata"] == {"total_size": 16 + 8 + 80 + 12}
    assert [content["weight_map"][name] for name in TENSORS] == [
        files[number].name for number in (0, 0, 1, 2)
    ]
    checkpoint = find_checkpoint(tmp_path)
    for name, value in TENSORS.items():
        np.testing.assert_array_equal(checkpoint.read(name), value)
        assert checkpoint.dtype(name) == value.dtype
