from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from hornbook.text.vocabulary import extend, learn_wordpiece, simplify
from hornbook.text.vocabulary_file import SPECIAL_TOKENS, VocabularyError
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

# Words with many equal counts, so that ties are everywhere.
WORDS = [a + b + c for a in "bcdfgh" for b in "aeiou" for c in "lmnrst"]
TEXTS = [" ".join(WORDS[n::7]) + "，今天天气很好！" for n in range(7)] * 2
PROGRAM = f"""
import hashlib
from hornbook.text.vocabulary import learn_wordpiece
tokens = learn_wordpiece({TEXTS!r}, 150)
print(hashlib.sha256("\\n".join(tokens).encode()).hexdigest())
"""


def test_the_same_text_gives_the_same_vocabulary_in_every_process():
    here = hashlib.sha256("\n".join(learn_wordpiece(TEXTS, 150)).encode()).hexdigest()
    for seed in ("0", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == here


def test_specials_come_first_then_characters_then_merged_pieces():
    tokens = learn_wordpiece(TEXTS, 150)
    assert tokens[:5] == list(SPECIAL_TOKENS)
    assert len(tokens) == len(set(tokens)) == 150
    assert {"今", "天", "，", "b", "##a", "##l"} <= set(tokens)
    assert "##天" not in tokens
    assert all(len(token.removeprefix("##")) > 1 for token in tokens[-50:])
    WordPieceTokenizer(tokens)


def test_every_character_of_the_text_is_a_token():
    tokenizer = WordPieceTokenizer(learn_wordpiece(TEXTS, 150))
    for text in TEXTS:
        assert tokenizer.unknown_token_id not in tokenizer.encode(text).token_ids


def test_the_most_frequent_pair_is_merged_first():
    tokens = learn_wordpiece(["ab ab ab ab xc xc cx"], 100)
    assert tokens[5:] == ["##b", "##c", "##x", "a", "b", "c", "x", "ab", "xc"]


def test_too_small_a_size_drops_the_rarest_characters():
    text = "eeee ddd cc b"
    assert learn_wordpiece([text], 8, min_frequency=100)[5:] == ["##e", "e"]
    assert learn_wordpiece([text], 9, min_frequency=100)[5:] == ["##d", "##e", "d", "e"]
    with pytest.raises(ValueError, match="size must be more than"):
        learn_wordpiece([text], 5)


def test_words_can_be_learned_with_their_case():
    assert "A" in learn_wordpiece(["A a"], 20, lowercase=False)
    assert "A" not in learn_wordpiece(["A a"], 20)


def test_no_words_give_no_vocabulary():
    for texts in ([], ["", "  \n"]):
        with pytest.raises(VocabularyError, match="hold no words"):
            learn_wordpiece(texts, 100)


def test_simplifying_drops_tokens_that_chinese_text_never_produces():
    vocabulary = [
        *("[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
        *(
            "天",
            "##天",
            "天气",
            "a",
            "##a",
            "ab",
            "##",
            "#",
            "。",
            "##。",
            "a.b",
            "##ab",
            "1月",
            "é",
        ),
    ]
    tokens, rows = simplify(vocabulary)
    assert tokens == [
        *("[PAD]", "[UNK]", "[CLS]", "[SEP]"),
        *("天", "a", "##a", "ab", "##", "#", "。", "##ab", "é"),
    ]
    assert [vocabulary[row] for row in rows] == tokens
    with_mask, _ = simplify(vocabulary, keep_prefix=["[PAD]", "[MASK]"])
    assert with_mask[:3] == ["[PAD]", "[MASK]", "天"]
    with pytest.raises(VocabularyError, match=r"no \[none\]"):
        simplify(vocabulary, keep_prefix=["[none]"])


def test_added_words_average_their_old_tokens():
    vocabulary = [*SPECIAL_TOKENS, "今", "天", "b", "##e", "##r", "##t"]
    tokenizer = WordPieceTokenizer(vocabulary)
    longer, compounds = extend(vocabulary, ["今天", "BERT", "天", "##be", "今天"], tokenizer)
    assert longer == [*vocabulary, "今天", "BERT", "##be"]
    pieces = [[vocabulary[old] for old in compound] for compound in compounds]
    assert pieces == [["今", "天"], ["b", "##e", "##r", "##t"], ["b", "##e"]]
    whole = WordPieceTokenizer(longer, pre_tokenize=lambda text: ["今天"])
    assert whole.encode("今天").token_ids[1:-1] == [len(vocabulary)]
    with pytest.raises(VocabularyError, match=r"'\\u200b'"):
        extend(vocabulary, ["ab", "\u200b"], tokenizer)
