"""Keras's optimizers as Transformers are trained with them: warm-up, then a falling rate, no decay
on norms and biases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

UNDECAYED = ("bias", "beta", "gamma")
# name -> the learning rate that small models are pretrained well with, from scratch
OPTIMIZERS = {"adamw": 1e-3, "lamb": 4e-3, "lion": 2e-4, "muon": 2e-3}
SCHEDULES = ("linear", "cosine")
# Muon is for the matrices between features; tables of words and heads learn by Adam there
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
    """One of Keras's optimizers for a whole training.

    Args:
        name: One of `OPTIMIZERS`.
        model: Whose weights; built.
        steps: Optimizer steps of the whole training.
        learning_rate: The highest one, reached when the warm-up ends.
        schedule: How it falls then, to zero: one of `SCHEDULES`.
        warmup: Share of the steps in which the rate rises.
        weight_decay: Of kernels and embeddings; biases and norms are left out.
        ema: How much of the running average of the weights stays at each step; 0 for none.
        accumulate: Batches whose gradients are averaged for one step.
    """
    classes = {
        "adamw": lambda **given: keras.optimizers.AdamW(beta_2=0.98, epsilon=1e-6, **given),
        "lamb": lambda **given: keras.optimizers.Lamb(epsilon=1e-6, **given),
        "lion": lambda **given: keras.optimizers.Lion(beta_2=0.98, **given),
        "muon": lambda **given: keras.optimizers.Muon(
            adam_weight_decay=weight_decay, exclude_layers=list(NOT_BY_MUON), **given
        ),
    }
    # Keras asks for the rate by batches, not by steps
    made = WarmUp if schedule == "linear" else _cosine
    optimizer = classes[name](
        learning_rate=made(learning_rate, int(steps * warmup) * accumulate, steps * accumulate),
        weight_decay=weight_decay,
        global_clipnorm=1.0,
        use_ema=ema > 0,
        ema_momentum=ema or 0.99,
        gradient_accumulation_steps=accumulate if accumulate > 1 else None,
    )
    _leave_undecayed(optimizer, model)
    return optimizer


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that rises and then falls in straight lines.

    Args:
        highest: Where both lines meet.
        warmup: Calls until then.
        total: Calls until it is zero.
    """

    def __init__(self, highest: float, warmup: int, total: int):
        self.highest, self.warmup, self.total = highest, warmup, total

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        rising = (step + 1) / max(self.warmup, 1)
        falling = (self.total - step) / max(self.total - self.warmup, 1)
        return self.highest * keras.ops.clip(keras.ops.minimum(rising, falling), 0.0, 1.0)

    def get_config(self):
        return {"highest": self.highest, "warmup": self.warmup, "total": self.total}


def _cosine(highest: float, warmup: int, total: int):
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
    """Makes the optimizer of a whole fine-tuning.

    Args:
        model: Whose weights; built.
        steps: Optimizer steps of the whole training.
        learning_rate: The highest one, reached when the warm-up ends.
        warmup: Share of the steps in which the rate rises; it falls to zero in the others.
        weight_decay: Of kernels and embeddings; biases and norms are left out.
        ema: How much of the running average of the weights stays at each step; 0 for none.  In
            a short training less, or the start would still be in it: at most `1 - 10 / steps`.
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
    """Smaller learning rates nearer to the input: each layer has `decay` of the one above.

    A block that several layers share has the rate of the uppermost, what lies below the first
    layer has `decay` of that one's, and what stands on top of the last has factor 1.  The two
    stacks of an encoder-decoder are counted each by itself.

    Args:
        transformer: A `Transformer` or an `EncoderDecoder`, built.
        decay: Between 0 and 1.

    Returns:
        `variable.path` -> factor; a variable that is not in it has factor 1.

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
        rates: `variable.path` -> factor; 1 where nothing is said.
        decays: `variable.path` -> weight decay; 0 where nothing is said.
    """

    def __init__(
        self, learning_rate, *, rates: Mapping[str, float], decays: Mapping[str, float], **kwargs
    ):
        super().__init__(learning_rate, **kwargs)
        self.rates = dict(rates)
        self.decays = dict(decays)

    def build(self, variables):
        # by number, because update_step may be given the backend's own variables
        self._rates = [self.rates.get(variable.path, 1.0) for variable in variables]
        self._decays = [self.decays.get(variable.path, 0.0) for variable in variables]
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        number = self._get_variable_index(variable)
        learning_rate = learning_rate * self._rates[number]
        if decay := self._decays[number]:
            lost = keras.ops.cast(learning_rate * decay, variable.dtype)
            self.assign_sub(variable, variable * lost)
        super().update_step(gradient, variable, learning_rate)
