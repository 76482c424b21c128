"""Properties of every kind of attention: most tests run for each of them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.layers.attention.kinds import ABILITIES, KINDS, cannot, make_kind
from hornbook.layers.attention.kinds.performer import fixed_directions

pytestmark = pytest.mark.backend


HEADS, SIZE, LENGTH = 2, 4, 21
SCALE = 0.5
# every kind, with options that matter at these sizes: 21 tokens are not a multiple of 4
CASES = {
    "nystrom": ("nystrom", {"num_landmarks": 4}),
    "nystrom, ridge": ("nystrom", {"num_landmarks": 4, "landmark_inverse": "ridge"}),
    "double_softmax": ("double_softmax", {"num_landmarks": 4}),
    "performer": ("performer", {"random_features": 10}),
    "linear": ("linear", {}),
    "linear, relu": ("linear", {"feature_map": "relu"}),
    "linear, squared relu": ("linear", {"feature_map": "squared_relu"}),
    "linear, softmax": ("linear", {"feature_map": "softmax"}),
    "window": ("window", {"window": 4}),
    "window_landmarks": ("window_landmarks", {"window": 3, "num_landmarks": 5}),
}
CAUSAL = [
    name
    for name, (kind, options) in CASES.items()
    if "causal" in KINDS[kind].abilities and options.get("feature_map") != "softmax"
]
ONE_OF_EACH = list({kind: name for name, (kind, _) in reversed(CASES.items())}.values())
CROSS = [name for name, (kind, _) in CASES.items() if "cross" in KINDS[kind].abilities]


@pytest.mark.parametrize("case", ONE_OF_EACH)
def test_old_spellings_of_a_kind_give_the_same_layer(case):
    kind, options = CASES[case]
    old, new = (
        make_kind(spelling, options, causal=False, normalization="softmax", dtype="float32")
        for spelling in (kind.replace("_", "-"), kind)
    )
    assert type(old) is type(new) is KINDS[kind]
    assert old.get_config() == new.get_config()


def make(case, **more):
    kind, options = CASES[case]
    layer = KINDS[kind](**options, **more)
    layer.build((None, HEADS, None, SIZE))
    return layer


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def qkv(batch=2, length=LENGTH, keys=None, seed=0):
    return (
        normal(batch, HEADS, length, SIZE, seed=seed),
        normal(batch, HEADS, keys or length, SIZE, seed=seed + 1),
        normal(batch, HEADS, keys or length, SIZE + 1, seed=seed + 2),
    )


def compiled(function):
    """Compiles `function` of arrays on JAX, which would else compile each of its steps."""
    if keras.config.backend() != "jax":
        return lambda *arrays: function(*keras.tree.map_structure(ops.convert_to_tensor, arrays))
    import jax

    return jax.jit(function)


def run(layer, query, key, value, **masks):
    def call(query, key, value, masks):
        return layer(query, key, value, scale=SCALE, **masks)

    return ops.convert_to_numpy(compiled(call)(query, key, value, masks))


def expected(reference, case, query, key, value, **more):
    """The paper's formula for each sequence and head."""
    kind, options = CASES[case]
    if kind == "performer":
        options = {"directions": fixed_directions(SIZE, options["random_features"])}
    formula = getattr(reference, kind)
    return np.array(
        [
            [
                formula(*(x.astype("float64") for x in head), SCALE, **options, **more)
                for head in zip(*sequence, strict=True)
            ]
            for sequence in zip(query, key, value, strict=True)
        ]
    )


def test_every_kind_has_a_case_and_a_summary():
    assert {kind for kind, _ in CASES.values()} == set(KINDS)
    assert all(kind.summary for kind in KINDS.values())


@pytest.mark.parametrize("case", CASES)
def test_it_computes_the_formula(reference, case):
    query, key, value = qkv()
    computed = run(make(case), query, key, value)
    np.testing.assert_allclose(
        computed, expected(reference, case, query, key, value), atol=2e-5, rtol=1e-4
    )


@pytest.mark.parametrize("case", CROSS)
def test_cross_attention_computes_the_formula(reference, case):
    for queries, keys in ((LENGTH, 13), (3, LENGTH)):
        query, key, value = qkv(length=queries, keys=keys)
        computed = run(make(case), query, key, value)
        np.testing.assert_allclose(
            computed, expected(reference, case, query, key, value), atol=2e-5, rtol=1e-4
        )


@pytest.mark.parametrize("case", CAUSAL)
def test_the_causal_form_computes_the_formula(reference, case):
    query, key, value = qkv(batch=1, length=131)
    computed = run(make(case, causal=True), query, key, value)
    formula = expected(reference, case, query, key, value, causal=True)
    np.testing.assert_allclose(computed, formula, atol=5e-5, rtol=1e-4)


def padded_batch(sequences, lengths):
    """Sequences of several lengths in one batch, at various positions between large numbers."""
    mask = np.zeros((len(sequences), LENGTH), "bool")
    shapes = [(len(sequences), x.shape[1], LENGTH, x.shape[3]) for x in sequences[0]]
    arrays = [np.full(shape, 9.0) for shape in shapes]
    for row, (sequence, length) in enumerate(zip(sequences, lengths, strict=True)):
        begin = row * (LENGTH - length) // len(sequences)
        mask[row, begin : begin + length] = True
        for x, y in zip(arrays, sequence, strict=True):
            x[row, :, begin : begin + length] = y[0]
    return [x.astype("float32") for x in arrays], mask


@pytest.mark.parametrize("case", CASES)
def test_padding_has_no_influence(reference, case):
    """Sequences of several lengths in one batch, against the formula for each of them alone."""
    layer, lengths = make(case), (1, 3, 4, 5, 11, 17, LENGTH, 0)
    sequences = [qkv(batch=1, length=length, seed=length) for length in lengths]
    arrays, mask = padded_batch(sequences, lengths)
    outputs = run(layer, *arrays, query_mask=mask, key_mask=mask)
    assert np.isfinite(outputs).all()
    others = [np.where(mask[:, None, :, None], x, -7.0).astype("float32") for x in arrays]
    other_outputs = run(layer, *others, query_mask=mask, key_mask=mask)
    tokens = np.broadcast_to(mask[:, None, :, None], outputs.shape)
    np.testing.assert_array_equal(outputs[tokens], other_outputs[tokens])
    for row, sequence in enumerate(sequences[:-1]):
        alone = expected(reference, case, *sequence)[0]
        padded = outputs[row][:, mask[row]]
        np.testing.assert_allclose(padded, alone, atol=2e-5, err_msg=f"{lengths[row]} tokens")


@pytest.mark.parametrize("case", CROSS)
def test_padding_on_both_sides_of_cross_attention_has_no_influence(reference, case):
    lengths = [(2, 9), (9, 2), (7, 11)]
    sequences = [qkv(batch=1, length=queries, keys=keys) for queries, keys in lengths]
    [query], query_mask = padded_batch([x[:1] for x in sequences], [q for q, _ in lengths])
    [key, value], key_mask = padded_batch([x[1:] for x in sequences], [k for _, k in lengths])
    outputs = run(make(case), query, key, value, query_mask=query_mask, key_mask=key_mask)
    for row, sequence in enumerate(sequences):
        alone = expected(reference, case, *sequence)[0]
        np.testing.assert_allclose(outputs[row][:, query_mask[row]], alone, atol=2e-5)


@pytest.mark.parametrize(
    "case", [c for c in CASES if {"num_landmarks"} & set(KINDS[CASES[c][0]].options)]
)
def test_with_as_many_landmarks_as_tokens_it_is_full_attention(reference, case):
    kind, options = CASES[case]
    query, key, value = qkv()
    layer = KINDS[kind](**{**options, "num_landmarks": LENGTH})
    full = np.array(
        [
            [reference.full(*head, SCALE) for head in zip(*sequence, strict=True)]
            for sequence in zip(query, key, value, strict=True)
        ]
    )
    np.testing.assert_allclose(run(layer, query, key, value), full, atol=1e-5)


@pytest.mark.parametrize("case", CAUSAL)
def test_tokens_in_several_calls_get_the_same_outputs_as_in_one(case):
    """The state has a fixed size; there may be padding in front, and parts of any length."""
    layer = make(case, causal=True)
    query, key, value = qkv(length=17)
    mask = np.ones((2, 17), "bool")
    mask[1, :5] = False
    whole = run(layer, query, key, value, query_mask=mask, key_mask=mask)
    state = layer.empty_state(2, HEADS, SIZE, SIZE + 1, "float32")
    step = compiled(
        lambda query, key, value, mask, state: layer(
            query, key, value, scale=SCALE, key_mask=mask, state=state
        )
    )
    shapes = {name: x.shape for name, x in state.items()}
    parts, first = [], 0
    for end in (6, 7, 8, 17):
        part = [x[:, :, first:end] for x in (query, key, value)]
        outputs, state = step(*part, mask[:, first:end], state)
        assert {name: x.shape for name, x in state.items()} == shapes
        parts.append(ops.convert_to_numpy(outputs))
        first = end
    tokens = np.broadcast_to(mask[:, None, :, None], whole.shape)
    outputs = np.concatenate(parts, axis=2)
    np.testing.assert_allclose(outputs[tokens], whole[tokens], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("case", CAUSAL)
def test_later_tokens_have_no_influence(case):
    layer = make(case, causal=True)
    query, key, value = qkv(length=17)
    before = run(layer, query, key, value)
    for x in (query, key, value):
        x[:, :, 9:] = 5.0
    np.testing.assert_array_equal(run(layer, query, key, value)[:, :, :9], before[:, :, :9])


@pytest.mark.parametrize("case", ONE_OF_EACH)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_does_not_overflow_and_is_close(case, dtype):
    """The sequence is so long that a sum of keys overflows float16."""
    query, key, value = qkv(batch=1, length=300)
    value = value + 300
    exact = run(make(case), query, key, value)
    outputs = run(make(case, dtype=f"mixed_{dtype}"), query, key, value)
    assert str(outputs.dtype) == dtype or keras.config.backend() == "torch"
    tolerance = {"bfloat16": 0.04, "float16": 0.005}[dtype]
    np.testing.assert_allclose(outputs, exact, rtol=tolerance)


def gradients(function, arrays):
    """The gradients of the sum of `function`, with the backend's own tools."""
    if keras.config.backend() == "jax":
        import jax

        gradient = jax.grad(lambda *x: function(*x).sum(), argnums=range(len(arrays)))
        return jax.jit(gradient)(*arrays)
    if keras.config.backend() == "torch":
        tensors = [ops.convert_to_tensor(x).requires_grad_() for x in arrays]
        function(*tensors).sum().backward()
        return [ops.convert_to_numpy(x.grad) for x in tensors]
    import tensorflow

    tensors = [tensorflow.constant(x) for x in arrays]
    with tensorflow.GradientTape() as tape:
        tape.watch(tensors)
        total = tensorflow.reduce_sum(function(*tensors))
    return [x.numpy() for x in tape.gradient(total, tensors)]


@pytest.mark.parametrize("case", ONE_OF_EACH)
def test_gradients_equal_finite_differences(case):
    layer = make(case)
    arrays = qkv(batch=1, length=14)
    mask = np.ones((1, 14), "bool")
    mask[:, 12:] = False
    weights = normal(1, HEADS, 14, SIZE + 1, seed=7) * mask[:, None, :, None]

    def weighted(*x):
        outputs = layer(*x, scale=SCALE, query_mask=mask, key_mask=mask)
        return outputs * ops.convert_to_tensor(weights)

    results, weighted = gradients(weighted, arrays), compiled(weighted)
    for index, gradient in enumerate(results):
        direction = normal(*arrays[index].shape, seed=9)
        sums = []
        for step in (1e-2, -1e-2):
            shifted = list(arrays)
            shifted[index] = shifted[index] + step * direction
            y = ops.convert_to_numpy(weighted(*shifted))
            sums.append(y.astype("float64").sum())
        slope = (sums[0] - sums[1]) / 2e-2
        assert (np.asarray(gradient) * direction).sum() == pytest.approx(slope, rel=0.03, abs=0.01)
        assert np.isfinite(np.asarray(gradient)).all()


def test_a_kind_that_lacks_an_ability_is_refused_with_those_that_have_it():
    for ability in ABILITIES:
        for kind, cls in KINDS.items():
            refusal = cannot(kind, ability)
            assert (refusal is None) == (ability in cls.abilities)
            assert refusal is None or (kind in refusal and "full" in refusal)
    assert "linear" in cannot("nystrom", "causal")


def test_a_softmax_over_all_keys_is_not_causal():
    with pytest.raises(ValueError, match="elu or relu or squared_relu"):
        KINDS["linear"](feature_map="softmax", causal=True)


@pytest.mark.parametrize(
    ("kind", "option"), [("linear", "feature_map"), ("nystrom", "landmark_inverse")]
)
def test_an_unknown_value_of_an_option_is_refused(kind, option):
    with pytest.raises(ValueError, match=f"{option} is 'soup', expected"):
        KINDS[kind](**{option: "soup"})


def test_random_features_are_redrawn_in_training_only():
    layer = KINDS["performer"](random_features=6, redraw_features=True)
    arrays = qkv(batch=1, length=5)
    outputs = [run(layer, *arrays) for _ in range(2)]
    np.testing.assert_array_equal(*outputs)
    tensors = [ops.convert_to_tensor(x) for x in arrays]
    first, second = (ops.convert_to_numpy(layer(*tensors, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    # the directions of a block are orthogonal
    directions = ops.convert_to_numpy(layer._directions(SIZE, True))[:, :SIZE]
    products = directions.T @ directions
    np.testing.assert_allclose(products, np.diag(np.diag(products)), atol=1e-4)


def test_performer_is_more_accurate_with_more_features(reference):
    query, key, value = qkv(batch=1)
    exact = reference.full(query[0, 0], key[0, 0], value[0, 0], SCALE)
    errors = [
        np.abs(run(KINDS["performer"](random_features=n), query, key, value)[0, 0] - exact).mean()
        for n in (4, 512)
    ]
    assert errors[1] < errors[0] / 1.5


def test_a_convolution_of_the_values_starts_at_zero(reference):
    layer = KINDS["nystrom"](num_landmarks=4, value_convolution=3)
    layer.build((None, HEADS, None, SIZE))
    query, key, value = qkv(batch=1)
    plain = run(make("nystrom"), query, key, value)
    np.testing.assert_array_equal(run(layer, query, key, value), plain)
    layer.convolution.assign([[1, 0], [0, 0], [0, 2]])
    difference = run(layer, query, key, value) - plain
    before, after = np.roll(value, 1, axis=2), np.roll(value, -1, axis=2)
    before[:, :, 0] = after[:, :, -1] = 0
    np.testing.assert_allclose(difference[:, 0], before[:, 0], atol=1e-5)
    np.testing.assert_allclose(difference[:, 1], 2 * after[:, 1], atol=1e-5)
