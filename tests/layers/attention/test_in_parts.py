"""What happens between scores and sum is the same for some queries at a time as for all at once."""

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
PLACES = {
    "queries": np.array([np.arange(11), np.arange(11)[::-1]]),
    "keys": np.array([np.arange(9), np.arange(9) * 2]),
}
VECTORS, NUMBERS = normal(5, 6, seed=4), normal(7, 4, seed=5)
# plain softmax, and a bias of all by all, are in test_exact_attention.py
CASES = {
    "softmax_plus": {"normalization": "softmax_plus"},
    "squared_relu": {"normalization": "squared_relu"},
    "bias by distance": {"bias": {"rows": NUMBERS, **PLACES}},
    "relative vectors": {"relative": {"rows": VECTORS, **PLACES}},
    "dropout": {"dropout": 0.4},
    "all": {
        "normalization": "softmax_plus",
        "bias": {"rows": NUMBERS, **PLACES},
        "relative": {"rows": VECTORS, **PLACES},
        "dropout": 0.4,
    },
}


@pytest.fixture
def in_parts(monkeypatch):
    """Makes three queries or fewer be answered at a time."""

    def make_small():
        monkeypatch.setattr(module, "SHORT", 1)
        monkeypatch.setattr(module, "MOST_SCORES", 2 * 4 * 9 * 3)
        monkeypatch.setattr(distances_module, "SHORT", 1)

    return make_small


def seeded(options):
    seed = keras.random.SeedGenerator(3).next()
    return options | ({"seed": seed} if "dropout" in options else {})


def reference(options, mask, kept=None):
    """By the formula, in NumPy."""
    key, value = (np.repeat(x, 2, axis=1).astype("float64") for x in (KEY, VALUE))
    query = QUERY * 0.5
    scores = query @ key.swapaxes(2, 3)
    apart = PLACES["keys"][:, None] - PLACES["queries"][:, :, None]
    vectors = VECTORS[np.clip(apart, -2, 2) + 2]  # (batch, queries, keys, features)
    if "relative" in options:
        scores = scores + np.einsum("bhqd,bqkd->bhqk", query, vectors)
    bias = options.get("bias")
    if bias is not None:
        bias = NUMBERS[np.clip(apart, -3, 3) + 3].transpose(0, 3, 1, 2)
    scores = scores if bias is None else scores + bias
    seen = np.broadcast_to(mask, scores.shape)
    visible = seen.sum(-1, keepdims=True)
    if options.get("normalization") == "squared_relu":
        weights = np.where(seen, np.maximum(scores, 0) ** 2, 0) / visible
    else:
        if options.get("normalization") == "softmax_plus":
            scores = scores * np.log(np.maximum(visible, 16)) / np.log(512)
        weights = np.where(seen, np.exp(scores), 0)
        weights = weights / weights.sum(-1, keepdims=True)
    if kept is not None:
        weights = weights * kept / (1 - options["dropout"])
    attended = weights @ value
    if "relative" in options:
        attended = attended + np.einsum("bhqk,bqkd->bhqd", weights, vectors)
    return attended


def kept_of(options):
    """Which probabilities were not dropped: with unit vectors as values they are the result."""
    unit = ops.broadcast_to(ops.eye(9)[None, None], (2, 2, 9, 9))
    given: dict = {"dropout": options["dropout"]}
    query, key = QUERY, KEY
    if "relative" in options:  # then the parts are smaller; these vectors change nothing
        query, key = (np.pad(x, [(0, 0)] * 3 + [(0, 3)]) for x in (QUERY, KEY))
        given["relative"] = {"rows": np.zeros((5, 9), "float32"), **PLACES}
    found = exact_attention(query, key, unit, **seeded(given))
    return ops.convert_to_numpy(found) > 0


@pytest.mark.parametrize("name", CASES)
def test_it_computes_the_formula(in_parts, name):
    in_parts()
    mask = MASK if name == "bias by distance" else TRIANGLE
    kept = kept_of(CASES[name]) if "dropout" in CASES[name] else None
    tensors = [ops.convert_to_tensor(x) for x in (QUERY, KEY, VALUE)]
    found = exact_attention(*tensors, mask=mask, scale=0.5, **seeded(CASES[name]))
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), reference(CASES[name], mask, kept), atol=2e-5
    )


def test_every_part_drops_others_and_so_does_every_call(in_parts):
    in_parts()
    kept = kept_of({"dropout": 0.4})
    assert 0.5 < kept.mean() < 0.7
    parts = [kept[:, :, first : first + 2] for first in (0, 3, 6)]
    assert (parts[0] != parts[1]).mean() > 0.3 < (parts[1] != parts[2]).mean()
    generator = keras.random.SeedGenerator(3)
    unit = ops.broadcast_to(ops.eye(9)[None, None], (2, 2, 9, 9))
    calls = [
        ops.convert_to_numpy(exact_attention(QUERY, KEY, unit, dropout=0.4, seed=generator.next()))
        for _ in range(2)
    ]
    np.testing.assert_array_equal(calls[0] > 0, kept)
    assert ((calls[1] > 0) != kept).mean() > 0.3
    # nor are a part's those of another part in the next call
    assert ((calls[1] > 0)[:, :, :3] != kept[:, :, 3:6]).mean() > 0.3


@pytest.mark.parametrize("name", [name for name in CASES if name != "dropout"])
def test_gradients_are_those_of_all_scores_at_once(in_parts, name, caplog):
    # of dropout the numbers differ, so there it is a formula of the probabilities that were kept
    options = CASES[name]
    if name == "all":
        in_parts()
        kept = kept_of(options).astype("float32") / (1 - options["dropout"])
        kept = ops.convert_to_tensor(kept)
        expected = gradients(options, lambda *x, **o: written_out(*x, kept=kept, **o))
    else:
        expected = gradients(options, exact_attention)
        in_parts()
    found = gradients(options, exact_attention)
    assert len(found) == 3 + sum("bias" in x or "relative" in x for x in options)
    for one, other in zip(found, expected, strict=True):
        assert np.abs(other).max() > 0.05
        np.testing.assert_allclose(one, other, atol=3e-5, rtol=1e-5)
    assert not [one for one in caplog.records if "watched" in one.message]  # says TensorFlow


def written_out(query, key, value, *, mask, bias, relative, kept, **_):
    """`all` of the cases, without any of what is tested."""
    key, value = (ops.repeat(x, 2, axis=1) for x in (key, value))
    vectors = look_up(relative)
    scores = ops.matmul(query, ops.swapaxes(key, 2, 3))
    scores = scores + ops.einsum("bhqd,bqkd->bhqk", query, vectors) + look_up_bias(bias)
    visible = mask.sum(-1, keepdims=True)
    scores = scores * ops.convert_to_tensor(
        (np.log(np.maximum(visible, 16)) / np.log(512)).astype("float32")
    )
    weights = ops.softmax(ops.where(mask, scores, -1e30)) * kept
    return ops.matmul(weights, value) + ops.einsum("bhqk,bqkd->bhqd", weights, vectors)


def gradients(options, attention):
    """Of the sum of squares, by query, key, value and what is learned of the options."""
    learned = {}
    for name in ("bias", "relative"):
        if name in options:
            learned[name] = options[name]["rows"]
    arrays = [QUERY, KEY, VALUE, *learned.values()]
    options = seeded(options)

    def total(query, key, value, *others):
        given = dict(options)
        for name, tensor in zip(learned, others, strict=True):
            given[name] = distances(tensor, PLACES["queries"], PLACES["keys"])
        return ops.sum(ops.square(attention(query, key, value, mask=MASK, **given)))

    if keras.config.backend() == "jax":
        import jax

        return [np.asarray(x) for x in jax.grad(total, tuple(range(len(arrays))))(*arrays)]
    if keras.config.backend() == "torch":
        tensors = [ops.convert_to_tensor(x).requires_grad_() for x in arrays]
        total(*tensors).backward()
        return [ops.convert_to_numpy(x.grad) for x in tensors]
    import tensorflow

    unknown = [
        tensorflow.TensorSpec((None, x.shape[1], None, x.shape[3]) if x.ndim == 4 else x.shape)
        for x in arrays
    ]

    @tensorflow.function(input_signature=unknown)
    def compiled(*tensors):  # with lengths that are not known before
        with tensorflow.GradientTape() as tape:
            tape.watch(tensors)
            y = total(*tensors)
        return tape.gradient(y, tensors)

    found = compiled(*map(tensorflow.constant, arrays))
    return [tensorflow.convert_to_tensor(x).numpy() for x in found]


@pytest.mark.skipif(keras.config.backend() != "jax", reason="JAX shows every array it makes")
@pytest.mark.parametrize("name", CASES)
def test_no_array_has_all_queries_by_all_keys(in_parts, name):
    import jax

    in_parts()
    length = 60
    places = np.arange(length)[None]
    arrays = [np.ones((1, 4, length, 6), "float32")] * 3
    options = {
        name: distances(x["rows"], places) if isinstance(x, dict) else x
        for name, x in seeded(CASES[name]).items()
    }

    def total(*arrays):
        return ops.sum(exact_attention(*arrays, **options))

    sizes = list(sizes_in(jax.make_jaxpr(jax.grad(total, (0, 1, 2)))(*arrays).jaxpr))
    assert len(sizes) > 20
    assert max(sizes) < length**2


def sizes_in(jaxpr):
    """The number of elements of every array in it, and in what it calls."""
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


@pytest.mark.parametrize("known", ["relative", "attention_bias"])
def test_attention_is_the_same_by_distances_and_by_what_they_are_worth(in_parts, known):
    layer = MultiHeadAttention(num_heads=2, normalization="softmax_plus")
    positions = RelativePositions(head_size=4, max_distance=3)
    if known == "attention_bias":
        positions = RelativePositionBuckets(
            num_heads=2, num_buckets=8, max_distance=5, embeddings_initializer="normal"
        )
    x, places = normal(2, 50, 8), np.arange(50)[None]
    mask = (np.arange(50) < 41)[None, None, None]
    expected = layer(x, attention_mask=mask, **{known: positions(places)})
    for _ in range(2):  # all at once, then in parts
        found = layer(x, attention_mask=mask, **{known: positions.distances(places)})
        np.testing.assert_allclose(
            ops.convert_to_numpy(found), ops.convert_to_numpy(expected), atol=2e-5
        )
        in_parts()


@pytest.mark.parametrize("normalization", ["squared_relu", "softmax_plus"])
def test_a_gated_unit_is_the_same_in_parts(in_parts, normalization):
    unit = GatedAttentionUnit(intermediate_size=10, head_size=6, normalization=normalization)
    x, mask = normal(2, 50, 8), (np.arange(50) < 41)[None, None, None]
    expected = ops.convert_to_numpy(unit(x, attention_mask=mask))
    in_parts()
    found = ops.convert_to_numpy(unit(x, attention_mask=mask))
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("make", ["several heads", "gated"])
def test_probabilities_are_dropped_in_training_only(in_parts, make):
    in_parts()
    if make == "gated":
        layer = GatedAttentionUnit(intermediate_size=10, head_size=6, dropout=0.5)
    else:
        layer = MultiHeadAttention(num_heads=2, dropout=0.5)
    x = normal(2, 50, 8)
    quiet = [ops.convert_to_numpy(layer(x, training=False)) for _ in range(2)]
    loud = [ops.convert_to_numpy(layer(x, training=True)) for _ in range(2)]
    np.testing.assert_array_equal(*quiet)
    assert np.abs(loud[0] - loud[1]).max() > 0.01 < np.abs(loud[0] - quiet[0]).max()
