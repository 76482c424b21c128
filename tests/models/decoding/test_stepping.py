"""Steps with a cache compute the same as the whole text at once."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.models.decoding.stepping import CompiledSteps
from hornbook.models.families import FAMILIES

pytestmark = pytest.mark.backend

IDS = np.array([[5, 6, 7, 8, 9, 10], [13, 14, 15, 16, 17, 18]], "int32")
SEGMENTS = np.array([[0, 0, 0, 1, 1, 1]] * 2, "int32")
ONE = np.ones((2, 1), "int32")
DECODERS = [
    (name, application)
    for name, family in FAMILIES.items()
    for application in family.applications
    if application in ("causal_lm", "prefix_lm")
]
COMPILED = [("gpt2", "causal_lm"), ("bert", "prefix_lm"), ("qwen3", "causal_lm")]


def model_of(tiny_transformer, name, **changes):
    family = FAMILIES[name]
    fields = {"family": name, **family.choices, "heads": ("mlm",), **changes}
    return tiny_transformer(**fields)


def to_numpy(x):
    return ops.convert_to_numpy(x)


def padded(columns, side):
    """Some columns of both rows, with two columns of padding before or after them."""
    padding = (2, 0) if side == "left" else (0, 2)
    ids, segments, mask = (
        np.pad(x[:, columns], ((0, 0), padding)) for x in (IDS, SEGMENTS, np.ones_like(IDS))
    )
    return ids, mask, segments


class Steps(CompiledSteps):
    """Steps that are not compiled, which takes longer than anything else here."""

    def __init__(self, model):
        self.model = self.decoder = model
        self.prefill, self.step = self._prefill, self._step


@pytest.mark.parametrize(
    ("name", "application"),
    [
        pytest.param(*decoder, marks=[] if decoder in COMPILED else pytest.mark.only_on("jax"))
        for decoder in DECODERS
    ],
)
def test_single_steps_equal_the_whole_text(tiny_transformer, name, application):
    model = model_of(tiny_transformer, name, application=application)
    expected = to_numpy(model.mlm(model(IDS, segment_ids=SEGMENTS)))
    steps = CompiledSteps(model) if (name, application) in COMPILED else Steps(model)
    ids, mask, segments = padded(slice(0, 4), "left")
    logits, _, cache = steps.prefill(ids, mask, segments, steps.empty(2, 10))
    np.testing.assert_allclose(to_numpy(logits)[:, 0], expected[:, 3], atol=1e-5, rtol=1e-5)
    for i in (4, 5):
        logits, _, cache = steps.step(IDS[:, i : i + 1], ONE, SEGMENTS[:, i : i + 1], cache)
        np.testing.assert_allclose(to_numpy(logits)[:, 0], expected[:, i], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "name", ["t5", *(pytest.param(x, marks=pytest.mark.only_on("jax")) for x in ("t5.1.1", "bart"))]
)
def test_single_steps_of_an_encoder_decoder_equal_the_whole_text(tiny_transformer, name):
    model = model_of(tiny_transformer, name)
    mask = np.array([[1] * 6, [1, 1, 1, 0, 0, 0]], "int32")
    decoder_ids = IDS[:, ::-1] + 2
    expected = to_numpy(model.mlm(model(IDS, decoder_ids, padding_mask=mask)))
    steps = CompiledSteps(model)
    cache = steps.encode(IDS, mask, np.zeros(8))
    ids = decoder_ids[:, :3]
    logits, _, cache = steps.step(ids, np.ones_like(ids), 0 * ids, cache)
    np.testing.assert_allclose(to_numpy(logits), expected[:, :3], atol=1e-5, rtol=1e-5)
    for i in (3, 4):
        logits, _, cache = steps.step(decoder_ids[:, i : i + 1], ONE, 0 * ONE, cache)
        np.testing.assert_allclose(to_numpy(logits)[:, 0], expected[:, i], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["gpt2", "nezha", "roformer"])  # one of each kind of positions
def test_padding_before_or_after_the_prompt_changes_nothing(tiny_transformer, name):
    model = model_of(tiny_transformer, name, application="causal_lm")
    steps = CompiledSteps(model)
    results = []
    for side in ("left", "right"):
        _, _, cache = steps.step(*padded(slice(0, 3), side), steps.empty(2, 8))
        logits, _, _ = steps.step(IDS[:, 3:4], ONE, SEGMENTS[:, 3:4], cache)
        results.append(to_numpy(logits))
    np.testing.assert_allclose(*results, atol=1e-6, rtol=1e-6)


def test_steps_of_several_tokens_equal_the_whole_text(tiny_transformer):
    model = model_of(tiny_transformer, "gpt2")
    expected = to_numpy(model.mlm(model(IDS)))
    steps = CompiledSteps(model)
    cache = steps.empty(2, 6)
    for columns in (slice(0, 2), slice(2, 5), slice(5, 6)):
        ids = IDS[:, columns]
        logits, _, cache = steps.step(ids, np.ones_like(ids), np.zeros_like(ids), cache)
        np.testing.assert_allclose(to_numpy(logits), expected[:, columns], atol=1e-5, rtol=1e-5)


def test_repeated_steps_of_one_shape_stay_correct(tiny_transformer):
    # on PyTorch the second step is recorded and the third one replayed
    model = model_of(tiny_transformer, "qwen2")
    expected = to_numpy(model.mlm(model(IDS)))
    steps = CompiledSteps(model)
    cache = steps.empty(2, 8)
    for i in range(6):
        logits, _, cache = steps.step(IDS[:, i : i + 1], ONE, 0 * ONE, cache)
        np.testing.assert_allclose(to_numpy(logits)[:, 0], expected[:, i], atol=1e-5, rtol=1e-5)
    model.mlm(model(IDS))  # the model itself is unchanged


def test_the_cache_has_the_configured_size_and_is_updated_in_place(tiny_transformer):
    model = model_of(tiny_transformer, "qwen2", num_key_value_heads=1)
    steps = CompiledSteps(model)
    cache = steps.empty(2, 8)
    blocks = [x for block in cache["blocks"] for x in block.values()]
    config = model.config
    elements = 2 * config.num_hidden_layers * 1 * config.head_size * 8 * 2
    assert sum(to_numpy(x).nbytes for x in blocks) == 4 * elements
    for i in range(3):
        before = [x for block in cache["blocks"] for x in block.values()]
        addresses = [address(x) for x in before]
        _, _, cache = steps.step(IDS[:, i : i + 1], ONE, 0 * ONE, cache)
        after = [address(x) for block in cache["blocks"] for x in block.values()]
        if keras.config.backend() == "tensorflow":
            continue  # it cannot donate a tensor
        assert after == addresses
        if keras.config.backend() == "jax":
            assert all(x.is_deleted() for x in before)


def address(x):
    """The memory address of a tensor."""
    if keras.config.backend() == "jax":
        return x.unsafe_buffer_pointer()
    return x.data_ptr() if keras.config.backend() == "torch" else None


def test_rows_of_the_cache_can_be_permuted_and_repeated(tiny_transformer):
    model = model_of(tiny_transformer, "gpt2")
    steps = CompiledSteps(model)
    ids = IDS[:, :4]
    _, _, cache = steps.prefill(ids, np.ones_like(ids), np.zeros_like(ids), steps.empty(2, 6))
    cache = steps.take_rows(np.array([1, 0, 1]), cache)
    ones = np.ones((3, 1), "int32")
    logits, _, _ = steps.step(IDS[[1, 0, 1], 4:5], ones, 0 * ones, cache)
    expected = to_numpy(model.mlm(model(IDS)))[[1, 0, 1], 4]
    np.testing.assert_allclose(to_numpy(logits)[:, 0], expected, atol=1e-5, rtol=1e-5)


def test_forgotten_tokens_have_no_influence(tiny_transformer):
    model = model_of(tiny_transformer, "gpt2")
    expected = to_numpy(model.mlm(model(IDS)))
    steps = CompiledSteps(model)
    ids = IDS[:, :4].copy()
    ids[0, 2:] = 30  # two wrong tokens in the first row, one in the second
    ids[1, 3] = 31
    _, _, cache = steps.step(ids, np.ones_like(ids), np.zeros_like(ids), steps.empty(2, 8))
    cache = steps.forget(np.array([2, 1], "int32"), cache)
    assert int(to_numpy(cache["index"])) == 3
    for row, position in ((0, 2), (1, 3)):
        row_cache = steps.take_rows(np.array([row]), cache)
        one = np.ones((1, 1), "int32")
        logits, _, _ = steps.step(
            IDS[row : row + 1, position : position + 1], one, 0 * one, row_cache
        )
        np.testing.assert_allclose(
            to_numpy(logits)[0, 0], expected[row, position], atol=1e-5, rtol=1e-5
        )


def test_in_half_precision_the_cache_is_in_half_precision(tiny_transformer, assert_half_precision):
    model = model_of(tiny_transformer, "gpt2", compute_dtype="bfloat16")
    steps = CompiledSteps(model)
    ids = IDS[:, :4]
    logits, _, cache = steps.prefill(ids, np.ones_like(ids), 0 * ids, steps.empty(2, 6))
    assert "bfloat16" in str(cache["blocks"][0]["key"].dtype)
    expected = to_numpy(model.mlm(model(IDS)))[:, 3]
    assert_half_precision("gpt2", "bfloat16", to_numpy(logits)[:, 0], expected)


def test_an_encoder_has_no_cache(tiny_transformer):
    model = tiny_transformer()
    with pytest.raises(ValueError, match="attends to later tokens"):
        model(IDS, cache=CompiledSteps(model).empty(2, 6))
