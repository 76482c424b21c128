"""Reads an old `pytorch_model.bin`: a zip archive of a pickle and the numbers of each storage.

Neither torch nor `pickle` is used: see `tensor_pickle`.
"""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from hornbook.checkpoints.byte_range import file_size, read_chunks, read_range
from hornbook.checkpoints.dtypes import numpy_dtype
from hornbook.checkpoints.placeholders import refuse_placeholder
from hornbook.checkpoints.torch.tensor_pickle import StoredTensor, read_nested_pickle
from hornbook.errors import CheckpointError, did_you_mean

_MAXIMUM_PICKLE = 16_000_000  # bytes
_MAXIMUM_RANK = 32
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # before each file of a zip archive


class TorchFile:
    """The tensors of one file that `torch.save` wrote.

    Attributes:
        key: Key of the dict that holds them, such as `"state_dict"`; "" for the outer dict.

    Raises:
        CheckpointError: the file is missing, truncated, damaged, of the format before torch
            1.6, or holds something other than tensors.
    """

    layout = "huggingface"

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.files = [self.path]
        refuse_placeholder(self.path)
        self._verified: set[str] = set()
        try:
            self._size = file_size(self.path)
            self._archive = self._list_archive()
            self._root = self._find_root()
            pickle = self._read_small("data.pkl", _MAXIMUM_PICKLE)
            self._tensors, self.key = read_nested_pickle(pickle)
            self._big_endian = self._is_big_endian()
            for name, tensor in self._tensors.items():
                self._check(name, tensor)
        except ValueError as error:
            raise self._invalid(str(error)) from None

    def names(self) -> list[str]:
        """Returns the names of all tensors, sorted."""
        return sorted(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a tensor."""
        return self._tensor(name).shape

    def dtype(self, name: str) -> np.dtype:
        """Returns the type of a tensor."""
        return numpy_dtype(self._tensor(name).storage.dtype)

    def read(self, name: str) -> np.ndarray:
        """Reads one tensor; the checksum of its storage is verified once.

        Raises:
            CheckpointError: the checksum is wrong.
        """
        tensor = self._tensor(name)
        self.verify([name])
        dtype = numpy_dtype(tensor.storage.dtype)
        width = dtype.itemsize
        begin = self._start(tensor.storage.key) + tensor.offset * width
        octets = read_range(self.path, begin, _extent(tensor) * width)
        if self._big_endian:
            octets = octets.reshape(-1, width)[:, ::-1].reshape(-1)
        numbers = octets.view(dtype)
        if tensor.strides == _contiguous(tensor.shape) or not len(numbers):
            return numbers.reshape(tensor.shape)
        strides = [stride * width for stride in tensor.strides]
        return np.lib.stride_tricks.as_strided(numbers, tensor.shape, strides).copy()

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Verifies the archive's checksums of the storages of these tensors, or of all.

        Raises:
            CheckpointError: naming all damaged tensors.
        """
        damaged = []
        for name in self.names() if names is None else names:
            key = self._tensor(name).storage.key
            if key in self._verified:
                continue
            try:
                if self._checksum(key) == self._info(f"data/{key}").CRC:
                    self._verified.add(key)
                else:
                    damaged.append(name)
            except ValueError as error:
                raise self._invalid(str(error)) from None
        if damaged:
            raise self._invalid("the checksums of these are wrong:\n  " + "\n  ".join(damaged))

    def _tensor(self, name: str) -> StoredTensor:
        try:
            return self._tensors[name]
        except KeyError:
            raise KeyError(
                f"{self.path} has no {name!r}. {did_you_mean(name, self._tensors)}"
            ) from None

    def _list_archive(self) -> dict[str, zipfile.ZipInfo]:
        beginning = read_range(self.path, 0, min(self._size, 4)).tobytes()
        if beginning[:1] == b"\x80":
            raise CheckpointError(
                f"{self.path} is in the format that torch wrote before version 1.6, which is "
                "not supported.\nConvert it where torch is installed:\n"
                f"  torch.save(torch.load({self.path.name!r}, weights_only=True), 'new.bin')"
            )
        try:
            with zipfile.ZipFile(self.path) as archive:
                infos = archive.infolist()
        except OSError as error:
            raise CheckpointError(f"Cannot read {self.path}: {error}.") from None
        except (zipfile.BadZipFile, NotImplementedError, struct.error, EOFError) as error:
            raise ValueError(f"it cannot be read as a zip archive ({error})") from None
        for info in infos:
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                raise ValueError(f"{info.filename!r} in it is compressed or encrypted")
            if info.file_size != info.compress_size or info.file_size > self._size:
                raise ValueError(f"{info.filename!r} in it is larger than the file")
        return {info.filename: info for info in infos}

    def _find_root(self) -> str:
        roots = [name[: -len("data.pkl")] for name in self._archive if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise ValueError("it has no data.pkl, which torch.save writes")
        return roots[0]

    def _info(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._archive[self._root + name]
        except KeyError:
            raise ValueError(f"{name!r} is not in it") from None

    def _start_of(self, name: str) -> int:
        """Returns the offset of the contents of a file in the archive."""
        info = self._info(name)
        if not 0 <= info.header_offset <= self._size - _LOCAL_HEADER.size:
            raise ValueError(f"{name!r} in it is truncated")
        header = read_range(self.path, info.header_offset, _LOCAL_HEADER.size).tobytes()
        signature, name_size, extra_size = _LOCAL_HEADER.unpack(header)
        start: int = info.header_offset + _LOCAL_HEADER.size + name_size + extra_size
        if signature != b"PK\x03\x04" or start + info.file_size > self._size:
            raise ValueError(f"{name!r} in it is truncated")
        return start

    def _start(self, key: str) -> int:
        try:
            return self._start_of(f"data/{key}")
        except ValueError as error:
            raise self._invalid(str(error)) from None

    def _read_small(self, name: str, limit: int) -> bytes:
        info = self._info(name)
        if info.file_size > limit:
            raise ValueError(f"{name!r} in it has {info.file_size} bytes; the limit is {limit}")
        data = read_range(self.path, self._start_of(name), info.file_size).tobytes()
        if zlib.crc32(data) != info.CRC:
            raise ValueError(f"the checksum of {name!r} in it is wrong")
        return data

    def _is_big_endian(self) -> bool:
        if self._root + "byteorder" not in self._archive:
            return False
        order = self._read_small("byteorder", 16)
        if order not in (b"little", b"big"):
            raise ValueError(f"its byte order {order!r} is unknown")
        return order == b"big"

    def _checksum(self, key: str) -> int:
        crc = 0
        info = self._info(f"data/{key}")
        for octets in read_chunks(self.path, self._start_of(f"data/{key}"), info.file_size):
            crc = zlib.crc32(octets.data, crc)
        return crc

    def _check(self, name: str, tensor: StoredTensor) -> None:
        """Checks a tensor's shape and strides against its storage."""
        storage = tensor.storage
        size = self._info(f"data/{storage.key}").file_size
        if storage.count < 0 or storage.count * numpy_dtype(storage.dtype).itemsize != size:
            raise ValueError(
                f"the storage of {name!r} has {size} bytes, not {storage.count} numbers"
            )
        shape, strides = tensor.shape, tensor.strides
        if len(shape) != len(strides) or len(shape) > _MAXIMUM_RANK:
            raise ValueError(f"{name!r} has the shape {shape} and the strides {strides}")
        if min((*shape, *strides, tensor.offset), default=0) < 0:
            raise ValueError(f"{name!r} has a negative size")
        if max(strides, default=0) >= 1 << 60 or math.prod(max(n, 1) for n in shape) >= 1 << 60:
            raise ValueError(f"{name!r} has an impossible size")
        # a tensor with more elements than stored numbers would need more memory than the file
        if max(math.prod(shape), tensor.offset + _extent(tensor)) > storage.count:
            raise ValueError(f"{name!r} exceeds its storage")

    def _invalid(self, reason: str) -> CheckpointError:
        return CheckpointError(
            f"{self.path} is not a valid file of tensors: {reason}.\n"
            "It was damaged, or not copied or downloaded completely, or holds more than "
            "weights: get it again, or a model.safetensors instead."
        )


def _extent(tensor: StoredTensor) -> int:
    """Returns the count of numbers from the tensor's first to its last."""
    if 0 in tensor.shape:
        return 0
    return 1 + sum(
        (size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True)
    )


def _contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
