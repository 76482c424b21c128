"""The longest parts that two texts, or lists, have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def longest_common_substring(
    source: Sequence[Any], target: Sequence[Any]
) -> tuple[int, tuple[int, int, int, int]]:
    """Returns the length, and the start and end in both."""
    longest, span = 0, (0, 0, 0, 0)
    above = [0] * (len(target) + 1)
    for i, left in enumerate(source, start=1):
        row = [0]
        for j, right in enumerate(target, start=1):
            row.append(above[j - 1] + 1 if left == right else 0)
            if row[j] > longest:
                longest = row[j]
                span = (i - longest, i, j - longest, j)
        above = row
    return longest, span


def longest_common_subsequence(
    source: Sequence[Any], target: Sequence[Any]
) -> tuple[int, list[tuple[int, int]]]:
    """Returns the length, and the pairs of indices."""
    table = np.zeros((len(source) + 1, len(target) + 1), np.int64)
    for i, left in enumerate(source, start=1):
        for j, right in enumerate(target, start=1):
            best = max(table[i - 1, j], table[i, j - 1])
            table[i, j] = table[i - 1, j - 1] + 1 if left == right else best
    pairs: list[tuple[int, int]] = []
    i, j = len(source), len(target)
    while len(pairs) < table[-1, -1]:
        if source[i - 1] == target[j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif table[i, j - 1] > table[i - 1, j]:
            j -= 1
        else:
            i -= 1
    return int(table[-1, -1]), pairs[::-1]
