"""The interface of all checkpoint formats, and how the format of a folder is found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import numpy as np

from hornbook.checkpoints.bert4keras.keras2_file import Keras2File, is_hdf5
from hornbook.checkpoints.bert4keras.object_graph import ObjectGraphCheckpoint
from hornbook.checkpoints.byte_range import file_size, read_range
from hornbook.checkpoints.placeholders import UNFINISHED
from hornbook.checkpoints.safetensors.shards import ShardedCheckpoint
from hornbook.checkpoints.safetensors.single_file import SafetensorsFile
from hornbook.checkpoints.tensorflow.sstable import MAGIC
from hornbook.checkpoints.tensorflow.tensor_bundle import TensorBundle
from hornbook.checkpoints.torch.zip_archive import TorchFile
from hornbook.errors import CheckpointError, did_you_mean


class Checkpoint(Protocol):
    """Names and arrays, read one at a time."""

    @property
    def layout(self) -> str:
        """The naming scheme: `"google"`, `"huggingface"`, `"keras"` or `"bert4keras"`."""

    @property
    def files(self) -> list[Path]:
        """The files it is read from."""

    def names(self) -> list[str]:
        """Returns the names of all tensors, sorted."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a tensor.  Raises KeyError for an unknown name."""

    def dtype(self, name: str) -> np.dtype:
        """Returns the type of a tensor; `object` if it does not hold numbers."""

    def read(self, name: str) -> np.ndarray:
        """Reads one tensor.  Raises CheckpointError if it is damaged."""

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Verifies the checksums of these tensors, or of all, as far as there are any.

        Raises:
            CheckpointError: naming all damaged tensors.
        """


def _open_bundle(prefix: Path) -> Checkpoint:
    bundle = TensorBundle(prefix)
    return ObjectGraphCheckpoint(bundle) if bundle.layout == "keras" else bundle


# Files that a folder is searched for, in this order; `*.index` is TensorFlow's.
_PATTERNS: dict[str, Callable[[Path], Checkpoint]] = {
    "model.safetensors": SafetensorsFile,
    "model.safetensors.index.json": ShardedCheckpoint,
    "pytorch_model.bin": TorchFile,
    "pytorch_model.bin.index.json": ShardedCheckpoint,
    "*.index": _open_bundle,
}
_BY_ENDING: dict[str, Callable[[Path], Checkpoint]] = {
    ".index.json": ShardedCheckpoint,
    ".safetensors": SafetensorsFile,
    ".index": _open_bundle,
    ".bin": TorchFile,
    ".pt": TorchFile,
    ".pth": TorchFile,
}
_NOT_SUPPORTED = ("tf_model.h5", "flax_model.msgpack")  # of transformers
_DATA_FILE = re.compile(r"(.+)\.data-\d{5}-of-\d{5}")


def find_checkpoint(path: str | Path) -> Checkpoint:
    """Opens the checkpoint at `path`.

    Args:
        path: A folder; a weight file or an index; or the prefix of a TensorFlow checkpoint,
            such as `chinese_L-12_H-768_A-12/bert_model.ckpt`.

    Raises:
        CheckpointError: no checkpoint was found (names the expected and the existing files), or it
            is incomplete or damaged.
    """
    try:
        return _open(Path(path))
    except OSError as error:
        raise CheckpointError(f"Cannot read {path}: {error.strerror}.") from None


def _open(path: Path) -> Checkpoint:
    if path.is_dir():
        return _in_folder(path)
    data_file = _DATA_FILE.fullmatch(path.name)
    if data_file:
        path = path.with_name(data_file[1])
    if path.with_name(path.name + ".index").is_file():
        return _open_bundle(path)
    if path.is_file():
        return _from_file(path)
    if data_file or (path.parent.is_dir() and any(_data_files(path.parent, path.name))):
        raise CheckpointError(
            f"{path.name}.data-... exists, but {path.name}.index does not.\n"
            f"A TensorFlow checkpoint needs both: put {path.name}.index next to it."
        )
    hint = ""
    if path.parent.is_dir():
        hint = " " + did_you_mean(path.name, _first_names(path.parent))
    raise CheckpointError(f"There is no checkpoint at {path}.{hint}")


def _in_folder(folder: Path) -> Checkpoint:
    for pattern, open_file in _PATTERNS.items():
        if pattern == "*.index":
            prefix = _tensorflow_prefix(folder)
            if prefix is not None:
                return _open_bundle(prefix)
        elif (folder / pattern).is_file():
            return open_file(folder / pattern)
    if file := _keras2_file(folder):
        return Keras2File(file)
    raise CheckpointError(_no_weights_message(folder))


def _keras2_file(folder: Path) -> Path | None:
    """Returns the only HDF5 file of a folder, which may have any name."""
    files = [
        file
        for file in sorted(folder.iterdir())
        if file.name not in _NOT_SUPPORTED and file.is_file() and is_hdf5(file)
    ]
    if len(files) <= 1:
        return files[0] if files else None
    raise CheckpointError(
        f"{folder} holds {len(files)} HDF5 files; name the one you mean:\n"
        + "\n".join(f"  {file}" for file in files)
    )


def _tensorflow_prefix(folder: Path) -> Path | None:
    """Returns the only TensorFlow checkpoint of a folder, or the newest one of its state file."""
    prefixes = [file.with_name(file.name.removesuffix(".index")) for file in folder.glob("*.index")]
    if len(prefixes) <= 1:
        return prefixes[0] if prefixes else None
    state = folder / "checkpoint"
    if state.is_file() and file_size(state) < 1_000_000:
        text = state.read_text("utf-8", "replace")
        match = re.search(r'^model_checkpoint_path: "([^"\n]*)"', text, re.MULTILINE)
        if match:
            for prefix in prefixes:
                if prefix.name == Path(match[1]).name:
                    return prefix
    raise CheckpointError(
        f"{folder} holds {len(prefixes)} TensorFlow checkpoints; name the one you mean:\n"
        + "\n".join(f"  {prefix}" for prefix in sorted(prefixes))
    )


def _from_file(path: Path) -> Checkpoint:
    for ending, open_file in _BY_ENDING.items():
        if path.name.endswith(ending):
            return open_file(path)
    if is_hdf5(path):
        return Keras2File(path)
    _refuse_version_1(path)
    endings = ", ".join(_BY_ENDING)
    raise CheckpointError(
        f"{path} is not a weight file: expected a name that ends in one of {endings}, or an HDF5 "
        "file of Keras 2 with any name."
    )


def _refuse_version_1(path: Path) -> None:
    size = file_size(path)
    if size >= len(MAGIC) and read_range(path, size - len(MAGIC), len(MAGIC)).tobytes() == MAGIC:
        raise CheckpointError(
            f"{path} is a TensorFlow checkpoint of the old format V1 (one file, no .index).\n"
            "Convert it where TensorFlow is installed: restore it with "
            "tf.compat.v1.train.Saver and save it with "
            "tf.compat.v1.train.Saver(write_version=tf.compat.v1.train.SaverDef.V2)."
        )


def _no_weights_message(folder: Path) -> str:
    """Names the expected and the existing files, and likely causes."""
    lines = [f"{folder} holds no weights.", f"Looked for: {', '.join(_PATTERNS)}."]
    names = _first_names(folder)
    lines.append(f"Found: {', '.join(names)}." if names else "Found: nothing, it is empty.")
    for name in names:
        if (folder / name).is_file() and ".ckpt" in name and not _DATA_FILE.fullmatch(name):
            _refuse_version_1(folder / name)
    without_index = sorted({match[1] for name in names if (match := _DATA_FILE.fullmatch(name))})
    for prefix in without_index:
        lines.append(f"{prefix}.data-... exists, but {prefix}.index does not: get it too.")
    unfinished = [name for name in names if name.endswith(UNFINISHED)]
    if unfinished:
        lines.append(f"A download was not finished: {', '.join(unfinished)}.  Finish it.")
    inner = [name for name in names if (folder / name).is_dir() and _has_weights(folder / name)]
    if inner:
        lines.append(f"Did you mean {folder / inner[0]}?")
    if set(_NOT_SUPPORTED) & set(names):
        files = " and ".join(_NOT_SUPPORTED)
        lines.append(f"{files} are not supported: get model.safetensors.")
    return "\n".join(lines)


def _has_weights(folder: Path) -> bool:
    return any(next(folder.glob(pattern), None) for pattern in _PATTERNS)


def _data_files(folder: Path, prefix: str) -> Iterable[str]:
    for file in folder.iterdir():
        match = _DATA_FILE.fullmatch(file.name)
        if match and match[1] == prefix:
            yield file.name


def _first_names(folder: Path) -> list[str]:
    """Returns the names of a folder's files, at most 50."""
    return sorted(file.name for file in folder.iterdir())[:50]
