"""Near-duplicate images are found, however they were saved again."""

from __future__ import annotations

import io

import numpy as np
import pytest

from hornbook.data.images.near_duplicates import NEAR, WORDS, near_duplicate_groups, perceptual_hash

Image = pytest.importorskip("PIL.Image")


def scene(seed, size=96):
    """An image with soft light and dark places, as photographs have."""
    coarse = np.random.default_rng(seed).integers(0, 255, (7, 7, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def distance(one, other):
    return int(np.bitwise_count(perceptual_hash(one) ^ perceptual_hash(other)).sum())


def test_an_image_saved_again_scaled_down_or_brightened_is_a_near_duplicate():
    for seed in range(10):
        image = scene(seed)
        file = io.BytesIO()
        image.save(file, "JPEG", quality=40)
        for other in (
            Image.open(file),
            image.resize((48, 48)),
            image.point(lambda value: min(255, int(value * 1.1))),
        ):
            assert distance(image, other) <= NEAR


def test_different_images_are_not_near_duplicates():
    distances = [distance(scene(one), scene(other)) for one in range(12) for other in range(one)]
    assert min(distances) > 3 * NEAR


def test_equal_neighbors_are_no_increase():
    assert not perceptual_hash(Image.new("RGB", (96, 96), "gray")).any()


def test_groups_are_those_of_brute_force():
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**16, (60, WORDS)).astype(np.uint16)
    for copy in range(20, 50):  # chains of near ones, a few bits apart each
        hashes[copy] = hashes[copy - random.integers(1, 20)]
        for bit in random.choice(16 * WORDS, random.integers(0, 14), replace=False):
            hashes[copy, bit // 16] ^= np.uint16(1 << (bit % 16))
    hashes[7] = hashes[3]
    near = np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(axis=-1) <= NEAR
    expected = np.arange(len(hashes))
    for _ in range(len(hashes)):  # the lowest number reachable
        expected = np.array([expected[row].min() for row in near])
    np.testing.assert_array_equal(near_duplicate_groups(hashes), expected)
    assert len(set(expected.tolist())) < 50


def test_a_single_image_is_its_own_group():
    assert near_duplicate_groups(np.zeros((1, WORDS), np.uint16)).tolist() == [0]


@pytest.mark.parametrize(("bits", "is_near"), [(8, True), (9, False)])
def test_at_most_8_of_the_144_bits_may_differ(bits, is_near):
    hashes = np.zeros((2, WORDS), np.uint16)
    for bit in range(bits):  # two in a word, so that the last words are equal
        hashes[1, bit // 2] ^= np.uint16(1 << bit)
    assert hashes.nbytes * 8 == 2 * 144
    assert near_duplicate_groups(hashes).tolist() == ([0, 0] if is_near else [0, 1])


def test_8_bits_in_8_words_are_near_by_the_ninth_word():
    hashes = np.zeros((2, WORDS), np.uint16)
    hashes[1, :8] = 1
    assert near_duplicate_groups(hashes).tolist() == [0, 0]
