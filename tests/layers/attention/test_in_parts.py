"""Attention in parts computes the same as with all scores at once, with every option."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.layers import (
    GatedAttentionUnit,
    MultiHeadAttention,
    RelativePositionBuckets,
    RelativePositions,
)
from hornbook.layers.attention import exact as module
from hornbook.layers.attention.exact import exact_attention
from hornbook.layers.positions import distances as distances_module
from hornbook.layers.positions.distances import distances, look_up, look_up_bias

pytestmark = pytest.mark.backend


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


QUERY, KEY, VALUE = normal(2, 4, 11, 6), normal(2, 2, 9, 6, seed=1), normal(2, 2, 9, 6, seed=2)
MASK = np.array([[1] * 9, [1] * 6 + [0] * 3], "bool")[:, None, None]
TRIANGLE = (np.arange(9)[None] <= np.arange(11)[:, None])[None, None]
POSITIONS = {
    "queries": np.array([np.arange(11), np.arange(11)[::-1]]),
    "keys": np.array([np.arange(9), np.arange(9) * 2]),
}
VECTORS, NUMBERS = normal(5, 6, seed=4), normal(7, 4, seed=5)
# plain softmax, and a bias of all queries by all keys, are in test_exact.py
CASES = {
    "softmax_plus": {"normalization": "softmax_plus"},
    "squared_relu": {"normalization": "squared_relu"},
    "bias by distance": {"bias": {"rows": NUMBERS, **POSITIONS}},
    "relative vectors": {"relative": {"rows": VECTORS, **POSITIONS}},
    "dropout": {"dropout": 0.4},
    "all": {
        "normalization": "softmax_plus",
        "bias": {"rows": NUMBERS, **POSITIONS},
        "relative": {"rows": VECTORS, **POSITIONS},
        "dropout": 0.4,
    },
}


@pytest.fixture
def in_parts(monkeypatch):
    """Returns a function that limits the parts to three queries."""

    def limit():
        monkeypatch.setattr(module, "SHORT", 1)
        monkeypatch.setattr(module, "MAX_SCORES", 2 * 4 * 9 * 3)
        monkeypatch.setattr(distances_module, "SHORT", 1)

    return limit


def seeded(options):
    seed = keras.random.SeedGenerator(3).next()
    return options | ({"seed": seed} if "dropout" in options else {})


def reference(options, mask, dropout_mask=None):
    """The formula, in NumPy."""
    key, value = (np.repeat(x, 2, axis=1).astype("float64") for x in (KEY, VALUE))
    query = QUERY * 0.5
    scores = query @ key.swapaxes(2, 3)
    offsets = POSITIONS["keys"][:, None] - POSITIONS["queries"][:, :, None]
    vectors = VECTORS[np.clip(offsets, -2, 2) + 2]  # (batch, queries, keys, features)
    if "relative" in options:
        scores = scores + np.einsum("bhqd,bqkd->bhqk", query, vectors)
    bias = options.get("bias")
    if bias is not None:
        bias = NUMBERS[np.clip(offsets, -3, 3) + 3].transpose(0, 3, 1, 2)
    scores = scores if bias is None else scores + bias
    mask = np.broadcast_to(mask, scores.shape)
    visible = mask.sum(-1, keepdims=True)
    if options.get("normalization") == "squared_relu":
        weights = np.where(mask, np.maximum(scores, 0) ** 2, 0) / visible
    else:
        if options.get("normalization") == "softmax_plus":
            scores = scores * np.log(np.maximum(visible, 16)) / np.log(512)
        weights = np.where(mask, np.exp(scores), 0)
        weights = weights / weights.sum(-1, keepdims=True)
    if dropout_mask is not None:
        weights = weights * dropout_mask / (1 - options["dropout"])
    attended = weights @ value
    if "relative" in options:
        attended = attended + np.einsum("bhqk,bqkd->bhqd", weights, vectors)
    return attended


def dropout_mask_of(options):
    """Which probabilities are not dropped: with unit vectors as values they are the result."""
    unit = ops.broadcast_to(ops.eye(9)[None, None], (2, 2, 9, 9))
    dropout: dict = {"dropout": options["dropout"]}
    query, key = QUERY, KEY
    if "relative" in options:  # which makes the parts smaller; vectors of zeros have no effect
        query, key = (np.pad(x, [(0, 0)] * 3 + [(0, 3)]) for x in (QUERY, KEY))
        dropout["relative"] = {"rows": np.zeros((5, 9), "float32"), **POSITIONS}
    return ops.convert_to_numpy(exact_attention(query, key, unit, **seeded(dropout))) > 0


@pytest.mark.parametrize("name", CASES)
def test_it_computes_the_formula(in_parts, name):
    in_parts()
    mask = MASK if name == "bias by distance" else TRIANGLE
    dropout_mask = dropout_mask_of(CASES[name]) if "dropout" in CASES[name] else None
    tensors = [ops.convert_to_tensor(x) for x in (QUERY, KEY, VALUE)]
    outputs = exact_attention(*tensors, mask=mask, scale=0.5, **seeded(CASES[name]))
    expected = reference(CASES[name], mask, dropout_mask)
    np.testing.assert_allclose(ops.convert_to_numpy(outputs), expected, atol=2e-5)


def test_dropout_differs_between_parts_and_between_calls(in_parts):
    in_parts()
    mask = dropout_mask_of({"dropout": 0.4})
    assert 0.5 < mask.mean() < 0.7
    parts = [mask[:, :, first : first + 2] for first in (0, 3, 6)]
    assert (parts[0] != parts[1]).mean() > 0.3 < (parts[1] != parts[2]).mean()
    generator = keras.random.SeedGenerator(3)
    unit = ops.broadcast_to(ops.eye(9)[None, None], (2, 2, 9, 9))
    calls = [
        ops.convert_to_numpy(exact_attention(QUERY, KEY, unit, dropout=0.4, seed=generator.next()))
        for _ in range(2)
    ]
    np.testing.assert_array_equal(calls[0] > 0, mask)
    assert ((calls[1] > 0) != mask).mean() > 0.3
    # nor does a part have the mask of another part in the previous call
    assert ((calls[1] > 0)[:, :, :3] != mask[:, :, 3:6]).mean() > 0.3


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=[] if name in ("squared_relu", "all") else pytest.mark.only_on("jax")
        )
        for name in CASES
        if name != "dropout"
    ],
)
def test_gradients_equal_those_of_all_scores_at_once(in_parts, name, caplog):
    # the dropout masks of parts differ from those at once, so there a formula with the same mask
    options = CASES[name]
    if name == "all":
        in_parts()
        factors = dropout_mask_of(options).astype("float32") / (1 - options["dropout"])
        factors = ops.convert_to_tensor(factors)
        expected = gradients(options, lambda *x, **o: formula(*x, dropout_factors=factors, **o))
    else:
        expected = gradients(options, exact_attention)
        in_parts()
    results = gradients(options, exact_attention)
    assert len(results) == 3 + sum("bias" in x or "relative" in x for x in options)
    for gradient, expected_gradient in zip(results, expected, strict=True):
        assert np.abs(expected_gradient).max() > 0.05
        np.testing.assert_allclose(gradient, expected_gradient, atol=3e-5, rtol=1e-5)
    warnings = [record for record in caplog.records if "watched" in record.message]
    assert not warnings  # TensorFlow's


def formula(query, key, value, *, mask, bias, relative, dropout_factors, **_):
    """The case `all`, without the code under test."""
    key, value = (ops.repeat(x, 2, axis=1) for x in (key, value))
    vectors = look_up(relative)
    scores = ops.matmul(query, ops.swapaxes(key, 2, 3))
    scores = scores + ops.einsum("bhqd,bqkd->bhqk", query, vectors) + look_up_bias(bias)
    visible = mask.sum(-1, keepdims=True)
    scores = scores * ops.convert_to_tensor(
        (np.log(np.maximum(visible, 16)) / np.log(512)).astype("float32")
    )
    weights = ops.softmax(ops.where(mask, scores, -1e30)) * dropout_factors
    return ops.matmul(weights, value) + ops.einsum("bhqk,bqkd->bhqd", weights, vectors)


def gradients(options, attention):
    """The gradients of the sum of squares by query, key, value and the tables of the options."""
    tables = {name: options[name]["rows"] for name in ("bias", "relative") if name in options}
    arrays = [QUERY, KEY, VALUE, *tables.values()]
    options = seeded(options)

    def total(query, key, value, *others):
        inputs = dict(options)
        for name, tensor in zip(tables, others, strict=True):
            inputs[name] = distances(tensor, POSITIONS["queries"], POSITIONS["keys"])
        return ops.sum(ops.square(attention(query, key, value, mask=MASK, **inputs)))

    if keras.config.backend() == "jax":
        import jax

        return [np.asarray(x) for x in jax.grad(total, tuple(range(len(arrays))))(*arrays)]
    if keras.config.backend() == "torch":
        tensors = [ops.convert_to_tensor(x).requires_grad_() for x in arrays]
        total(*tensors).backward()
        return [ops.convert_to_numpy(x.grad) for x in tensors]
    import tensorflow

    signature = [
        tensorflow.TensorSpec((None, x.shape[1], None, x.shape[3]) if x.ndim == 4 else x.shape)
        for x in arrays
    ]

    @tensorflow.function(input_signature=signature)
    def compiled(*tensors):  # with unknown lengths
        with tensorflow.GradientTape() as tape:
            tape.watch(tensors)
            y = total(*tensors)
        return tape.gradient(y, tensors)

    results = compiled(*map(tensorflow.constant, arrays))
    return [tensorflow.convert_to_tensor(x).numpy() for x in results]


@pytest.mark.skipif(keras.config.backend() != "jax", reason="JAX lists every array it computes")
@pytest.mark.parametrize("name", CASES)
def test_no_array_has_the_size_of_all_queries_by_all_keys(in_parts, name):
    import jax

    in_parts()
    length = 60
    positions = np.arange(length)[None]
    arrays = [np.ones((1, 4, length, 6), "float32")] * 3
    options = {
        name: distances(x["rows"], positions) if isinstance(x, dict) else x
        for name, x in seeded(CASES[name]).items()
    }

    def total(*arrays):
        return ops.sum(exact_attention(*arrays, **options))

    sizes = list(sizes_in(jax.make_jaxpr(jax.grad(total, (0, 1, 2)))(*arrays).jaxpr))
    assert len(sizes) > 20
    assert max(sizes) < length**2


def sizes_in(jaxpr):
    """The number of elements of every array in a jaxpr and in those it calls."""
    import jax

    for equation in jaxpr.eqns:
        for variable in equation.outvars:
            yield variable.aval.size
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda x: hasattr(x, "eqns")
        ):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield from sizes_in(inner)


@pytest.mark.parametrize("argument", ["relative", "attention_bias"])
def test_attention_by_distances_equals_attention_by_their_values(in_parts, argument):
    layer = MultiHeadAttention(num_heads=2, normalization="softmax_plus")
    positions = RelativePositions(head_size=4, max_distance=3)
    if argument == "attention_bias":
        positions = RelativePositionBuckets(
            num_heads=2, num_buckets=8, max_distance=5, embeddings_initializer="normal"
        )
    x, position_ids = normal(2, 50, 8), np.arange(50)[None]
    mask = (np.arange(50) < 41)[None, None, None]
    expected = layer(x, attention_mask=mask, **{argument: positions(position_ids)})
    for _ in range(2):  # all at once, then in parts
        distances = {argument: positions.distances(position_ids)}
        outputs = layer(x, attention_mask=mask, **distances)
        np.testing.assert_allclose(
            ops.convert_to_numpy(outputs), ops.convert_to_numpy(expected), atol=2e-5
        )
        in_parts()


@pytest.mark.parametrize("normalization", ["squared_relu", "softmax_plus"])
def test_a_gated_unit_computes_the_same_in_parts(in_parts, normalization):
    unit = GatedAttentionUnit(intermediate_size=10, head_size=6, normalization=normalization)
    x, mask = normal(2, 50, 8), (np.arange(50) < 41)[None, None, None]
    expected = ops.convert_to_numpy(unit(x, attention_mask=mask))
    in_parts()
    outputs = ops.convert_to_numpy(unit(x, attention_mask=mask))
    np.testing.assert_allclose(outputs, expected, atol=2e-5)


@pytest.mark.parametrize("kind", ["several heads", "gated"])
def test_probabilities_are_dropped_in_training_only(in_parts, kind):
    in_parts()
    if kind == "gated":
        layer = GatedAttentionUnit(intermediate_size=10, head_size=6, dropout=0.5)
    else:
        layer = MultiHeadAttention(num_heads=2, dropout=0.5)
    x = normal(2, 50, 8)
    inference = [ops.convert_to_numpy(layer(x, training=False)) for _ in range(2)]
    training = [ops.convert_to_numpy(layer(x, training=True)) for _ in range(2)]
    np.testing.assert_array_equal(*inference)
    assert np.abs(training[0] - training[1]).max() > 0.01 < np.abs(training[0] - inference[0]).max()
