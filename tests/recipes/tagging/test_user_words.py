from __future__ import annotations

import pytest

from hornbook.data.entities.units import unit_spans
from hornbook.errors import DataError
from hornbook.recipes.spans.text_windows import Units
from hornbook.recipes.tagging.user_words import UserWords


def words_in(text, *words):
    units = Units(unit_spans(text), [])
    return [
        text[units.spans[first][0] : units.spans[last][1]]
        for first, last, _ in UserWords(words).spans(text, units)
    ]


def test_the_longest_word_from_the_left_is_taken():
    assert words_in("北京大学生", "北京", "北京大学", "大学生") == ["北京大学"]
    assert words_in("在北京大学生", "北京", "大学生") == ["北京", "大学生"]
    assert words_in("abc12", "bc", "12") == ["12"]  # a run of letters is one unit


def test_words_are_read_from_jiebas_format(tmp_path):
    (tmp_path / "words.txt").write_text("北京大学 3 n\n\n云计算\n", "utf-8")
    assert UserWords.read(tmp_path / "words.txt").words == {"北京大学", "云计算"}
    (tmp_path / "none.txt").write_text("\n", "utf-8")
    with pytest.raises(DataError, match="expected one per line"):
        UserWords.read(tmp_path / "none.txt")
