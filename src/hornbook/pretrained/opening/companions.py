"""Other files of a model folder, which are copied when the model is saved.

A README, the license, the pooling of sentence-transformers, a chat template: hornbook does not
read them, but users of the saved folder would miss them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hornbook.files import MANIFEST

CONFIGURATIONS = ("config.json", "bert_config.json", "generation_config.json")
VOCABULARIES = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
_RENAMED = ("encoder.json", "vocab.bpe")  # OpenAI's names of two of these
_WEIGHTS = (
    *(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".hdf5", ".onnx", ".msgpack", ".gguf"),
    *(".ot", ".tflite", ".pb", ".npz", ".index", ".meta", ".mlmodel"),
)
_OTHER_FORMATS = ("onnx", "openvino", "coreml", "original", "tf", "flax")  # folders of weights
_MAXIMUM_SIZE = 64 * 2**20  # bytes per copied file
_MAXIMUM_FILES, _MAXIMUM_DEPTH = 200, 3


class Companions:
    """Files of a folder that a model does not use.

    Args:
        folder: The folder they are in.
        names: Their paths, relative to it.
        left_out: Paths of files that are not copied: weights in other formats, large files.
        tokenizer: The folder's tokenizer; its files are copied only if the model still has it.
    """

    def __init__(
        self, folder: Path, names: Iterable[str], left_out: Iterable[str], tokenizer: Any
    ) -> None:
        self.folder = folder
        self.names = tuple(names)
        self.left_out = tuple(left_out)
        self._tokenizer = tokenizer

    @classmethod
    def read(cls, folder: Path, weights: Iterable[Path], tokenizer: Any) -> Companions:
        """Finds the other files of a model folder.

        Args:
            folder: Folder of the model.
            weights: The weight files that were read.
            tokenizer: The folder's tokenizer, unchanged.
        """
        used = {path.name for path in weights} | {MANIFEST, *CONFIGURATIONS, *_RENAMED}
        names: list[str] = []
        left_out: list[str] = []
        for path in _files(folder):
            name = path.relative_to(folder).as_posix()
            if name in used:
                continue
            is_left_out = (
                _is_weights(name)
                or path.stat().st_size > _MAXIMUM_SIZE
                or len(names) >= _MAXIMUM_FILES
            )
            (left_out if is_left_out else names).append(name)
        return cls(folder, names, left_out, tokenizer)

    def write(self, folder: Path, tokenizer: Any) -> list[str]:
        """Copies the files into a folder, except those that exist there.

        Returns:
            The paths of the files that are not copied.
        """
        left_out = list(self.left_out)
        for name in self.names:
            source, target = self.folder / name, folder / name
            is_outdated = _is_vocabulary(name) and tokenizer is not self._tokenizer
            if target.exists():
                continue
            if is_outdated or not source.is_file():
                left_out.append(name)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return left_out


def _files(folder: Path, depth: int = 1) -> list[Path]:
    files: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")):
            continue
        if path.is_file():
            files.append(path)
        elif depth < _MAXIMUM_DEPTH and path.is_dir() and not path.is_symlink():
            files += _files(path, depth + 1)
    return files


def _is_vocabulary(name: str) -> bool:
    return name in VOCABULARIES or ("/" not in name and name.endswith(".model"))


def _is_weights(name: str) -> bool:
    """Returns whether a file holds weights of the model itself, in any format.

    Subfolders may hold the weights of other parts, such as `2_Dense`.
    """
    first, _, rest = name.partition("/")
    is_weights = (
        name.endswith((*_WEIGHTS, ".index.json")) or ".data-0" in name or name == "checkpoint"
    )
    return first in _OTHER_FORMATS if rest else is_weights
