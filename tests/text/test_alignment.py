from __future__ import annotations

import pytest

from hornbook.text.alignment import align, spans_to_tokens, tokens_to_span
from hornbook.text.vocabulary import learn_wordpiece
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

HARD = [
    ("й и\u0306 ё", ["й", "и\u0306", "ё"]),
    ("ﬁ ﬂag", ["ﬁ", "ﬂag"]),
    ("👩‍👩‍👧 ok", ["👩‍👩‍👧", "ok"]),
    ("Ａｂ１２ 全角", ["Ａｂ１２", "全", "角"]),
    ("cafe\u0301 naïve Å", ["cafe\u0301", "naïve", "Å"]),
    ("x\u200by\u00adz", ["x\u200by\u00adz"]),
    ("İstanbul", ["İstanbul"]),
]


@pytest.mark.parametrize(("text", "words"), HARD)
def test_tokens_map_to_their_characters_whatever_the_normalization(text, words):
    tokenizer = WordPieceTokenizer(learn_wordpiece([text] * 3, 200))
    offsets = tokenizer.encode(text).offsets
    joined = []
    for word in words:
        start = text.index(word, joined[-1][1] if joined else 0)
        joined.append((start, start + len(word)))
    for span, tokens in zip(joined, spans_to_tokens(offsets, joined), strict=True):
        assert tokens is not None
        start, end = tokens_to_span(offsets, *tokens)
        # A mark that stands at the end of a word is dropped and belongs to no token.
        assert start == span[0]
        assert text[start : span[1]].startswith(text[start:end])
        assert len(text[end : span[1]].encode("utf-8")) <= 2


def test_each_token_is_aligned_with_its_characters():
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "и", "e", "##x", "天"])
    text = "ЙÉX天"
    offsets = tokenizer.encode(text).offsets
    assert align(text, offsets) == ["", "ЙÉX", "天", ""]
    text = "Й ÉX天"
    assert align(text, tokenizer.encode(text).offsets) == ["", "Й", "É", "X", "天", ""]
    with pytest.raises(ValueError, match="outside a text of 2"):
        align("ab", offsets)


def test_spans_map_to_the_tokens_that_overlap_them():
    offsets = [None, (0, 3), (3, 5), (6, 7), None]
    spans = [(0, 3), (2, 4), (5, 6), (6, 7), (0, 7), (7, 9), (1, 1)]
    assert spans_to_tokens(offsets, spans) == [(1, 1), (1, 2), None, (3, 3), (1, 3), None, None]
    assert tokens_to_span(offsets, 1, 2) == (0, 5)
    assert tokens_to_span(offsets, 0, 4) == (0, 7)
    assert tokens_to_span(offsets, 4, 4) is None
