"""What the head of a fine-tuned checkpoint says of texts: what `Pretrained.classify` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.data.batches import length_buckets, pad, padded_length
from hornbook.errors import OptionError
from hornbook.models.configuration.choices import TASK_HEADS


def labels_of(config: Any) -> list[str]:
    """The names of the labels, in the order of the logits.

    Args:
        config: The `TransformerConfig`, whose `extra` has `id2label` if the file had it.
    """
    names = config.extra.get("id2label")
    table = names if isinstance(names, Mapping) else {}
    known = {str(key): str(name) for key, name in table.items()}
    return [known.get(str(number), f"LABEL_{number}") for number in range(config.num_labels)]


class Classifier:
    """A model and its task head, compiled once.

    Args:
        model: A built Transformer.

    Raises:
        OptionError: it has no such head.
    """

    def __init__(self, model: Any):
        import keras

        heads = [head for head in TASK_HEADS if head in model.config.heads]
        if not heads:
            raise OptionError(
                "This model has no head of a fine-tuned checkpoint.  If its folder does, load it "
                f"with one of heads={list(TASK_HEADS)}."
            )
        if model.config.condition_size is not None:
            raise OptionError(
                "Every norm of this model listens to a condition: call the model itself and "
                "task_logits, with condition=..."
            )
        self.config = model.config
        self.of_texts = heads[0] == "classification"  # the others are of tokens
        names = ("token_ids", "segment_ids", "padding_mask")
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
        x = model(**inputs)
        self._model = keras.Model(inputs, model.task_logits(heads[0], x, inputs["padding_mask"]))

    def logits(self, encodings: Sequence[tuple[Any, Any]], batch_tokens: int) -> list[np.ndarray]:
        """The logits of each text: `(labels,)`, or `(tokens, labels)`.

        Args:
            encodings: Token ids and segment ids of each.
            batch_tokens: Tokens computed at a time, padding included.
        """
        lengths = [len(token_ids) for token_ids, _ in encodings]
        found: list[Any] = [None] * len(encodings)
        for numbers in length_buckets(lengths, batch_tokens=batch_tokens, shuffle=False):
            length = min(
                padded_length(max(lengths[number] for number in numbers)), self.config.max_length
            )
            chosen = [encodings[number] for number in numbers]
            inputs = {
                "token_ids": pad([token_ids for token_ids, _ in chosen], length),
                "segment_ids": pad([segment_ids for _, segment_ids in chosen], length),
                "padding_mask": pad([[1] * len(token_ids) for token_ids, _ in chosen], length),
            }
            for number, row in zip(numbers, self._model.predict_on_batch(inputs), strict=True):
                found[number] = row if self.of_texts else row[: lengths[number]]
        return found
