"""Random numbers that belong to a text."""

from itertools import product

from hornbook.generation import random_numbers


def test_a_text_has_its_own_random_numbers():
    streams = {
        tuple(random_numbers.stream(seed, prompt, sample, purpose).random(4))
        for seed, prompt, sample, purpose in product(
            (0, 1, 2**64 - 1), (0, 1, 7), (0, 1), (0, 1, 2)
        )
    }
    assert len(streams) == 3 * 3 * 2 * 3
    assert len({number for numbers in streams for number in numbers}) == 4 * len(streams)


def test_random_numbers_do_not_depend_on_how_many_are_drawn_at_once():
    at_once = random_numbers.stream(3, 1, 4).random(100)
    one_by_one = random_numbers.stream(3, 1, 4)
    assert [one_by_one.random() for _ in range(100)] == at_once.tolist()
    assert (at_once < 1).all()


def test_the_random_numbers_never_change():
    # texts of a seed are part of what is promised from one version to the next
    assert random_numbers.stream(1, 2, 3).random() == 0.7189388877276962
