"""Filled masks, compared with the model's own log-probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.errors import OptionError
from hornbook.pretrained import Pretrained
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

pytestmark = pytest.mark.backend

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"今天气很好不坏我们去公园。，"]
MASK, SEP = 4, 3


@pytest.fixture
def model(tiny_transformer):
    transformer = tiny_transformer(vocab_size=len(VOCABULARY), heads=("mlm",))
    return Pretrained(transformer, WordPieceTokenizer(VOCABULARY))


def likelihoods(model, ids):
    logits = np.array(ops.convert_to_numpy(model.model.mlm(model(np.array([ids])))))[0]
    logits[:, MASK] = -np.inf
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def test_masks_are_filled_with_the_most_likely_tokens(model):
    text = "今天[MASK]很[MASK]，我 们"
    ids = model.tokenizer.encode("今天坏很坏，我们").token_ids
    masks = [3, 5]
    ids = [MASK if place in masks else id_ for place, id_ in enumerate(ids)]
    first, second = likelihoods(model, ids)[masks]
    pairs = first[:, None] + second[None]
    best = np.argsort(-pairs, axis=None)[:3]
    filled = model.fill([text, "[MASK]很好"], order="at once", n=3, details=True)[0]
    for one, place in zip(filled, best.tolist(), strict=True):
        first, second = divmod(place, len(VOCABULARY))
        assert one.token_ids[masks].tolist() == [first, second]
        assert one.score == pytest.approx(pairs[first, second], abs=1e-5)
        words = [VOCABULARY[id_] if id_ > SEP + 1 else "" for id_ in (first, second)]
        assert one.text == f"今天{words[0]}很{words[1]}，我 们"  # a user's spaces stay
    by_ids = model.fill(ids, order="at once")
    assert by_ids == filled[0].token_ids.tolist()


@pytest.mark.only_on("jax")
def test_masks_filled_one_by_one_see_the_filled_tokens(model):
    ids = [2, 5, MASK, 7, MASK, 3]
    most_confident = max((2, 4), key=lambda place: likelihoods(model, ids)[place].max())
    filled = list(ids)
    for place in (most_confident, 6 - most_confident):
        filled[place] = int(likelihoods(model, filled)[place].argmax())
    assert model.fill([ids])[0] == filled


@pytest.mark.only_on("jax")
def test_gibbs_sampling_keeps_the_template(model):
    texts = model.gibbs("今[MASK][MASK]很[MASK]", n=4, sweeps=3, seed=2)
    assert len(texts) == 4
    assert len(set(texts)) > 1
    assert all(text.startswith("今") and "很" in text for text in texts)
    assert model.gibbs("今[MASK][MASK]很[MASK]", sweeps=3, seed=2) == texts[0]


@pytest.mark.only_on("jax")
def test_an_answer_is_a_part_of_the_passages(model):
    passages = ["公园 很好", "天气"]
    answer = model.extract("我们去？", passages, answer_length=3)
    for passage, (text, score) in zip(passages, answer.extracts, strict=True):
        assert text in passage
        row = [2, MASK, MASK, MASK, SEP]
        for part in ("我们去？", passage):
            row += [*model.tokenizer.encode(part).token_ids[1:]]
        probabilities = np.exp(likelihoods(model, row))
        allowed = [*model.tokenizer.encode(passage).token_ids[1:-1], SEP]
        first = max(sorted(set(allowed)), key=lambda id_: probabilities[1, id_])
        if first == SEP:
            assert text == ""
            assert score == pytest.approx(probabilities[1, SEP], rel=1e-3)
        else:
            assert text[0] == VOCABULARY[first]
    assert answer.text in [*(text for text, _ in answer.extracts if text), None]


@pytest.mark.only_on("jax")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: model.fill("今天"), r"Text 1 has no mask: put \[MASK\]"),
        (lambda model: model.fill("[MASK]", n=0), "n is 0"),
        (lambda model: model.fill("[MASK]" * 30), "Text 1 has 32 tokens, .* 24 positions"),
        (lambda model: model.fill("[MASK]", order="by chance"), "Unknown order 'by chance'"),
        (lambda model: model.gibbs("[MASK]", sweeps=0), "sweeps 0"),
        (lambda model: model.gibbs("[MASK]", temperature=0), "temperature is 0"),
        (lambda model: model.extract("我们", "天气"), "passages is a list"),
        (lambda model: model.extract("我们", ["天气"]), "no room in 24 positions"),
    ],
)
def test_texts_and_options_that_cannot_work_are_named(model, call, message):
    with pytest.raises(OptionError, match=message):
        call(model)


@pytest.mark.only_on("jax")
def test_a_causal_model_cannot_fill_masks(tiny_transformer):
    words = WordPieceTokenizer(VOCABULARY)
    fields = {"vocab_size": len(VOCABULARY), "application": "causal_lm"}
    with pytest.raises(OptionError, match="application='encoder'"):
        Pretrained(tiny_transformer(**fields), words).fill("[MASK]")
