"""What every kind of checkpoint offers, and which kind a folder holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import numpy as np

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
        """`"google"`, `"huggingface"` or `"keras"`: whose names these are."""

    @property
    def files(self) -> list[Path]:
        """The files it is read from."""

    def names(self) -> list[str]:
        """The names of all tensors, sorted."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a tensor.  Raises KeyError for an unknown name."""

    def dtype(self, name: str) -> np.dtype:
        """The type of a tensor; `object` when it holds no numbers."""

    def read(self, name: str) -> np.ndarray:
        """Reads one tensor.  CheckpointError when it is damaged."""

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Checks what can be checked of these tensors, or of all, without keeping them.

        Raises:
            CheckpointError: naming all that are damaged.
        """


# What a folder is searched for, in this order; `*.index` is TensorFlow's.
_SOUGHT: dict[str, Callable[[Path], Checkpoint]] = {
    "model.safetensors": SafetensorsFile,
    "model.safetensors.index.json": ShardedCheckpoint,
    "pytorch_model.bin": TorchFile,
    "pytorch_model.bin.index.json": ShardedCheckpoint,
    "*.index": TensorBundle,
}
_BY_ENDING: dict[str, Callable[[Path], Checkpoint]] = {
    ".index.json": ShardedCheckpoint,
    ".safetensors": SafetensorsFile,
    ".index": TensorBundle,
    ".bin": TorchFile,
    ".pt": TorchFile,
    ".pth": TorchFile,
}
_DATA_FILE = re.compile(r"(.+)\.data-\d{5}-of-\d{5}")


def find_checkpoint(path: str | Path) -> Checkpoint:
    """Opens the checkpoint at `path`.

    Args:
        path: A folder; a weight file or an index; or the prefix of a TensorFlow checkpoint,
            such as `chinese_L-12_H-768_A-12/bert_model.ckpt`.

    Raises:
        CheckpointError: there is none, or it is incomplete or damaged: with what was looked
            for and what was found instead.
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
        return TensorBundle(path)
    if path.is_file():
        return _from_file(path)
    if data_file or (path.parent.is_dir() and any(_data_files(path.parent, path.name))):
        raise CheckpointError(
            f"{path.name}.data-... is there, but {path.name}.index is not.\n"
            f"A TensorFlow checkpoint needs both: put {path.name}.index next to it."
        )
    near = ""
    if path.parent.is_dir():
        near = " " + did_you_mean(path.name, _shown(path.parent))
    raise CheckpointError(f"There is no checkpoint at {path}.{near}")


def _in_folder(folder: Path) -> Checkpoint:
    for sought, open_file in _SOUGHT.items():
        if sought == "*.index":
            prefix = _tensorflow_prefix(folder)
            if prefix is not None:
                return TensorBundle(prefix)
        elif (folder / sought).is_file():
            return open_file(folder / sought)
    raise CheckpointError(_nothing_found(folder))


def _tensorflow_prefix(folder: Path) -> Path | None:
    """The one TensorFlow checkpoint in a folder, or the newest as its state file says."""
    prefixes = [file.with_name(file.name.removesuffix(".index")) for file in folder.glob("*.index")]
    if len(prefixes) <= 1:
        return prefixes[0] if prefixes else None
    state = folder / "checkpoint"
    if state.is_file() and file_size(state) < 1_000_000:
        text = state.read_text("utf-8", "replace")
        newest = re.search(r'^model_checkpoint_path: "([^"\n]*)"', text, re.MULTILINE)
        if newest:
            for prefix in prefixes:
                if prefix.name == Path(newest[1]).name:
                    return prefix
    raise CheckpointError(
        f"{folder} holds {len(prefixes)} TensorFlow checkpoints; name the one you mean:\n"
        + "\n".join(f"  {prefix}" for prefix in sorted(prefixes))
    )


def _from_file(path: Path) -> Checkpoint:
    for ending, open_file in _BY_ENDING.items():
        if path.name.endswith(ending):
            return open_file(path)
    _refuse_version_1(path)
    endings = ", ".join(_BY_ENDING)
    raise CheckpointError(
        f"{path} is not a weight file known by its name: it ends in none of {endings}."
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


def _nothing_found(folder: Path) -> str:
    """Says what was looked for, what is there instead, and what may have happened."""
    lines = [f"{folder} holds no weights.", f"Looked for: {', '.join(_SOUGHT)}."]
    shown = _shown(folder)
    lines.append(f"Found: {', '.join(shown)}." if shown else "Found: nothing, it is empty.")
    for name in shown:
        if (folder / name).is_file() and ".ckpt" in name and not _DATA_FILE.fullmatch(name):
            _refuse_version_1(folder / name)
    without_index = sorted({match[1] for name in shown if (match := _DATA_FILE.fullmatch(name))})
    for prefix in without_index:
        lines.append(f"{prefix}.data-... is there, but {prefix}.index is not: get it too.")
    unfinished = [name for name in shown if name.endswith(UNFINISHED)]
    if unfinished:
        lines.append(f"A download was not finished: {', '.join(unfinished)}.  Finish it.")
    inner = [name for name in shown if (folder / name).is_dir() and _holds_any(folder / name)]
    if inner:
        lines.append(f"Did you mean {folder / inner[0]}?")
    if {"tf_model.h5", "flax_model.msgpack"} & set(shown):
        lines.append("tf_model.h5 and flax_model.msgpack are not read: get model.safetensors.")
    return "\n".join(lines)


def _holds_any(folder: Path) -> bool:
    return any(next(folder.glob(sought), None) for sought in _SOUGHT)


def _data_files(folder: Path, prefix: str) -> Iterable[str]:
    for file in folder.iterdir():
        match = _DATA_FILE.fullmatch(file.name)
        if match and match[1] == prefix:
            yield file.name


def _shown(folder: Path) -> list[str]:
    """What is in a folder, as far as a message can show it."""
    return sorted(file.name for file in folder.iterdir())[:50]
