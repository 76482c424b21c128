"""The summary of the data that every text recipe prints before training."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from hornbook.data.texts.labeled import read_training_texts
from hornbook.recipes.text_classification import TextClassification
from hornbook.recipes.text_matching import TextMatching
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "warm", "cold", "##er", "and"]


@pytest.fixture
def described(capsys):
    def described(recipe, *arguments):
        recipe.tokenizer = WordPieceTokenizer(TOKENS)
        recipe.encoder = SimpleNamespace(config=SimpleNamespace(max_length=64))
        recipe.describe(*arguments)
        return capsys.readouterr().err.splitlines()

    return described


def write(folder, **splits):
    folder.mkdir(exist_ok=True)
    for split, rows in splits.items():
        lines = [json.dumps({"text": text, "label": label}) + "\n" for text, label in rows]
        (folder / f"{split}.jsonl").write_text("".join(lines), "utf-8")
    return read_training_texts(folder)


def test_the_summary_counts_tokens_unknown_tokens_and_truncated_texts(tmp_path, described):
    texts = ["warm", "colder and warmer", "cold and cold and cold and cold", "so warm"]
    splits = write(
        tmp_path, train=[(x, "ab"[n % 2]) for n, x in enumerate(texts)], dev=[("x", "a")]
    )
    lines = described(TextClassification(max_length=8), splits, texts)
    tokenizer = WordPieceTokenizer(TOKENS)
    lengths = sorted(len(tokenizer.encode(text).token_ids) for text in texts)
    assert lengths == [3, 4, 7, 9]
    assert lines == [
        "Data        4 training texts, 1 validation texts",
        "Labels      2: a (2), b (2)",
        "            no validation texts have b",
        "Lengths     median 4 tokens, 95% up to 9, maximum 9; 4.3% of them are unknown; "
        "1 (25.0%) are truncated at 8",
    ]


def test_the_length_of_a_pair_is_that_of_both_texts():
    pairs = [("warm", "cold"), ("warmer", "colder and")]
    recipe = TextMatching(max_length=5)
    recipe.tokenizer = tokenizer = WordPieceTokenizer(TOKENS)
    recipe.encoder = SimpleNamespace(config=SimpleNamespace(max_length=64))
    lengths = recipe.lengths(pairs)
    assert lengths.tokens.tolist() == [len(tokenizer.encode(*pair).token_ids) for pair in pairs]
    assert (lengths.limit, lengths.unknown) == (5, 0)


def test_validation_texts_that_are_training_texts_are_reported(tmp_path, described):
    rows = [(f"warm and {n}", "ab"[n % 2]) for n in range(12)]
    splits = write(tmp_path, train=rows * 2, valid=rows)
    lines = described(TextClassification(), splits, [text for text, _ in rows])
    assert [line for line in lines if "12 of 12 validation texts are training texts too" in line]
