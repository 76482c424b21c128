"""Each step is compared with the formula in NumPy."""

import json

import keras
import numpy as np
import pytest

from hornbook.compat.bert4keras import optimizers

RATE = 0.1
STEPS = 4


@pytest.fixture(scope="module")
def gradients():
    return np.random.RandomState(0).randn(STEPS, 3, 4).astype("float32")


def start():
    weights = np.random.RandomState(1).randn(3, 4).astype("float32")
    return keras.Variable(weights, name="kernel"), weights.astype("float64")


def train(optimizer, gradients):
    variable, _ = start()
    optimizer.build([variable])
    step = optimizer.apply
    if keras.config.backend() == "jax":  # compiled, as in fit
        import jax

        compiled = jax.jit(optimizer.stateless_apply)

        def step(grads):
            states = [one.value for one in optimizer.variables]
            (value,), states = compiled(states, grads, [variable.value])
            variable.assign(value)
            for one, state in zip(optimizer.variables, states, strict=True):
                one.assign(state)

    values = []
    for gradient in gradients:
        step([keras.ops.convert_to_tensor(gradient)])
        values.append(np.array(keras.ops.convert_to_numpy(variable)))
    return variable, values


def adam(correct=True, change=lambda step, weights, index: step):
    """Returns a function that makes Adam's steps on float64 arrays."""
    state = {"m": 0.0, "v": 0.0, "t": 0}

    def move(weights, gradient, rate=RATE):
        state["t"] += 1
        state["m"] = 0.9 * state["m"] + 0.1 * gradient
        state["v"] = 0.999 * state["v"] + 0.001 * gradient**2
        m, v = state["m"], state["v"]
        if correct:
            rate = rate * np.sqrt(1 - 0.999 ** state["t"]) / (1 - 0.9 ** state["t"])
        return change(-rate * m / (np.sqrt(v) + 1e-7), weights, state["t"] - 1)

    return move


def expected(gradients, move):
    _, weights = start()
    values = []
    for gradient in gradients.astype("float64"):
        weights = weights + move(weights, gradient)
        values.append(weights)
    return values


def extended(name, **options):
    return getattr(optimizers, f"extend_with_{name}")(optimizers.Adam)(RATE, **options)


def close(one, other):
    np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


@pytest.mark.backend
def test_adam_may_leave_its_moments_uncorrected(gradients):
    optimizer = optimizers.Adam(lr=RATE, bias_correction=False)
    close(train(optimizer, gradients)[1], expected(gradients, adam(correct=False)))
    assert float(keras.ops.convert_to_numpy(optimizer.lr)) == pytest.approx(RATE)


@pytest.mark.backend
def test_weight_decay_and_layer_adaptation_are_lamb(gradients):
    def lamb(step, weights, _):
        step = step - RATE * 0.02 * weights
        return step * np.linalg.norm(weights) / np.linalg.norm(step / RATE)

    lamb_class = optimizers.extend_with_layer_adaptation(
        optimizers.extend_with_weight_decay(optimizers.Adam, name="AdamW"), name="LAMB"
    )
    values = train(lamb_class(RATE, weight_decay_rate=0.02), gradients)[1]
    close(values, expected(gradients, adam(change=lamb)))


def test_names_are_excluded_by_regular_expressions(gradients):
    options = {"weight_decay_rate": 0.5, "exclude_from_weight_decay": ["Norm", "ker.*"]}
    plain = train(optimizers.Adam(RATE), gradients)[1]
    close(train(extended("weight_decay", **options), gradients)[1], plain)


@pytest.mark.backend
def test_the_rate_rises_from_zero_and_is_linear_between_the_knots(gradients):
    factors = np.interp(range(STEPS), [0, 2, 4], [0, 1, 0.1])
    values = train(extended("piecewise_linear_lr", lr_schedule={2: 1, 4: 0.1}), gradients)[1]
    close(values, expected(gradients, adam(change=lambda step, _, index: step * factors[index])))
    close(values[0], start()[1])


def test_the_decayed_rate_also_scales_weight_decay_in_either_order(gradients):
    options = {"lr_schedule": {4: 1}, "weight_decay_rate": 0.1}
    schedule = optimizers.extend_with_piecewise_linear_lr
    decay = optimizers.extend_with_weight_decay
    one = train(schedule(decay(optimizers.Adam))(RATE, **options), gradients)[1]
    other = train(decay(schedule(optimizers.Adam))(RATE, **options), gradients)[1]
    close(one, other)
    close(one[0], start()[1])


@pytest.mark.backend
def test_accumulation_steps_on_the_mean_of_its_own_batches(gradients):
    values = train(extended("gradient_accumulation", grad_accum_steps=2), gradients)[1]
    means = gradients.reshape(2, 2, 3, 4).mean(axis=1)
    close(values[0], start()[1])
    close(values[1::2], expected(means, adam()))


@pytest.mark.backend
def test_lookahead_starts_from_the_weights(gradients):
    optimizer = extended("lookahead", steps_per_slow_update=3, slow_step_size=0.25)
    move = adam()
    _, weights = start()
    slow = weights
    for number, gradient in enumerate(gradients.astype("float64"), start=1):
        weights = weights + move(weights, gradient)
        if number % 3 == 0:
            weights = slow = slow + 0.25 * (weights - slow)
    close(train(optimizer, gradients)[1][-1], weights)


@pytest.mark.backend
def test_rows_without_a_gradient_stay(gradients):
    some = gradients.copy()
    some[1:, 1] = 0
    optimizer = extended("lazy_optimization", include_in_lazy_optimization=["kernel"])
    values = train(optimizer, some)[1]
    close(values[-1][1], values[0][1])
    plain = train(optimizers.Adam(RATE), some)[1]
    close(values[-1][[0, 2]], plain[-1][[0, 2]])
    assert np.abs(plain[-1][1] - values[-1][1]).max() > 1e-3


def test_rates_are_multiplied_by_the_parts_of_a_name(gradients):
    values = train(
        extended("parameter_wise_lr", paramwise_lr_schedule={"ker": 2, "x": 9}), gradients
    )
    close(values[1], expected(gradients, adam(change=lambda step, *_: 2 * step)))


@pytest.mark.backend
def test_averages_are_applied_and_taken_back(gradients):
    optimizer = extended("exponential_moving_average", ema_momentum=0.8)
    variable, values = train(optimizer, gradients)
    shares = 0.2 * 0.8 ** np.arange(STEPS)[::-1]
    optimizer.apply_ema_weights()
    average = np.tensordot(shares, np.array(values, "float64"), 1) / shares.sum()
    close(keras.ops.convert_to_numpy(variable), average)
    optimizer.reset_old_weights()
    close(keras.ops.convert_to_numpy(variable), values[-1])


def test_there_is_no_average_before_the_first_step():
    optimizer = extended("exponential_moving_average")
    optimizer.build([start()[0]])
    with pytest.raises(ValueError, match="before the first step"):
        optimizer.apply_ema_weights()
    with pytest.raises(ValueError, match="needs apply_ema_weights"):
        optimizer.reset_old_weights()


@pytest.mark.backend
@pytest.mark.parametrize("factor", [2, 128])
def test_adafactor_follows_its_paper(gradients, factor):
    optimizer = optimizers.AdaFactor(RATE, beta1=0.9, min_dim_size_to_factor=factor)
    state = {"t": 0, "v": np.zeros((3, 4)), "row": 0.0, "column": 0.0, "m": 0.0}

    def move(weights, gradient):
        state["t"] += 1
        beta2 = 1 - state["t"] ** -0.8
        square = gradient**2 + 1e-30
        state["row"] = beta2 * state["row"] + (1 - beta2) * square.mean(1, keepdims=True)
        state["column"] = beta2 * state["column"] + (1 - beta2) * square.mean(0, keepdims=True)
        state["v"] = beta2 * state["v"] + (1 - beta2) * square
        second = state["row"] * state["column"] / state["row"].mean() if factor == 2 else state["v"]
        update = gradient / np.sqrt(second)
        update = update / max(1, np.sqrt((update**2).mean()))
        state["m"] = 0.9 * state["m"] + 0.1 * update
        return -RATE * max(np.sqrt((weights**2).mean()), 1e-3) * state["m"]

    close(train(optimizer, gradients)[1], expected(gradients, move))


def test_adafactor_has_a_rate_of_its_own(gradients):
    optimizer = optimizers.AdaFactor(None, multiply_by_parameter_scale=False)
    own = train(optimizer, gradients)[1]
    close(
        own[0],
        train(optimizers.AdaFactor(0.05 * 0.01, multiply_by_parameter_scale=False), gradients)[1][
            0
        ],
    )


@pytest.mark.backend
def test_a_model_trains_and_is_saved_with_an_extended_optimizer(tmp_path):
    base = optimizers.extend_with_weight_decay(optimizers.Adam)
    base = optimizers.extend_with_gradient_accumulation(base)
    base = optimizers.extend_with_piecewise_linear_lr(base)
    full = optimizers.extend_with_exponential_moving_average_v2(base, name="AdamFull")
    optimizer = full(0.01, grad_accum_steps=2, lr_schedule={3: 1.0}, ema_momentum=0.9)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    x, y = np.random.RandomState(0).randn(2, 16, 4).astype("float32")
    averages = []

    class Average(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            optimizer.apply_ema_weights()
            averages.append(np.array(model.get_weights()[0]))
            optimizer.reset_old_weights()

    history = model.fit(x, y[:, :1], batch_size=4, epochs=3, verbose=0, callbacks=[Average()])
    assert history.history["loss"][-1] < history.history["loss"][0]
    weights = model.get_weights()[0]
    assert np.abs(averages[-1] - weights).max() < np.abs(averages[0] - weights).max()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras").optimizer
    assert json.dumps(again.get_config()) == json.dumps(optimizer.get_config())
    for one, other in zip(again.variables, optimizer.variables, strict=True):
        close(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other))
