from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.data.corpus.boundaries import (
    is_chinese_text,
    sentence_starts,
    token_starts,
    word_starts_of,
)
from hornbook.errors import OptionError


def parts(text, starts):
    places = [0, *np.flatnonzero(starts).tolist(), len(text)]
    return [text[a:b] for a, b in pairwise(places) if a < b]


def words(text, way="whitespace"):
    return [part.strip() for part in parts(text, word_starts_of(way)(text)) if part.strip()]


def test_words_are_runs_of_letters_and_single_signs():
    assert words("It isn't 3.5, naïve e\u0301té!") == [
        "It", "isn", "'", "t", "3", ".", "5", ",", "naïve", "e\u0301té", "!",
    ]  # fmt: skip
    assert words("हिन्दी 한국어 😀😀") == ["हिन्दी", "한국어", "😀", "😀"]
    assert words("今天good𠀀") == ["今", "天", "good", "𠀀"]
    assert words("a b", "tokens") == ["a", "b"]


def test_chinese_words_are_those_of_jieba():
    pytest.importorskip("rjieba", reason="rjieba is not installed")
    text = "今天天气不错，我们去naïve公园。 T恤 3.5元"
    assert words(text, "chinese") == [
        "今天天气", "不错", "，", "我们", "去", "naïve", "公园", "。", "T恤", "3", ".", "5", "元",
    ]  # fmt: skip


@given(st.text())
def test_every_character_but_white_space_is_in_a_word(text):
    starts = word_starts_of("whitespace")(text)
    assert len(starts) == len(text)
    assert "".join("".join(words(text)).split()) == "".join(text.split())
    assert len(sentence_starts(text)) == len(text)


def test_sentences_end_after_quotes_and_not_within_numbers():
    text = "他说：“好。”然后走了！Pi is 3.14. He left... Really?\nYes"
    assert parts(text, sentence_starts(text)) == [
        "他说：“好。”", "然后走了！", "Pi is 3.14. ", "He left... ", "Really?\n", "Yes",
    ]  # fmt: skip


def test_a_word_begins_with_the_token_that_overlaps_its_start():
    starts = word_starts_of("whitespace")("an apple, ok")
    # "an", " app", "le", ",", " ", "ok", and a second token of the same characters
    ends = np.array([2, 6, 8, 9, 10, 12, 12])
    expected = [True, True, False, True, False, True, False]
    assert token_starts(starts, ends).tolist() == expected


def test_chinese_text_is_detected():
    assert is_chinese_text("今天 weather")
    assert not is_chinese_text("the weather of 北京 is fine, as it usually is in autumn")
    assert not is_chinese_text("")
    with pytest.raises(OptionError, match="Did you mean 'chinese'"):
        word_starts_of("chinse")
