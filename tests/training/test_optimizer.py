"""One step of the optimizer, against NumPy."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from hornbook.models.families import FAMILIES
from hornbook.models.variables import named_variables
from hornbook.training.optimizer import adamw, layerwise_rates

RATE, DECAY, EPSILON = 0.01, 0.1, 1e-7


def make_model():
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Dense(3), keras.layers.LayerNormalization(), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((4,)), *layers]), layers


def stack_of(blocks, embeddings):
    """What `layerwise_rates` needs of a Transformer."""
    config = SimpleNamespace(num_hidden_layers=len(blocks), encoder_decoder=False)
    return SimpleNamespace(config=config, blocks=blocks, embedding_layers=embeddings)


def values(variables):
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


def expected_step(weight, gradient, rate, decay):
    """The first step of AdamW: both moments begin at zero, and the bias correction undoes it."""
    weight = weight - rate * decay * weight
    return weight - rate * gradient / (np.abs(gradient) + EPSILON)


@pytest.mark.backend
@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
def test_a_step_is_that_of_adamw_with_a_rate_per_layer(layer_decay):
    model, (first, norm, last) = make_model()
    rates = None
    if layer_decay != 1:
        rates = layerwise_rates(stack_of([last], [first, norm]), layer_decay)
        assert {rates[v.path] for v in first.trainable_variables} == {layer_decay}
        assert {rates[v.path] for v in last.trainable_variables} == {1.0}
        rates = {path: rate for path, rate in rates.items() if rate != 1}  # 1 is the default
    optimizer = adamw(
        model, steps=10, learning_rate=RATE, warmup=0, weight_decay=DECAY, ema=0, rates=rates
    )
    variables = model.trainable_variables
    before = values(variables)
    random = np.random.default_rng(0)
    gradients = [random.normal(size=value.shape).astype("float32") for value in before]
    optimizer.apply_gradients(
        [(keras.ops.convert_to_tensor(g), v) for g, v in zip(gradients, variables, strict=True)]
    )
    norm_of_all = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    assert norm_of_all > 1  # so the gradients were clipped to a norm of 1
    for variable, old, gradient, new in zip(
        variables, before, gradients, values(variables), strict=True
    ):
        rate = RATE * (rates or {}).get(variable.path, 1)
        decay = DECAY if variable.name == "kernel" else 0
        expected = expected_step(old, gradient / norm_of_all, rate, decay)
        np.testing.assert_allclose(new, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("rates", [None, {"dense/kernel": 0.5}])
def test_fine_tuning_has_its_documented_constants(rates):
    model, _ = make_model()
    optimizer = adamw(model, steps=10_000, learning_rate=RATE, rates=rates)
    assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.9, 0.999, EPSILON)
    assert optimizer.global_clipnorm == 1.0
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, 0.99)
    schedule = optimizer._learning_rate
    assert (schedule.warmup_steps, schedule.decay_steps) == (1000, 9000)
    if rates is None:
        assert optimizer.weight_decay == 0.01
    else:
        kernels = {v.path for v in model.trainable_variables if v.name == "kernel"}
        assert optimizer.decays == dict.fromkeys(kernels, 0.01)


def test_rates_shrink_per_block_toward_the_input():
    model, (first, norm, last) = make_model()
    rates = layerwise_rates(stack_of([norm, last], [first]), 0.8)
    by_layer = [{rates[v.path] for v in layer.trainable_variables} for layer in model.layers]
    assert by_layer == [{0.8**2}, {0.8}, {1.0}]


@pytest.mark.parametrize("name", FAMILIES)
def test_in_every_family_the_rate_of_a_weight_follows_its_depth(tiny_family, name):
    """Blocks by their index, embeddings below the first, heads and last norms at the full rate."""
    transformer = tiny_family(FAMILIES[name], num_hidden_layers=3)
    rates = layerwise_rates(transformer, 0.5)
    shared = transformer.config.num_hidden_groups == 1
    below = ("token_embedding", "segment_embedding", "position", "embedding_", "positions")
    for path, variable in named_variables(transformer).items():
        path = path.removeprefix("encoder.").removeprefix("decoder.")
        expected = 1.0
        if path.startswith("blocks.") and not shared:
            expected = 0.5 ** (2 - int(path.split(".")[1]))
        elif path.startswith(below):
            expected = 0.5**3
        assert rates.get(variable.path, 1.0) == expected, path


def test_the_rate_rises_to_the_peak_and_decays_to_zero():
    model, _ = make_model()
    schedule = adamw(model, steps=100, learning_rate=RATE, warmup=0.1)._learning_rate
    steps = [0, 5, 9, 10, 11, 40, 80, 100]
    rates = [float(schedule(step)) for step in steps]
    assert rates[0] == 0
    assert rates[3] == max(rates) == pytest.approx(RATE)
    assert rates[:4] == sorted(rates[:4])
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert float(adamw(model, steps=1, learning_rate=RATE)._learning_rate(1)) == pytest.approx(0)


@pytest.mark.parametrize(("steps", "momentum"), [(8, None), (40, 0.75), (5000, 0.99)])
def test_in_a_short_training_the_moving_average_is_shorter(steps, momentum):
    """At the end, the initial weights have at most a share of `exp(-10)`."""
    model, _ = make_model()
    optimizer = adamw(model, steps=steps, learning_rate=RATE, ema=0.99)
    assert optimizer.use_ema == (momentum is not None)
    if momentum is not None:
        assert optimizer.ema_momentum == pytest.approx(momentum)
