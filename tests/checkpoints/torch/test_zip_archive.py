"""Files that `torch.save` wrote, read without torch and compared with it."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from hornbook.checkpoints.torch.zip_archive import TorchFile
from hornbook.errors import CheckpointError

DTYPES = ["float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]


@pytest.fixture
def state(torch):
    """Returns a state dict with views, scalars, empty tensors, parameters, and all types."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.BatchNorm1d(5))
    state = model.state_dict()
    state["turned view"] = torch.arange(24).reshape(4, 6)[1:, ::2].T
    state["row of a table"] = state["0.weight"][2]
    state["parameter"] = torch.nn.Parameter(torch.randn(2))
    state["empty"] = torch.zeros(0, 3)
    state["scalar"] = torch.tensor(1.5)
    for name in DTYPES:
        state[name] = (5 * torch.randn(3, 2)).to(getattr(torch, name))
    return state


@pytest.mark.parametrize("protocol", [2, 4])
def test_every_tensor_is_what_torch_saved(torch, state, tmp_path, protocol):
    torch.save(state, tmp_path / "pytorch_model.bin", pickle_protocol=protocol)
    file = TorchFile(tmp_path / "pytorch_model.bin")
    assert file.names() == sorted(state)
    assert file.layout == "huggingface"
    for name, tensor in state.items():
        tensor = tensor.detach()
        read = file.read(name)
        assert read.shape == file.shape(name) == tuple(tensor.shape)
        assert read.dtype == file.dtype(name)
        assert str(tensor.dtype).removeprefix("torch.") == read.dtype.name
        np.testing.assert_array_equal(read.astype("float64"), tensor.double().numpy())
    file.verify()


def test_every_flipped_bit_of_the_numbers_is_noticed(torch, tmp_path):
    path = tmp_path / "x.bin"
    torch.save({"a": torch.arange(5.0), "b": torch.arange(3)}, path)
    file = TorchFile(path)
    start = {key: file._start_of(f"data/{key}") for key in ("0", "1")}
    valid = path.read_bytes()
    for begin, size, name in ((start["0"], 20, "a"), (start["1"], 24, "b")):
        for position in range(8 * begin, 8 * (begin + size)):
            damaged = bytearray(valid)
            damaged[position // 8] ^= 1 << position % 8
            path.write_bytes(damaged)
            with pytest.raises(CheckpointError, match=f"checksums of these are wrong:\n  {name}"):
                TorchFile(path).verify()
    with pytest.raises(CheckpointError):
        TorchFile(path).read("b")
    assert TorchFile(path).read("a").tolist() == [0, 1, 2, 3, 4]


def test_the_format_before_zip_is_refused_with_a_way_to_convert_it(torch, state, tmp_path):
    torch.save(state, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=r"before version 1\.6.*\n.*\n.*weights_only=True"):
        TorchFile(tmp_path / "old.bin")


def test_a_pickled_model_is_refused_by_name(torch, tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.bin")
    with pytest.raises(CheckpointError, match=r"refers to torch\.nn\.modules\.linear\.Linear"):
        TorchFile(tmp_path / "model.bin")


def test_a_tensor_of_one_number_repeated_is_refused(torch, tmp_path):
    torch.save({"a": torch.zeros(1).expand(1 << 40)}, tmp_path / "x.bin")
    with pytest.raises(CheckpointError, match="exceeds its storage"):
        TorchFile(tmp_path / "x.bin")


def rewritten(torch, path, change=lambda data: data, compression=zipfile.ZIP_STORED, **tensors):
    """Saves a file, and rewrites its archive with another pickle or compression."""
    torch.save({"a": torch.arange(6.0)} | tensors, path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, change(data) if name.endswith("data.pkl") else data)
    return path


def test_a_rewritten_archive_is_read(torch, tmp_path):
    assert TorchFile(rewritten(torch, tmp_path / "x.bin")).read("a").sum() == 15


def test_big_endian_numbers_are_converted(torch, tmp_path):
    path = tmp_path / "x.bin"
    torch.save({"a": torch.arange(6.0)}, path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            if name.endswith("byteorder"):
                data = b"big"
            if name.endswith("data/0"):
                data = np.arange(6, dtype=">f4").tobytes()
            archive.writestr(name, data)
    np.testing.assert_array_equal(TorchFile(path).read("a"), np.arange(6, dtype="float32"))


def test_compressed_archives_are_refused(torch, tmp_path):
    path = rewritten(torch, tmp_path / "x.bin", compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="compressed or encrypted"):
        TorchFile(path)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"K\x00K\x06\x85", b"K\x00K\x07\x85", "exceeds its storage"),
        (b"K\x00K\x06\x85", b"K\x01K\x06\x85", "exceeds its storage"),
        (b"cpuq\x06K\x06", b"cpuq\x06K\x07", "has 24 bytes, not 7 numbers"),
        (b"FloatStorage", b"DoubleStorage", "has 24 bytes, not 6 numbers"),
        (b"FloatStorage", b"QInt8Storage", "torch.QInt8Storage"),
    ],
)
def test_tensors_that_do_not_fit_their_storage_are_refused(torch, tmp_path, old, new, reason):
    def change(data):
        assert old in data
        return data.replace(old, new)

    with pytest.raises(CheckpointError, match=reason):
        TorchFile(rewritten(torch, tmp_path / "x.bin", change))


def test_a_file_truncated_anywhere_is_refused(torch, tmp_path):
    path = tmp_path / "x.bin"
    torch.save({"a": torch.arange(6.0)}, path)
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError):
            TorchFile(path)


def test_other_archives_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.bin", "w") as archive:
        archive.writestr("word/document.xml", "x")
    with pytest.raises(CheckpointError, match=r"no data\.pkl"):
        TorchFile(tmp_path / "x.bin")
