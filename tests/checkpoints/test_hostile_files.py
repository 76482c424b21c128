"""Any file gives a result or a HornbookError, and needs memory in proportion to its size.

`HORNBOOK_FUZZ=20000 pytest tests/checkpoints/test_hostile_files.py` tries that many new files
of each format; without it the same few thousand are tried every time.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hornbook.checkpoints.checkpoint import find_checkpoint
from hornbook.checkpoints.safetensors.single_file import write_safetensors
from hornbook.checkpoints.tensorflow import sstable
from hornbook.checkpoints.tensorflow.bundle_messages import decode_entry, decode_header
from hornbook.checkpoints.tensorflow.bundle_writer import write_tensor_bundle
from hornbook.checkpoints.tensorflow.crc32c import crc32c, mask
from hornbook.checkpoints.tensorflow.snappy import decompress
from hornbook.checkpoints.torch.tensor_pickle import read_tensor_pickle
from hornbook.errors import CheckpointError

FUZZ = settings(
    max_examples=int(os.environ.get("HORNBOOK_FUZZ", "500")),
    derandomize="HORNBOOK_FUZZ" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
MEMORY = 16_000_000  # bytes; the files have a few thousand
TENSORS = {
    "bert/embeddings/word_embeddings": np.arange(30, dtype="float32").reshape(5, 6),
    "bert/encoder/layer_0/bias": np.arange(4, dtype="float16"),
    "bert/encoder/layer_1/bias": np.zeros((0, 3)),
    "global_step": np.int64(7),
}
NUMBERS = [0, 1, 0x7F, 0x80, 0xFF]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["set", "flip", "insert", "delete", "cut", "repeat", "number"]),
        st.integers(0, 1 << 16),
        st.integers(0, 255) | st.sampled_from(NUMBERS),
    ),
    min_size=1,
    max_size=8,
)


def edited(data: bytes, edits) -> bytes:
    """Returns `data` after a few edits, each of a kind that has broken parsers."""
    result = bytearray(data)
    for kind, place, value in edits:
        position = place % (len(result) + 1)
        if kind == "set":
            result[position : position + 1] = bytes([value])
        elif kind == "flip" and position < len(result):
            result[position] ^= 1 << value % 8
        elif kind == "insert":
            result[position:position] = bytes([value])
        elif kind == "delete":
            del result[position : position + value % 16]
        elif kind == "cut":
            del result[max(position, 1) :]
        elif kind == "repeat":
            result[position:position] = result[position : position + value]
        elif kind == "number":  # a length or offset that is far too large
            result[position : position + 8] = (value << 56 | 0xFFFFFFFFFFFFFF).to_bytes(8, "little")
    return bytes(result)


def check(path):
    """Reads everything; raises anything but a CheckpointError."""
    tracemalloc.start()
    try:
        checkpoint = find_checkpoint(path)
        for name in checkpoint.names():
            shape, dtype = checkpoint.shape(name), checkpoint.dtype(name)
            try:
                array = checkpoint.read(name)
            except CheckpointError:
                continue
            assert array.shape == shape
            assert array.dtype == dtype
        checkpoint.verify()
    except CheckpointError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < MEMORY


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def bundle(folder):
    write_tensor_bundle(folder / "x", TENSORS)
    return folder / "x.index", (folder / "x.index").read_bytes()


@pytest.fixture(scope="module")
def torch_archive(torch, folder):
    """Returns the files of an archive that `torch.save` wrote, by name."""
    state = {name: torch.as_tensor(np.asarray(tensor)) for name, tensor in TENSORS.items()}
    state["view"] = state["bert/embeddings/word_embeddings"].T[1:3]
    torch.save(state, folder / "valid.bin")
    with zipfile.ZipFile(folder / "valid.bin") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@FUZZ
@given(EDITS)
def test_index_files(bundle, edits):
    path, valid = bundle
    path.write_bytes(edited(valid, edits))
    check(path)


@FUZZ
@given(EDITS)
def test_index_entries_with_correct_checksums(folder, bundle, edits):
    """The messages themselves are edited, so that the checksums do not catch it."""
    _, valid = bundle
    entries = dict(sstable.read_table(valid))
    keys = sorted(entries)
    key = keys[edits[0][1] % len(keys)]
    entries[key] = edited(entries[key], edits)
    (folder / "y.index").write_bytes(sstable.write_table(sorted(entries.items())))
    (folder / "y.data-00000-of-00001").write_bytes(bytes(300))
    check(folder / "y.index")


@FUZZ
@given(EDITS)
def test_index_blocks_with_correct_checksums(folder, bundle, edits):
    _, valid = bundle
    footer = valid[-sstable.FOOTER_SIZE :]
    metadata, _ = sstable._handle(footer, 0)
    block = edited(valid[: metadata[0] - 5], edits)
    compression = bytes([edits[0][2] % 3])
    file = bytearray(block + compression)
    file += mask(crc32c(file)).to_bytes(4, "little")
    handle = sstable.varint(0) + sstable.varint(len(block))
    handles = sstable._append_block(file, []) + sstable._append_block(file, [(b"z", handle)])
    (folder / "x.index").write_bytes(file + handles.ljust(40, b"\0") + sstable.MAGIC)
    check(folder / "x.index")


@FUZZ
@given(EDITS)
def test_data_files(folder, bundle, edits):
    path, valid = bundle
    path.write_bytes(valid)
    data = folder / "x.data-00000-of-00001"
    whole = data.read_bytes()
    try:
        data.write_bytes(edited(whole, edits))
        check(path)
    finally:
        data.write_bytes(whole)


@FUZZ
@given(EDITS)
def test_safetensors_files(folder, edits):
    path = folder / "valid.safetensors"
    if not path.exists():
        write_safetensors(path, TENSORS)
    (folder / "x.safetensors").write_bytes(edited(path.read_bytes(), edits))
    check(folder / "x.safetensors")


NUMBER = st.integers() | st.integers(0, 130) | st.floats() | st.booleans() | st.none()
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "BF16", "BOOL", "F8_E4M3", "", 3]),
        "shape": st.lists(NUMBER, max_size=4) | NUMBER,
        "data_offsets": st.lists(NUMBER, max_size=3) | NUMBER,
    },
)


@FUZZ
@given(
    st.dictionaries(st.text(max_size=3) | st.just("__metadata__"), ENTRY | NUMBER, max_size=3),
    EDITS,
)
def test_safetensors_headers(folder, header, edits):
    """The length is correct, but the header is not."""
    text = json.dumps(header).encode()
    if edits[0][0] != "set":
        text = edited(text, edits)
    path = folder / "x.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(edits[0][2]))
    check(path)


@FUZZ
@given(EDITS)
def test_torch_archives(folder, torch_archive, edits):
    path = folder / "x.bin"
    path.write_bytes(edited((folder / "valid.bin").read_bytes(), edits))
    check(path)


@FUZZ
@given(EDITS)
def test_torch_directories(folder, torch_archive, edits):
    """The central directory of an archive, with all sizes and offsets, is edited."""
    valid = (folder / "valid.bin").read_bytes()
    directory = valid.index(b"PK\x01\x02")
    path = folder / "x.bin"
    path.write_bytes(valid[:directory] + edited(valid[directory:], edits))
    check(path)


@FUZZ
@given(EDITS)
def test_torch_pickles_with_correct_checksums(folder, torch_archive, edits):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in torch_archive.items():
            archive.writestr(name, edited(data, edits) if name.endswith("data.pkl") else data)
    (folder / "x.bin").write_bytes(file.getvalue())
    check(folder / "x.bin")


@FUZZ
@given(st.text(max_size=50) | st.lists(NUMBER, max_size=3).map(json.dumps))
def test_shard_indexes(folder, text):
    path = folder / "model.safetensors.index.json"
    path.write_text(text, "utf-8", "surrogatepass")
    check(path)
    path.write_text(json.dumps({"weight_map": {"a": text}}))
    check(path)


@FUZZ
@given(st.binary(max_size=60))
def test_small_parsers_on_any_bytes(data):
    for parse in (
        decode_entry,
        decode_header,
        read_tensor_pickle,
        lambda data: decompress(data, 1 << 16),
        lambda data: list(sstable.read_table(data)),
    ):
        with contextlib.suppress(ValueError):
            parse(data)
