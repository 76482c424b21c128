"""Multi-head attention, against its formula in NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.layers import MultiHeadAttention

pytestmark = pytest.mark.backend

HEADS, FEATURES = 2, 6


def make(**options):
    keras.utils.set_random_seed(0)
    layer = MultiHeadAttention(**{"num_heads": HEADS, "dropout": 0.5, **options})
    layer.build((None, None, FEATURES))
    random = np.random.default_rng(0)
    for variable in layer.weights:
        variable.assign(random.normal(size=variable.shape).astype("float32"))
    return layer


@pytest.fixture
def attention():
    return make()


def normal(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def reference(layer, x, context=None, mask=None, bias=0.0):
    """The paper's formula, one head at a time."""
    context = x if context is None else context
    dense = {
        name: [ops.convert_to_numpy(v.value) for v in getattr(layer, name).weights]
        for name in ("query", "key", "value", "output_dense")
    }
    query, key, value = (
        inputs @ dense[name][0] + dense[name][1]
        for name, inputs in (("query", x), ("key", context), ("value", context))
    )
    size = layer.head_size
    heads = []
    for head in range(layer.num_heads):
        part = slice(head * size, (head + 1) * size)
        key_head = head * layer.num_key_value_heads // layer.num_heads
        key_part = slice(key_head * size, (key_head + 1) * size)
        scores = query[..., part] @ key[..., key_part].swapaxes(1, 2)
        scores = scores / (np.sqrt(size) if layer.scale else 1) + bias
        if mask is not None:
            scores = np.where(mask, scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        heads.append(weights / weights.sum(-1, keepdims=True) @ value[..., key_part])
    return np.concatenate(heads, -1) @ dense["output_dense"][0] + dense["output_dense"][1]


def test_it_computes_the_formula(attention):
    x = normal(3, 5, FEATURES)
    computed = ops.convert_to_numpy(attention(x))
    np.testing.assert_allclose(computed, reference(attention, x), rtol=1e-4, atol=1e-5)


def test_it_attends_to_another_sequence_with_mask_and_bias(attention):
    x, context = normal(2, 3, FEATURES), normal(2, 4, FEATURES, seed=2)
    mask = np.array([[True, True, False, True], [True, False, False, False]])
    bias = normal(2, 3, 4, seed=3)
    computed = attention(
        x, context, attention_mask=mask[:, None, None], attention_bias=bias[:, None]
    )
    expected = reference(attention, x, context, mask[:, None], bias)
    np.testing.assert_allclose(ops.convert_to_numpy(computed), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"num_heads": 4, "num_key_value_heads": 2, "head_size": 3},
        {"num_heads": 3, "num_key_value_heads": 1, "head_size": 2},
        {"head_size": 5, "scale": False},
    ],
)
def test_heads_can_share_keys_and_have_a_size_of_their_own(options):
    layer = make(**options)
    x = normal(2, 3, FEATURES)
    mask = np.array([[True, True, False], [True, False, False]])
    computed = ops.convert_to_numpy(layer(x, attention_mask=mask[:, None, None]))
    expected = reference(layer, x, mask=mask[:, None])
    np.testing.assert_allclose(computed, expected, rtol=1e-4, atol=1e-4)


def test_heads_can_share_keys_in_a_model_with_unknown_lengths():
    layer = make(num_heads=4, num_key_value_heads=2, head_size=3)
    inputs = keras.Input((None, FEATURES))
    model = keras.Model(inputs, layer(inputs))
    for length in (3, 4, 5):  # from the second on, TensorFlow has unknown lengths
        x = normal(2, length, FEATURES)
        computed = model.predict_on_batch(x)
        np.testing.assert_allclose(computed, reference(layer, x), rtol=1e-4, atol=1e-4)


def test_keys_of_earlier_calls_are_attended_to_like_keys_of_one_call(attention):
    x = normal(2, 4, FEATURES)
    causal = np.tril(np.ones((4, 4), "bool"))[None, None]
    whole = ops.convert_to_numpy(attention(x, attention_mask=causal))
    slots = 6
    empty = np.zeros((2 * HEADS, slots, FEATURES // HEADS), "float32")
    memory = {"key": empty, "value": empty}
    parts = []
    for first, end in ((0, 3), (3, 4)):
        visible = np.arange(slots)[None, :] <= np.arange(first, end)[:, None]
        memory["index"] = np.array(first)
        part, memory = attention(x[:, first:end], attention_mask=visible[None, None], memory=memory)
        parts.append(ops.convert_to_numpy(part))
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, atol=1e-5, rtol=1e-5)


def test_keys_in_memory_replace_those_of_the_context(attention):
    x, context = normal(2, 3, FEATURES), normal(2, 4, FEATURES, seed=2)
    memory = {
        name: attention._split(getattr(attention, name)(context)) for name in ("key", "value")
    }
    computed, _ = attention(x, memory=memory)
    expected = ops.convert_to_numpy(attention(x, context))
    np.testing.assert_allclose(ops.convert_to_numpy(computed), expected, atol=1e-6, rtol=1e-6)


def test_scores_are_summed_over_blocks(attention):
    """RealFormer: the sum over all previous blocks, not only the last one."""
    x, previous = normal(1, 3, FEATURES), normal(1, HEADS, 3, 3, seed=2)
    zeros = np.zeros((1, 1, 1, 1), "float32")
    _, first_memory = attention(x, memory={"scores": zeros})
    y, memory = attention(x, memory={"scores": previous})
    own, total = (ops.convert_to_numpy(m["scores"]) for m in (first_memory, memory))
    np.testing.assert_allclose(total, own + previous, atol=1e-5)
    expected = ops.convert_to_numpy(attention(x, attention_bias=previous))
    np.testing.assert_allclose(ops.convert_to_numpy(y), expected, atol=1e-5, rtol=1e-5)


def test_masked_keys_have_exactly_no_influence(attention):
    x, context = normal(1, 3, FEATURES), normal(1, 4, FEATURES, seed=2)
    mask = np.array([True, True, False, False])[None, None, None]
    before = ops.convert_to_numpy(attention(x, context, attention_mask=mask))
    context[:, 2:] = 1e4
    after = ops.convert_to_numpy(attention(x, context, attention_mask=mask))
    np.testing.assert_array_equal(before, after)


def test_a_query_without_a_visible_key_is_finite(attention):
    x = normal(1, 3, FEATURES)
    mask = np.zeros((1, 1, 1, 3), "bool")
    assert np.isfinite(ops.convert_to_numpy(attention(x, attention_mask=mask))).all()


def test_dropout_has_an_effect_in_training_only(attention):
    x = normal(1, 3, FEATURES)
    outputs = [ops.convert_to_numpy(attention(x, training=False)) for _ in range(2)]
    np.testing.assert_array_equal(*outputs)
    first, second = (ops.convert_to_numpy(attention(x, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


def test_the_four_kernels_have_different_initial_values():
    keras.utils.set_random_seed(0)
    layer = MultiHeadAttention(
        num_heads=HEADS, kernel_initializer=keras.initializers.GlorotUniform()
    )
    layer.build((None, None, FEATURES))
    kernels = [ops.convert_to_numpy(v.value) for v in layer.weights if v.name == "kernel"]
    assert len({kernel.tobytes() for kernel in kernels}) == 4


def test_features_that_cannot_be_divided_among_the_heads_are_refused():
    with pytest.raises(ValueError, match="7 features cannot be shared by 2 heads"):
        MultiHeadAttention(num_heads=2).build((None, None, 7))
