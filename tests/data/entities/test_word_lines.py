from __future__ import annotations

import pytest

from hornbook.data.entities.word_lines import read_words
from hornbook.data.readers.problems import Problems
from hornbook.errors import DataError


def words_of(*lines, name="a.txt"):
    problems = Problems()
    texts = list(read_words(enumerate(lines, 1), name, problems))
    problems.raise_if_any()
    return [[one.text[a:b] for a, b, _ in one.entities] for one in texts]


def test_words_are_separated_by_any_space():
    assert words_of("我们 去\u3000北京\n", "\n", " 好 \n") == [["我们", "去", "北京"], ["好"]]


@pytest.mark.parametrize("mark", ["/", "_"])
def test_parts_of_speech_are_left_out_and_reported(mark, capsys):
    lines = [f"迈向{mark}v 充满{mark}v 希望{mark}n", f"//w {mark}{mark}w [{mark}w 2000{mark}m"]
    assert words_of(*lines, name=f"{mark}.txt") == [
        ["迈向", "充满", "希望"],
        ["/", mark, "[", "2000"],
    ]
    assert (
        f"{mark}.txt: words with their parts of speech, which are left out"
        in capsys.readouterr().err
    )


def test_brackets_around_a_name_of_several_words_are_left_out():
    line = "[中央/n 人民/n 电台/n]nt 播出/v [香港/ns 特别/a]/ns"
    assert words_of(line) == [["中央", "人民", "电台", "播出", "香港", "特别"]]


def test_a_word_with_a_slash_is_a_word_where_the_others_have_none():
    assert words_of("我们 用 TCP/IP 上网") == [["我们", "用", "TCP/IP", "上网"]]


def test_a_word_without_its_part_of_speech_is_named():
    with pytest.raises(DataError, match=r"a\.txt:3: '希望' has no part of speech, as in 'word/n'"):
        words_of(*["迈向/v 充满/v 我/r 的/u 新/a"] * 2, "希望 的/u")


def test_tags_of_characters_are_no_parts_of_speech():
    with pytest.raises(DataError, match="expected a character and its tag per line"):
        words_of("中/B 国/E 好/S")
