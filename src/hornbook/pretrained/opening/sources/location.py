"""Where weights, configuration and vocabulary of a model are: one folder, or several places."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hornbook.checkpoints.bert4keras.keras2_file import is_keras2
from hornbook.errors import CheckpointError
from hornbook.files import settle
from hornbook.pretrained.opening.bundled import NAMES, model_folder

KERAS_WEIGHTS = "model.weights.h5"  # as hornbook saves them, with Keras 3


@dataclass(frozen=True)
class Location:
    """The places of a model's parts.

    Attributes:
        weights: A folder with one checkpoint, a weight file, or the prefix of a TensorFlow
            checkpoint.
        config: A folder, or a configuration file.
    """

    weights: Path
    config: Path

    @property
    def folder(self) -> Path:
        """The folder of the weights."""
        return self.weights if self.weights.is_dir() else self.weights.parent

    @property
    def vocabularies(self) -> list[Path]:
        """The folders that may hold the vocabulary, the first one first."""
        config = self.config if self.config.is_dir() else self.config.parent
        return list(dict.fromkeys([self.folder, config]))

    @property
    def keras_file(self) -> Path | None:
        """The weight file that hornbook saved in Keras's layout; None for others."""
        file = self.weights / KERAS_WEIGHTS if self.weights.is_dir() else self.weights
        is_file = file.name == KERAS_WEIGHTS and file.is_file()
        return file if is_file and not is_keras2(file) else None


def locate(path: str | Path, config: str | Path | None = None) -> Location:
    """Returns the places of a model's parts.

    Args:
        path: A model folder, the name of a model that comes with hornbook, a weight file, or the
            prefix of a TensorFlow checkpoint.
        config: The configuration file, or its folder.  Defaults to that of the weights.

    Raises:
        CheckpointError: there is nothing at one of them.
    """
    weights = model_folder(path)
    settle(weights)
    if not (weights.is_dir() or weights.is_file() or Path(f"{weights}.index").is_file()):
        raise CheckpointError(
            f"There is no model folder {weights}, and no weight file of this name.\n"
            f"Known by name: {', '.join(NAMES)}."
        )
    if config is None:
        return Location(weights, weights if weights.is_dir() else weights.parent)
    if not (place := model_folder(config)).exists():
        raise CheckpointError(f"There is no configuration {place}: name the file or its folder.")
    return Location(weights, place)
