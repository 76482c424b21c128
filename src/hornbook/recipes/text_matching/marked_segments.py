"""Segment ids that mark what two texts have in common.

A pretrained encoder knows how to compare two texts; one from random weights does not find out from
a few thousand pairs, and has to be shown.
"""

from __future__ import annotations

from hornbook.text.tokenizer import Encoding

LONGEST_RUN = 3  # tokens in a row that both texts have, marked up to this many
MARKED_SEGMENTS = 2 * (LONGEST_RUN + 1)


def marked_segments(encoding: Encoding) -> list[int]:
    """Segment ids that also say how much of the other text is found around each token.

    Of the runs of tokens that stand in the other text too, the longest that a token is part
    of counts: 0, 1, 2, or 3 and more tokens.  The id is `segment + 2 * that`.
    """
    sides: tuple[list[int], list[int]] = ([], [])  # places of the real tokens of each text
    for number, place in enumerate(encoding.offsets):
        if place is not None:
            sides[encoding.segment_ids[number]].append(number)
    longest = [0] * len(encoding.token_ids)
    for length in range(1, LONGEST_RUN + 1):
        runs = [_runs([encoding.token_ids[number] for number in side], length) for side in sides]
        for side, own, other in zip(sides, runs, reversed(runs), strict=True):
            shared = set(own) & set(other)
            for begin, run in enumerate(own):
                if run in shared:
                    longest[side[begin] : side[begin] + length] = [length] * length
    return [segment + 2 * run for segment, run in zip(encoding.segment_ids, longest, strict=True)]


def _runs(ids: list[int], length: int) -> list[tuple[int, ...]]:
    """All runs of `length` ids, in the order of their beginning."""
    return list(zip(*(ids[begin:] for begin in range(length)), strict=False))
