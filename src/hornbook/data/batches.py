"""Batches of sequences of similar length: little padding, few shapes, a reproducible order.

A compiled backend compiles once per shape, so lengths are rounded up to a few values, each with a
fixed number of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.data.seeding import random_of

SHORTEST = 16


def padded_length(length: int) -> int:
    """Returns the length a sequence is padded to: 16, 24, 32, 48, 64, 96, 128, 192, 256 and so on.

    There are two steps per doubling: finer steps save padding but cost a compilation each, which
    takes seconds on some backends.
    """
    power = SHORTEST
    while True:
        for size in (power, power * 3 // 2):
            if length <= size:
                return size
        power *= 2


def rows_per_batch(
    length: int,
    *,
    batch_size: int | None = None,
    batch_tokens: int | None = None,
    max_pairs: int | None = None,
) -> int:
    """Returns the rows of a batch padded to `length`, for a number of rows or of tokens.

    With `max_pairs` there are at most so many pairs of tokens of the same row, but always a row.
    """
    if (batch_size is None) == (batch_tokens is None):
        raise ValueError("Give either batch_size or batch_tokens.")
    most = max(1, max_pairs // length**2) if max_pairs is not None else None
    if batch_size is not None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, not {batch_size}.")
        return batch_size if most is None else min(batch_size, most)
    assert batch_tokens is not None
    rows = max(1, batch_tokens // length)
    return rows if most is None else min(rows, most)


def length_buckets(
    lengths: Sequence[int] | np.ndarray,
    *,
    batch_size: int | None = None,
    batch_tokens: int | None = None,
    max_pairs: int | None = None,
    seed: int = 0,
    epoch: int = 0,
    shuffle: bool = True,
) -> list[np.ndarray]:
    """Groups samples of similar length into batches, each sample into exactly one.

    The remainder of a bucket moves up to the next longer one, so with `batch_size` at most one
    batch of an epoch has fewer rows than the others, and with `batch_tokens` or `max_pairs` at most
    one per length.

    Args:
        lengths: Number of tokens of each sample.
        batch_size: Rows per batch; or
        batch_tokens: Tokens per batch, padding included: shorter texts, more rows.
        max_pairs: Maximum pairs of tokens of the same row per batch: longer texts, fewer rows.
        seed: Together with `epoch`, determines the order.
        epoch: Counted from 0.
        shuffle: Whether to shuffle; else sorts by length, then index, the same in every epoch.

    Returns:
        For each batch the indices of its samples, int64.
    """
    lengths = np.asarray(lengths, dtype=np.int64)
    random = random_of(seed, epoch)
    order = random.permutation(len(lengths)) if shuffle else np.arange(len(lengths))
    order = order[np.argsort(_padded(lengths[order]), kind="stable")]
    if not shuffle:
        order = order[np.argsort(lengths[order], kind="stable")]
    buckets = _padded(lengths[order])
    batches: list[np.ndarray] = []
    waiting = order[:0]
    for length in np.unique(buckets):
        rows = rows_per_batch(
            int(length), batch_size=batch_size, batch_tokens=batch_tokens, max_pairs=max_pairs
        )
        if len(waiting) >= rows:  # enough samples for a batch of their own
            batches.append(waiting)
            waiting = waiting[:0]
        waiting = np.concatenate([waiting, order[buckets == length]])
        full = len(waiting) // rows * rows
        batches += list(waiting[:full].reshape(-1, rows))
        waiting = waiting[full:]
    if len(waiting):
        batches.append(waiting)
    if shuffle:
        batches = [batches[number] for number in random.permutation(len(batches))]
    return batches


def _padded(lengths: np.ndarray) -> np.ndarray:
    values, places = np.unique(lengths, return_inverse=True)
    return np.array([padded_length(int(value)) for value in values], dtype=np.int64)[places]


def padding_ratio(lengths: Sequence[int] | np.ndarray, batches: Sequence[np.ndarray]) -> float:
    """Returns the number of computed tokens per real token; 1.0 means no padding."""
    lengths = np.asarray(lengths)
    computed = sum(len(batch) * padded_length(int(lengths[batch].max())) for batch in batches)
    return computed / max(int(lengths.sum()), 1)


def pad(
    sequences: Sequence[Sequence[int]], length: int | None = None, value: int = 0
) -> np.ndarray:
    """Pads sequences at the end.

    Args:
        sequences: Sequences of integers.
        length: Length of every row.  Defaults to the longest sequence.
        value: The padding.

    Returns:
        `(sequences, length)`, int32.

    Raises:
        ValueError: a sequence is longer than `length`; nothing is truncated silently.
    """
    lengths = [len(sequence) for sequence in sequences]
    longest = max(lengths, default=0)
    length = longest if length is None else length
    if longest > length:
        raise ValueError(f"A sequence of {longest} does not fit into {length}.")
    padded = np.full((len(lengths), length), value, dtype=np.int32)
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    return padded


def make_batch(
    columns: Mapping[str, Sequence[Any]],
    numbers: Sequence[int] | np.ndarray,
    *,
    pad_batch: bool = False,
    batch_size: int | None = None,
    batch_tokens: int | None = None,
    max_pairs: int | None = None,
    max_length: int | None = None,
) -> dict[str, np.ndarray]:
    """Returns the arrays of one batch.

    Args:
        columns: For each name one value per sample: a sequence of ids, padded with 0 to the
            `padded_length` of the longest in the batch, a number, or an array.
        numbers: Indices of the samples, from `length_buckets`.
        pad_batch: Whether to fill up a partial batch, so that it has no shape of its own.  The
            added rows repeat the first (a row of only padding has no attention to normalize) and
            have weight 0.
        batch_size, batch_tokens, max_pairs: As for `length_buckets`; `pad_batch` needs one of the
            first two.
        max_length: Maximum length of a row, for models with a limited number of positions.

    Returns:
        The columns, `(rows, length)` int32 or `(rows,)` int32 or float32, arrays `(rows, ...)`
        as they are, and `"weight"`, `(rows,)` float32: 1 for a sample, 0 for an added row.
    """
    numbers = [int(number) for number in numbers]
    if not numbers:
        raise ValueError("A batch needs a sample.")
    parts = {name: [column[number] for number in numbers] for name, column in columns.items()}
    arrays = {name for name, part in parts.items() if isinstance(part[0], np.ndarray)}
    sequences = {
        name for name, part in parts.items() if name not in arrays and not np.isscalar(part[0])
    }
    longest = max((len(row) for name in sequences for row in parts[name]), default=0)
    bucket = length = padded_length(longest)
    if max_length is not None:
        length = max(min(bucket, max_length), longest)
    rows = len(numbers)
    if pad_batch:
        full = rows_per_batch(
            bucket, batch_size=batch_size, batch_tokens=batch_tokens, max_pairs=max_pairs
        )
        rows = max(rows, full)
    added = rows - len(numbers)
    batch = {}
    for name, part in parts.items():
        part = part + part[:1] * added
        if name in sequences:
            batch[name] = pad(part, length)
        elif name in arrays:
            batch[name] = np.stack(part)
        else:
            array = np.asarray(part)
            batch[name] = array.astype(np.float32 if array.dtype.kind == "f" else np.int32)
    batch["weight"] = np.array([1.0] * len(numbers) + [0.0] * added, dtype=np.float32)
    return batch
