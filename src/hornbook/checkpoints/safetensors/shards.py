"""Hugging Face's layout for large models: several weight files, and an index of the names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from hornbook.checkpoints.placeholders import refuse_placeholder
from hornbook.checkpoints.safetensors.single_file import SafetensorsFile
from hornbook.checkpoints.torch.zip_archive import TorchFile
from hornbook.errors import CheckpointError, did_you_mean
from hornbook.files import bounded_text

_MAXIMUM_INDEX = 16_000_000  # bytes


class ShardedCheckpoint:
    """The tensors of the files in an index.

    Args:
        index_path: `model.safetensors.index.json` or `pytorch_model.bin.index.json`.

    Raises:
        CheckpointError: a file is missing or damaged, or lacks a tensor of the index.
    """

    def __init__(self, index_path: str | Path):
        self.index_path = Path(index_path)
        file_of = self._read_index()
        folder = self.index_path.parent
        names = sorted(set(file_of.values()))
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise CheckpointError(
                f"{self.index_path} names {len(names)} files; missing next to it: "
                f"{', '.join(missing)}.\nCopy or download them too."
            )
        is_torch = self.index_path.name.endswith(".bin.index.json")
        open_file = TorchFile if is_torch else SafetensorsFile
        self._files: dict[str, TorchFile | SafetensorsFile] = {
            name: open_file(folder / name) for name in names
        }
        stored = {name: set(file.names()) for name, file in self._files.items()}
        missing = [tensor for tensor, file in file_of.items() if tensor not in stored[file]]
        if missing:
            raise CheckpointError(
                f"{self.index_path} names {len(missing)} tensors that are not in their files:\n"
                + "\n".join(f"  {tensor} in {file_of[tensor]}" for tensor in missing[:20])
                + "\nThe files belong to different checkpoints: get them again."
            )
        self._file_of = file_of

    @property
    def layout(self) -> str:
        """The layout of the files."""
        return next((file.layout for file in self._files.values()), "huggingface")

    @property
    def files(self) -> list[Path]:
        """The index and the files it names."""
        return [self.index_path, *(file.path for file in self._files.values())]

    def names(self) -> list[str]:
        """Returns the names of all tensors, sorted."""
        return sorted(self._file_of)

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a tensor."""
        return self._file(name).shape(name)

    def dtype(self, name: str) -> np.dtype:
        """Returns the type of a tensor; `object` for one that NumPy does not have."""
        return self._file(name).dtype(name)

    def unreadable_types(self) -> dict[str, int]:
        """Returns the types that NumPy does not have, with their numbers of tensors."""
        types: dict[str, int] = {}
        for file in self._files.values():
            if isinstance(file, SafetensorsFile):
                for code, count in file.unreadable_types().items():
                    types[code] = types.get(code, 0) + count
        return types

    def read(self, name: str) -> np.ndarray:
        """Reads one tensor.  Raises CheckpointError if it is damaged."""
        return self._file(name).read(name)

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Verifies the checksums of these tensors, or of all, file by file."""
        tensors_of: dict[str, list[str]] = {}
        for tensor in self.names() if names is None else names:
            self._file(tensor)
            tensors_of.setdefault(self._file_of[tensor], []).append(tensor)
        for file, tensors in tensors_of.items():
            self._files[file].verify(tensors)

    def _file(self, name: str) -> TorchFile | SafetensorsFile:
        try:
            return self._files[self._file_of[name]]
        except KeyError:
            raise KeyError(
                f"{self.index_path} has no {name!r}. {did_you_mean(name, self._file_of)}"
            ) from None

    def _read_index(self) -> dict[str, str]:
        refuse_placeholder(self.index_path)
        try:
            index = bounded_text(self.index_path, _MAXIMUM_INDEX, CheckpointError)
            file_of: dict[str, str] = json.loads(index)["weight_map"]
            if not all(type(file) is str for file in file_of.values()):
                raise ValueError
        except OSError as error:
            raise CheckpointError(f"Cannot read {self.index_path}: {error.strerror}.") from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise CheckpointError(
                f"{self.index_path} is damaged: it has no weight_map from names to files.\n"
                "Get the file again."
            ) from None
        for file in file_of.values():
            if file in ("", ".", "..") or "\0" in file or Path(file).name != file or "\\" in file:
                raise CheckpointError(
                    f"{self.index_path} names {file!r}, which is not a file next to it."
                )
        return file_of
