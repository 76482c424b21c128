from __future__ import annotations

import numpy as np

from hornbook.linear.ngrams import keys_of, longest_ngram, unit_numbers, units_of


def test_units_are_words_spaceless_characters_and_punctuation():
    assert units_of("It's WARM，书iPhone8很好!") == [
        *("it", "'", "s", "warm", "，", "书", "iphone8", "很", "好", "!")
    ]
    assert units_of(" \n\t") == []


def test_half_of_a_surrogate_pair_is_no_unit():
    assert units_of("a\ud800b") == ["a", "b"]


def test_ngrams_of_characters_are_longer_than_those_of_words():
    assert longest_ngram(["物流很快", "书也很好 ok"]) == 3
    assert longest_ngram(["the book is good", "warm tea 书"]) == 2
    assert longest_ngram([]) == 2


def test_an_ngram_lies_within_one_text_and_has_no_unknown_unit():
    numbers = {"a": 1, "b": 2}
    units, rows, texts = unit_numbers(["a b a", "", "b x b", "b"], numbers)
    assert units.tolist() == [1, 2, 1, 2, 0, 2, 2]
    assert texts == 4
    assert rows.tolist() == [0, 0, 0, 2, 2, 2, 3]
    keys, owners = keys_of(units, rows, 2, 10)
    assert (keys.tolist(), owners.tolist()) == ([12, 21], [0, 0])
    assert keys_of(units, rows, 8, 10)[0].size == 0


def test_unknown_units_are_added_if_allowed():
    numbers: dict[str, int] = {}
    units, _, _ = unit_numbers(["b a b"], numbers, grow=True)
    assert numbers == {"b": 1, "a": 2}
    np.testing.assert_array_equal(units, [1, 2, 1])
