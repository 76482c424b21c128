"""Sentence order prediction as in ALBERT: two parts of a document, in order or swapped.

Reference: Lan et al., "ALBERT: A Lite BERT for Self-supervised Learning of Language
Representations", 2020, section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hornbook.data.objectives.packed_rows import PackedRows


class OrderedPairs(NamedTuple):
    """Rows that are two parts of a document each: `[CLS] first [SEP] second [SEP]`.

    Attributes:
        rows: The rows.
        segment_ids: `(rows, length)` int32: 1 from the second part on.
        label: `(rows,)` int32: 1 if the parts are swapped.
        weight: `(rows,)` float32: 0 for a single sentence, which has no order.
    """

    rows: PackedRows
    segment_ids: np.ndarray
    label: np.ndarray
    weight: np.ndarray


def sentence_pairs(
    rows: PackedRows, random: Sequence[np.random.Generator], separator: int, pad_id: int
) -> OrderedPairs:
    """Splits each row at the start of a sentence, swaps half of them, inserts a separator.

    Args:
        rows: One document each, with room for the separator.
        random: One generator per row.
        separator: Id of [SEP].
        pad_id: Id of the padding.

    Raises:
        ValueError: a row has several documents.
    """
    if rows.documents.max(initial=0) > 1:
        raise ValueError("Sentence order needs one document per row: across_documents=False.")
    count, length = rows.token_ids.shape
    order = np.tile(np.arange(length), (count, 1))
    begins = np.zeros((count, length), bool)  # the first token of the second part
    label, weight = np.zeros(count, np.int32), np.zeros(count, np.float32)
    for row in range(count):
        text = np.flatnonzero((rows.documents[row] > 0) & ~rows.special[row])
        cuts = np.flatnonzero(rows.sentence_starts[row, text])
        cuts = cuts[cuts > 0]
        if not len(cuts):
            continue
        cut = int(random[row].choice(cuts))
        label[row], weight[row] = random[row].random() < 0.5, 1
        if label[row]:
            order[row, text] = np.concatenate([text[cut:], text[:cut]])
            cut = len(text) - cut
        begins[row, text[cut]] = True
    swapped = PackedRows(*(np.take_along_axis(array, order, axis=1) for array in rows))
    swapped = swapped._replace(positions=rows.positions)
    pairs = swapped.with_special_before(begins, separator, pad_id)
    # shifted by one, to where the second part begins now
    moved = np.cumsum(np.roll(begins, 1, axis=1), axis=1)
    return OrderedPairs(pairs, (moved * (pairs.documents > 0)).astype(np.int32), label, weight)
