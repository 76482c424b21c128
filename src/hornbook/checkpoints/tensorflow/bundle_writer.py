"""Writes a checkpoint that TensorFlow reads: one index file, one data file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from hornbook.checkpoints.tensorflow.bundle_messages import (
    HEADER_KEY,
    Entry,
    Header,
    encode_entry,
    encode_header,
    type_number_of,
)
from hornbook.checkpoints.tensorflow.crc32c import crc32c, mask
from hornbook.checkpoints.tensorflow.sstable import write_table
from hornbook.checkpoints.tensorflow.tensor_bundle import data_path
from hornbook.files import atomic_file


def write_tensor_bundle(prefix: str | Path, tensors: Mapping[str, Any]) -> list[Path]:
    """Writes `PREFIX.index` and `PREFIX.data-00000-of-00001`.

    Each file is written atomically, the index last, so a new checkpoint exists only when it is
    complete.  When an old one of the same name is replaced, a kill between the two leaves files
    that do not match; reading then fails, because of the checksums.

    Args:
        prefix: The path without `.index`.
        tensors: Name to array, or to anything `numpy.asarray` converts to one, one at a time.

    Returns:
        The paths of the two files.

    Raises:
        TypeError: TensorFlow has no such type.
        HornbookError: the disk is full, or the folder may not be written to.
    """
    prefix = Path(prefix)
    index_path = prefix.with_name(prefix.name + ".index")
    data = data_path(prefix, 0, 1)
    entries: dict[bytes, bytes] = {HEADER_KEY: encode_header(Header())}
    with atomic_file(index_path) as index_file:
        with atomic_file(data) as data_file:
            for name, tensor in tensors.items():
                if not name or name.startswith("\0"):
                    raise ValueError(f"a tensor cannot be called {name!r}")
                entries[name.encode()] = encode_entry(_append(data_file, np.asarray(tensor)))
        index_file.write(write_table(sorted(entries.items())))
    return [index_path, data]


def _append(file: IO[bytes], array: np.ndarray) -> Entry:
    """Appends an array to the data file and returns its entry."""
    type_number = type_number_of(array.dtype)
    little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    octets = little.reshape(-1).view(np.uint8)
    offset = file.tell()
    file.write(octets.data)
    return Entry(type_number, array.shape, 0, offset, len(octets), mask(crc32c(octets)))
