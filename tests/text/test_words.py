from __future__ import annotations

import pytest

from hornbook.text.wordpiece.longest_match import WordPieceTokenizer
from hornbook.text.words import chinese_words


def test_chinese_words_of_the_vocabulary_stay_whole():
    pytest.importorskip("rjieba", reason="rjieba is not installed")
    segment = chinese_words()
    assert segment("今天天气不错") == ["今天天气", "不错"]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"今天气不错", "不错"]
    tokenizer = WordPieceTokenizer(vocabulary, pre_tokenize=segment)
    encoding = tokenizer.encode("今天天气 不错")
    assert encoding.tokens[1:-1] == ["今", "天", "天", "气", "不错"]
    assert encoding.offsets[-2] == (5, 7)
