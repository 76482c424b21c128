"""Batches for training and prediction from columns of encoded texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.data.batches import length_buckets, make_batch
from hornbook.text.tokenizer import Encoding
from hornbook.training.loop import Batch

NOT_INPUTS = ("label", "where", "window")


def token_columns(
    encodings: Sequence[Encoding],
    segment_ids: Callable[[Encoding], list[int]] = lambda encoding: encoding.segment_ids,
) -> dict[str, list[Any]]:
    """Returns the inputs of a Transformer, one value per text.

    Args:
        encodings: The texts.
        segment_ids: Returns the segment IDs of a text.  Defaults to those of the encoding.
    """
    return {
        "token_ids": [encoding.token_ids for encoding in encodings],
        "segment_ids": [segment_ids(encoding) for encoding in encodings],
        "padding_mask": [[1] * len(encoding.token_ids) for encoding in encodings],
    }


def epoch_batches(
    columns: Mapping[str, Sequence[Any]],
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    max_length: int | None = None,
    max_pairs: int | None = None,
    to_array: Callable[[list[Any], int], np.ndarray] = lambda labels, _: np.asarray(labels),
) -> list[Batch]:
    """Returns the batches of an epoch, a pure function of the seed and the epoch.

    Args:
        columns: One value per sample: `token_ids` and the other inputs; `label`, a number, an
            array, or what `to_array` takes; `where`, the source of the sample.  A `window` is
            ignored.
        batch_size: Samples per step.
        seed: Random seed of the order.
        epoch: The epoch, counted from 0.
        max_length: Maximum length of the model.
        max_pairs: See `length_buckets`.
        to_array: Makes the array of the labels of a batch, from a list of them and the number of
            tokens per row.
    """
    lengths = [len(ids) for ids in columns["token_ids"]]

    def batch(indices: np.ndarray) -> Batch:
        def arrays() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
            inputs = _inputs(columns, indices, batch_size, max_length, max_pairs, pad_batch=True)
            weights = inputs.pop("weight")
            labels = [columns["label"][index] for index in indices]
            labels += labels[:1] * (len(weights) - len(labels))
            return inputs, to_array(labels, inputs["token_ids"].shape[1]), weights

        return Batch(
            size=len(indices),
            arrays=arrays,
            where=lambda: [columns["where"][index] for index in indices],
        )

    buckets = length_buckets(
        lengths, batch_size=batch_size, max_pairs=max_pairs, seed=seed, epoch=epoch
    )
    return [batch(indices) for indices in buckets]


def predicted_logits(
    model: Any, columns: Mapping[str, Sequence[Any]], *, rows: int, max_length: int | None = None
) -> np.ndarray:
    """Returns the logits of each sample, `(samples, outputs)`, float64.

    Args:
        model: A Keras model.
        columns: See `epoch_batches`.
        rows: Samples per batch.
        max_length: Maximum length of the model.
    """
    logits = np.empty((len(columns["token_ids"]), model.output_shape[-1]))
    for indices, outputs in predicted_batches(model, columns, rows=rows, max_length=max_length):
        logits[indices] = outputs
    return logits


def predicted_batches(
    model: Any,
    columns: Mapping[str, Sequence[Any]],
    *,
    rows: int,
    max_length: int | None = None,
    max_pairs: int | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields indices of samples and their outputs, batch by batch, the shortest first.

    Partial batches are filled up, except on PyTorch, which compiles nothing for their shape: one
    text would cost as much as a full batch.

    Args:
        model, columns, rows, max_length: See `predicted_logits`.
        max_pairs: See `length_buckets`.
    """
    import keras

    pad_batch = keras.config.backend() != "torch"
    lengths = [len(ids) for ids in columns["token_ids"]]
    for indices in length_buckets(lengths, batch_size=rows, max_pairs=max_pairs, shuffle=False):
        inputs = _inputs(columns, indices, rows, max_length, max_pairs, pad_batch=pad_batch)
        del inputs["weight"]
        yield indices, np.asarray(model.predict_on_batch(inputs)[: len(indices)])


def _inputs(
    columns: Mapping[str, Sequence[Any]],
    indices: np.ndarray,
    batch_size: int,
    max_length: int | None,
    max_pairs: int | None,
    *,
    pad_batch: bool,
) -> dict[str, np.ndarray]:
    values = {name: column for name, column in columns.items() if name not in NOT_INPUTS}
    return make_batch(
        values,
        indices,
        pad_batch=pad_batch,
        batch_size=batch_size,
        max_pairs=max_pairs,
        max_length=max_length,
    )
