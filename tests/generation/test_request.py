"""Options of a request, and the messages for those that cannot work."""

import dataclasses

import numpy as np
import pytest

from hornbook.errors import OptionError
from hornbook.generation import Request


def make_request(**options):
    return Request(**{"prompts": [[1, 2], [3]], "vocabulary_size": 10, **options})


@pytest.mark.parametrize(
    ("options", "strategy"),
    [
        ({}, "greedy"),
        ({"temperature": 0, "top_p": 0.9}, "greedy"),
        ({"temperature": 1}, "sampling"),
        ({"top_k": 5}, "sampling"),
        ({"top_p": np.float32(0.5)}, "sampling"),
        ({"min_p": 0.1}, "sampling"),
        ({"typical_p": 0.1, "n": np.int64(3)}, "sampling"),
        ({"beams": 4, "n": 4}, "beam search"),
        ({"degeneration_penalty": 0.6, "top_k": 4}, "contrastive search"),
    ],
)
def test_options_decide_the_strategy(options, strategy):
    assert make_request(**options).strategy == strategy


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature is -1; it must be at least 0."),
        ({"temperature": float("nan")}, "temperature is nan; it must be a number at least 0."),
        ({"temperature": "hot"}, "temperature is 'hot'; it must be a number at least 0."),
        ({"top_p": 0}, "top_p is 0; it must be above 0 and at most 1."),
        ({"top_p": 1.5}, "top_p is 1.5; it must be above 0 and at most 1."),
        ({"top_k": 0}, "top_k is 0; it must be at least 1."),
        ({"top_k": 2.5}, "top_k is 2.5; it must be a whole number at least 1."),
        ({"min_p": 2}, "min_p is 2; it must be at least 0 and at most 1."),
        ({"typical_p": -0.1}, "typical_p is -0.1; it must be above 0 and at most 1."),
        ({"n": True}, "n is True; it must be a whole number at least 1."),
        ({"seed": -1}, "seed is -1; it must be at least 0 and below 18446744073709551616."),
        ({"max_new_tokens": 0}, "max_new_tokens is 0; it must be at least 1."),
        ({"length_penalty": None}, "length_penalty is None; it must be a number."),
        ({"repetition_penalty": 0}, "repetition_penalty is 0; it must be above 0."),
        ({"prompts": []}, "There are no prompts: give at least one."),
        ({"prompts": [[1], []]}, "Prompt 2 is empty: give at least one token."),
        ({"prompts": [1, 2]}, "Prompt 1 must be a list of token ids, which are whole numbers."),
        ({"prompts": ["ab"]}, "Prompt 1 must be a list of token ids, which are whole numbers."),
        ({"prompts": [[1.5]]}, "Prompt 1 must be a list of token ids, which are whole numbers."),
        (
            {"prompts": [[1], [2, 10]]},
            "Prompt 2 has token 10, but the vocabulary has ids 0 to 9.",
        ),
        ({"stop_ids": [-1]}, "stop_ids has token -1, but the vocabulary has ids 0 to 9."),
        (
            {"bad_words": [[1], [12]]},
            "A sequence of bad_words has token 12, but the vocabulary has ids 0 to 9.",
        ),
        ({"bad_words": [[]]}, "A sequence of bad_words is empty: give at least one token."),
        (
            {"logit_bias": {11: 1.0}},
            "logit_bias has token 11, but the vocabulary has ids 0 to 9.",
        ),
        (
            {"forced_prefix": [10]},
            "forced_prefix has token 10, but the vocabulary has ids 0 to 9.",
        ),
        (
            {"stop_strings": ["a", ""], "decode": str},
            "stop_strings is a list of texts, each of at least one character.",
        ),
        (
            {"stop_strings": "end", "decode": str},
            "stop_strings is a list of texts, each of at least one character.",
        ),
        (
            {"stop_strings": ["a"]},
            "stop_strings need text: give decode, a function from token ids to text.",
        ),
        (
            {"min_new_tokens": 9, "max_new_tokens": 8},
            "min_new_tokens is 9; it must be at most max_new_tokens, 8.",
        ),
        (
            {"early_stopping": "always"},
            "early_stopping is 'always'; it must be True, False or 'never'.",
        ),
        (
            {"n": 3},
            "n is 3, but all 3 texts would be identical: give a temperature above 0, or beams.",
        ),
        ({"n": 5, "beams": 3}, "n is 5; it must be at most beams, 3."),
        (
            {"beams": 3, "temperature": 1.0, "top_p": 0.5},
            "Beam search does not sample: leave out temperature and top_p, or beams.",
        ),
        (
            {"beams": 2, "degeneration_penalty": 0.5},
            "Give beams or degeneration_penalty: these are two different strategies.",
        ),
        (
            {"beams": 4, "beam_groups": 3},
            "beams is 4; it must be a multiple of beam_groups, 3.",
        ),
        ({"beam_groups": 3}, "beam_groups is 3; it must be at most beams, 1."),
        (
            {"beams": 4, "diversity_penalty": 0.5},
            "diversity_penalty compares groups of beams: give beam_groups of at least 2.",
        ),
        (
            {"degeneration_penalty": 0.5},
            "Contrastive search chooses among the top_k best tokens: give a top_k of at least 2, "
            "and no other sampling option.",
        ),
        ({"best_of": 3}, "best_of chooses among samples: give a temperature above 0."),
        ({"best_of": 3, "n": 4, "top_k": 2}, "best_of is 3; it must be at least n, 4."),
    ],
)
def test_contradictions_are_one_line(options, message):
    with pytest.raises(OptionError) as e:
        make_request(**options)
    assert str(e.value) == message


def test_an_unknown_option_suggests_the_nearest_name():
    with pytest.raises(OptionError, match=r"Unknown option 'top-p'\.  Did you mean 'top_p'"):
        Request.from_options([[1]], 10, {"top-p": 0.9})
    assert Request.from_options([[1]], 10, {"top_p": 0.9}).top_p == 0.9


def test_a_request_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_request().n = 2


def test_token_ids_may_be_arrays_of_any_integers():
    request = make_request(prompts=np.array([[1, 2], [3, 4]], np.uint16), stop_ids=np.array([5, 6]))
    assert [prompt.tolist() for prompt in request.prompts] == [[1, 2], [3, 4]]
    assert request.stop_ids == {5, 6}
