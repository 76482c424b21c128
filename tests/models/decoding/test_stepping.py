"""Writing token by token computes what the whole text at once computes."""

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
WRITING = [
    (name, application)
    for name, family in FAMILIES.items()
    for application in family.applications
    if application in ("causal_lm", "prefix_lm")
]


def model_of(tiny_transformer, name, **changes):
    family = FAMILIES[name]
    fields = {"family": name, **family.choices, "heads": ("mlm",), **changes}
    return tiny_transformer(**fields)


def to_numpy(x):
    return ops.convert_to_numpy(x)


def padded(columns, side):
    """Some columns of both rows, with two padded ones before or behind them."""
    where = (2, 0) if side == "left" else (0, 2)
    ids, segments, real = (
        np.pad(x[:, columns], ((0, 0), where)) for x in (IDS, SEGMENTS, np.ones_like(IDS))
    )
    return ids, real, segments


@pytest.mark.parametrize(("name", "application"), WRITING)
def test_step_by_step_equals_the_whole(tiny_transformer, name, application):
    model = model_of(tiny_transformer, name, application=application)
    expected = to_numpy(model.mlm(model(IDS, segment_ids=SEGMENTS)))
    steps = CompiledSteps(model)
    ids, real, segments = padded(slice(0, 4), "left")
    logits, _, cache = steps.begin(ids, real, segments, steps.empty(2, 10))
    np.testing.assert_allclose(to_numpy(logits)[:, 0], expected[:, 3], atol=1e-5, rtol=1e-5)
    for i in (4, 5):
        logits, _, cache = steps.step(IDS[:, i : i + 1], ONE, SEGMENTS[:, i : i + 1], cache)
        np.testing.assert_allclose(to_numpy(logits)[:, 0], expected[:, i], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["t5", "t5.1.1", "bart"])
def test_a_decoder_step_by_step_equals_the_whole(tiny_transformer, name):
    model = model_of(tiny_transformer, name)
    real = np.array([[1] * 6, [1, 1, 1, 0, 0, 0]], "int32")
    written = IDS[:, ::-1] + 2
    expected = to_numpy(model.mlm(model(IDS, written, padding_mask=real)))
    steps = CompiledSteps(model)
    cache = steps.read(IDS, real, np.zeros(8))
    ids = written[:, :3]
    logits, _, cache = steps.step(ids, np.ones_like(ids), 0 * ids, cache)
    np.testing.assert_allclose(to_numpy(logits), expected[:, :3], atol=1e-5, rtol=1e-5)
    for i in (3, 4):
        logits, _, cache = steps.step(written[:, i : i + 1], ONE, 0 * ONE, cache)
        np.testing.assert_allclose(to_numpy(logits)[:, 0], expected[:, i], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["gpt2", "nezha", "roformer"])  # one of each kind of positions
def test_padding_before_or_behind_the_prompt_changes_nothing(tiny_transformer, name):
    model = model_of(tiny_transformer, name, application="causal_lm")
    steps = CompiledSteps(model)
    results = []
    for side in ("left", "right"):
        _, _, cache = steps.step(*padded(slice(0, 3), side), steps.empty(2, 8))
        logits, _, _ = steps.step(IDS[:, 3:4], ONE, SEGMENTS[:, 3:4], cache)
        results.append(to_numpy(logits))
    np.testing.assert_allclose(*results, atol=1e-6, rtol=1e-6)


def test_several_tokens_at_once_are_the_same_as_one_after_the_other(tiny_transformer):
    model = model_of(tiny_transformer, "gpt2")
    expected = to_numpy(model.mlm(model(IDS)))
    steps = CompiledSteps(model)
    cache = steps.empty(2, 6)
    for columns in (slice(0, 2), slice(2, 5), slice(5, 6)):
        ids = IDS[:, columns]
        logits, _, cache = steps.step(ids, np.ones_like(ids), np.zeros_like(ids), cache)
        np.testing.assert_allclose(to_numpy(logits), expected[:, columns], atol=1e-5, rtol=1e-5)


def test_a_step_that_is_repeated_is_compiled_once_and_stays_right(tiny_transformer):
    # on PyTorch the second is recorded and the third replayed
    model = model_of(tiny_transformer, "qwen2")
    expected = to_numpy(model.mlm(model(IDS)))
    steps = CompiledSteps(model)
    cache = steps.empty(2, 8)
    for i in range(6):
        logits, _, cache = steps.step(IDS[:, i : i + 1], ONE, 0 * ONE, cache)
        np.testing.assert_allclose(to_numpy(logits)[:, 0], expected[:, i], atol=1e-5, rtol=1e-5)
    model.mlm(model(IDS))  # the model itself is as before


def test_the_cache_takes_what_the_configuration_says_and_is_changed_in_place(tiny_transformer):
    model = model_of(tiny_transformer, "qwen2", num_key_value_heads=1)
    steps = CompiledSteps(model)
    cache = steps.empty(2, 8)
    blocks = [x for block in cache["blocks"] for x in block.values()]
    config = model.config
    numbers = 2 * config.num_hidden_layers * 1 * config.head_size * 8 * 2
    assert sum(to_numpy(x).nbytes for x in blocks) == 4 * numbers
    for i in range(3):
        before = [x for block in cache["blocks"] for x in block.values()]
        places = [place(x) for x in before]
        _, _, cache = steps.step(IDS[:, i : i + 1], ONE, 0 * ONE, cache)
        after = [place(x) for block in cache["blocks"] for x in block.values()]
        if keras.config.backend() == "tensorflow":
            continue  # it has no way to give a tensor away
        assert after == places
        if keras.config.backend() == "jax":
            assert all(x.is_deleted() for x in before)


def place(x):
    """Where in memory a tensor lies."""
    if keras.config.backend() == "jax":
        return x.unsafe_buffer_pointer()
    return x.data_ptr() if keras.config.backend() == "torch" else None


def test_rows_are_exchanged_and_repeated(tiny_transformer):
    model = model_of(tiny_transformer, "gpt2")
    steps = CompiledSteps(model)
    ids = IDS[:, :4]
    _, _, cache = steps.begin(ids, np.ones_like(ids), np.zeros_like(ids), steps.empty(2, 6))
    cache = steps.take_rows(np.array([1, 0, 1]), cache)
    ones = np.ones((3, 1), "int32")
    logits, _, _ = steps.step(IDS[[1, 0, 1], 4:5], ones, 0 * ones, cache)
    expected = to_numpy(model.mlm(model(IDS)))[[1, 0, 1], 4]
    np.testing.assert_allclose(to_numpy(logits)[:, 0], expected, atol=1e-5, rtol=1e-5)


def test_what_is_forgotten_was_never_written(tiny_transformer):
    model = model_of(tiny_transformer, "gpt2")
    expected = to_numpy(model.mlm(model(IDS)))
    steps = CompiledSteps(model)
    ids = IDS[:, :4].copy()
    ids[0, 2:] = 30  # two wrong ones in the first row, one in the second
    ids[1, 3] = 31
    _, _, cache = steps.step(ids, np.ones_like(ids), np.zeros_like(ids), steps.empty(2, 8))
    cache = steps.forget(np.array([2, 1], "int32"), cache)
    assert int(to_numpy(cache["index"])) == 3
    for row, position in ((0, 2), (1, 3)):
        alone = steps.take_rows(np.array([row]), cache)
        one = np.ones((1, 1), "int32")
        logits, _, _ = steps.step(IDS[row : row + 1, position : position + 1], one, 0 * one, alone)
        np.testing.assert_allclose(
            to_numpy(logits)[0, 0], expected[row, position], atol=1e-5, rtol=1e-5
        )


def test_half_precision_keeps_its_cache_in_half_precision(tiny_transformer):
    model = model_of(tiny_transformer, "gpt2", compute_dtype="bfloat16")
    steps = CompiledSteps(model)
    ids = IDS[:, :4]
    logits, _, cache = steps.begin(ids, np.ones_like(ids), 0 * ids, steps.empty(2, 6))
    assert "bfloat16" in str(cache["blocks"][0]["key"].dtype)
    expected = to_numpy(model.mlm(model(IDS)))[:, 3]
    np.testing.assert_allclose(to_numpy(logits)[:, 0], expected, atol=0.1, rtol=0.1)


def test_an_encoder_has_no_cache(tiny_transformer):
    model = tiny_transformer()
    with pytest.raises(ValueError, match="sees what comes later"):
        model(IDS, cache=CompiledSteps(model).empty(2, 6))
