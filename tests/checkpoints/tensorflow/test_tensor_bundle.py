"""Checkpoints that TensorFlow wrote, read by our reader."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from hornbook.checkpoints.tensorflow import sstable
from hornbook.checkpoints.tensorflow.bundle_messages import (
    Entry,
    Header,
    encode_entry,
    encode_header,
    slice_key,
    type_number_of,
)
from hornbook.checkpoints.tensorflow.bundle_writer import write_tensor_bundle
from hornbook.checkpoints.tensorflow.crc32c import crc32c, mask
from hornbook.checkpoints.tensorflow.tensor_bundle import TensorBundle
from hornbook.errors import CheckpointError

DTYPES = [
    *("float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64", "bool", "complex64", "complex128"),
]


def random_array(random, dtype=None, shape=None):
    """Returns an array of a random type and shape, sometimes a scalar or empty."""
    dtype = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype or random.choice(DTYPES))
    shape = tuple(random.integers(0, 6, random.integers(0, 5))) if shape is None else shape
    return (100 * random.normal(size=shape)).astype(dtype)


def same(one, other):
    return (
        one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    )


def save(tensorflow, prefix, tensors, slices=None):
    tensorflow.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=[name for name, _ in tensors],
        shape_and_slices=slices or [""] * len(tensors),
        tensors=[tensorflow.constant(array) for _, array in tensors],
    )


def random_partition(random, array):
    """Yields TensorFlow's description of each part of `array`, cut along two axes, and the part."""
    cuts = []
    for size in array.shape:
        inner = random.choice(np.arange(1, size), random.integers(0, min(3, size)), replace=False)
        cuts.append([0, *sorted(inner.tolist()), size])
    sizes = " ".join(map(str, array.shape))
    for top, bottom in zip(cuts[0], cuts[0][1:], strict=False):
        for left, right in zip(cuts[1], cuts[1][1:], strict=False):
            columns = "-" if len(cuts[1]) == 2 else f"{left},{right - left}"
            yield f"{sizes} {top},{bottom - top}:{columns}", array[top:bottom, left:right]


def test_random_checkpoints_are_read_as_tensorflow_reads_them(tensorflow, tmp_path):
    for seed in range(120):
        random = np.random.default_rng(seed)
        expected = {f"layer_{n}/{seed}": random_array(random) for n in range(random.integers(1, 9))}
        whole = random_array(random, "float32", tuple(random.integers(2, 90, 2)))
        parts = list(random_partition(random, whole))
        tensors = [(name, array, "") for name, array in expected.items()]
        tensors += [("cut/up", part, place) for place, part in parts]
        random.shuffle(tensors)
        num_shards = random.integers(1, 4)
        prefixes = []
        for shard in range(num_shards):
            part = tensors[shard::num_shards]
            if part:
                prefixes.append(str(tmp_path / f"{seed}-{shard}"))
                pairs = [(name, array) for name, array, _ in part]
                save(tensorflow, prefixes[-1], pairs, [place for *_, place in part])
        merged = str(tmp_path / f"model.ckpt-{seed}")
        tensorflow.raw_ops.MergeV2Checkpoints(
            checkpoint_prefixes=prefixes, destination_prefix=merged
        )

        ours = TensorBundle(merged)
        theirs = tensorflow.train.load_checkpoint(merged)

        assert set(ours.names()) == set(theirs.get_variable_to_shape_map()) == {*expected, "cut/up"}
        for name, array in (expected | {"cut/up": whole}).items():
            assert same(ours.read(name), array)
            assert same(theirs.get_tensor(name), array)
            assert (ours.shape(name), ours.dtype(name)) == (array.shape, array.dtype)
        ours.verify()
        assert len(ours.files) == len(prefixes) + 1
        assert all(file.is_file() for file in ours.files)


def test_many_names_in_many_blocks_are_all_found(tensorflow, tmp_path):
    names = [f"bert/encoder/layer_{number}/attention/self/query/kernel" for number in range(9000)]
    save(tensorflow, tmp_path / "many", [(name, np.float32(n)) for n, name in enumerate(names)])
    bundle = TensorBundle(tmp_path / "many.index")
    assert bundle.names() == sorted(names)
    assert [int(bundle.read(name)) for name in names[::500]] == list(range(0, 9000, 500))


def test_large_tensors_are_read(tensorflow, tmp_path):
    array = np.random.default_rng(0).normal(size=(1500, 1000)).astype("float32")
    save(tensorflow, tmp_path / "large", [("a", array), ("b", array[::-1].copy())])
    assert same(TensorBundle(tmp_path / "large").read("b"), array[::-1])
    TensorBundle(tmp_path / "large").verify()


def test_a_compressed_index_is_read_as_tensorflow_reads_it(tensorflow, tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    codec = pyarrow.Codec("snappy")

    def append_compressed(file, entries):
        plain = bytearray()
        plain_block(plain, entries)
        block = codec.compress(bytes(plain[:-5])).to_pybytes()
        place = sstable.varint(len(file)) + sstable.varint(len(block))
        file += block + b"\1" + mask(crc32c(block + b"\1")).to_bytes(4, "little")
        return place

    plain_block = sstable._append_block
    monkeypatch.setattr(sstable, "_append_block", append_compressed)
    tensors = {f"layer_{n}/kernel": np.full((2, n), n, "float32") for n in range(300)}
    write_tensor_bundle(tmp_path / "compressed", tensors)
    theirs = tensorflow.train.load_checkpoint(str(tmp_path / "compressed"))
    ours = TensorBundle(tmp_path / "compressed")
    for name, array in tensors.items():
        assert same(ours.read(name), array)
        assert same(theirs.get_tensor(name), array)


def test_big_endian_numbers_are_converted(tensorflow, tmp_path):
    random = np.random.default_rng(0)
    arrays = {name: random_array(random, name, (3, 4)) for name in DTYPES}
    data, entries = b"", {b"": encode_header(Header(1, big_endian=True))}
    for name, array in sorted(arrays.items()):
        unit = array.dtype.itemsize // (2 if array.dtype.kind == "c" else 1)
        octets = array.view(np.uint8).reshape(-1, unit)[:, ::-1].tobytes()
        entry = Entry(
            type_number_of(array.dtype), (3, 4), 0, len(data), len(octets), mask(crc32c(octets))
        )
        entries[name.encode()] = encode_entry(entry)
        data += octets
    (tmp_path / "big.index").write_bytes(sstable.write_table(sorted(entries.items())))
    (tmp_path / "big.data-00000-of-00001").write_bytes(data)
    bundle = TensorBundle(tmp_path / "big")
    for name, array in arrays.items():
        assert same(bundle.read(name), array)
    theirs = tensorflow.train.load_checkpoint(str(tmp_path / "big"))
    assert same(theirs.get_tensor("float32"), arrays["float32"])


def test_an_object_based_checkpoint_lists_its_names_and_refuses_strings(tensorflow, tmp_path):
    graph = tensorflow.train.Checkpoint(weight=tensorflow.Variable([1.0, 2.0]))
    bundle = TensorBundle(graph.write(str(tmp_path / "objects")))
    assert bundle.layout == "keras"
    assert bundle.names() == ["_CHECKPOINTABLE_OBJECT_GRAPH", "weight/.ATTRIBUTES/VARIABLE_VALUE"]
    assert bundle.dtype("_CHECKPOINTABLE_OBJECT_GRAPH") == np.dtype(object)
    assert bundle.read("weight/.ATTRIBUTES/VARIABLE_VALUE").tolist() == [1.0, 2.0]
    bundle.verify()
    with pytest.raises(CheckpointError, match="holds strings, not numbers"):
        bundle.read("_CHECKPOINTABLE_OBJECT_GRAPH")


def small_bundle(folder):
    prefix = folder / "small"
    write_tensor_bundle(
        prefix,
        {
            "a/kernel": np.arange(6, dtype="float32").reshape(2, 3),
            "b": np.int64(7),
            "c": np.zeros((0, 2), "float16"),
        },
    )
    return prefix


def test_every_flipped_bit_of_index_and_data_is_noticed(tmp_path):
    prefix = small_bundle(tmp_path)
    for path in TensorBundle(prefix).files:
        valid = path.read_bytes()
        for position in range(8 * len(valid)):
            damaged = bytearray(valid)
            damaged[position // 8] ^= 1 << position % 8
            path.write_bytes(damaged)
            with pytest.raises(CheckpointError):
                TensorBundle(prefix).verify()
        path.write_bytes(valid)
    TensorBundle(prefix).verify()


def test_reading_a_damaged_tensor_names_it_and_its_bytes(tmp_path):
    prefix = small_bundle(tmp_path)
    data = prefix.with_name("small.data-00000-of-00001")
    octets = bytearray(data.read_bytes())
    octets[25] ^= 1
    data.write_bytes(octets)
    bundle = TensorBundle(prefix)
    assert bundle.read("a/kernel").sum() == 15
    with pytest.raises(CheckpointError, match=r"b: bytes 24 to 32 of small\.data-00000-of-00001"):
        bundle.read("b")
    bundle.verify(["a/kernel"])
    with pytest.raises(CheckpointError, match="checksums of 1 tensors"):
        bundle.verify()


def test_truncated_files_are_refused_before_anything_is_read(tmp_path):
    prefix = small_bundle(tmp_path)
    for path in TensorBundle(prefix).files:
        valid = path.read_bytes()
        for size in range(len(valid)):
            path.write_bytes(valid[:size])
            with pytest.raises(CheckpointError, match=r"again"):
                TensorBundle(prefix)
        path.write_bytes(valid)


def test_missing_data_files_are_all_named(tmp_path):
    index = {b"": encode_header(Header(3))}
    (tmp_path / "x.index").write_bytes(sstable.write_table(index.items()))
    (tmp_path / "x.data-00001-of-00003").touch()
    with pytest.raises(CheckpointError) as caught:
        TensorBundle(tmp_path / "x")
    assert "x.data-00000-of-00003, x.data-00002-of-00003" in str(caught.value)


def test_an_unknown_name_suggests_the_nearest(tmp_path):
    with pytest.raises(KeyError, match="Did you mean 'a/kernel'"):
        TensorBundle(small_bundle(tmp_path)).read("a/kernal")


def bundle_of(folder, entries, data=bytes(64), header=None):
    """Writes a bundle with these entries, valid or not, with correct checksums of the index."""
    messages = {b"": encode_header(header or Header())}
    for key, entry in entries.items():
        messages[key] = encode_entry(entry)
    (folder / "x.index").write_bytes(sstable.write_table(sorted(messages.items())))
    (folder / "x.data-00000-of-00001").write_bytes(data)
    return folder / "x"


def key(part):
    return slice_key("v", part)


LEFT, RIGHT = ((0, -1), (0, 2)), ((0, -1), (2, 2))
PART = Entry(1, (2, 2), 0, 0, 16, mask(crc32c(bytes(16))))


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({b"v": Entry(1, (2,), 0, 60, 8, 0)}, "bytes 60 to 68"),
        ({b"v": Entry(1, (2,), 1, 0, 8, 0)}, "data file 1 of 1"),
        ({b"v": Entry(1, (3,), 0, 0, 8, 0)}, "8 bytes for the shape"),
        ({b"v": Entry(1, (2, 4), 0, 0, 0, 0, (LEFT, RIGHT)), key(LEFT): PART}, "is missing"),
        ({b"v": Entry(1, (2, 4), 0, 0, 0, 0, (LEFT,)), key(LEFT): PART}, "do not cover"),
        ({b"v": Entry(1, (2, 4), 0, 0, 0, 0, (LEFT, LEFT)), key(LEFT): PART}, "overlap"),
        ({b"v": Entry(1, (2, 3), 0, 0, 0, 0, (RIGHT,)), key(RIGHT): PART}, "exceeds the variable"),
        ({b"v": Entry(1, (3, 4), 0, 0, 0, 0, (LEFT,)), key(LEFT): PART}, "another shape"),
        ({b"v": Entry(2, (2, 2), 0, 0, 0, 0, (LEFT,)), key(LEFT): PART}, "another type"),
        ({b"v": Entry(1, (2,), 0, 0, 0, 0, (LEFT,)), key(LEFT): PART}, "axes"),
        ({b"v": Entry(1, (2, 4), 0, 0, 8, 0, (LEFT,)), key(LEFT): PART}, "data of its own"),
        ({b"v": Entry(1, (1 << 20, 1 << 20), 0, 0, 0, 0, (LEFT,))}, "larger than the data"),
    ],
)
def test_invalid_entries_are_refused(tmp_path, entries, reason):
    with pytest.raises(CheckpointError, match=reason):
        TensorBundle(bundle_of(tmp_path, entries))
