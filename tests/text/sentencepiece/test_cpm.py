from __future__ import annotations

import pytest

pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")

from hornbook.text.alignment import align
from hornbook.text.sentencepiece.cpm import CpmTokenizer
from hornbook.text.tokenizer_folder import tokenizer_from_folder


@pytest.fixture
def tokenizer(tokenizer_folder):
    def characters(text):
        return list(text)

    return tokenizer_from_folder(tokenizer_folder("cpm"), pre_tokenize=characters)


def test_its_folder_is_recognized_by_its_pieces(tokenizer):
    assert isinstance(tokenizer, CpmTokenizer)
    assert tokenizer.tokens([tokenizer.eos_token_id]) == ["<eod>"]


def test_spaces_and_line_feeds_are_symbols_and_are_restored(tokenizer):
    text = "今天 天气\n\nhello"
    encoding = tokenizer.encode(text)
    assert [t for t in encoding.tokens if t in "▂▃"] == ["▂", "▃", "▃"]
    assert tokenizer.decode(encoding.token_ids) == text
    stream = tokenizer.text_stream()
    assert "".join([*map(stream.add, encoding.token_ids), stream.finish()]) == text


def test_offsets_are_those_of_the_text_without_the_spaces_between_words(tokenizer):
    text = "今天 天\n气"
    encoding = tokenizer.encode(text)
    parts = align(text, encoding.offsets)
    assert [(t, p) for t, p in zip(encoding.tokens, parts, strict=True) if t in "今天气▂▃"] == [
        *(("今", "今"), ("天", "天"), ("▂", " "), ("天", "天"), ("▃", "\n"), ("气", "气")),
    ]


def test_texts_have_no_special_tokens(tokenizer):
    assert tokenizer.encode("").token_ids == []
    assert None not in tokenizer.encode("今天").offsets


def test_pieces_can_be_dropped_and_words_stay_the_same(tokenizer):
    small = tokenizer.keep(range(tokenizer.vocabulary_size - 1, -1, -1))
    assert isinstance(small, CpmTokenizer)
    assert small.encode("今天 a").tokens == tokenizer.encode("今天 a").tokens


def test_words_are_guessed_by_jieba():
    pytest.importorskip("rjieba")
    from hornbook.text.words import chinese_words

    assert chinese_words(guess=True)("王小明来到网易杭研大厦") != chinese_words()(
        "王小明来到网易杭研大厦"
    )
