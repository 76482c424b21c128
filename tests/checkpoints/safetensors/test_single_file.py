"""Our safetensors files, compared with the library's."""

from __future__ import annotations

import json
import tracemalloc
from functools import partial

import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy

from hornbook.checkpoints.safetensors.single_file import SafetensorsFile, write_safetensors
from hornbook.checkpoints.weight_writing import LazyTensor
from hornbook.errors import CheckpointError

DTYPES = ["float64", "float32", "float16", "int64", "int32", "int16", "int8"]
DTYPES += ["uint64", "uint32", "uint16", "uint8", "bool"]


def samples():
    random = np.random.default_rng(0)
    arrays = {
        f"layer/{name}": (9 * random.normal(size=(3, n))).astype(name)
        for n, name in enumerate(DTYPES)
    }
    arrays["a name, 名"] = np.float32(3).reshape(())
    arrays["turned"] = np.arange(6, dtype="int16").reshape(2, 3).T
    arrays["brain"] = random.normal(size=5).astype(ml_dtypes.bfloat16)
    return arrays


def assert_same(read, array):
    assert read.dtype == array.dtype
    assert read.shape == array.shape
    assert read.tobytes() == array.tobytes()


def test_the_library_reads_what_we_write(tmp_path):
    path = write_safetensors(tmp_path / "model.safetensors", samples())
    with safetensors.safe_open(path, "numpy") as file:
        assert set(file.keys()) == set(samples())
        assert file.metadata() == {"format": "pt"}
        for name, array in samples().items():
            if name != "brain":
                assert_same(file.get_tensor(name), array)


def test_torch_reads_what_we_write(torch, tmp_path):
    from safetensors.torch import load_file

    tensors = load_file(write_safetensors(tmp_path / "model.safetensors", samples()))
    assert tensors["brain"].dtype == torch.bfloat16
    assert tensors["brain"].float().tolist() == samples()["brain"].astype("float32").tolist()


def test_we_read_what_the_library_writes(tmp_path):
    arrays = {name: np.ascontiguousarray(array) for name, array in samples().items()}
    safetensors.numpy.save_file(arrays, tmp_path / "theirs.safetensors", {"about": "x"})
    file = SafetensorsFile(tmp_path / "theirs.safetensors")
    assert file.names() == sorted(arrays)
    assert file.metadata == {"about": "x"}
    for name, array in arrays.items():
        assert_same(file.read(name), array.reshape(file.shape(name)))
        assert file.dtype(name) == array.dtype


def test_every_tensor_is_aligned_to_its_item_size(tmp_path):
    path = write_safetensors(tmp_path / "x.safetensors", samples())
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for name, array in samples().items():
        assert (8 + length + header[name]["data_offsets"][0]) % array.dtype.itemsize == 0


def test_the_layout_is_hornbooks_own_if_the_metadata_says_so(tmp_path):
    theirs = write_safetensors(tmp_path / "a.safetensors", {})
    ours = write_safetensors(tmp_path / "b.safetensors", {}, metadata={"format": "keras"})
    assert SafetensorsFile(theirs).layout == "huggingface"
    assert SafetensorsFile(ours).layout == "keras"


def test_one_tensor_is_in_memory_at_a_time(tmp_path):
    size = 1 << 20
    make = partial(np.ones, size, "uint8")
    tensors = {f"layer_{n}": LazyTensor((size,), np.dtype("uint8"), make) for n in range(6)}
    tracemalloc.start()
    path = write_safetensors(tmp_path / "x.safetensors", tensors)
    file = SafetensorsFile(path)
    for name in file.names():
        file.read(name)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.8 * size


def test_other_types_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(TypeError, match="cannot hold complex64, only bool"):
        write_safetensors(tmp_path / "x.safetensors", {"a": np.zeros(1, "complex64")})
    assert not list(tmp_path.iterdir())


def test_types_that_numpy_lacks_are_listed_and_refused(tmp_path):
    header = {"a": {"dtype": "F8_E5M2", "shape": [4], "data_offsets": [0, 4]}}
    file = SafetensorsFile(write_raw(tmp_path, header, bytes(4)))
    assert file.dtype("a") == np.dtype(object)
    with pytest.raises(CheckpointError, match="of type F8_E5M2"):
        file.read("a")


def write_raw(folder, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "raw.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(dtype="F32", shape=(2,), begin=0, end=8):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"a": entry(end=16)}, "16 bytes instead of 8"),
        ({"a": entry(shape=(4,), end=16)}, "need 16 bytes and it has 8"),
        ({"a": entry(shape=(1,), end=4)}, "need 4 bytes and it has 8"),
        ({"a": entry(), "b": entry()}, "overlap"),
        ({"a": entry(begin=4, end=12)}, "leave a gap"),
        ({"a": entry(shape=(-2,))}, "properly"),
        ({"a": entry(shape=(True, 2))}, "properly"),
        ({"a": entry(shape=(1 << 40, 1 << 40, 0), end=0)}, "properly"),
        ({"a": entry(shape=(2.0,))}, "properly"),
        ({"a": [1]}, "properly"),
        ([1], "not a JSON object"),
        (b'{"a": 1, "a": 1}', "has a name twice"),
        (b"[" * 5000, "."),
        (b"\xff", "decode"),
        (b'{"a": ' + b"9" * 5000 + b"}", "."),
    ],
)
def test_invalid_headers_are_refused(tmp_path, header, reason):
    with pytest.raises(CheckpointError, match=reason):
        SafetensorsFile(write_raw(tmp_path, header, bytes(8)))


def test_a_file_truncated_anywhere_is_refused(tmp_path):
    path = write_safetensors(tmp_path / "x.safetensors", {"a": np.ones((2, 3)), "b": np.ones(1)})
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError):
            SafetensorsFile(path)


def test_a_header_longer_than_the_file_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes((1 << 62).to_bytes(8, "little") + b"{}")
    with pytest.raises(CheckpointError, match="header would have 4611686018427387904 bytes"):
        SafetensorsFile(path)
