"""A session on a model computes the same as the model on the whole text."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.errors import OptionError
from hornbook.models.decoding.stepping import CompiledSteps
from hornbook.models.families import FAMILIES
from hornbook.pretrained.tasks.model_session import ModelSession

pytestmark = pytest.mark.backend

PROMPTS = [[5, 6, 7, 8], [9], [10, 11, 12]]
NAMES = ["gpt2", "bert"]  # as a causal and as a prefix language model


def make(tiny_transformer, name="gpt2", **changes):
    family = FAMILIES[name]
    application = {"bert": "prefix_lm"}.get(name, family.applications[0])
    fields = {"family": name, **family.choices, "application": application, "heads": ("mlm",)}
    return tiny_transformer(**{**fields, **changes})


def next_logits(model, prompt, new_tokens=()):
    """Returns the logits of the model itself, without a cache."""
    ids = np.array([[*prompt, *new_tokens]])
    segments = np.array([[0] * len(prompt) + [1] * len(new_tokens)])
    x = model(ids, segment_ids=segments)
    return ops.convert_to_numpy(model.mlm(x))[0, -1]


@pytest.mark.parametrize("name", NAMES)
def test_prompts_of_any_length_are_continued_as_if_alone(tiny_transformer, name):
    model = make(tiny_transformer, name)
    session = ModelSession(CompiledSteps(model), PROMPTS, 5)
    new_tokens = [[] for _ in PROMPTS]
    for tokens in (None, [20, 21, 22], [23, 24, 25]):
        if tokens is not None:
            session.advance(np.array(tokens))
            for row, token in zip(new_tokens, tokens, strict=True):
                row.append(token)
        for row, prompt in enumerate(PROMPTS):
            expected = next_logits(model, prompt, new_tokens[row])
            np.testing.assert_allclose(session.logits[row], expected, atol=1e-5, rtol=1e-5)


def test_rows_are_reordered_and_repeated(tiny_transformer):
    model = make(tiny_transformer)
    session = ModelSession(CompiledSteps(model), PROMPTS[:2], 5)
    session.reorder(np.array([1, 0, 1, 1]))
    logits = session.advance(np.array([20, 21, 22, 20]))
    rows = [(PROMPTS[1], 20), (PROMPTS[0], 21), (PROMPTS[1], 22), (PROMPTS[1], 20)]
    for row, (prompt, token) in enumerate(rows):
        expected = next_logits(model, prompt, [token])
        np.testing.assert_allclose(logits[row], expected, atol=1e-5, rtol=1e-5)


def test_tokens_can_be_removed_again(tiny_transformer):
    model = make(tiny_transformer)
    session = ModelSession(CompiledSteps(model), PROMPTS[:2], 8)
    all_logits = session.advance(np.array([[20, 21, 22], [23, 24, 25]]))
    assert all_logits.shape == (2, 3, 40)
    np.testing.assert_allclose(
        all_logits[0, 1], next_logits(model, PROMPTS[0], [20, 21]), atol=1e-5, rtol=1e-5
    )
    positions = session.positions_left
    session.rewind(np.array([1, 3]))
    assert session.positions_left == positions + 1
    logits = session.advance(np.array([30, 31]))
    for row, new_tokens in enumerate(([20, 21, 30], [31])):
        expected = next_logits(model, PROMPTS[row], new_tokens)
        np.testing.assert_allclose(logits[row], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.only_on("jax")
def test_the_hidden_vectors_are_those_of_the_logits(tiny_transformer):
    model = make(tiny_transformer)
    session = ModelSession(CompiledSteps(model), PROMPTS, 5, keep_hidden=True)
    for row, prompt in enumerate(PROMPTS):
        expected = ops.convert_to_numpy(model(np.array([prompt])))[0]
        np.testing.assert_allclose(session.prompt_hidden[row], expected, atol=1e-5, rtol=1e-5)
        np.testing.assert_allclose(
            ops.convert_to_numpy(session.hidden)[row], expected[-1], atol=1e-5, rtol=1e-5
        )


@pytest.mark.only_on("jax")
def test_a_session_ends_where_the_positions_do(tiny_transformer):
    model = make(tiny_transformer, max_position_embeddings=7)
    session = ModelSession(CompiledSteps(model), PROMPTS, 50)
    assert session.positions_left == 3
    for token in (20, 21, 22):
        session.advance(np.full(3, token))
    assert session.positions_left == 0
    expected = next_logits(model, PROMPTS[0], [20, 21, 22])
    np.testing.assert_allclose(session.logits[0], expected, atol=1e-5, rtol=1e-5)
    with pytest.raises(OptionError, match="no room for 1 more"):
        session.advance(np.full(3, 5))


@pytest.mark.only_on("jax")
@pytest.mark.parametrize(
    ("prompts", "message"),
    [([[5], []], "Prompt 2 is empty"), ([[5] * 24], "Prompt 1 has 24 tokens, .* can read 23")],
)
def test_prompts_that_cannot_be_continued_are_named(tiny_transformer, prompts, message):
    with pytest.raises(OptionError, match=message):
        ModelSession(CompiledSteps(make(tiny_transformer)), prompts, 5)
