from __future__ import annotations

import json

import pytest

from hornbook.text.tokenizer_folder import tokenizer_from_folder
from hornbook.text.vocabulary_file import VocabularyError


@pytest.fixture
def copied(tokenizer_folder, tmp_path):
    """Returns a function that copies the folder of a kind."""

    def copy(kind):
        for path in tokenizer_folder(kind).iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        return tmp_path

    return copy


def write(path, value):
    path.write_text(json.dumps(value), "utf-8")


def test_the_vocabulary_tells_the_family(opened):
    assert opened("gpt2").special_ids.keys() == {"bos", "eos", "unk"}
    assert opened("roberta").encode("a").tokens == ["<s>", "a", "</s>"]
    assert opened("roberta").encode("a", "b").tokens == ["<s>", "a", "</s>", "</s>", "b", "</s>"]
    assert opened("bart").encode("a").tokens == ["<s>", "Ġ", "a", "</s>"]  # add_prefix_space
    assert opened("gpt").encode("HELLO").tokens[-1].endswith("</w>")
    assert opened("openai-gpt2").encode("今天").tokens == opened("gpt2").encode("今天").tokens


def test_openais_files_are_saved_under_hugging_faces_names(opened, tmp_path):
    opened("openai-gpt2").save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"vocab.json", "merges.txt"}


def test_the_mask_includes_the_space_before_it_and_is_matched_in_a_text(opened):
    tokens = opened("roberta").encode("a <mask> b").tokens
    assert tokens == ["<s>", "a", "<mask>", "Ġ", "b", "</s>"]


def test_added_tokens_follow_the_vocabulary(copied):
    folder = copied("gpt2")
    size = len(json.loads((folder / "vocab.json").read_text("utf-8")))
    write(folder / "added_tokens.json", {"<speaker>": size, "word": size + 1})
    details = {str(size): {"content": "<speaker>", "special": True}}
    write(folder / "tokenizer_config.json", {"added_tokens_decoder": details})
    tokenizer = tokenizer_from_folder(folder)
    assert tokenizer.vocabulary_size == size + 2
    ids = tokenizer.encode("<speaker>word").token_ids
    assert ids == [size, size + 1]
    assert tokenizer.decode(ids) == "word"
    write(folder / "added_tokens.json", {"<speaker>": size, "word": size + 2})
    with pytest.raises(VocabularyError, match=f"'word' has the id {size + 2}"):
        tokenizer_from_folder(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vocab.json", "{", "vocab.json:1: not JSON"),
        ("vocab.json", "{}", "has no tokens"),
        ("vocab.json", '{"a": "0"}', "the id of 'a' is '0'"),
        ("vocab.json", '{"a": 4294967296}', "the id of 'a'"),
        ("vocab.json", '{"a": 0, "b": 0}', "an id occurs twice"),
        ("vocab.json", '{"a": 0}', "does not fit the vocabulary"),
        ("merges.txt", "x y\n", "'x', 'y'"),
        ("merges.txt", "x\n", "merges.txt:1: expected two pieces"),
        ("tokenizer_config.json", '{"tokenizer_class": "Qwen2Tokenizer"}', "asks for Qwen2Tok"),
        ("tokenizer_config.json", '{"eos_token": "<end>"}', "has no '<end>'"),
        ("tokenizer_config.json", '{"eos_token": 3}', "eos_token is 3, not a text"),
        ("tokenizer_config.json", '{"add_bos_token": true, "eos_token": "a"}', "'bos'"),
        ("tokenizer_config.json", '{"tokenizer_class": "RobertaTokenizer"}', "no '"),
        ("added_tokens.json", '{"<x>": "1"}', "is not a token"),
        ("special_tokens_map.json", "[]", "must hold a JSON object"),
    ],
)
def test_broken_files_are_named(copied, name, content, message):
    folder = copied("gpt2")
    (folder / name).write_text(content, "utf-8")
    with pytest.raises(VocabularyError, match=message):
        tokenizer_from_folder(folder)


def test_words_need_an_unknown_token(copied):
    folder = copied("gpt")
    vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
    del vocabulary["<unk>"]
    write(folder / "vocab.json", vocabulary)
    with pytest.raises(VocabularyError, match="no <unk>"):
        tokenizer_from_folder(folder)
