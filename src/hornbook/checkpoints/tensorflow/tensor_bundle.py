"""TensorFlow's checkpoint files, format V2 ("tensor bundle"), read without TensorFlow.

`PREFIX.index` is a sorted table from names to locations; `PREFIX.data-00000-of-00002` ... hold
the numbers.  Every block of the index and every tensor has a CRC-32C, which is verified.

Reference: tensorflow/core/util/tensor_bundle/tensor_bundle.h
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from hornbook.checkpoints.byte_range import file_size, read_chunks, read_range
from hornbook.checkpoints.placeholders import refuse_placeholder
from hornbook.checkpoints.tensorflow import sstable
from hornbook.checkpoints.tensorflow.bundle_messages import (
    HEADER_KEY,
    STRING,
    Entry,
    Header,
    decode_entry,
    decode_header,
    dtype_of,
    slice_key,
)
from hornbook.checkpoints.tensorflow.crc32c import crc32c, mask
from hornbook.checkpoints.tensorflow.partitions import problem_of_parts, slices_of
from hornbook.errors import CheckpointError, did_you_mean
from hornbook.files import protobuf

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def data_path(prefix: Path, shard: int, num_shards: int) -> Path:
    """Returns the path of one data file."""
    return prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{num_shards:05d}")


class TensorBundle:
    """The tensors of one TensorFlow checkpoint.

    Args:
        prefix: The path without `.index`, or the path of the index file.

    Raises:
        CheckpointError: a file is missing, truncated or damaged.
    """

    def __init__(self, prefix: str | Path):
        prefix = Path(prefix)
        if prefix.name.endswith(".index"):
            prefix = prefix.with_name(prefix.name.removesuffix(".index"))
        self.prefix = prefix
        self.index_path = prefix.with_name(prefix.name + ".index")
        refuse_placeholder(self.index_path)
        self._header, self._entries = self._read_index()
        shards = self._header.num_shards
        self._data_paths = [data_path(prefix, shard, shards) for shard in range(shards)]
        missing = [path.name for path in self._data_paths if not path.is_file()]
        if missing:
            named = ", ".join(missing[:10]) + (", ..." if len(missing) > 10 else "")
            raise CheckpointError(
                f"{self.index_path} needs {shards} data files next to it; missing: {named}.\n"
                "Copy or download them too, with these names."
            )
        for path in self._data_paths:
            refuse_placeholder(path, may_be_empty=True)
        self._sizes = [file_size(path) for path in self._data_paths]
        self._check_locations()

    @property
    def files(self) -> list[Path]:
        """The index file and the data files."""
        return [self.index_path, *self._data_paths]

    @property
    def layout(self) -> str:
        """`"google"`, or `"keras"` for an object-based checkpoint of TensorFlow 2."""
        return "keras" if OBJECT_GRAPH.encode() in self._entries else "google"

    def names(self) -> list[str]:
        """Returns the names of all tensors, sorted, including those of strings."""
        return [key.decode() for key in self._entries if key[:1] != b"\0"]

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a tensor."""
        return self._entry(name).shape

    def dtype(self, name: str) -> np.dtype:
        """Returns the type of a tensor; `object` for strings and others that `read` refuses."""
        return dtype_of(self._entry(name).type_number) or np.dtype(object)

    def read(self, name: str) -> np.ndarray:
        """Reads one tensor and verifies its checksum.

        Raises:
            CheckpointError: its checksum is wrong, or it does not hold numbers.
        """
        entry = self._entry(name)
        dtype = dtype_of(entry.type_number)
        if dtype is None:
            kind = "strings" if entry.type_number == STRING else f"type {entry.type_number}"
            raise CheckpointError(
                f"{name!r} in {self.index_path} holds {kind}, not numbers; it cannot be read."
            )
        if not entry.slices:
            return self._read_entry(name, entry, dtype)
        result = np.empty(entry.shape, dtype)
        for part in entry.slices:
            result[slices_of(part, entry.shape)] = self._read_entry(
                name, self._entries[slice_key(name, part)], dtype
            )
        return result

    def read_octets(self, name: str) -> bytes:
        """Reads a tensor that holds one string, and verifies its checksum.

        Raises:
            CheckpointError: its checksum is wrong, or it holds something else.
        """
        entry = self._entry(name)
        if entry.type_number != STRING or entry.shape or entry.slices:
            raise CheckpointError(f"{name!r} in {self.index_path} does not hold one string.")
        stored = read_range(self._data_paths[entry.shard], entry.offset, entry.size).tobytes()
        try:  # a length, a checksum of it, and the string; the length counts as four bytes or eight
            length, start = protobuf.read_varint(stored, 0)
        except ValueError:
            raise self._damaged([(name, entry)]) from None
        octets = stored[start + 4 :]
        number = length.to_bytes(4 if length < 1 << 32 else 8, "little")
        crc = crc32c(octets, crc32c(stored[start : start + 4], crc32c(number)))
        if length != len(octets) or mask(crc) != entry.masked_crc:
            raise self._damaged([(name, entry)])
        return octets

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Verifies the checksums of the tensors called `names`, or of all that hold numbers.

        Raises:
            CheckpointError: naming all damaged tensors.
        """
        damaged = []
        for name in self.names() if names is None else names:
            entry = self._entry(name)
            if dtype_of(entry.type_number) is None:
                continue
            parts = [self._entries[slice_key(name, part)] for part in entry.slices] or [entry]
            for part in parts:
                if self._checksum(part) != part.masked_crc:
                    damaged.append((name, part))
        if damaged:
            raise self._damaged(damaged)

    def _entry(self, name: str) -> Entry:
        try:
            return self._entries[name.encode()]
        except KeyError:
            raise KeyError(
                f"{self.index_path} has no {name!r}. {did_you_mean(name, self.names())}"
            ) from None

    def _read_entry(self, name: str, entry: Entry, dtype: np.dtype) -> np.ndarray:
        octets = read_range(self._data_paths[entry.shard], entry.offset, entry.size)
        if mask(crc32c(octets)) != entry.masked_crc:
            raise self._damaged([(name, entry)])
        if self._header.big_endian:
            # the real and the imaginary part are byte-swapped separately
            width = dtype.itemsize // (2 if dtype.kind == "c" else 1)
            octets = octets.reshape(-1, width)[:, ::-1].reshape(-1)
        return octets.view(dtype).reshape(entry.shape)

    def _checksum(self, entry: Entry) -> int:
        crc = 0
        for octets in read_chunks(self._data_paths[entry.shard], entry.offset, entry.size):
            crc = crc32c(octets, crc)
        return mask(crc)

    def _damaged(self, damaged: list[tuple[str, Entry]]) -> CheckpointError:
        lines = [
            f"  {name}: bytes {entry.offset} to {entry.offset + entry.size} of "
            f"{self._data_paths[entry.shard].name}"
            for name, entry in damaged
        ]
        return CheckpointError(
            f"The checksums of {len(lines)} tensors of {self.prefix} are wrong:\n"
            + "\n".join(lines)
            + "\nThe files were damaged while copying, or belong to different checkpoints: "
            "get them again."
        )

    def _read_index(self) -> tuple[Header, dict[bytes, Entry]]:
        try:
            data = self.index_path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"Cannot read {self.index_path}: {error.strerror}.") from None
        entries = {}
        header = None
        try:
            for key, value in sstable.read_table(data):
                if key == HEADER_KEY:
                    header = decode_header(value)
                else:
                    if key[:1] != b"\0":
                        key.decode()
                    entries[key] = decode_entry(value)
            if header is None:
                raise ValueError("it has no header")
        except ValueError as error:
            raise CheckpointError(
                f"{self.index_path} is not a valid index of a TensorFlow checkpoint: {error}.\n"
                "Get the file again."
            ) from None
        return header, entries

    def _check_locations(self) -> None:
        """Checks every entry against its data file, before any is read."""
        problems = []
        for key, entry in self._entries.items():
            problem = problem_of_parts(
                key, self._entries, sum(self._sizes)
            ) or self._problem_of_location(entry)
            if problem:
                name = key.decode("utf-8", "backslashreplace")
                problems.append(f"  {name}: {problem}")
        if problems:
            raise CheckpointError(
                f"{self.index_path} and its data files do not match:\n"
                + "\n".join(problems[:20])
                + (f"\n  ... and {len(problems) - 20} more" if len(problems) > 20 else "")
                + "\nA file was not copied or downloaded completely, or they belong to different "
                "checkpoints: get them again."
            )

    def _problem_of_location(self, entry: Entry) -> str | None:
        if entry.slices:
            return None
        if entry.shard >= self._header.num_shards:
            return f"data file {entry.shard} of {self._header.num_shards}"
        length = self._sizes[entry.shard]
        if entry.offset + entry.size > length:
            return (
                f"bytes {entry.offset} to {entry.offset + entry.size} of "
                f"{self._data_paths[entry.shard].name}, which has {length}"
            )
        dtype = dtype_of(entry.type_number)
        if dtype is not None and entry.size != math.prod(entry.shape) * dtype.itemsize:
            return f"{entry.size} bytes for the shape {entry.shape} of {dtype.name}"
        return None
