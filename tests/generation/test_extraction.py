"""Answers that are extracted from passages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.generation.extraction import Extract, extract, vote

STOP = 0
TOKENS = st.lists(st.integers(1, 5), max_size=12)


@given(TOKENS, st.integers(0, 1000), st.integers(1, 6))
def test_an_answer_is_a_part_of_the_passage(passage, seed, length):
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(6), length)
    result = extract(probabilities, passage, STOP)
    answer = list(result.token_ids)
    assert len(answer) <= length
    assert any(passage[i : i + len(answer)] == answer for i in range(len(passage) + 1))
    read = [*answer, STOP][:length]
    assert result.score == pytest.approx(np.mean([probabilities[i, t] for i, t in enumerate(read)]))
    # at each place it is the likeliest of what could follow
    for place, token_id in enumerate(read):
        begun = answer[:place]
        possible = {STOP} | {
            passage[i + place]
            for i in range(len(passage) - place)
            if passage[i : i + place] == begun
        }
        assert token_id in possible
        assert probabilities[place, token_id] == max(probabilities[place, t] for t in possible)


def test_tokens_of_the_passage_are_not_recombined():
    probabilities = np.array([[0.0, 0.9, 0.1], [0.2, 0.0, 0.8], [0.9, 0.1, 0.0]])
    # "1 2" would be likelier, but the passage has only "1" and "2 1"
    assert extract(probabilities, [2, 1], STOP) == Extract((1,), pytest.approx(0.55))
    assert extract(probabilities, [1, 2], STOP).token_ids == (1, 2)


def test_votes_count_frequency_and_confidence():
    assert vote([("a", 0.6), ("b", 0.5), ("b", 0.5)]) == "b"  # 0.225 against 0.25
    assert vote([("a", 0.9), ("b", 0.1), ("b", 0.1), ("b", 0.1)]) == "a"
    assert vote([]) is None
