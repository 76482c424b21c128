"""What holds for every kind of attention: each test loops over all of them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.layers.attention.kinds import ABILITIES, KINDS, cannot
from hornbook.layers.attention.kinds.performer import fixed_directions

pytestmark = pytest.mark.backend


HEADS, SIZE, LENGTH = 2, 4, 21
SCALE = 0.5
# every kind, with options that matter at these sizes: 21 tokens are no multiple of 4
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
    """`function` of arrays; JAX would compile each of its steps by itself."""
    if keras.config.backend() != "jax":
        return lambda *arrays: function(*keras.tree.map_structure(ops.convert_to_tensor, arrays))
    import jax

    return jax.jit(function)


def run(layer, query, key, value, **masks):
    def call(query, key, value, masks):
        return layer(query, key, value, scale=SCALE, **masks)

    return ops.convert_to_numpy(compiled(call)(query, key, value, masks))


def expected(reference, case, query, key, value, **more):
    """The paper's formula for each text and head."""
    kind, options = CASES[case]
    if kind == "performer":
        options = {"directions": fixed_directions(SIZE, options["random_features"])}
    formula = getattr(reference, kind.replace("-", "_"))
    return np.stack(
        [
            np.stack(
                [
                    formula(*(x.astype("float64") for x in head), SCALE, **options, **more)
                    for head in zip(*text, strict=True)
                ]
            )
            for text in zip(query, key, value, strict=True)
        ]
    )


def test_every_kind_is_among_the_cases():
    assert {kind for kind, _ in CASES.values()} == set(KINDS)
    assert all(made.summary for made in KINDS.values())


@pytest.mark.parametrize("case", CASES)
def test_it_computes_the_formula(reference, case):
    query, key, value = qkv()
    computed = run(make(case), query, key, value)
    np.testing.assert_allclose(
        computed, expected(reference, case, query, key, value), atol=2e-5, rtol=1e-4
    )


@pytest.mark.parametrize("case", CROSS)
def test_it_looks_at_another_text(reference, case):
    for queries, keys in ((LENGTH, 13), (3, LENGTH)):
        query, key, value = qkv(length=queries, keys=keys)
        computed = run(make(case), query, key, value)
        np.testing.assert_allclose(
            computed, expected(reference, case, query, key, value), atol=2e-5, rtol=1e-4
        )


@pytest.mark.parametrize("case", CAUSAL)
def test_its_causal_form_computes_the_formula(reference, case):
    query, key, value = qkv(batch=1, length=131)
    computed = run(make(case, causal=True), query, key, value)
    formula = expected(reference, case, query, key, value, causal=True)
    np.testing.assert_allclose(computed, formula, atol=5e-5, rtol=1e-4)


def padded_batch(texts, lengths):
    """Texts of several lengths in one batch, each in another place among large numbers."""
    real = np.zeros((len(texts), LENGTH), "bool")
    arrays = [np.full((len(texts), *x.shape[1:2], LENGTH, x.shape[3]), 9.0) for x in texts[0]]
    for row, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        begin = row * (LENGTH - length) // len(texts)
        real[row, begin : begin + length] = True
        for x, y in zip(arrays, text, strict=True):
            x[row, :, begin : begin + length] = y[0]
    return [x.astype("float32") for x in arrays], real


@pytest.mark.parametrize("case", CASES)
def test_what_is_padded_has_no_influence(reference, case):
    """Texts of every length in one batch, against the formula for each of them alone."""
    layer, lengths = make(case), (1, 3, 4, 5, 11, 17, LENGTH, 0)
    texts = [qkv(batch=1, length=length, seed=length) for length in lengths]
    arrays, real = padded_batch(texts, lengths)
    together = run(layer, *arrays, real_queries=real, real_keys=real)
    assert np.isfinite(together).all()
    others = [np.where(real[:, None, :, None], x, -7.0).astype("float32") for x in arrays]
    again = run(layer, *others, real_queries=real, real_keys=real)
    rows = np.broadcast_to(real[:, None, :, None], together.shape)
    np.testing.assert_array_equal(together[rows], again[rows])
    for row, text in enumerate(texts[:-1]):
        alone = expected(reference, case, *text)[0]
        found = together[row][:, real[row]]
        np.testing.assert_allclose(found, alone, atol=2e-5, err_msg=f"{lengths[row]} tokens")


@pytest.mark.parametrize("case", CROSS)
def test_padding_on_both_sides_of_cross_attention_has_no_influence(reference, case):
    lengths = [(2, 9), (9, 2), (7, 11)]
    texts = [qkv(batch=1, length=queries, keys=keys) for queries, keys in lengths]
    [query], real_queries = padded_batch([text[:1] for text in texts], [q for q, _ in lengths])
    [key, value], real_keys = padded_batch([text[1:] for text in texts], [k for _, k in lengths])
    together = run(make(case), query, key, value, real_queries=real_queries, real_keys=real_keys)
    for row, text in enumerate(texts):
        alone = expected(reference, case, *text)[0]
        np.testing.assert_allclose(together[row][:, real_queries[row]], alone, atol=2e-5)


@pytest.mark.parametrize(
    "case", [c for c in CASES if {"num_landmarks"} & set(KINDS[CASES[c][0]].options)]
)
def test_with_as_many_landmarks_as_tokens_it_is_full_attention(reference, case):
    kind, options = CASES[case]
    query, key, value = qkv()
    layer = KINDS[kind](**{**options, "num_landmarks": LENGTH})
    full = np.array(
        [
            [reference.full(*head, SCALE) for head in zip(*text, strict=True)]
            for text in zip(query, key, value, strict=True)
        ]
    )
    np.testing.assert_allclose(run(layer, query, key, value), full, atol=1e-5)


@pytest.mark.parametrize("case", CAUSAL)
def test_tokens_after_one_another_get_what_they_get_at_once(case):
    """The state is of one size, and holds padding in front and parts of any length."""
    layer = make(case, causal=True)
    query, key, value = qkv(length=17)
    real = np.ones((2, 17), "bool")
    real[1, :5] = False
    whole = run(layer, query, key, value, real_queries=real, real_keys=real)
    state = layer.empty_state(2, HEADS, SIZE, SIZE + 1, "float32")
    step = compiled(
        lambda query, key, value, real, state: layer(
            query, key, value, scale=SCALE, real_keys=real, state=state
        )
    )
    shapes = {name: x.shape for name, x in state.items()}
    parts, first = [], 0
    for end in (6, 7, 8, 17):
        part = [x[:, :, first:end] for x in (query, key, value)]
        attended, state = step(*part, real[:, first:end], state)
        assert {name: x.shape for name, x in state.items()} == shapes
        parts.append(ops.convert_to_numpy(attended))
        first = end
    rows = np.broadcast_to(real[:, None, :, None], whole.shape)
    found = np.concatenate(parts, axis=2)
    np.testing.assert_allclose(found[rows], whole[rows], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("case", CAUSAL)
def test_what_comes_later_changes_nothing(case):
    layer = make(case, causal=True)
    query, key, value = qkv(length=17)
    before = run(layer, query, key, value)
    for x in (query, key, value):
        x[:, :, 9:] = 5.0
    np.testing.assert_array_equal(run(layer, query, key, value)[:, :, :9], before[:, :, :9])


@pytest.mark.parametrize("case", ONE_OF_EACH)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_neither_overflows_nor_changes_much(case, dtype):
    """Long enough that a sum of keys does not fit float16."""
    query, key, value = qkv(batch=1, length=300)
    value = value + 300
    exact = run(make(case), query, key, value)
    found = run(make(case, dtype=f"mixed_{dtype}"), query, key, value)
    assert str(found.dtype) == dtype or keras.config.backend() == "torch"
    coarse = {"bfloat16": 0.04, "float16": 0.005}[dtype]
    np.testing.assert_allclose(found, exact, rtol=coarse)


def gradients(function, arrays):
    """Of the sum of `function`, by whatever the backend offers."""
    if keras.config.backend() == "jax":
        import jax

        slope = jax.grad(lambda *x: function(*x).sum(), argnums=range(len(arrays)))
        return jax.jit(slope)(*arrays)
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
def test_gradients_are_those_of_finite_differences(case):
    layer = make(case)
    arrays = qkv(batch=1, length=14)
    real = np.ones((1, 14), "bool")
    real[:, 12:] = False
    into = normal(1, HEADS, 14, SIZE + 1, seed=7) * real[:, None, :, None]

    def weighted(*x):
        return layer(*x, scale=SCALE, real_queries=real, real_keys=real) * ops.convert_to_tensor(
            into
        )

    found, weighted = gradients(weighted, arrays), compiled(weighted)
    for number, gradient in enumerate(found):
        direction = normal(*arrays[number].shape, seed=9)
        sides = []
        for step in (1e-2, -1e-2):
            moved = list(arrays)
            moved[number] = moved[number] + step * direction
            y = ops.convert_to_numpy(weighted(*moved))
            sides.append(y.astype("float64").sum())
        slope = (sides[0] - sides[1]) / 2e-2
        assert (np.asarray(gradient) * direction).sum() == pytest.approx(slope, rel=0.03, abs=0.01)
        assert np.isfinite(np.asarray(gradient)).all()


def test_who_cannot_do_something_names_who_can():
    for ability in ABILITIES:
        for kind, made in KINDS.items():
            refusal = cannot(kind, ability)
            assert (refusal is None) == (ability in made.abilities)
            assert refusal is None or (kind in refusal and "full" in refusal)
    assert "linear" in cannot("nystrom", "causal")


def test_a_softmax_over_all_keys_is_not_causal():
    with pytest.raises(ValueError, match="elu or relu or squared_relu"):
        KINDS["linear"](feature_map="softmax", causal=True)


@pytest.mark.parametrize(
    ("kind", "option"), [("linear", "feature_map"), ("nystrom", "landmark_inverse")]
)
def test_an_option_that_does_not_exist_is_refused(kind, option):
    with pytest.raises(ValueError, match=f"{option} is 'soup', expected"):
        KINDS[kind](**{option: "soup"})


def test_new_random_features_are_drawn_in_training_only():
    layer = KINDS["performer"](random_features=6, redraw_features=True)
    arrays = qkv(batch=1, length=5)
    still = [run(layer, *arrays) for _ in range(2)]
    np.testing.assert_array_equal(*still)
    tensors = [ops.convert_to_tensor(x) for x in arrays]
    one, other = (ops.convert_to_numpy(layer(*tensors, training=True)) for _ in range(2))
    assert np.abs(one - other).max() > 1e-3
    # directions of a block are at right angles
    directions = ops.convert_to_numpy(layer._directions(SIZE, True))[:, :SIZE]
    products = directions.T @ directions
    np.testing.assert_allclose(products, np.diag(np.diag(products)), atol=1e-4)


def test_performer_comes_nearer_with_more_features(reference):
    query, key, value = qkv(batch=1)
    exact = reference.full(query[0, 0], key[0, 0], value[0, 0], SCALE)
    errors = [
        np.abs(run(KINDS["performer"](random_features=n), query, key, value)[0, 0] - exact).mean()
        for n in (4, 512)
    ]
    assert errors[1] < errors[0] / 1.5


def test_a_convolution_of_the_values_starts_without_effect(reference):
    layer = KINDS["nystrom"](num_landmarks=4, value_convolution=3)
    layer.build((None, HEADS, None, SIZE))
    query, key, value = qkv(batch=1)
    plain = run(make("nystrom"), query, key, value)
    np.testing.assert_array_equal(run(layer, query, key, value), plain)
    layer.convolution.assign([[1, 0], [0, 0], [0, 2]])
    more = run(layer, query, key, value) - plain
    before, after = np.roll(value, 1, axis=2), np.roll(value, -1, axis=2)
    before[:, :, 0] = after[:, :, -1] = 0
    np.testing.assert_allclose(more[:, 0], before[:, 0], atol=1e-5)
    np.testing.assert_allclose(more[:, 1], 2 * after[:, 1], atol=1e-5)
