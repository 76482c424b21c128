"""Two steps of each pretraining optimizer, against NumPy.

The first gradients are clipped, the second are not; those of one variable are so small that epsilon
matters.  So every constant that decides a step is pinned by its value.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

from hornbook.training.optimizer import (
    EXCLUDED_FROM_MUON,
    OPTIMIZERS,
    SCHEDULES,
    WarmUp,
    pretraining_optimizer,
)

STEPS, RATE, DECAY = 10, 0.01, 0.1


def adamw(weight, gradients, rates, decay, beta_2=0.98, epsilon=1e-6):
    m = v = np.zeros_like(weight)
    for t, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        weight = weight - rate * decay * weight
        m, v = 0.9 * m + 0.1 * gradient, beta_2 * v + (1 - beta_2) * gradient**2
        scale = rate * np.sqrt(1 - beta_2**t) / (1 - 0.9**t)
        weight = weight - scale * m / (np.sqrt(v) + epsilon)
    return weight


def lamb(weight, gradients, rates, decay):
    m = v = np.zeros_like(weight)
    for t, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        weight = weight - rate * decay * weight
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        update = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6)
        norm = np.linalg.norm(weight)
        trust = norm / np.linalg.norm(update) if norm > 0 else 1.0
        weight = weight - trust * rate * update
    return weight


def lion(weight, gradients, rates, decay):
    m = np.zeros_like(weight)
    for gradient, rate in zip(gradients, rates, strict=True):
        weight = weight - rate * decay * weight
        weight = weight - rate * np.sign(0.9 * m + 0.1 * gradient)
        m = 0.98 * m + 0.02 * gradient
    return weight


def muon(weight, gradients, rates, decay):
    """Keras's Muon: nearly orthogonalized Nesterov momentum; Adam for all but matrices."""
    if weight.ndim != 2:
        return adamw(weight, gradients, rates, decay, beta_2=0.999, epsilon=1e-7)
    m = np.zeros_like(weight)
    for gradient, rate in zip(gradients, rates, strict=True):
        weight = weight - rate * decay * weight
        m = 0.95 * m + gradient
        x = gradient + 0.95 * m
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / (np.linalg.norm(x) + 1e-7)
        for _ in range(5):
            square = x @ x.T
            x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
        x = x.T if tall else x
        weight = weight - rate * 0.2 * np.sqrt(max(weight.shape)) * x
    return weight


FORMULAS = {"adamw": adamw, "lamb": lamb, "lion": lion, "muon": muon}


def make_model():
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Dense(3), keras.layers.LayerNormalization(), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((4,)), *layers])


def values(variables):
    return [
        np.array(keras.ops.convert_to_numpy(variable.value), "float64") for variable in variables
    ]


@pytest.mark.backend
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_steps_are_those_of_the_formula(name):
    model = make_model()
    optimizer = pretraining_optimizer(
        name, model, steps=STEPS, learning_rate=RATE, warmup=0, weight_decay=DECAY
    )
    variables = model.trainable_variables
    before = values(variables)
    random = np.random.default_rng(0)
    gradients = []
    for norm in (3.0, 0.5):
        step = [random.normal(size=value.shape) for value in before]
        step[-1] *= 1e-6  # epsilon matters here
        length = np.sqrt(sum((gradient**2).sum() for gradient in step[:-1]))
        step[:-1] = [gradient * norm / length for gradient in step[:-1]]
        arrays = [keras.ops.convert_to_tensor(gradient.astype("float32")) for gradient in step]
        optimizer.apply_gradients(zip(arrays, variables, strict=True))
        gradients.append([gradient / max(norm, 1.0) for gradient in step])  # clipped to 1
    rates = [RATE, RATE * (STEPS - 1) / STEPS]
    for number, (variable, new) in enumerate(zip(variables, values(variables), strict=True)):
        decay = DECAY if variable.name == "kernel" else 0.0
        variable_gradients = [step[number] for step in gradients]
        expected = FORMULAS[name](before[number], variable_gradients, rates, decay)
        np.testing.assert_allclose(new, expected, rtol=2e-4, atol=2e-6, err_msg=variable.path)


def test_every_optimizer_has_a_formula_and_its_documented_rate():
    assert OPTIMIZERS == {"adamw": 1e-3, "lamb": 4e-3, "lion": 2e-4, "muon": 2e-3}
    assert OPTIMIZERS.keys() == FORMULAS.keys()


def test_pretraining_has_its_documented_defaults():
    optimizer = pretraining_optimizer("adamw", make_model(), steps=100, learning_rate=RATE)
    assert optimizer._learning_rate.get_config() == {"peak": RATE, "warmup": 6, "total": 100}
    assert optimizer.weight_decay == 0.01
    assert not optimizer.use_ema
    assert optimizer.gradient_accumulation_steps is None


def test_muon_leaves_embeddings_and_heads_to_adam():
    ids = keras.Input((3,), dtype="int32")
    x = keras.layers.Embedding(5, 4, name="token_embedding")(ids)
    x = keras.layers.Dense(4, name="block")(x)
    outputs = [keras.layers.Dense(2, name=name)(x) for name in EXCLUDED_FROM_MUON]
    model = keras.Model(ids, outputs)
    optimizer = pretraining_optimizer("muon", model, steps=4, learning_rate=RATE)
    optimizer.build(model.trainable_variables)
    matrices = [variable for variable in model.trainable_variables if len(variable.shape) == 2]
    by_muon = [v.path for v in matrices if not optimizer._should_use_adamw(v)]
    assert by_muon == ["block/kernel"]
    assert set(EXCLUDED_FROM_MUON) == {"mlm", "nsp", "discriminator"}


def test_warmup_is_linear_and_the_rate_decays_to_zero():
    schedule = WarmUp(1.0, 4, 12)
    rates = [float(schedule(step)) for step in range(13)]
    warmup = [0.25, 0.5, 0.75, 1.0]
    decay = [1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0]
    np.testing.assert_allclose(rates, warmup + decay, rtol=1e-6)
    assert [float(WarmUp(1.0, 4, 4)(step)) for step in (3, 4)] == [1, 0]  # nothing but warmup
    assert WarmUp(**schedule.get_config()).get_config() == schedule.get_config()


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_reaches_the_peak_after_warmup_and_zero_at_the_end(name, accumulate):
    optimizer = pretraining_optimizer(
        "adamw",
        make_model(),
        steps=50,
        learning_rate=RATE,
        schedule=name,
        warmup=0.1,
        accumulate=accumulate,
        ema=0.9,
    )
    middle, end = int(27.5 * accumulate), 50 * accumulate
    steps = [*range(7 * accumulate), middle, end]
    rates = {step: float(optimizer._learning_rate(step)) for step in steps}
    assert max(rates.values()) == pytest.approx(RATE)
    assert 4 * accumulate <= max(rates, key=rates.get) <= 5 * accumulate
    assert rates[end] == pytest.approx(0, abs=1e-9)
    assert rates[middle] / RATE == pytest.approx(0.5, abs=0.02)  # half of the steps after warmup
    assert optimizer.use_ema
    assert optimizer.ema_momentum == 0.9
    assert optimizer.global_clipnorm == 1.0
    assert optimizer.gradient_accumulation_steps == (2 if accumulate == 2 else None)
