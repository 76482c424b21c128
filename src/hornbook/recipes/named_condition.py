"""Conditions an encoder on a name, such as the criterion of a pair or the corpus of a text.

Every layer normalization is shifted by the embedding of the name (conditional layer normalization,
https://kexue.fm/archives/7124), so that a few thousand weights per name turn one network into
several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hornbook.data.readers.in_memory_rows import is_in_memory
from hornbook.errors import DataError, did_you_mean

CONDITION_SIZE = 128  # features of an embedding, as in the baseline of Sohu's contest


@dataclass(frozen=True)
class NamedCondition:
    """The names that a network is conditioned on.

    Attributes:
        kind: What they are, such as `"criterion"`: the key of a row, the option of `predict`, and
            the input of the network.
        names: In the order of their embeddings.
    """

    kind: str
    names: Sequence[str]

    def add_input(self, inputs: dict[str, Any]) -> Any:
        """Adds the index of the name, `(batch,)`, to the inputs of a network, and returns it."""
        import keras

        inputs[self.kind] = keras.Input((), dtype="int32", name=self.kind)
        return inputs[self.kind]

    def embedding(self, index: Any, layers: dict[str, Any]) -> Any:
        """Returns the condition `(batch, CONDITION_SIZE)` of indices; adds its layer to `layers`,
        for saving."""
        import keras

        name = f"{self.kind}_embedding"
        layers[name] = keras.layers.Embedding(len(self.names), CONDITION_SIZE, name=name)
        return layers[name](index)

    def indices(self, names: Sequence[str]) -> list[int]:
        """Returns the values of the input for samples with these names."""
        index_of = {name: index for index, name in enumerate(self.names)}
        return [index_of[name] for name in names]

    def check(self, name: str, where: str, *, labeled: bool = False) -> None:
        """Raises DataError if a sample's name was not in the training data.

        Args:
            name: "" if the sample has none.
            where: Location of the sample.
            labeled: Whether the sample is to evaluate on, not to predict.
        """
        if name not in self.names:
            what = f"the {self.kind} {name!r}" if name else f"no {self.kind}"
            how = "the folder after one, or name it" if labeled else f"one with --{self.kind}, or"
            raise DataError(
                f"{where}: {what}. {did_you_mean(name, self.names)}\n"
                f"Name {how} in a `{self.kind}` column."
            )

    def of_data(self, data: Any) -> str | None:
        """Returns the name of samples without one: the only one, or the one that their file or its
        folder is named after."""
        if len(self.names) == 1:
            return self.names[0]
        if is_in_memory(data):
            return None
        path = Path(data)
        candidates = (path.name.split(".")[0], path.resolve().parent.name, path.resolve().name)
        return next((name for name in candidates if name in self.names), None)
