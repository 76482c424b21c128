"""Segment IDs that mark what two texts have in common.

A pretrained encoder can compare two texts; one from random weights does not learn that from a few
thousand pairs, and needs the marks.
"""

from __future__ import annotations

from hornbook.text.tokenizer import Encoding

LONGEST_RUN = 3  # maximum length of a common run of tokens that is marked
MARKED_SEGMENTS = 2 * (LONGEST_RUN + 1)


def marked_segments(encoding: Encoding) -> list[int]:
    """Returns segment IDs that also encode how long a run around each token is in both texts.

    It is the longest run of tokens that includes the token and occurs in the other text: 0, 1, 2,
    or 3 and more tokens.  The ID is `segment + 2 * run`.
    """
    sides: tuple[list[int], list[int]] = ([], [])  # positions of the tokens of each text
    for number, place in enumerate(encoding.offsets):
        if place is not None:
            sides[encoding.segment_ids[number]].append(number)
    longest = [0] * len(encoding.token_ids)
    for length in range(1, LONGEST_RUN + 1):
        runs = [_runs([encoding.token_ids[number] for number in side], length) for side in sides]
        for side, own_runs, other in zip(sides, runs, reversed(runs), strict=True):
            common = set(own_runs) & set(other)
            for begin, run in enumerate(own_runs):
                if run in common:
                    longest[side[begin] : side[begin] + length] = [length] * length
    return [segment + 2 * run for segment, run in zip(encoding.segment_ids, longest, strict=True)]


def _runs(ids: list[int], length: int) -> list[tuple[int, ...]]:
    """Returns all runs of `length` IDs, in the order of their starts."""
    return list(zip(*(ids[begin:] for begin in range(length)), strict=False))
