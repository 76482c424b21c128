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
def test_words_looked_up_are_the_text_cut_at_once(tokenizer, texts):
    found, expected = tokenizer.arrays(texts), Tokenizer.arrays(tokenizer, texts)
    assert found.token_ids.tolist() == expected.token_ids.tolist()
    assert found.spans.tolist() == expected.spans.tolist()
    assert found.counts.tolist() == expected.counts.tolist()


def test_a_word_is_cut_once_and_memory_has_an_end(tokenizer, monkeypatch):
    monkeypatch.setattr(word_cache, "_MOST", 4)
    asked = []
    cache = word_cache.WordCache(lambda texts: asked.extend(texts) or tokenizer.pieces(texts))
    ids, spans = cache.cut("ab 中ab ab")
    assert asked == ["ab", " ", "中"]
    assert spans.tolist() == [[0, 2], [3, 4], [4, 6], [7, 9]]
    assert (cache.cut("中ab")[0] == ids[1:3]).all()
    assert asked == ["ab", " ", "中"]
    cache.cut("a b")
    assert len(cache._known) <= 4
    assert np.array_equal(cache.cut("ab 中ab ab")[0], ids)
