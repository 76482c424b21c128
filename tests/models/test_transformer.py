"""Attention masks, padding, conditions and half precision of the Transformer."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.layers.attention import exact
from hornbook.layers.positions import distances
from hornbook.models.building import make_model
from hornbook.models.families import FAMILIES
from hornbook.models.variables import named_variables

pytestmark = pytest.mark.backend

IDS = np.array([[5, 6, 7, 8, 9, 10]])
SEGMENTS = np.array([[0, 0, 0, 1, 1, 1]])
LENGTH = IDS.shape[1]


def to_numpy(x):
    return ops.convert_to_numpy(ops.cast(x, "float32"))


def changed_rows(transformer, **inputs):
    """For each column, the positions whose output changes with the token in that column."""
    ids = np.repeat(IDS, LENGTH + 1, axis=0)
    ids[np.arange(LENGTH), np.arange(LENGTH)] = 20
    inputs = {
        name: None if x is None else np.repeat(x, LENGTH + 1, axis=0) for name, x in inputs.items()
    }
    *others, before = to_numpy(transformer(ids, **inputs))
    return [
        # rows of a batch may be computed in another order, so they are equal up to rounding
        [row for row in range(LENGTH) if np.abs(before[row] - after[row]).max() > 1e-5]
        for after in others
    ]


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("application", ["encoder", "causal_lm", "prefix_lm"])
def test_a_token_changes_exactly_the_outputs_that_attend_to_it(
    tiny_transformer, application, padded
):
    transformer = tiny_transformer(application=application)
    mask = np.ones((1, LENGTH), "int32")
    if padded:
        mask[0, [2, 5]] = 0  # one in the prefix, one at the end
    is_visible = {
        "encoder": lambda query, column: True,
        "causal_lm": lambda query, column: column <= query,
        "prefix_lm": lambda query, column: (
            SEGMENTS[0, column] == 0 or (SEGMENTS[0, query] == 1 and column <= query)
        ),
    }[application]
    expected = [
        [  # an output always depends on its own token
            query
            for query in range(LENGTH)
            if query == column or (mask[0, column] and is_visible(query, column))
        ]
        for column in range(LENGTH)
    ]
    inputs = {"segment_ids": SEGMENTS, "padding_mask": mask if padded else None}
    assert changed_rows(transformer, **inputs) == expected


@pytest.mark.parametrize("position_kind", ["relative", "buckets"])
def test_distances_that_are_looked_up_in_parts_give_the_same_outputs(
    tiny_transformer, monkeypatch, position_kind
):
    transformer = tiny_transformer(
        position_kind=position_kind, num_attention_heads=3, hidden_size=12, heads=()
    )
    ids, mask = np.arange(22)[None] + 5, np.arange(22)[None] < 20
    expected = to_numpy(transformer(ids, padding_mask=mask))
    calls = []
    monkeypatch.setattr(distances, "SHORT", 1)
    monkeypatch.setattr(exact, "SHORT", 1)
    monkeypatch.setattr(exact, "MAX_SCORES", 22 * 3 * 5)
    in_parts = exact.attention_in_parts
    monkeypatch.setattr(
        exact,
        "attention_in_parts",
        lambda inputs, *x, **options: calls.append(inputs) or in_parts(inputs, *x, **options),
    )
    np.testing.assert_allclose(to_numpy(transformer(ids, padding_mask=mask)), expected, atol=1e-5)
    name = "relative" if position_kind == "relative" else "bias"
    assert [isinstance(inputs[name], dict) for inputs in calls] == [True, True]


@pytest.mark.only_on("jax")
def test_segments_default_to_zeros_and_positions_to_indices(tiny_transformer):
    transformer = tiny_transformer()
    default = to_numpy(transformer(IDS))
    explicit = transformer(
        IDS,
        segment_ids=np.zeros_like(IDS),
        position_ids=np.arange(LENGTH)[None],
        padding_mask=np.ones_like(IDS),
    )
    np.testing.assert_allclose(default, to_numpy(explicit), atol=1e-6)
    for name, value in {
        "segment_ids": np.ones_like(IDS),
        "position_ids": np.arange(LENGTH)[None] + 1,
    }.items():
        assert np.abs(to_numpy(transformer(IDS, **{name: value})) - default).max() > 1e-3


@pytest.mark.only_on("jax")
def test_keras_masks_are_passed_on_and_an_explicit_padding_mask_is_not(tiny_transformer):
    """Keras multiplies losses by the mask of an output; an argument does not change a loss."""
    transformer = tiny_transformer(heads=())
    ids = keras.Input((4,), dtype="int32")
    real = ids > 0
    assert transformer(ids, mask=real)._keras_mask is real
    assert getattr(transformer(ids, padding_mask=real), "_keras_mask", None) is None


@pytest.mark.only_on("jax")
def test_a_prefix_language_model_needs_segments(tiny_transformer):
    with pytest.raises(ValueError, match="needs segment_ids"):
        tiny_transformer(application="prefix_lm")(IDS)


@pytest.mark.only_on("jax")
def test_the_condition_reaches_every_norm(tiny_transformer):
    transformer = tiny_transformer(condition_size=5)
    variables = named_variables(transformer)
    norms = [path.removesuffix("gamma") for path in variables if path.endswith("norm.gamma")]
    assert len(norms) == 2 + 2 * len(transformer.blocks)
    conditions = np.eye(5, dtype="float32")[[0, 1]]

    def logits():
        ids = np.repeat(IDS, 2, axis=0)
        x = transformer(ids, condition=conditions)
        return to_numpy(transformer.mlm(x, conditions))

    for norm in norms:
        for name in ("gamma_kernel", "beta_kernel"):
            kernel = variables[norm + name]
            kernel.assign(np.random.default_rng(0).normal(size=kernel.shape).astype("float32"))
            first, second = logits()
            assert np.abs(first - second).max() > 1e-4, norm + name
            kernel.assign(np.zeros(kernel.shape, "float32"))
    first, second = logits()
    np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.parametrize("compute_dtype", ["float16", "bfloat16"])
def test_ids_stay_exact_in_half_precision(tiny_transformer, compute_dtype):
    """float16 has all integers up to 2048, and bfloat16 up to 256."""
    transformer = tiny_transformer(
        vocab_size=5000, max_position_embeddings=2100, compute_dtype=compute_dtype
    )
    # consecutive IDs: if they rounded to the same number, they would have the same vector
    for name, values in {
        "token_ids": np.array([[4001, 4002, 4003, 2049, 257]]),
        "position_ids": np.array([[2051, 2052, 2053, 2049, 257]]),
    }.items():
        inputs = {"token_ids": np.full((1, 5), 7), "position_ids": np.zeros((1, 5), "int32")}
        x = transformer.embed(
            **(inputs | {name: values}), segment_ids=None, condition=None, training=False
        )
        assert compute_dtype in str(x.dtype)
        rows = to_numpy(x)[0]
        for first in range(5):
            for second in range(first):
                assert np.abs(rows[first] - rows[second]).max() > 1e-2
    # the same in a compiled model, whose inputs Keras casts
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, transformer(ids))
    rows = model.predict_on_batch(np.array([[4001], [4002], [4003]]))[:, 0].astype("float32")
    assert np.abs(rows[0] - rows[1]).max() > 1e-2
    assert np.abs(rows[1] - rows[2]).max() > 1e-2


@pytest.mark.only_on("jax")
def test_the_pooler_is_applied_to_the_first_token(tiny_transformer):
    transformer = tiny_transformer()
    x = transformer(IDS)
    kernel, bias = (to_numpy(v.value) for v in transformer.pooler.weights)
    expected = np.tanh(to_numpy(x)[:, 0] @ kernel + bias)
    np.testing.assert_allclose(to_numpy(transformer.pool(x)), expected, atol=1e-5)


@pytest.mark.only_on("jax")
def test_only_the_configured_heads_exist(tiny_transformer):
    transformer = tiny_transformer(heads=())
    assert transformer.pooler is transformer.mlm is transformer.nsp is None
    transformer = tiny_transformer(heads=("nsp",))
    assert transformer.pooler is not None  # the input of the next-sentence head
    assert transformer.mlm is None


@pytest.mark.only_on("jax")
def test_a_model_without_segments_has_no_segment_embedding(tiny_transformer):
    transformer = tiny_transformer(type_vocab_size=0)
    assert not any(path.startswith("segment") for path in named_variables(transformer))
    np.testing.assert_array_equal(
        to_numpy(transformer(IDS)), to_numpy(transformer(IDS, segment_ids=SEGMENTS))
    )


def test_dropout_has_an_effect_in_training_only(tiny_transformer):
    transformer = tiny_transformer()
    np.testing.assert_array_equal(*(to_numpy(transformer(IDS)) for _ in range(2)))
    first, second = (to_numpy(transformer(IDS, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


def test_initializers_can_depend_on_width_and_depth():
    config = FAMILIES["roformer-v2"].configure(
        vocab_size=300,
        hidden_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=256,
        heads=(),
    )
    model = make_model(config)
    model.build()
    for layer, features in (
        (model.blocks[0].feed_forward.intermediate.kernel, 64),
        (model.blocks[0].feed_forward.output_dense.kernel, 256),
        (model.token_embedding.embeddings, 64),
    ):
        expected = 4 ** (-1 / 2) / np.sqrt(features)
        deviation = ops.convert_to_numpy(layer.value).std()
        np.testing.assert_allclose(deviation, expected, rtol=0.05)
