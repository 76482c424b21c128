"""Our checkpoints, read by TensorFlow's own reader."""

from __future__ import annotations

import tracemalloc
from functools import partial

import numpy as np
import pytest

from hornbook.checkpoints.tensorflow.bundle_writer import write_tensor_bundle
from hornbook.checkpoints.tensorflow.tensor_bundle import TensorBundle
from hornbook.checkpoints.weight_writing import LazyTensor


def arrays(random, count):
    dtypes = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "bool"]
    for number in range(count):
        shape = random.integers(0, 5, random.integers(0, 4))
        array = (50 * random.normal(size=shape)).astype(random.choice(dtypes))
        yield f"layer_{number}/{random.integers(1000)}", array


def test_tensorflow_reads_random_checkpoints_of_ours(tensorflow, tmp_path):
    for seed in range(60):
        random = np.random.default_rng(seed)
        tensors = dict(arrays(random, random.integers(0, 12)))
        files = write_tensor_bundle(tmp_path / f"ours-{seed}", tensors)
        assert all(file.is_file() for file in files)
        reader = tensorflow.train.load_checkpoint(str(tmp_path / f"ours-{seed}"))
        assert set(reader.get_variable_to_shape_map()) == set(tensors)
        for name, array in tensors.items():
            read = reader.get_tensor(name)
            assert read.dtype == array.dtype
            assert read.shape == array.shape
            assert read.tobytes() == array.tobytes()


def test_tensorflow_finds_names_in_every_block(tensorflow, tmp_path):
    names = [f"bert/encoder/layer_{number}/attention/self/query/kernel" for number in range(9000)]
    write_tensor_bundle(tmp_path / "many", {name: np.float32(n) for n, name in enumerate(names)})
    assert (tmp_path / "many.index").stat().st_size > 262_144
    reader = tensorflow.train.load_checkpoint(str(tmp_path / "many"))
    assert [reader.get_tensor(name) for name in names[::100]] == list(range(0, 9000, 100))


def test_tensorflow_restores_a_google_bert(tensorflow, tmp_path, google_bert_shapes):
    shapes = google_bert_shapes(vocabulary=11, hidden=8, layers=2, intermediate=16, positions=6)
    random = np.random.default_rng(0)
    tensors = {name: random.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    write_tensor_bundle(tmp_path / "bert_model.ckpt", tensors)
    restored = tensorflow.raw_ops.RestoreV2(
        prefix=str(tmp_path / "bert_model.ckpt"),
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        dtypes=[tensorflow.float32] * len(tensors),
    )
    for tensor, array in zip(restored, tensors.values(), strict=True):
        np.testing.assert_array_equal(tensor.numpy(), array)


def test_arrays_of_any_memory_order_are_written_by_value(tmp_path):
    array = np.arange(24, dtype="float32").reshape(4, 6)
    tensors = {"turned": array.T, "every other": array[:, ::2], "big": array.astype(">f4")}
    write_tensor_bundle(tmp_path / "x", tensors)
    bundle = TensorBundle(tmp_path / "x")
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(bundle.read(name), tensor)


def test_one_tensor_is_in_memory_at_a_time(tmp_path):
    size = 1 << 20
    make = partial(np.ones, size, "uint8")
    tensors = {f"layer_{n}": LazyTensor((size,), np.dtype("uint8"), make) for n in range(6)}
    write_tensor_bundle(tmp_path / "warm", tensors)
    tracemalloc.start()
    write_tensor_bundle(tmp_path / "x", tensors)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.8 * size


def test_a_failure_leaves_the_old_checkpoint(tmp_path):
    write_tensor_bundle(tmp_path / "x", {"a": np.float32(1)})
    with pytest.raises(TypeError, match="cannot hold"):
        write_tensor_bundle(tmp_path / "x", {"b": np.float32(2), "c": np.array("text")})
    assert float(TensorBundle(tmp_path / "x").read("a")) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_the_same_tensors_give_the_same_bytes(tmp_path):
    tensors = {"b": np.ones(3), "a": np.zeros((2, 2))}
    first, second = (write_tensor_bundle(tmp_path / name, tensors) for name in "xy")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("name", ["", "\0a"])
def test_reserved_names_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="cannot be called"):
        write_tensor_bundle(tmp_path / "x", {name: np.zeros(1)})
