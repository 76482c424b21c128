"""Keras's optimizers with the settings Transformers need: warm-up and decay of the learning rate,
no weight decay on norms and biases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

UNDECAYED = ("bias", "beta", "gamma")
# name -> a good learning rate for pretraining small models from scratch
OPTIMIZERS = {"adamw": 1e-3, "lamb": 4e-3, "lion": 2e-4, "muon": 2e-3}
SCHEDULES = ("linear", "cosine")
# Muon is for matrices between features; embeddings and heads are trained with Adam
NOT_BY_MUON = ("mlm", "nsp", "discriminator")


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
    """Makes one of Keras's optimizers for pretraining.

    Args:
        name: One of `OPTIMIZERS`.
        model: The model, built.
        steps: Number of optimizer steps of the whole training.
        learning_rate: The peak learning rate, reached at the end of the warm-up.
        schedule: How it then decays to zero: one of `SCHEDULES`.
        warmup: Share of the steps used for warm-up.
        weight_decay: Weight decay of kernels and embeddings; biases and norms have none.
        ema: Decay of the exponential moving average of the weights; 0 disables it.
        accumulate: Batches whose gradients are accumulated per step.
    """
    classes = {
        "adamw": lambda **options: keras.optimizers.AdamW(beta_2=0.98, epsilon=1e-6, **options),
        "lamb": lambda **options: keras.optimizers.Lamb(epsilon=1e-6, **options),
        "lion": lambda **options: keras.optimizers.Lion(beta_2=0.98, **options),
        "muon": lambda **options: keras.optimizers.Muon(
            adam_weight_decay=weight_decay, exclude_layers=list(NOT_BY_MUON), **options
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
    _leave_undecayed(optimizer, model)
    return optimizer


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate with linear warm-up and linear decay.

    Args:
        highest: The peak learning rate.
        warmup: Steps of the warm-up.
        total: Steps until it is zero.
    """

    def __init__(self, highest: float, warmup: int, total: int):
        self.highest, self.warmup, self.total = highest, warmup, total

    def __call__(self, step: Any) -> Any:
        step = keras.ops.cast(step, "float32")
        rising = (step + 1) / max(self.warmup, 1)
        falling = (self.total - step) / max(self.total - self.warmup, 1)
        return self.highest * keras.ops.clip(keras.ops.minimum(rising, falling), 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"highest": self.highest, "warmup": self.warmup, "total": self.total}


def _cosine(highest: float, warmup: int, total: int) -> Any:
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else highest,
        decay_steps=max(total - warmup, 1),
        warmup_target=highest if warmup else None,
        warmup_steps=warmup,
    )


def _leave_undecayed(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> None:
    variables = [v for v in model.trainable_variables if v.name in UNDECAYED]
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
    """Makes the optimizer for fine-tuning.

    Args:
        model: The model, built.
        steps: Number of optimizer steps of the whole training.
        learning_rate: The peak learning rate, reached at the end of the warm-up.
        warmup: Share of the steps used for warm-up; then the rate decays to zero.
        weight_decay: Weight decay of kernels and embeddings; biases and norms have none.
        ema: Decay of the exponential moving average of the weights; 0 disables it.  In a short
            training at most `1 - 10 / steps`, or the average would still hold the start.
        rates: `variable.path` -> factor on the learning rate, see `layerwise_rates`.
    """
    schedule = _cosine(learning_rate, int(steps * warmup), steps)
    ema = min(ema, max(0.0, 1 - 10 / max(steps, 1)))
    options = {"global_clipnorm": 1.0, "use_ema": ema > 0, "ema_momentum": ema or 0.99}
    variables = model.trainable_variables
    if rates:
        decays = {v.path: weight_decay for v in variables if v.name not in UNDECAYED}
        return LayerwiseAdamW(schedule, rates=rates, decays=decays, **options)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=weight_decay, **options)
    _leave_undecayed(optimizer, model)
    return optimizer


def layerwise_rates(transformer: Any, decay: float) -> dict[str, float]:
    """Returns smaller learning rates nearer to the input: each layer has `decay` of the one above.

    A block that several layers share has the rate of the uppermost, embeddings have `decay` of the
    first layer's, and heads have factor 1.  Encoder and decoder are counted separately.

    Args:
        transformer: A `Transformer` or an `EncoderDecoder`, built.
        decay: Factor from each layer to the one below, between 0 and 1.

    Returns:
        `variable.path` -> factor; variables that are not in it have factor 1.

    Reference: https://arxiv.org/abs/1801.06146
    """
    stacks = [transformer]
    if transformer.config.encoder_decoder:
        stacks = [stack for stack in (transformer.encoder, transformer.decoder) if stack]
    rates: dict[str, float] = {}
    for stack in stacks:
        layers, blocks = stack.config.num_hidden_layers, stack.blocks
        owners = [(0, layer) for layer in stack.embedding_layers]
        owners += [(n + 1, blocks[n * len(blocks) // layers]) for n in range(layers)]
        for height, layer in owners:
            rates |= {v.path: decay ** (layers - height) for v in layer.trainable_variables}
    return rates


class LayerwiseAdamW(keras.optimizers.Adam):
    """AdamW with a factor on the learning rate of each variable, its decay included.

    Keras's own AdamW decays every variable at the same rate, so a layer that hardly learns
    would still be pulled to zero.

    Args:
        learning_rate: A number, or a schedule.
        rates: `variable.path` -> factor; 1 for those that are not in it.
        decays: `variable.path` -> weight decay; 0 for those that are not in it.
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
