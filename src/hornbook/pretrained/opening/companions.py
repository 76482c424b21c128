"""What lies in a model folder beside the model: read by others, and carried along on save.

A README, the licence, how sentence-transformers pools, a chat template: nothing here reads them,
and whoever opens the saved folder would miss them.
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
_OTHER_FORMS = ("onnx", "openvino", "coreml", "original", "tf", "flax")  # folders of weights
_LARGEST = 64 * 2**20  # bytes of a file that is carried along
_MOST, _DEEPEST = 200, 3


class Companions:
    """Files of a folder that a model does not use.

    Args:
        folder: Where they lie.
        names: Their paths in it.
        left_out: Those that are not carried along: weights in other forms, too large files.
        tokenizer: What was made of the folder's vocabulary; its files are carried along only
            with it.
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
        """Those of a model folder.

        Args:
            folder: Of the model.
            weights: The files it was read from.
            tokenizer: The one of the folder, as it was saved there.
        """
        used = {path.name for path in weights} | {MANIFEST, *CONFIGURATIONS, *_RENAMED}
        names: list[str] = []
        left_out: list[str] = []
        for path in _files(folder):
            name = path.relative_to(folder).as_posix()
            if name in used:
                continue
            is_left = _is_weights(name) or path.stat().st_size > _LARGEST or len(names) >= _MOST
            (left_out if is_left else names).append(name)
        return cls(folder, names, left_out, tokenizer)

    def write(self, folder: Path, tokenizer: Any) -> list[str]:
        """Copies them into a folder, where nothing has their name yet.

        Returns:
            The names of those that are not carried along.
        """
        left_out = list(self.left_out)
        for name in self.names:
            source, target = self.folder / name, folder / name
            is_old = _is_vocabulary(name) and tokenizer is not self._tokenizer
            if target.exists():
                continue
            if is_old or not source.is_file():
                left_out.append(name)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return left_out


def _files(folder: Path, depth: int = 1) -> list[Path]:
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")):
            continue
        if path.is_file():
            found.append(path)
        elif depth < _DEEPEST and path.is_dir() and not path.is_symlink():
            found += _files(path, depth + 1)
    return found


def _is_vocabulary(name: str) -> bool:
    return name in VOCABULARIES or ("/" not in name and name.endswith(".model"))


def _is_weights(name: str) -> bool:
    """Whether a file holds weights of the model itself, in whatever form.

    In a folder of its own a file may have the weights of another part, such as `2_Dense`.
    """
    first, _, rest = name.partition("/")
    is_weights = (
        name.endswith((*_WEIGHTS, ".index.json")) or ".data-0" in name or name == "checkpoint"
    )
    return first in _OTHER_FORMS if rest else is_weights
