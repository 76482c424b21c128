from __future__ import annotations

import json

import pytest

from hornbook.text.vocabulary_file import VocabularyError
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b", "天"]


def tokenizer_json(**changes):
    model = {
        "type": "WordPiece",
        "vocab": {token: number for number, token in enumerate(TOKENS)},
        "continuing_subword_prefix": "##",
    }
    normalizer = {"type": "BertNormalizer", "lowercase": False, "strip_accents": None}
    return {"normalizer": normalizer, "model": model | changes}


def write(path, value):
    path.write_text(json.dumps(value), "utf-8")


def test_tokenizer_json_is_read_without_a_vocab_txt(tmp_path):
    write(tmp_path / "tokenizer.json", tokenizer_json())
    tokenizer = WordPieceTokenizer.from_folder(tmp_path)
    assert tokenizer.vocabulary == TOKENS
    assert tokenizer.lowercase is False


def test_a_file_that_the_tokenizers_library_wrote_is_read(tmp_path):
    from tokenizers import BertWordPieceTokenizer

    vocabulary = {token: number for number, token in enumerate(TOKENS)}
    BertWordPieceTokenizer(vocabulary, lowercase=True).save(str(tmp_path / "tokenizer.json"))
    tokenizer = WordPieceTokenizer.from_folder(tmp_path)
    assert tokenizer.vocabulary == TOKENS
    assert tokenizer.encode("AB天").tokens == ["[CLS]", "a", "##b", "天", "[SEP]"]


def test_the_config_decides_about_lowercasing_else_the_vocabulary(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS), "utf-8")
    assert WordPieceTokenizer.from_folder(tmp_path).lowercase is True
    (tmp_path / "vocab.txt").write_text("\n".join([*TOKENS, "Ab"]), "utf-8")
    assert WordPieceTokenizer.from_folder(tmp_path).lowercase is False
    write(tmp_path / "tokenizer_config.json", {"do_lower_case": True, "strip_accents": None})
    assert WordPieceTokenizer.from_folder(tmp_path).lowercase is True
    write(tmp_path / "tokenizer.json", tokenizer_json())
    assert WordPieceTokenizer.from_folder(tmp_path).lowercase is True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "BPE"}, "of type BPE"),
        ({"type": "Unigram", "vocab": []}, "of type Unigram"),
        ({"continuing_subword_prefix": "@@"}, "'@@'"),
        ({"vocab": {"a": 0, "b": 2}}, "ids must be 0 to 1"),
        ({"vocab": {"a": "0"}}, "the id of 'a' is '0'"),
        ({"vocab": {"a": 0, "b": 0}}, "ids must be 0 to 1"),
        ({"vocab": {"a": 0, "b": 1}}, r"missing: \[PAD\]"),
    ],
)
def test_a_tokenizer_json_of_another_kind_is_refused(tmp_path, changes, message):
    write(tmp_path / "tokenizer.json", tokenizer_json(**changes))
    with pytest.raises(VocabularyError, match=message):
        WordPieceTokenizer.from_folder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b"null"])
@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_invalid_json_is_named(tmp_path, name, content):
    if name == "tokenizer_config.json":
        (tmp_path / "vocab.txt").write_text("\n".join(TOKENS), "utf-8")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VocabularyError, match=name):
        WordPieceTokenizer.from_folder(tmp_path)


def test_unsupported_settings_are_an_error(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS), "utf-8")
    write(
        tmp_path / "tokenizer_config.json",
        {"do_lower_case": "yes", "tokenize_chinese_chars": False},
    )
    with pytest.raises(VocabularyError) as caught:
        WordPieceTokenizer.from_folder(tmp_path)
    assert "do_lower_case: 'yes'" in str(caught.value)
    assert "tokenize_chinese_chars: False" in str(caught.value)


def test_the_message_for_an_empty_folder_names_the_expected_files(tmp_path):
    with pytest.raises(VocabularyError, match=r"Expected vocab\.txt"):
        WordPieceTokenizer.from_folder(tmp_path)
