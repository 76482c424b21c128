"""Cuts a corpus into rows of equal length without losing a token.

Tokens keep the order of the corpus, so a row is a stretch of a shard and the special tokens that
stand around its documents.  A row ends where a sentence does; only a sentence longer than a row is
cut.  Where rows end is found once, from the lengths of the sentences.
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
    """Finds the rows of a corpus; every token of it is in exactly one.

    Args:
        shards: The corpus.
        length: Tokens of a row, special ones included.
        across_documents: Whether a row goes on with the next document.  `PackedRows.documents`
            keeps them apart.
        sentences: Whether rows end where sentences do; False fills every row to the last token.
        framing: `"enclose"`: the special tokens of a text around every piece of a document;
            `"end"`: the end token only where a document ends, for language models, which would
            learn to stop in the middle; `"none"`; None: enclose where the tokenizer does.
        room: Places left free for each piece of a document, for a token that an objective inserts.

    Raises:
        OptionError: nothing fits into a row of this length; or no such framing.
    """
    frame = Frame.of(shards, framing)
    longest = length - len(frame.before) - len(frame.after) - room
    if longest < 1:
        raise OptionError(
            f"Rows of {length} tokens leave no place for text.  Expected {length - longest + 1} "
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
    """Where a row may begin: sentences and documents, and every `longest` tokens of a sentence."""
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
    """The token behind the last one of each row, filled with as many units as fit.

    Args:
        starts: The first token of each unit, in order; each unit fits into a row.
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
    # what the first units take, when each document in them has its frame once
    taken = np.concatenate([[0], np.cumsum(np.diff(edges) + around * begins + at_ends * ends)])
    free = length - around * ~begins  # a row that goes on with a document frames it again
    following = np.searchsorted(taken, taken[:-1] + free, side="right") - 1
    if not across_documents:
        documents = np.append(np.flatnonzero(begins), len(starts))
        next_document = documents[np.searchsorted(documents, np.arange(len(starts)), "right")]
        following = np.minimum(following, next_document)
    steps, unit, rows = following.tolist(), 0, []
    while unit < len(steps):
        unit = steps[unit]
        rows.append(unit)
    return edges[np.array(rows, np.int64)]
