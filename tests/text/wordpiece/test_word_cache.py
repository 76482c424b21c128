import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hornbook.text.tokenizer import Tokenizer
from hornbook.text.wordpiece import word_cache
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

LETTERS = "abcdeéABΣßİﬁ中文字。，!'-\u0301\u200d\ufffd\u3000龘😀"
VOCABULARY = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]",
    *"abcdeABé中文字。，!'-😀", *(f"##{letter}" for letter in "abcdeABé😀"), "ab", "##cd",
]  # fmt: skip
# what sits between letters, marks that join, and what no vocabulary has
TEXTS = st.lists(
    st.one_of(
        st.text(LETTERS + " \n\t\r\x1c\x85\xa0\x00\x01"),
        st.text(st.characters()),
        st.just("a" * 120),
    )
)


@pytest.fixture(scope="module", params=[True, False])
def tokenizer(request):
    return WordPieceTokenizer(VOCABULARY, lowercase=request.param)


@given(TEXTS)
@example(["中\u0301文", "a\u0301", "ab\x1ccd", "", "a\u200d中\u200db", "!\u0301", "\ud83d中"])
def test_cached_words_equal_the_text_tokenized_at_once(tokenizer, texts):
    arrays, expected = tokenizer.arrays(texts), Tokenizer.arrays(tokenizer, texts)
    assert arrays.token_ids.tolist() == expected.token_ids.tolist()
    assert arrays.spans.tolist() == expected.spans.tolist()
    assert arrays.counts.tolist() == expected.counts.tolist()


def test_a_word_is_tokenized_once_and_the_cache_is_bounded(tokenizer, monkeypatch):
    monkeypatch.setattr(word_cache, "_MAXIMUM_WORDS", 4)
    calls = []
    cache = word_cache.WordCache(lambda texts: calls.extend(texts) or tokenizer.pieces(texts))
    ids, spans = cache.cut("ab 中ab ab")
    assert calls == ["ab", " ", "中"]
    assert spans.tolist() == [[0, 2], [3, 4], [4, 6], [7, 9]]
    assert (cache.cut("中ab")[0] == ids[1:3]).all()
    assert calls == ["ab", " ", "中"]
    cache.cut("a b")
    assert len(cache._known) <= 4
    assert np.array_equal(cache.cut("ab 中ab ab")[0], ids)
