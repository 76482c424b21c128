from __future__ import annotations

import json

import pytest

from hornbook.text.huggingface.tokenizer_json import LibraryTokenizer
from hornbook.text.tokenizer_folder import tokenizer_from_folder
from hornbook.text.vocabulary_file import VocabularyError


def library():
    from tokenizers import Tokenizer, models, pre_tokenizers

    library = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "b": 2, "</s>": 3}, "[UNK]"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    library.add_special_tokens(["</s>", "<pad>"])
    return library


def test_special_tokens_in_a_text_are_matched_by_default():
    assert LibraryTokenizer(library()).encode("a</s> b").tokens == ["a", "</s>", "b"]
    tokenizer = LibraryTokenizer(library(), split_special_tokens=True)
    assert "</s>" not in tokenizer.encode("a</s> b").tokens


def test_truncation_and_padding_in_the_file_are_left_to_the_caller(opened):
    assert len(opened("t5-json").encode("hello world, hello world").token_ids) > 4
    assert opened("t5-json").encode("").tokens == ["</s>"]


def test_purposes_come_from_the_settings_else_from_the_usual_names(opened):
    qwen = opened("qwen")
    assert qwen.tokens(qwen.special_ids.values()) == ["<|endoftext|>", "<|im_end|>"]
    assert list(qwen.special_ids) == ["pad", "eos"]
    assert list(opened("modernbert").special_ids) == ["pad", "unk", "cls", "sep", "mask"]
    assert LibraryTokenizer(library()).special_ids == {"pad": 4, "eos": 3}
    assert LibraryTokenizer(library(), special_tokens={"bos": "a"}).special_ids == {"bos": 1}
    with pytest.raises(VocabularyError, match="no 'c'"):
        LibraryTokenizer(library(), special_tokens={"bos": "c"})


def test_segments_are_those_of_the_post_processor(opened):
    assert opened("modernbert").encode("a", "b").segment_ids == [0, 0, 0, 1, 1]
    llama = opened("llama-json").encode("a", "b")
    assert llama.segment_ids == [0, 0, 0, 1, 1, 1]
    assert llama.tokens == ["<s>", "▁", "a", "<s>", "▁", "b"]
    assert set(opened("mpnet").encode("a", "b").segment_ids) == {0}


def test_a_tokenizer_built_in_python_is_saved_as_tokenizer_json(tmp_path):
    tokenizer = LibraryTokenizer(library())
    tokenizer.save(tmp_path)
    again = tokenizer_from_folder(tmp_path)
    assert again.encode("a b c") == tokenizer.encode("a b c")
    assert again.vocabulary_size == 5


LIBRARY_KINDS = ["gpt", "gpt2", "roberta", "qwen", "modernbert", "t5-json", "llama-json", "mpnet"]


@pytest.mark.parametrize("kind", LIBRARY_KINDS)
def test_kept_tokens_have_new_ids_and_split_texts_as_before(opened, kind, tmp_path):
    whole = opened(kind)
    # nothing is merged from the last tokens that were learned, nor do texts need them
    last = [i for i in range(whole.vocabulary_size) if i not in whole.special_ids.values()][-3:]
    old_ids = [i for i in reversed(range(whole.vocabulary_size)) if i not in last]
    small = whole.keep(old_ids)
    assert small.vocabulary_size == len(old_ids)
    small.save(tmp_path)
    again = tokenizer_from_folder(tmp_path)
    for text in ["hello world", "the <mask> lazy <|im_end|> dog", "今天天气", "a <extra_id_0> b"]:
        ids = whole.encode(text).token_ids
        encoding = small.encode(text)
        assert again.encode(text) == encoding
        if not {*last} & {*ids}:
            assert [old_ids[new] for new in encoding.token_ids] == ids
            assert small.decode(encoding.token_ids) == whole.decode(ids)
    assert small.special_ids == {p: old_ids.index(i) for p, i in whole.special_ids.items()}
    assert again.special_ids == small.special_ids


def test_tokens_that_texts_cannot_be_split_into_are_refused(opened):
    whole = opened("gpt2")
    tokens = whole.tokens(range(whole.vocabulary_size))
    everything = range(whole.vocabulary_size)
    byte = tokens.index("a")
    with pytest.raises(VocabularyError, match=r"These bytes must be kept.* 'a'"):
        whole.keep([i for i in everything if i != byte])
    part = tokens.index("he")  # of "hello"
    with pytest.raises(VocabularyError, match="a step of these tokens is missing"):
        whole.keep([i for i in everything if i != part])
    with pytest.raises(VocabularyError, match="the unknown token, must be kept"):
        opened("mpnet").keep([0, 1, 2])
    with pytest.raises(VocabularyError, match="is added around texts, must be kept"):
        opened("mpnet").keep([0, 3, 7])
    with pytest.raises(VocabularyError, match="cannot have compound tokens"):
        whole.keep(everything, [[5, 6]])


def test_an_unknown_word_without_a_token_for_it_is_an_error_of_the_vocabulary():
    from tokenizers import Tokenizer, models

    with pytest.raises(VocabularyError, match="cannot read a text"):
        LibraryTokenizer(Tokenizer(models.WordLevel({"a": 0}, "[UNK]"))).encode("b")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"type": "Other"}}, "is no tokenizer"),
        ({"model": None}, "is no tokenizer"),
        ({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}}}, "is no tokenizer"),
        ({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]}}, "does not fit"),
        (
            {
                "model": {
                    "type": "BPE",
                    "vocab": {"a": 0, "aa": 1},
                    "merges": [["a", "a"]],
                    "continuing_subword_prefix": "long prefix",
                }
            },
            "does not fit",
        ),
        ({"model": {"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 5}}, "is no tokenizer"),
        ({"model": {"type": "BPE", "vocab": {"a": 2**40}, "merges": []}}, "is no tokenizer"),
    ],
)
def test_a_broken_file_is_named(tmp_path, change, message):
    content = json.loads(library().to_str()) | change
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    with pytest.raises(VocabularyError, match=message):
        tokenizer_from_folder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b"{}"])
def test_an_invalid_tokenizer_is_named(tmp_path, content):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(VocabularyError, match=r"tokenizer\.json"):
        tokenizer_from_folder(tmp_path)
