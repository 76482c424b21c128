from __future__ import annotations

import pytest

from hornbook.data.entities.tag_columns import joined, looks_like_columns, read_columns
from hornbook.data.readers.problems import Problems
from hornbook.errors import DataError


def read(text):
    problems = Problems()
    texts = list(read_columns(enumerate(text.splitlines(keepends=True), 1), "a.bio", problems))
    problems.raise_if_any()
    return [(one.text, [(*one[:2], one.type) for one in one.entities]) for one in texts]


def test_characters_are_joined_without_spaces():
    assert read("北\tB-LOC\n京 I-LOC\n好\tO\n\n\n王 B-PER\n") == [
        ("北京好", [(0, 2, "LOC")]),
        ("王", [(0, 1, "PER")]),
    ]


def test_words_are_joined_with_spaces_and_documents_and_comments_are_skipped():
    text = (
        "-DOCSTART- -X- O O\n\n# id 7\nUN NNP I-NP I-ORG\nofficial NN I-NP O\n"
        "New NNP I-NP I-LOC\nYork NNP I-NP I-LOC\n"
    )
    assert read(text) == [("UN official New York", [(0, 2, "ORG"), (12, 20, "LOC")])]


def test_the_place_in_the_word_behind_a_character_is_dropped():
    assert read("口0\tB-x\n腔1\tI-x\n20\tO\n") == [("口腔2", [(0, 2, "x")])]


def test_a_space_may_be_a_token():
    assert read("A\tB-x\n \tI-x\nB\tI-x\n") == [("A B", [(0, 3, "x")])]


def test_chinese_words_are_joined_without_spaces():
    assert joined(["新华社", "USA", "Today", "报道"], spaces=True) == (
        "新华社USA Today报道",
        [0, 3, 7, 12],
    )


def test_a_few_contradictions_are_read_by_convention_and_named(capsys):
    good = "a B-x\nb I-x\n\n" * 200
    texts = read(f"{good}a O\nb I-x\n")
    assert texts[-1] == ("ab", [(1, 2, "x")])
    assert "1 tag contradicts the scheme, as a.bio:602, where" in capsys.readouterr().err
    with pytest.raises(DataError, match=r"a\.bio:2: the BIO tag 'I-x' does not continue an entity"):
        read("a O\nb I-x\na B-x\n\na B-x\n")


def test_a_line_without_a_tag_is_named():
    with pytest.raises(DataError, match=r"a\.bio:2: 1 column; expected a token and its tag"):
        read("a B-x\nb\n")


@pytest.mark.parametrize(
    ("lines", "columns"),
    [
        (["a B-x", "b I-x"], True),
        (["EU NNP I-NP I-ORG"], True),
        (["中 B", "国 E"], True),
        (["Ann PER", "saw O", "Bob PER"] * 5, True),
        (["小 B-PER", "明", "在 O", "北 B-LOC", "京 I-LOC"], True),
        (["小", "明 I-PER", "北 B-LOC"], True),
        ([*["Ann PER", "saw O", "Bob PER", "saw O"] * 3, "Ann"], True),
        (["one two three", "four five six"] * 5, False),
        (["今天 天气 很 好", "我 去 B"], False),
        (["a sentence of words", "and another of them"], False),
        ([], False),
    ],
)
def test_columns_are_recognized(lines, columns):
    assert looks_like_columns(lines) is columns
