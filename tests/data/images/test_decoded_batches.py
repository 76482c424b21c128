import numpy as np
import pytest
from PIL import Image

from hornbook.data.images.decoded_batches import image_batches, shuffled_batches
from hornbook.data.seeding import random_of


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    paths = []
    for number in range(11):
        path = folder / f"{number}.png"
        Image.new("RGB", (6, 4), (number, 0, 0)).save(path)
        paths.append(path)
    paths[3].write_bytes(b"no image")
    return paths


def prepare(image, random):
    return np.asarray(image, np.float32) + random.random(dtype=np.float32) / 2


def test_batches_come_in_order_with_each_image_once(sources):
    batches = list(image_batches(sources, prepare, batch_size=4))
    assert [batch.numbers.tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    for batch in batches:
        assert batch.images.shape == (len(batch.numbers), 4, 6, 3)
        for number, image in zip(batch.numbers, batch.images, strict=True):
            assert int(image[0, 0, 0]) == (0 if number == 3 else number)


def test_an_unreadable_image_is_reported_without_stopping(sources):
    batches = list(image_batches(sources, prepare, batch_size=4))
    assert [list(batch.problems) for batch in batches] == [[3], [], []]
    assert "3.png" in batches[0].problems[3]


def test_an_epoch_depends_on_seed_and_epoch_not_on_threads(sources):
    def epoch(seed, number, workers):
        return [
            (batch.numbers.tolist(), batch.images.tolist())
            for batch in image_batches(
                sources, prepare, batch_size=4, seed=seed, epoch=number, workers=workers
            )
        ]

    assert epoch(1, 2, 0) == epoch(1, 2, 3)
    assert epoch(1, 2, 0) != epoch(1, 3, 0)
    assert epoch(1, 2, 0) != epoch(2, 2, 0)


def test_shuffled_batches_hold_each_number_once():
    batches = shuffled_batches(10, 4, seed=0, epoch=5)
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(np.concatenate(batches).tolist()) == list(range(10))
    assert random_of(1, 2).random() == random_of(1, 2).random()
