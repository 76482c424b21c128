"""Rows of equal length that hold several documents, with attributes of every token."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class PackedRows(NamedTuple):
    """Arrays of some rows, all `(rows, length)`.

    Attributes:
        token_ids: int32, padded at the end.
        documents: int32: 1, 2, ... for the documents of a row, 0 for padding.
        positions: int32, counted from the first token of the document in the row.
        word_starts: Whether a word begins here; False for special tokens and padding.
        sentence_starts: The same for sentences.
        special: Whether this is a special token.
    """

    token_ids: np.ndarray
    documents: np.ndarray
    positions: np.ndarray
    word_starts: np.ndarray
    sentence_starts: np.ndarray
    special: np.ndarray

    def with_special_before(self, places: np.ndarray, token_id: int, pad_id: int) -> PackedRows:
        """Inserts a special token before each token where `places`, `(rows, length)` bool, is True.

        Raises:
            ValueError: a row is full; `pack` leaves `room` for it.
        """
        length = self.token_ids.shape[1]
        targets = np.arange(length) + np.cumsum(places, axis=1)
        rows, columns = np.nonzero(self.documents)
        if len(rows) and targets[rows, columns].max() >= length:
            raise ValueError("A row has no room for another token: pack(..., room=1) leaves it.")
        new = PackedRows(*(np.zeros_like(array) for array in self))
        new.token_ids[:] = pad_id
        for old_array, array in zip(self, new, strict=True):
            array[rows, targets[rows, columns]] = old_array[rows, columns]
        rows, columns = np.nonzero(places)
        inserted = rows, targets[rows, columns] - 1
        new.token_ids[inserted] = token_id
        new.special[inserted] = True
        new.documents[inserted] = self.documents[rows, columns]
        return new._replace(positions=positions_within(new.documents))


def positions_within(documents: np.ndarray) -> np.ndarray:
    """Returns the position of each token in its document, `(rows, length)` int32; 0 for padding."""
    places = np.arange(documents.shape[1])
    begins = np.diff(documents, axis=1, prepend=0) != 0
    first = np.maximum.accumulate(np.where(begins, places, 0), axis=1)
    return np.where(documents > 0, places - first, 0).astype(np.int32)
