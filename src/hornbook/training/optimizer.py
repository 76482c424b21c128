"""Keras's optimizers with the settings Transformers need: warmup and decay of the learning rate,
no weight decay on norms and biases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

NO_DECAY = ("bias", "beta", "gamma")
# name -> a good learning rate for pretraining small models from scratch
OPTIMIZERS = {"adamw": 1e-3, "lamb": 4e-3, "lion": 2e-4, "muon": 2e-3}
SCHEDULES = ("linear", "cosine")
# Muon is for matrices between hidden features; embeddings and heads are trained with Adam
EXCLUDED_FROM_MUON = ("mlm", "nsp", "discriminator")


def pretraining_optimizer(
    name: str,
    model: keras.Model,
    *,
    steps: int,
    learning_rate: float,
    schedule: str = "linear",
    warmup: float = 0.06,
    weight_decay: float = 0.01,
    ema: float = 0.0,
    accumulate: int = 1,
) -> keras.optimizers.Optimizer:
    """Returns one of Keras's optimizers for pretraining.

    Args:
        name: One of `OPTIMIZERS`.
        model: The model, built.
        steps: Number of optimizer steps of the whole training.
        learning_rate: The peak learning rate, reached at the end of the warmup.
        schedule: How it then decays to zero: one of `SCHEDULES`.
        warmup: Share of the steps used for warmup.
        weight_decay: Weight decay of kernels and embeddings; biases and norms have none.
        ema: Decay of the exponential moving average of the weights; 0 disables it.
        accumulate: Batches whose gradients are accumulated per step.
    """
    classes = {
        "adamw": lambda **options: keras.optimizers.AdamW(beta_2=0.98, epsilon=1e-6, **options),
        "lamb": lambda **options: keras.optimizers.Lamb(epsilon=1e-6, **options),
        "lion": lambda **options: keras.optimizers.Lion(beta_2=0.98, **options),
        "muon": lambda **options: keras.optimizers.Muon(
            adam_weight_decay=weight_decay, exclude_layers=list(EXCLUDED_FROM_MUON), **options
        ),
    }
    # Keras counts batches, not optimizer steps, in schedules
    schedule_class = WarmUp if schedule == "linear" else _cosine
    optimizer = classes[name](
        learning_rate=schedule_class(
            learning_rate, int(steps * warmup) * accumulate, steps * accumulate
        ),
        weight_decay=weight_decay,
        global_clipnorm=1.0,
        use_ema=ema > 0,
        ema_momentum=ema or 0.99,
        gradient_accumulation_steps=accumulate if accumulate > 1 else None,
    )
    _exclude_from_decay(optimizer, model)
    return optimizer


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate with linear warmup and linear decay.

    Args:
        peak: The peak learning rate.
        warmup: Number of warmup steps.
        total: Number of steps until the rate is zero.
    """

    def __init__(self, peak: float, warmup: int, total: int):
        self.peak, self.warmup, self.total = peak, warmup, total

    def __call__(self, step: Any) -> Any:
        step = keras.ops.cast(step, "float32")
        warmup = (step + 1) / max(self.warmup, 1)
        decay = (self.total - step) / max(self.total - self.warmup, 1)
        return self.peak * keras.ops.clip(keras.ops.minimum(warmup, decay), 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "warmup": self.warmup, "total": self.total}


def _cosine(peak: float, warmup: int, total: int) -> Any:
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else peak,
        decay_steps=max(total - warmup, 1),
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )


def _exclude_from_decay(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> None:
    variables = [v for v in model.trainable_variables if v.name in NO_DECAY]
    optimizer.exclude_from_weight_decay(var_list=variables)


def adamw(
    model: keras.Model,
    *,
    steps: int,
    learning_rate: float,
    warmup: float = 0.1,
    weight_decay: float = 0.01,
    ema: float = 0.99,
    rates: Mapping[str, float] | None = None,
) -> keras.optimizers.Optimizer:
    """Returns the optimizer for fine-tuning.

    Args:
        model: The model, built.
        steps: Number of optimizer steps of the whole training.
        learning_rate: The peak learning rate, reached at the end of the warmup.
        warmup: Share of the steps used for warmup; then the rate decays to zero.
        weight_decay: Weight decay of kernels and embeddings; biases and norms have none.
        ema: Decay of the exponential moving average of the weights; 0 disables it.  At most
            `1 - 10 / steps` is used, or in a short training the initial weights would dominate.
        rates: `variable.path` -> factor of the learning rate, see `layerwise_rates`.
    """
    schedule = _cosine(learning_rate, int(steps * warmup), steps)
    ema = min(ema, max(0.0, 1 - 10 / max(steps, 1)))
    options = {"global_clipnorm": 1.0, "use_ema": ema > 0, "ema_momentum": ema or 0.99}
    variables = model.trainable_variables
    if rates:
        decays = {v.path: weight_decay for v in variables if v.name not in NO_DECAY}
        return LayerwiseAdamW(schedule, rates=rates, decays=decays, **options)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=weight_decay, **options)
    _exclude_from_decay(optimizer, model)
    return optimizer


def layerwise_rates(transformer: Any, decay: float) -> dict[str, float]:
    """Returns learning rates that shrink toward the input: each layer has `decay` times the next.

    A block that several layers share has the rate of the last of them, embeddings have `decay`
    times that of the first layer, and heads have factor 1.  Encoder and decoder are counted
    separately.

    Args:
        transformer: A `Transformer` or an `EncoderDecoder`, built.
        decay: Factor from each layer to the previous one, between 0 and 1.

    Returns:
        `variable.path` -> factor; all other variables have factor 1.

    Reference: https://arxiv.org/abs/1801.06146
    """
    stacks = [transformer]
    if transformer.config.encoder_decoder:
        stacks = [stack for stack in (transformer.encoder, transformer.decoder) if stack]
    rates: dict[str, float] = {}
    for stack in stacks:
        layers, blocks = stack.config.num_hidden_layers, stack.blocks
        depths = [(0, layer) for layer in stack.embedding_layers]
        depths += [(n + 1, blocks[n * len(blocks) // layers]) for n in range(layers)]
        for depth, layer in depths:
            rates |= {v.path: decay ** (layers - depth) for v in layer.trainable_variables}
    return rates


class LayerwiseAdamW(keras.optimizers.Adam):
    """AdamW with a factor for the learning rate of each variable, weight decay included.

    Keras's own AdamW decays every variable at the same rate, so a layer with a tiny learning rate
    would still be pulled to zero.

    Args:
        learning_rate: A number, or a schedule.
        rates: `variable.path` -> factor; defaults to 1 for the others.
        decays: `variable.path` -> weight decay; defaults to 0 for the others.
    """

    def __init__(
        self,
        learning_rate: Any,
        *,
        rates: Mapping[str, float],
        decays: Mapping[str, float],
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.rates = dict(rates)
        self.decays = dict(decays)

    def build(self, variables: Any) -> None:
        # by index, because update_step may be given the backend's own variables
        self._rates = [self.rates.get(variable.path, 1.0) for variable in variables]
        self._decays = [self.decays.get(variable.path, 0.0) for variable in variables]
        super().build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        learning_rate = learning_rate * self._rates[index]
        if decay := self._decays[index]:
            share = keras.ops.cast(learning_rate * decay, variable.dtype)
            self.assign_sub(variable, variable * share)
        super().update_step(gradient, variable, learning_rate)
