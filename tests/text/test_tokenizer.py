"""Behavior of all kinds of tokenizers; `kind` runs over all of them (conftest.py)."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hornbook.text.tokenizer_folder import tokenizer_from_folder
from hornbook.text.vocabulary_file import VocabularyError

TEXTS = [
    "",
    "Hello world",
    "今天天气很好",
    "It isn't the lazy dog, 你好 世界!",
    " two  spaces ",
    "e\u0301 Ａ ﬁ 𠀀龘 😀\n\n\tx",
    "</s> [SEP] <s>",
]
CANNOT_JOIN = {"gpt", "gpt2", "openai-gpt2", "qwen", "cpm"}  # nothing to put between two texts
WIDE = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from([*"今天天气 hello\n"])),
    max_size=20,
)


def test_all_lists_of_an_encoding_have_the_same_length(opened, kind):
    tokenizer = opened(kind)
    for text in TEXTS:
        encoding = tokenizer.encode(text)
        assert len({len(part) for part in encoding}) == 1
        assert all(0 <= token_id < tokenizer.vocabulary_size for token_id in encoding.token_ids)
        assert tokenizer.tokens(encoding.token_ids) == encoding.tokens


def test_offsets_are_in_the_text_and_locate_the_tokens(opened, kind):
    tokenizer = opened(kind)
    for text in TEXTS:
        spans = [span for span in tokenizer.encode(text).offsets if span is not None]
        assert all(0 <= start <= end <= len(text) for start, end in spans)
        assert [start for start, _ in spans] == sorted(start for start, _ in spans)
    encoding = tokenizer.encode("我 hello 今天")
    positions = {  # of words that are one token or more: the characters of all of them
        character for span in encoding.offsets if span is not None for character in range(*span)
    }
    assert positions >= {0, 2, 3, 4, 5, 6, 8, 9}


def test_a_batch_equals_each_text_alone(opened, kind):
    tokenizer = opened(kind)
    assert tokenizer.encode_batch(TEXTS) == [tokenizer.encode(text) for text in TEXTS]
    assert tokenizer.encode_batch([]) == []


def test_without_special_tokens_only_the_text_is_encoded(opened, kind):
    tokenizer = opened(kind)
    whole = tokenizer.encode("hello world")
    bare = tokenizer.encode("hello world", add_special_tokens=False)
    inner = [n for n, span in enumerate(whole.offsets) if span is not None]
    assert bare.token_ids == [whole.token_ids[n] for n in inner]
    both = tokenizer.encode("hello world", "hello world", add_special_tokens=False)
    assert both.token_ids == bare.token_ids * 2
    assert both.segment_ids == [0] * len(inner) + [1] * len(inner)


def test_a_folder_can_be_opened_without_special_tokens(tokenizer_folder, opened, kind):
    opened(kind)
    tokenizer = tokenizer_from_folder(
        tokenizer_folder(kind), add_special_tokens=False, max_length=2
    )
    encoding = tokenizer.encode("hello world 今天")
    assert None not in encoding.offsets
    assert len(encoding.token_ids) == 2


def test_truncation_keeps_the_special_tokens(opened, kind):
    tokenizer = opened(kind)
    for texts in [("今天天气很好",), ("今天天气很好", "hello")]:
        if len(texts) == 2 and kind in CANNOT_JOIN:
            continue
        whole = tokenizer.encode(*texts)
        specials = [i for i, o in zip(whole.token_ids, whole.offsets, strict=True) if o is None]
        for length in range(len(specials), len(whole.token_ids) + 2):
            encoding = tokenizer.encode(*texts, max_length=length)
            assert len(encoding.token_ids) == min(length, len(whole.token_ids))
            special_ids = [
                i for i, o in zip(encoding.token_ids, encoding.offsets, strict=True) if o is None
            ]
            assert special_ids == specials
        if specials:
            with pytest.raises(ValueError, match="no room"):
                tokenizer.encode(*texts, max_length=len(specials) - 1)


def test_two_texts_need_something_between_them(opened, kind):
    if kind not in CANNOT_JOIN:
        assert opened(kind).encode("hello", "world").offsets.count(None) > 0
        return
    with pytest.raises(VocabularyError, match="cannot join two texts"):
        opened(kind).encode("hello", "world")


def test_a_saved_tokenizer_is_unchanged(tokenizer_folder, opened, kind, tmp_path):
    tokenizer = opened(kind)
    tokenizer.save(tmp_path)
    again = tokenizer_from_folder(tmp_path)
    assert type(again) is type(tokenizer)
    assert again.special_ids == tokenizer.special_ids
    assert again.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)
    published = {path.read_bytes() for path in tokenizer_folder(kind).iterdir()}
    assert {path.read_bytes() for path in tmp_path.iterdir()} == published


def test_a_tokenizer_can_be_pickled(opened, kind):
    sent = pickle.loads(pickle.dumps(opened(kind)))
    assert sent.encode(TEXTS[0]) == opened(kind).encode(TEXTS[0])
    assert sent.pieces(TEXTS) == opened(kind).pieces(TEXTS)


def test_half_a_character_breaks_nothing(opened, kind):
    assert opened(kind).encode("a\ud83d b").token_ids


def test_anything_but_a_text_is_a_type_error(opened, kind):
    for wrong in ([3], [None], [("a", "b", "c")], [("a", 3)]):
        with pytest.raises(TypeError, match="str"):
            opened(kind).encode_batch(wrong)


def test_an_id_without_a_token_is_no_text_and_a_negative_one_a_mistake(opened, kind):
    tokenizer = opened(kind)
    ids = tokenizer.encode("hello").token_ids
    size = tokenizer.vocabulary_size
    assert tokenizer.decode([*ids, size, size + 1000]) == tokenizer.decode(ids)
    assert tokenizer.text_stream().add(size) == ""
    with pytest.raises(ValueError, match="-1"):
        tokenizer.decode([-1])


def test_special_tokens_are_decoded_when_asked_for(opened, kind):
    tokenizer = opened(kind)
    encoding = tokenizer.encode("hello")
    shown = tokenizer.decode(encoding.token_ids, skip_special_tokens=False)
    specials = [t for t, o in zip(encoding.tokens, encoding.offsets, strict=True) if o is None]
    assert all(token in shown for token in specials)
    assert not any(token in tokenizer.decode(encoding.token_ids) for token in specials)


def test_a_missing_special_token_is_named(opened, kind):
    tokenizer = opened(kind)
    for purpose in ("pad", "bos", "eos", "cls", "sep", "mask"):
        if purpose in tokenizer.special_ids:
            assert getattr(tokenizer, f"{purpose}_token_id") == tokenizer.special_ids[purpose]
        else:
            with pytest.raises(VocabularyError, match=repr(purpose)):
                getattr(tokenizer, f"{purpose}_token_id")


@pytest.mark.parametrize("skip", [True, False])
def test_a_stream_equals_decoding_all_at_once(opened, kind, skip):
    tokenizer = opened(kind)
    for text in [*TEXTS, 'He said "a b" and "c" 3.14 今天😀𠀀 x']:
        ids = tokenizer.encode(text).token_ids
        stream = tokenizer.text_stream(skip_special_tokens=skip)
        parts = [stream.add(token_id) for token_id in ids]
        assert not any("\ufffd" in part for part in parts)
        whole = tokenizer.decode(ids, skip_special_tokens=skip)
        assert "".join([*parts, stream.finish()]) == whole


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_stream_of_any_text_equals_decoding_all_at_once(opened, kind, data):
    tokenizer = opened(kind)
    ids = tokenizer.encode(data.draw(WIDE)).token_ids
    stream = tokenizer.text_stream()
    text = "".join([*map(stream.add, ids), stream.finish()])
    assert text == tokenizer.decode(ids)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=WIDE)
@pytest.mark.parametrize("kind", ["gpt2", "openai-gpt2", "roberta", "modernbert", "llama"])
def test_bytes_lose_nothing(opened, kind, text):
    tokenizer = opened(kind)
    ids = tokenizer.encode(text, add_special_tokens=False).token_ids
    if kind == "llama":
        text = text.replace("▁", " ")  # SentencePiece writes a space so
    if not {"<s>", "</s>"} & set(tokenizer.tokens(ids)):
        assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_opening_a_folder_needs_neither_keras_nor_a_tokenizer_library():
    code = (
        "import sys, hornbook.text.tokenizer_folder; "
        "print({'keras', 'tokenizers', 'sentencepiece', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_one_text_is_not_taken_for_a_list_of_its_characters(opened):
    with pytest.raises(TypeError, match="encode takes one"):
        opened("bert").encode_batch("hello")
