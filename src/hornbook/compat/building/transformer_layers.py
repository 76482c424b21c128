"""The layers of a Transformer block with bert4keras's arguments."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook import layers
from hornbook.compat.bert4keras.backend import gelu_erf
from hornbook.compat.building.recorded import Recorded
from hornbook.layers.matrices.dense import Dense, TokenEmbedding
from hornbook.layers.tensors import Initializer, Shape, Tensor

serializable = keras.saving.register_keras_serializable("hornbook.compat.bert4keras")


def first_of(masks: Any) -> Tensor:
    """Returns the mask of the first of several inputs."""
    return masks[0] if isinstance(masks, list | tuple) else masks


@serializable
class Embedding(Recorded, TokenEmbedding):
    """Token embedding; with `mode="dense"` the product with its transposed table.

    With `mask_zero`, ID 0 is padding, except at the first position, where T5 begins.  IDs may be
    floats, and are exact under a policy of half precision too (bert4keras rounds them).
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Initializer = "uniform",
        mask_zero: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("input_length", None)
        super().__init__(
            input_dim, output_dim, embeddings_initializer=embeddings_initializer, **kwargs
        )
        self.autocast = False
        self.pads_zero = mask_zero

    def call(self, inputs: Tensor, mode: str = "embedding") -> Tensor:
        return super().call(inputs, reverse=mode == "dense")

    def compute_mask(self, inputs: Tensor, mask: Tensor = None) -> Tensor:
        if len(inputs.shape) != 2:
            return mask
        if not self.pads_zero:
            return None
        first = ops.ones_like(inputs[:, :1], dtype="bool")
        return ops.concatenate([first, ops.not_equal(inputs[:, 1:], 0)], axis=1)

    def compute_output_spec(self, inputs: Tensor, mode: str = "embedding") -> Tensor:
        features = self.input_dim if mode == "dense" else self.output_dim
        shape = inputs.shape[:-1] if mode == "dense" else inputs.shape
        return keras.KerasTensor((*shape, features), self.compute_dtype)


@serializable
class ScaleOffset(Recorded):
    """Multiplies by `scale` and adds `offset`: True for trained ones, a number, or False."""

    def __init__(self, scale: Any = True, offset: Any = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.scale, self.offset = scale, offset

    def build(self, x_shape: Shape) -> None:
        if self.offset is True:
            self.beta = self.add_weight(name="beta", shape=x_shape[-1:], initializer="zeros")
        if self.scale is True:
            self.gamma = self.add_weight(name="gamma", shape=x_shape[-1:], initializer="ones")

    def call(self, x: Tensor) -> Tensor:
        if self.scale:
            x = x * (self.gamma if self.scale is True else self.scale)
        if self.offset:
            x = x + (self.beta if self.offset is True else self.offset)
        return x


@serializable
class BiasAdd(ScaleOffset):
    """Adds a trained vector."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(scale=False, **kwargs)


@serializable
class LayerNormalization(Recorded, layers.ConditionalLayerNormalization):
    """Layer normalization; with `conditional` of `[x, condition]`, see hornbook's layer."""

    def __init__(
        self,
        zero_mean: bool = True,
        unit_variance: bool = True,
        epsilon: float | None = None,
        scale: bool = True,
        offset: bool = True,
        conditional: bool = False,
        hidden_units: int | None = None,
        hidden_activation: str = "linear",
        hidden_initializer: Initializer = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        if not unit_variance or not isinstance(scale, bool) or not isinstance(offset, bool):
            raise ValueError("unit_variance=False, and a scale or offset in numbers, are missing.")
        super().__init__(
            epsilon=epsilon or keras.config.epsilon(),
            kind="layer" if zero_mean else "rms",
            scale=scale,
            offset=offset,
            condition_hidden_size=hidden_units,
            condition_hidden_act=hidden_activation,
            **kwargs,
        )
        self.conditional = conditional

    def build(self, shapes: Any) -> None:
        x_shape = shapes
        if self.conditional:
            x_shape, condition_shape = shapes
            self.condition_size = condition_shape[-1]
        super().build(x_shape)

    def call(self, inputs: Any) -> Tensor:
        return super().call(*inputs) if self.conditional else super().call(inputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Tensor:
        return first_of(mask)

    def compute_output_shape(self, shapes: Any) -> Shape:
        return shapes[0] if self.conditional else shapes

    def in_checkpoint(self) -> list[Any]:
        names = ("beta", "gamma", "hidden_kernel", "beta_kernel", "gamma_kernel")
        return [getattr(self, name) for name in names if hasattr(self, name)]


@serializable
class MultiHeadAttention(Recorded, layers.MultiHeadAttention):
    """Attention of `[query, key, value]`, then what `a_bias` and `p_bias` announce.

    `a_bias` is a mask or a bias of the scores.  `p_bias` is `"rotary"`, `"typical_relative"` or
    `"t5_relative"`, with the positions of the layer for it.  With `return_attention_scores` the
    scores before softmax are returned too; `scores=True` adds those of the last input
    (RealFormer: the sum over all layers before, where bert4keras has the last one only).
    """

    def __init__(
        self,
        heads: int,
        head_size: int,
        out_dim: int | None = None,
        key_size: int | None = None,
        use_bias: bool = True,
        normalization: str = "softmax",
        attention_scale: bool = True,
        attention_dropout: float | None = None,
        return_attention_scores: bool = False,
        kernel_initializer: Initializer = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            heads,
            head_size=head_size,
            use_bias=use_bias,
            normalization=normalization,
            scale=attention_scale,
            dropout=attention_dropout or 0.0,
            kernel_initializer=kernel_initializer,
            **kwargs,
        )
        self.returns_scores = return_attention_scores
        self.out_dim = out_dim or heads * head_size
        if (key_size or head_size) != head_size:
            raise ValueError("A key_size other than the head_size is not supported.")

    def build(self, shapes: list[Shape]) -> None:
        super().build(shapes[0])
        if shapes[0][-1] != self.out_dim:
            raise ValueError(
                f"{self.name} has the input size {shapes[0][-1]} and the output size "
                f"{self.out_dim}; only equal sizes are supported."
            )

    def call(
        self,
        inputs: list[Tensor],
        mask: Any = None,
        a_bias: Any = None,
        p_bias: str | None = None,
        scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        query, key, value, *others = inputs
        options: dict[str, Any] = {}
        if a_bias:
            bias = others.pop(0)
            while len(bias.shape) < 4:
                bias = bias[:, None] if len(bias.shape) == 3 else bias[None]
            is_mask = keras.backend.standardize_dtype(bias.dtype) == "bool"
            options["attention_mask" if is_mask else "attention_bias"] = bias
        if p_bias == "rotary":
            waves = others.pop(0)
            options["rotary"] = (waves[:, None, :, 1::2], waves[:, None, :, ::2])
        elif p_bias == "typical_relative":
            options["relative"] = others.pop(0)[None]
        elif p_bias == "t5_relative":
            bias = ops.transpose(others.pop(0), (2, 0, 1))[None]
            options["attention_bias"] = bias + options.get("attention_bias", 0.0)
        if self.returns_scores or scores:
            earlier = others.pop(0) if scores else ops.zeros((1, 1, 1, 1))
            options["memory"] = {"scores": earlier}
        y = super().call(
            query,
            (key, value),
            context_padding_mask=None if mask is None else mask[2],
            training=training,
            **options,
        )
        if "memory" not in options:
            return y
        return [y[0], y[1]["scores"]] if self.returns_scores else y[0]

    def key_and_value(self, context: Any, rotary: Any = None, memory: Any = None) -> Any:
        key, value = super().key_and_value(context[0], rotary)
        return key, value if context[0] is context[1] else self._split(self.value(context[1]))

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> Any:
        return [first_of(mask), None] if self.returns_scores else first_of(mask)

    def compute_output_spec(self, inputs: list[Tensor], *args: Any, **options: Any) -> Any:
        batch, queries = inputs[0].shape[:2]
        y = keras.KerasTensor((batch, queries, self.out_dim), self.compute_dtype)
        if not self.returns_scores:
            return y
        return [y, keras.KerasTensor((batch, self.num_heads, queries, inputs[1].shape[1]))]


@serializable
class FeedForward(Recorded, layers.FeedForward):
    """The feed-forward network; a list of two activations, one of them linear, gates it."""

    def __init__(
        self,
        units: int,
        activation: Any = "relu",
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        acts = list(activation) if isinstance(activation, list | tuple) else [activation]
        self.__dict__["gate_is_first"] = len(acts) == 2 and acts[1] == "linear"
        if (len(acts) == 2 and "linear" not in acts) or len(acts) > 2:
            raise ValueError(f"activation is {acts}, expected one, or two with one linear.")
        super().__init__(
            units,
            activation=acts[0] if acts[-1] == "linear" or len(acts) == 1 else acts[1],
            gated=len(acts) == 2,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            **kwargs,
        )

    def _dense(self, name: str, units: int, activation_name: Any) -> Dense:
        return Dense(
            units,
            activation=activation_named(activation_name),
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer.clone(),
            dtype=self.dtype_policy,
            name=name,
        )

    def in_checkpoint(self) -> list[Any]:
        dense = [self.intermediate, self.gate] if self.gated else [self.intermediate]
        dense = dense[::-1] if self.gate_is_first else dense
        return [weight for layer in (*dense, self.output_dense) for weight in layer.weights]


def activation_named(name: Any) -> Any:
    """Returns an activation; `gelu` is that of `set_gelu`, at first the exact one."""
    if name == "gelu":
        return keras.saving.get_custom_objects().get("gelu", gelu_erf)
    return keras.activations.get(name)


@serializable
class Concatenate1D(Recorded):
    """Concatenates sequences, of which some have a mask."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: list[Tensor]) -> Tensor:
        return ops.concatenate(inputs, axis=1)

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> Tensor:
        if mask is None or all(each is None for each in mask):
            return None
        masks = [
            ops.ones_like(x[..., 0], dtype="bool") if each is None else each
            for x, each in zip(inputs, mask, strict=True)
        ]
        return ops.concatenate(masks, axis=1)
