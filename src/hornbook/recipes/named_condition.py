"""Recipes with an encoder conditioned on a name, such as the criterion of a pair or the corpus of a
text.

Every layer normalization is shifted by the embedding of the name (conditional layer normalization,
https://kexue.fm/archives/7124), so that a few thousand weights per name turn one network into
several.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from hornbook.data.readers.in_memory_rows import is_in_memory
from hornbook.data.texts.splits import TextData
from hornbook.errors import DataError, did_you_mean
from hornbook.recipes.text_answers import Columns
from hornbook.recipes.text_recipe import TextRecipe

CONDITION_SIZE = 128  # features of an embedding, as in the baseline of Sohu's contest


@dataclass(kw_only=True)
class NamedConditionRecipe(TextRecipe):
    """A text recipe whose encoder may be conditioned on a name in each sample.

    Attributes:
        kind: What the names are, such as `"criterion"`: the attribute of a sample, the key of a
            row, the option of `predict`, and the input of the network.
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """The names in the training data, in the order of their embeddings; [] if it has none."""

    @property
    def has_condition(self) -> bool:
        """Whether the encoder is conditioned on the names."""
        return bool(self.names)

    @abstractmethod
    def open_data(self, data: Any, name: str | None = None) -> TextData[Any]:
        """Finds the samples of each split; `name` is that of samples without one."""

    def data_to_measure(self, data: Any) -> TextData[Any]:
        return self.open_data(data, self.name_of_data(data))

    def encoder_options(self) -> dict[str, Any]:
        return {"condition_size": CONDITION_SIZE if self.has_condition else None}

    def condition(self, inputs: dict[str, Any]) -> Any:
        """Returns the condition `(batch, CONDITION_SIZE)`; adds its input, the index of the name,
        to `inputs`, and its layer to `others`."""
        if not self.has_condition:
            return None
        import keras

        inputs[self.kind] = keras.Input((), dtype="int32", name=self.kind)
        name = f"{self.kind}_embedding"
        self.others[name] = keras.layers.Embedding(len(self.names), CONDITION_SIZE, name=name)
        return self.others[name](inputs[self.kind])

    def condition_columns(self, samples: Sequence[Any]) -> Columns:
        """Returns the values of the input for samples."""
        if not self.has_condition:
            return {}
        index_of = {name: index for index, name in enumerate(self.names)}
        return {self.kind: [index_of[getattr(sample, self.kind)] for sample in samples]}

    def checked(self, samples: list[Any]) -> list[Any]:
        for sample in samples if self.names else ():
            how = "the folder after one, or name it"
            self._check_name(getattr(sample, self.kind), sample.where, how)
        return samples

    def own_name(self, sample: Any) -> str:
        """Returns the name of a sample to predict, "" if it has none."""
        name: str = getattr(sample, self.kind)
        return name

    def default_name(self) -> str:
        """Returns the name of samples to predict if the user gives none; "" to refuse them."""
        return self.names[0] if len(self.names) == 1 else ""

    def as_sample(self, sample: Any, number: int, name: str | None = None) -> Any:
        """Checks a sample passed to `predict`, as `TextAnswers` does; `name` is that of samples
        without one."""
        sample = super().as_sample(sample, number)
        if not self.names:
            return sample
        name = self.own_name(sample) or name or self.default_name()
        self._check_name(name, sample.where, f"one with --{self.kind}, or")
        return replace(sample, **{self.kind: name})

    def _check_name(self, name: str, where: str, how: str) -> None:
        """Raises DataError if a sample's name was not in the training data.

        Args:
            name: "" if the sample has none.
            where: Location of the sample.
            how: How to name it besides a column.
        """
        if name not in self.names:
            what = f"the {self.kind} {name!r}" if name else f"no {self.kind}"
            raise DataError(
                f"{where}: {what}. {did_you_mean(name, self.names)}\n"
                f"Name {how} in a `{self.kind}` column."
            )

    def name_of_data(self, data: Any) -> str | None:
        """Returns the name of samples without one: the only one, or the one that their file or its
        folder is named after."""
        if len(self.names) == 1:
            return self.names[0]
        if is_in_memory(data):
            return None
        path = Path(data)
        candidates = (path.name.split(".")[0], path.resolve().parent.name, path.resolve().name)
        return next((name for name in candidates if name in self.names), None)
