"""Finds near-duplicate images: saved again, scaled down, slightly brighter.

The hash of an image holds, for each step right and down on a 9 x 9 grid, whether brightness
increases: 144 bits.  Two images are near duplicates if at most `NEAR` bits differ.  Then at least
one of the nine 16-bit words is equal in both, so only images that share a word are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

GRID = 9
WORDS = 2 * GRID * (GRID - 1) // 16
NEAR = WORDS - 1  # bits that may differ, so that one word is equal


def perceptual_hash(image: Image.Image) -> np.ndarray:
    """Returns the hash of an image, `(WORDS,)` uint16."""
    from PIL.Image import Resampling

    small = image.convert("L").resize((GRID, GRID), Resampling.BOX)
    brightness = np.asarray(small, dtype=np.int16)
    right, down = brightness[:, 1:] > brightness[:, :-1], brightness[1:] > brightness[:-1]
    return np.packbits(np.concatenate([right.ravel(), down.ravel()])).view(np.uint16)


def near_duplicate_groups(hashes: np.ndarray) -> np.ndarray:
    """Groups images that are linked by a chain of near duplicates.

    Args:
        hashes: `(images, WORDS)` uint16.

    Returns:
        `(images,)`: for each image the index of the first image in its group.
    """
    unique, first, inverse = np.unique(hashes, axis=0, return_index=True, return_inverse=True)
    parent = np.arange(len(unique))
    for word in range(WORDS):
        order = np.argsort(unique[:, word], kind="stable")
        ends = np.flatnonzero(np.diff(unique[order, word])) + 1
        for members in np.split(order, ends):
            for place, one in enumerate(members[:-1]):
                others = members[place + 1 :]
                differing = np.bitwise_count(unique[others] ^ unique[one]).sum(axis=1)
                for other in others[differing <= NEAR]:
                    _join(parent, int(one), int(other))
    roots = np.array([_root(parent, number) for number in range(len(unique))], dtype=np.int64)
    lowest = np.full(len(unique), len(hashes), dtype=np.int64)
    np.minimum.at(lowest, roots, first)
    return lowest[roots][inverse.ravel()]


def _root(parent: np.ndarray, number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = int(parent[number])
    return number


def _join(parent: np.ndarray, one: int, other: int) -> None:
    parent[_root(parent, one)] = _root(parent, other)
