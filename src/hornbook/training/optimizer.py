"""AdamW as Transformers are fine-tuned with it: warm-up, cosine decay, no decay on norms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

UNDECAYED = ("bias", "beta", "gamma")


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
    """Makes the optimizer of a whole training.

    Args:
        model: Whose weights; built.
        steps: Optimizer steps of the whole training.
        learning_rate: The highest one, reached when the warm-up ends.
        warmup: Share of the steps in which the rate rises; it falls to zero in the others.
        weight_decay: Of kernels and embeddings; biases and norms are left out.
        ema: How much of the running average of the weights stays at each step; 0 for none.
        rates: `variable.path` -> factor on the learning rate, see `layerwise_rates`.
    """
    warmup_steps = int(steps * warmup)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else learning_rate,
        decay_steps=max(steps - warmup_steps, 1),
        warmup_target=learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )
    options = {"global_clipnorm": 1.0, "use_ema": ema > 0, "ema_momentum": ema or 0.99}
    variables = model.trainable_variables
    if rates:
        decays = {v.path: weight_decay for v in variables if v.name not in UNDECAYED}
        return LayerwiseAdamW(schedule, rates=rates, decays=decays, **options)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=weight_decay, **options)
    optimizer.exclude_from_weight_decay(var_list=[v for v in variables if v.name in UNDECAYED])
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
