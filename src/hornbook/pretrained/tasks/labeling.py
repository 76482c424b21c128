"""Logits of a fine-tuned head: what `Pretrained.classify` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.data.batches import length_buckets, padded_length
from hornbook.errors import OptionError
from hornbook.models.configuration.choices import TASK_HEADS
from hornbook.pretrained.tasks.encoding import padded_inputs, token_inputs
from hornbook.pretrained.tasks.inputs import TokenRow
from hornbook.pretrained.transformer_protocol import TransformerModel

if TYPE_CHECKING:
    from hornbook.models.configuration.transformer_config import TransformerConfig


def labels_of(config: TransformerConfig) -> list[str]:
    """Returns the labels in the order of the logits.

    Args:
        config: Its `extra` has `id2label` if the model's file has it.
    """
    names = config.extra.get("id2label")
    table = names if isinstance(names, Mapping) else {}
    known = {str(key): str(name) for key, name in table.items()}
    return [known.get(str(number), f"LABEL_{number}") for number in range(config.num_labels)]


class Classifier:
    """A model and its task head, compiled once.

    Args:
        model: A built Transformer.

    Attributes:
        of_texts: Whether there is one row of logits per text, not per token.

    Raises:
        OptionError: it has no such head.
    """

    def __init__(self, model: TransformerModel) -> None:
        import keras

        heads = [head for head in TASK_HEADS if head in model.config.heads]
        if not heads:
            raise OptionError(
                "This model has no fine-tuned head.  If its folder does, load it with one of "
                f"heads={list(TASK_HEADS)}."
            )
        if model.config.condition_size is not None:
            raise OptionError(
                "Every norm of this model takes a condition: call the model itself and "
                "task_logits, with condition=..."
            )
        self.config = model.config
        self.of_texts = heads[0] == "classification"
        inputs = token_inputs()
        x = model(**inputs)
        self._model = keras.Model(inputs, model.task_logits(heads[0], x, inputs["padding_mask"]))

    def logits(self, rows: Sequence[TokenRow], batch_tokens: int) -> list[np.ndarray]:
        """Returns the logits of each text: `(labels,)`, or `(tokens, labels)`.

        Args:
            rows: Token ids and segment ids of each text.
            batch_tokens: Maximum number of tokens per batch, including padding.
        """
        lengths = [len(row.token_ids) for row in rows]
        logits: list[Any] = [None] * len(rows)
        for indices in length_buckets(lengths, batch_tokens=batch_tokens, shuffle=False):
            longest = max(lengths[index] for index in indices)
            length = min(padded_length(longest), self.config.max_length)
            inputs = padded_inputs([rows[index] for index in indices], length)
            outputs = self._model.predict_on_batch(inputs)
            for index, output in zip(indices, outputs, strict=True):
                logits[index] = output if self.of_texts else output[: lengths[index]]
        return logits
