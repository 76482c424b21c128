"""When texts end, and where they are cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.generation import Request, TextBeforeStop, generate
from hornbook.generation.stopping import Stopping

LETTERS = "abc. "


def decode(token_ids):
    return "".join(LETTERS[token_id] for token_id in token_ids)


def stopping(positions=100, **options):
    return Stopping(Request(prompts=[[1]], vocabulary_size=5, **options), positions)


def reason(rule, text):
    return rule.reason(np.array([LETTERS.index(letter) for letter in text], np.int32))


def first_end(rule, text):
    """Returns the part of a text at which it ends, and the reason."""
    for end in range(1, len(text) + 1):
        if why := reason(rule, text[:end]):
            return text[:end], why
    return None


def test_a_text_ends_with_its_stop_token():
    assert first_end(stopping(stop_ids=[3]), "ab.c.") == ("ab.", "stop_id")
    assert first_end(stopping(stop_ids=[2, 3]), "abab.c.") == ("abab.", "stop_id")


def test_a_text_continues_if_its_last_token_is_no_stop_token():
    rule = stopping(stop_ids=[3])
    assert reason(rule, "") is None
    assert reason(rule, "ab.a") is None


def test_a_text_that_starts_with_a_stop_string_is_empty():
    rule = stopping(stop_strings=["ab"], decode=decode)
    assert rule.text(np.array([0, 1, 2], np.int32)) == ""


def test_a_text_ends_with_the_n_th_stop_token():
    assert first_end(stopping(stop_ids=[3], min_ends=2), "ab.c.a") == ("ab.c.", "stop_id")
    assert first_end(stopping(stop_ids=[2, 3], min_ends=3), "c.ac.a") == ("c.ac", "stop_id")


def test_early_stop_tokens_can_be_ignored():
    assert first_end(stopping(stop_ids=[3], ignore_ends_before=3), "ab.ab.a") == (
        "ab.ab.",
        "stop_id",
    )
    assert first_end(stopping(stop_ids=[3], ignore_ends_before=2), "ab.ab.a") == ("ab.", "stop_id")


def test_a_text_ends_at_its_maximum_length():
    assert first_end(stopping(max_new_tokens=4), "abcabc") == ("abca", "max_new_tokens")
    assert first_end(stopping(3, max_new_tokens=4), "abcabc") == ("abc", "positions")
    assert first_end(stopping(4, max_new_tokens=4), "abcabc") == ("abca", "max_new_tokens")


def test_a_stop_token_at_the_maximum_length_is_a_stop_token():
    assert first_end(stopping(max_new_tokens=3, stop_ids=[3]), "ab.") == ("ab.", "stop_id")


def test_a_stop_string_is_found_across_tokens_and_cut():
    rule = stopping(stop_strings=["b c", "cc"], decode=decode)
    assert first_end(rule, "a ab cab") == ("a ab c", "stop_string")
    assert rule.text(np.array([0, 4, 0, 1, 4, 2], np.int32)) == "a a"
    assert first_end(rule, "ab ab ba") is None


def test_a_text_is_cut_before_the_first_of_its_stop_strings():
    rule = stopping(stop_strings=["c.", "bc."], decode=decode)
    assert rule.text(np.array([0, 1, 2, 3], np.int32)) == "a"


def test_a_stop_string_may_start_and_end_inside_tokens(random_model):
    words = ["un", "stop", "pable", "top", "xs", "s"]

    def decode_words(token_ids):
        return "".join(words[token_id] for token_id in token_ids)

    model = random_model(6)
    ended = 0
    for seed in range(20):
        request = Request(
            prompts=[[1]],
            vocabulary_size=6,
            temperature=1.5,
            seed=seed,
            stop_strings=["stopp"],
            decode=decode_words,
            max_new_tokens=20,
        )
        (result,) = generate(model.session([[1]]), request)
        whole = decode_words(result.token_ids)
        assert result.text == whole.split("stopp")[0]
        assert "stopp" not in decode_words(result.token_ids[:-1])
        assert (result.finish_reason == "stop_string") == ("stopp" in whole)
        ended += "stopp" in whole
    assert 0 < ended < 20


def test_only_the_end_of_a_long_text_is_decoded_to_look_for_stop_strings():
    decoded = []

    def decode_and_count(token_ids):
        decoded.append(len(token_ids))
        return decode(token_ids)

    rule = stopping(1000, max_new_tokens=999, stop_strings=["bc"], decode=decode_and_count)
    text = "ab." * 200
    assert first_end(rule, text + "bca") == (text + "bc", "stop_string")
    assert max(decoded[:-1]) <= 16
    assert decoded[-1] == len(text) + 2


def test_a_stop_string_that_never_comes_changes_nothing(random_model):
    model = random_model(5)
    options = {"vocabulary_size": 5, "max_new_tokens": 8, "decode": decode}
    (plain,) = generate(model.session([[1]]), Request(prompts=[[1]], **options))
    (other,) = generate(
        model.session([[1]]), Request(prompts=[[1]], stop_strings=["never"], **options)
    )
    assert plain.token_ids.tolist() == other.token_ids.tolist()
    assert plain.text == other.text == decode(plain.token_ids)
    assert other.finish_reason == "max_new_tokens"


@pytest.mark.parametrize("beams", [1, 3])
def test_stop_strings_end_beams_too(random_model, beams):
    model = random_model(5, seed=2)
    request = Request(
        prompts=[[1]],
        vocabulary_size=5,
        beams=beams,
        n=beams,
        stop_strings=["ab", "b."],
        decode=decode,
        max_new_tokens=12,
    )
    for result in generate(model.session([[1]]), request):
        whole = decode(result.token_ids)
        stopped = whole.endswith(("ab", "b."))
        assert (result.finish_reason == "stop_string") == stopped
        assert result.text == (whole[:-2] if stopped else whole)


@given(
    st.text("ab.", max_size=30),
    st.lists(st.text("ab.", min_size=1, max_size=4), min_size=1, max_size=3),
    st.data(),
)
def test_exactly_the_text_before_a_stop_string_is_streamed(text, stop_strings, data):
    shown = TextBeforeStop(stop_strings)
    at, parts = 0, []
    given_so_far = ""
    while at < len(text):
        size = data.draw(st.integers(1, 5))
        given_so_far += text[at : at + size]
        parts.append(shown.add(text[at : at + size]))
        at += size
        # as a text ends at the first token with a stop string, so does what is shown
        if any(stop in given_so_far for stop in stop_strings):
            break
    parts.append(shown.finish())
    ends = [place for stop in stop_strings if (place := given_so_far.find(stop)) >= 0]
    assert "".join(parts) == given_so_far[: min(ends, default=len(given_so_far))]
    assert shown.add("ab") == shown.finish() == ""
