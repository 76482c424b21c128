from __future__ import annotations

import json

import pytest

from hornbook.errors import MissingExtraError
from hornbook.text.tokenizer_folder import has_another_tokenizer, tokenizer_from_folder
from hornbook.text.vocabulary_file import VocabularyError
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

CLASSES = {
    "bert": "WordPieceTokenizer",
    **dict.fromkeys(("gpt", "gpt2", "openai-gpt2", "roberta", "bart"), "LibraryTokenizer"),
    **dict.fromkeys(("qwen", "modernbert", "t5-json", "llama-json", "mpnet"), "LibraryTokenizer"),
    **dict.fromkeys(("t5", "albert", "xlnet", "llama", "xlm-roberta"), "SentencePieceTokenizer"),
    "cpm": "CpmTokenizer",
}


def test_every_folder_is_opened_as_its_kind(opened, tokenizer_folder, kind):
    assert type(opened(kind)).__name__ == CLASSES[kind]
    assert has_another_tokenizer(tokenizer_folder(kind)) == (kind != "bert")


def test_a_folder_without_a_tokenizer_has_none(tmp_path):
    (tmp_path / "config.json").write_text("{}", "utf-8")
    assert tokenizer_from_folder(tmp_path) is None
    assert tokenizer_from_folder(tmp_path, pre_tokenize=str.split) is None
    assert not has_another_tokenizer(tmp_path)


def test_tokenizer_json_takes_precedence_over_its_sources(tokenizer_folder, tmp_path):
    for kind in ("gpt2", "qwen", "t5"):
        for path in tokenizer_folder(kind).iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n", "utf-8")
    assert tokenizer_from_folder(tmp_path).encode("a b").tokens == ["a", "Ġ", "b"]
    assert type(tokenizer_from_folder(tmp_path)).__name__ == "LibraryTokenizer"


def test_an_early_tokenizer_json_names_no_type(tokenizer_folder, tmp_path):
    content = json.loads((tokenizer_folder("qwen") / "tokenizer.json").read_text("utf-8"))
    del content["model"]["type"]
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    assert tokenizer_from_folder(tmp_path).encode("a b").tokens == ["a", "Ġ", "b"]


def test_gpt2_ml_is_wordpiece_without_special_tokens(tokenizer_folder):
    tokenizer = tokenizer_from_folder(tokenizer_folder("bert"), add_special_tokens=False)
    assert isinstance(tokenizer, WordPieceTokenizer)
    assert tokenizer.encode("今天").tokens == ["今", "天"]
    assert tokenizer.encode("今天", add_special_tokens=True).tokens[0] == "[CLS]"


def test_pre_tokenize_splits_the_words_of_a_wordpiece_folder(tokenizer_folder):
    calls = []

    def words(text):
        calls.append(text)
        return [text]

    tokenizer_from_folder(tokenizer_folder("bert"), pre_tokenize=words).encode("今天")
    assert calls == ["今天"]


def test_kept_wordpieces_have_new_ids(opened):
    tokenizer = opened("bert")
    ids = [0, 1, 2, 3, *sorted({*tokenizer.encode("hello 今天").token_ids} - {0, 1, 2, 3})]
    small = tokenizer.keep(ids)
    old, new = tokenizer.encode("hello 今天"), small.encode("hello 今天")
    assert new.tokens == old.tokens
    assert [ids[token_id] for token_id in new.token_ids] == old.token_ids


@pytest.mark.parametrize("name", ["vocab.json", "encoder.json"])
def test_a_vocabulary_without_its_merges_is_refused(tmp_path, name):
    (tmp_path / name).write_text("{}", "utf-8")
    with pytest.raises(VocabularyError, match=f"has {name}, but not its"):
        tokenizer_from_folder(tmp_path)


def test_several_models_are_named(tmp_path):
    for name in ("one.model", "two.model"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(VocabularyError, match=r"one\.model, two\.model"):
        tokenizer_from_folder(tmp_path)


def test_a_model_of_any_name_is_found(tokenizer_folder, tmp_path):
    pytest.importorskip("sentencepiece")
    content = (tokenizer_folder("t5") / "spiece.model").read_bytes()
    (tmp_path / "chinese_vocab.model").write_bytes(content)
    assert tokenizer_from_folder(tmp_path).encode("").tokens == ["</s>"]


def test_a_missing_package_is_named_with_what_to_install(tokenizer_folder, monkeypatch):
    import sys

    folder = tokenizer_folder("t5")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(MissingExtraError, match=r"hornbook\[sentencepiece\]"):
        tokenizer_from_folder(folder)
