"""Packs a corpus into rows of equal length without losing a token.

Tokens keep the order of the corpus, so a row is a slice of a shard plus the special tokens around
its documents.  Rows end at sentence ends; only sentences longer than a row are split.  Row ends are
computed once, from the lengths of the sentences.
"""

from __future__ import annotations

import numpy as np

from hornbook.data.corpus.token_shards import Shard, TokenShards, bits_between
from hornbook.data.objectives.shard_rows import Frame, Rows
from hornbook.errors import OptionError


def pack(
    shards: TokenShards,
    length: int,
    *,
    across_documents: bool = True,
    sentences: bool = True,
    framing: str | None = None,
    room: int = 0,
) -> Rows:
    """Finds the rows of a corpus; every token is in exactly one.

    Args:
        shards: The corpus.
        length: Tokens per row, special ones included.
        across_documents: Whether a row may hold several documents; `PackedRows.documents` tells
            them apart.
        sentences: Whether rows end at sentence ends, or are filled to the last token.
        framing: `"enclose"` puts special tokens around every piece of a document; `"end"` puts the
            end token only at the end of a document, for language models, which would learn to stop
            in the middle; or `"none"`.  Defaults to the tokenizer's.
        room: Free positions per piece of a document, for a token that an objective inserts.

    Raises:
        OptionError: no text fits into a row of this length, or an unknown framing.
    """
    frame = Frame.of(shards, framing)
    longest = length - len(frame.before) - len(frame.after) - room
    if longest < 1:
        raise OptionError(
            f"Rows of {length} tokens leave no room for text.  Expected {length - longest + 1} "
            "or more."
        )
    ends = [
        _row_ends(
            shard,
            _unit_starts(shard, longest) if sentences else np.arange(len(shard.token_ids)),
            length,
            frame,
            room,
            across_documents,
        )
        for shard in shards.shards
    ]
    return Rows(shards, length, frame, ends)


def _unit_starts(shard: Shard, longest: int) -> np.ndarray:
    """Returns possible row starts: sentences, documents, and parts of long sentences."""
    count = len(shard.token_ids)
    begins = bits_between(shard.sentence_starts, 0, count).copy()
    begins[shard.document_starts] = True
    starts = np.flatnonzero(begins)
    parts = -(-np.diff(starts, append=count) // longest)
    number = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    units: np.ndarray = np.repeat(starts, parts) + number * longest
    return units


def _row_ends(
    shard: Shard, starts: np.ndarray, length: int, frame: Frame, room: int, across_documents: bool
) -> np.ndarray:
    """Returns the end (exclusive) of each row, filled with as many units as fit.

    Args:
        starts: First token of each unit, in order; each unit fits into a row.
    """
    count = len(shard.token_ids)
    is_start = np.zeros(count + 1, bool)
    is_start[shard.document_starts] = is_start[count] = True
    edges = np.append(starts, count)
    begins, ends = is_start[edges[:-1]], is_start[edges[1:]]
    before = len(frame.before) + room
    after = len(frame.after)
    if frame.cut_pieces:
        around, at_ends = before + after, 0
    else:
        around, at_ends = before, after
    # size of the first units, if each document in them is framed once
    sizes = np.concatenate([[0], np.cumsum(np.diff(edges) + around * begins + at_ends * ends)])
    free = length - around * ~begins  # a row that continues a document frames it again
    following = np.searchsorted(sizes, sizes[:-1] + free, side="right") - 1
    if not across_documents:
        documents = np.append(np.flatnonzero(begins), len(starts))
        next_document = documents[np.searchsorted(documents, np.arange(len(starts)), "right")]
        following = np.minimum(following, next_document)
    steps, unit, rows = following.tolist(), 0, []
    while unit < len(steps):
        unit = steps[unit]
        rows.append(unit)
    return edges[np.array(rows, np.int64)]
