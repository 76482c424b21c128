"""How a loaded model describes itself, and the types that it accepts and returns."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hornbook.models.families import FAMILIES
from hornbook.pretrained import Pretrained, load
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"今天气很好我们去公园"]


@pytest.fixture(scope="module")
def tiny():
    return load("hornbook-tiny")


def test_a_model_says_what_it_is_in_one_line(tiny):
    assert repr(tiny) == (
        "Pretrained(roformer, 3 blocks, 192 features, 3.7 M weights, wordpiece 12,000)"
    )


def test_a_model_without_a_vocabulary_says_so(tiny_transformer):
    model = Pretrained(tiny_transformer(num_hidden_layers=1), None)
    assert repr(model).startswith("Pretrained(bert, 1 block, 12 features, ")
    assert repr(model).endswith(" k weights, no vocabulary)")


def test_a_quantized_model_has_the_weights_it_was_read_from(tiny):
    rounded = load("hornbook-tiny", variable_dtype="int4")
    assert repr(rounded) == repr(tiny)


def test_a_summary_counts_the_weights_of_each_part(tiny, capsys):
    tiny.summary()
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    rows = {name: value.strip() for name, value in lines.items()}
    assert rows["family"] == "roformer"
    assert rows["weights of token_embedding"] == f"{12_000 * 192:,}"
    parts = [value for name, value in rows.items() if name.startswith("weights of")]
    total = sum(int(value.replace(",", "")) for value in parts)
    assert rows["weights"] == f"{total:,}" == f"{tiny.model.count_params():,}"


def test_a_notebook_shows_at_most_ten_rows(tiny):
    table = tiny._repr_html_()
    assert table.startswith("<table><tr><td>family</td><td>roformer</td></tr>")
    assert table.count("<tr>") <= 10


def test_one_text_or_one_pair_is_one_vector(tiny):
    assert tiny.encode("今天天气真好").shape == (192,)
    assert tiny.encode(("今天天气真好", "今天下雨")).shape == (192,)
    assert tiny.encode(["今天天气真好"]).shape == (1, 192)
    both = tiny.encode(["今天天气真好", ("今天天气真好", "今天下雨")])
    np.testing.assert_allclose(tiny.encode("今天天气真好"), both[0], atol=1e-5)
    np.testing.assert_allclose(tiny.encode(("今天天气真好", "今天下雨")), both[1], atol=1e-5)


def test_token_ids_that_come_back_are_python_ints(tiny_transformer):
    fields = {"family": "gpt2-ml", **FAMILIES["gpt2-ml"].choices, "heads": ("mlm",)}
    tokenizer = WordPieceTokenizer(VOCABULARY)
    size = {"vocab_size": len(VOCABULARY), "num_hidden_layers": 1}
    writer = Pretrained(tiny_transformer(**fields, **size), tokenizer)
    encoder = Pretrained(tiny_transformer(**size), tokenizer)
    rows = [
        writer.generate(np.array([5, 6]), max_new_tokens=np.int64(3)),
        *encoder.fill([2, 4, 6, 3], n=2),
        tokenizer.encode("今天").token_ids,
    ]
    assert all(type(token_id) is int for row in rows for token_id in row)
    assert json.loads(json.dumps(rows)) == rows


def test_numpy_integers_are_whole_numbers(tiny_transformer, tmp_path):
    Pretrained(tiny_transformer(), None).save(tmp_path / "model")
    model = load(
        tmp_path / "model",
        num_hidden_layers=np.int64(1),
        vocab_size=np.int32(30),
        condition_size=np.int64(4),
        lora="query",
        lora_rank=np.int64(2),
        max_position_embeddings=np.int64(24),
    )
    assert (model.config.num_hidden_layers, model.config.vocab_size) == (1, 30)
    model.save(tmp_path / "smaller")
    assert load(tmp_path / "smaller").config.condition_size == 4
