"""BERT and its relatives, layer by layer."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from hornbook.compat.building.graph import Input, Transformer
from hornbook.compat.building.mask_layers import FirstToken
from hornbook.compat.building.position_layers import (
    PositionEmbedding,
    RelativePositionEmbedding,
    SinusoidalPositionEmbedding,
)
from hornbook.compat.building.transformer_layers import Embedding, ScaleOffset, activation_named
from hornbook.compat.keras.keras2_layers import Add
from hornbook.layers.tensors import Tensor

# layer -> hornbook's path
_PATHS = {
    "Embedding-Token": "token_embedding",
    "Embedding-Segment": "segment_embedding",
    "Embedding-Position": "position_embedding",
    "Embedding-Norm": "embedding_norm",
    "Embedding-Mapping": "embedding_projection",
    "Pooler-Dense": "pooler",
    "NSP-Proba": "nsp",
    "MLM-Dense": "mlm.dense",
    "MLM-Norm": "mlm.norm",
    "MLM-Bias": "mlm.bias",
    "Discriminator-Dense": "discriminator.dense",
    "Discriminator-Prediction": "discriminator.prediction",
    "Output-Norm": "final_norm",
}
_BLOCK_PATHS = {
    "MultiHeadSelfAttention": "attention",
    "MultiHeadSelfAttention-Norm": "attention_norm",
    "FeedForward": "feed_forward",
    "FeedForward-Norm": "feed_forward_norm",
}


class BERT(Transformer):
    """BERT: a norm after attention, and one after the feed-forward network."""

    block_paths: ClassVar[dict[str, str]] = _BLOCK_PATHS
    has_embedding_norm = True

    def __init__(
        self,
        max_position: int,
        segment_vocab_size: int = 2,
        with_pool: Any = False,
        with_nsp: bool = False,
        with_mlm: Any = False,
        hierarchical_position: Any = None,
        custom_position_ids: bool = False,
        shared_segment_embeddings: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_position = max_position
        self.segment_vocab_size = segment_vocab_size
        self.with_pool = with_pool or with_nsp
        self.with_nsp = with_nsp
        self.with_mlm = with_mlm
        self.hierarchical_position = hierarchical_position
        self.custom_position_ids = custom_position_ids
        self.shared_segment_embeddings = shared_segment_embeddings

    def get_inputs(self) -> Any:
        """Inputs are floats, as in bert4keras, since the arithmetic of scripts counts on it."""
        names = ["Input-Token"]
        names += ["Input-Segment"] if self.segment_vocab_size > 0 else []
        names += ["Input-Position"] if self.custom_position_ids else []
        return [self.apply(layer=Input, shape=(self.sequence_length,), name=n) for n in names]

    def embed(self, inputs: Any) -> Tensor:
        """Returns the sum of the vectors of tokens and segments."""
        inputs = [*inputs] if isinstance(inputs, list) else [inputs]
        options = {
            "output_dim": self.embedding_size,
            "embeddings_initializer": self.initializer,
        }
        x = self.apply(
            inputs.pop(0),
            Embedding,
            input_dim=self.vocab_size,
            mask_zero=True,
            name="Embedding-Token",
            **options,
        )
        if self.segment_vocab_size > 0:
            shared = self.shared_segment_embeddings
            s = self.apply(
                inputs.pop(0),
                Embedding,
                input_dim=self.segment_vocab_size,
                name="Embedding-Token" if shared else "Embedding-Segment",
                **options,
            )
            x = self.apply([x, s], Add, name="Embedding-Token-Segment")
        return x

    def add_positions(self, x: Tensor, inputs: Any) -> Tensor:
        ids = inputs[-1] if self.custom_position_ids else None
        return self.apply(
            self.simplify([x, ids]),
            PositionEmbedding,
            input_dim=self.max_position,
            output_dim=self.embedding_size,
            merge_mode="add",
            hierarchical=self.hierarchical_position,
            embeddings_initializer=self.initializer,
            custom_position_ids=self.custom_position_ids,
            name="Embedding-Position",
        )

    def map_embeddings(self, x: Tensor) -> Tensor:
        if self.embedding_size == self.hidden_size:
            return x
        return self.project(x, self.hidden_size, "Embedding-Mapping")

    def apply_embeddings(self, inputs: Any) -> Any:
        x = self.add_positions(self.embed(inputs), inputs)
        if self.has_embedding_norm:
            x = self.normalize(x, "Embedding-Norm")
        return self.map_embeddings(self.drop(x, "Embedding-Dropout"))

    def names(self, index: int) -> tuple[str, str]:
        """Returns the names of attention and feed-forward network."""
        name = f"Transformer-{index}"
        return f"{name}-MultiHeadSelfAttention", f"{name}-FeedForward"

    def apply_main_layers(self, inputs: Any, index: int) -> Any:
        x, (attention, feed_forward) = inputs, self.names(index)
        mask, where = self.compute_attention_bias(index), self.compute_position_bias(x)
        y = self.attend(x, attention, mask=mask, where=where)
        x = self.normalize(self.add(x, y, attention), f"{attention}-Norm")
        y = self.feed_forward(x, feed_forward)
        return self.normalize(self.add(x, y, feed_forward), f"{feed_forward}-Norm")

    def predict_tokens(self, x: Tensor, activation: Any, name: str) -> Tensor:
        """Returns the probabilities of tokens, by the transposed token embedding."""
        x = self.apply(x, Embedding, {"mode": "dense"}, name="Embedding-Token")
        return self.activate(x, activation, f"{name}-Activation")

    def activate(self, x: Tensor, activation: Any, name: str) -> Tensor:
        return self.apply(x, keras.layers.Activation, activation=activation, name=name)

    def apply_final_layers(self, inputs: Any) -> Any:
        outputs = [inputs]
        if self.with_pool:
            x = self.apply(inputs, FirstToken, name="Pooler")
            act = "tanh" if self.with_pool is True else self.with_pool
            x = self.project(x, self.hidden_size, "Pooler-Dense", activation=act)
            if self.with_nsp:
                x = self.project(x, 2, "NSP-Proba", activation="softmax")
            outputs.append(x)
        if self.with_mlm:
            act = activation_named(self.hidden_act)
            x = self.project(inputs, self.embedding_size, "MLM-Dense", activation=act)
            x = self.normalize(x, "MLM-Norm")
            x = self.apply(x, Embedding, {"mode": "dense"}, name="Embedding-Token")
            x = self.apply(x, ScaleOffset, scale=False, name="MLM-Bias")
            act = "softmax" if self.with_mlm is True else self.with_mlm
            outputs.append(self.activate(x, act, "MLM-Activation"))
        return outputs[:2][-1] if len(outputs) < 3 else outputs[1:]

    def paths(self) -> dict[str, str]:
        paths = dict(_PATHS)
        for index in range(self.num_hidden_layers):
            for layer, path in self.block_paths.items():
                paths[f"Transformer-{index}-{layer}"] = f"blocks.{index}.{path}"
        return paths


class ALBERT(BERT):
    """BERT whose layers are one layer, called several times."""

    family = "albert"

    def names(self, index: int) -> tuple[str, str]:
        return "Transformer-MultiHeadSelfAttention", "Transformer-FeedForward"

    def paths(self) -> dict[str, str]:
        blocks = {
            f"Transformer-{layer}": f"blocks.0.{path}" for layer, path in _BLOCK_PATHS.items()
        }
        return {**_PATHS, **blocks}


class ALBERT_Unshared(BERT):
    """A BERT that begins with the weights of an ALBERT."""

    family = "albert-unshared"


class NEZHA(BERT):
    """BERT with relative positions in attention."""

    family = "nezha"
    p_bias = "typical_relative"

    def add_positions(self, x: Tensor, inputs: Any) -> Tensor:
        return x

    def compute_position_bias(self, inputs: Any = None) -> Any:
        if self.position_bias is None:
            self.position_bias = self.apply(
                [inputs, inputs],
                RelativePositionEmbedding,
                input_dim=2 * 64 + 1,
                output_dim=self.attention_key_size,
                embeddings_initializer="Sinusoidal",
                name="Embedding-Relative-Position",
                trainable=False,
            )
        return self.position_bias


class RoFormer(NEZHA):
    """BERT with rotary positions."""

    family = "roformer"
    p_bias = "rotary"

    def compute_position_bias(self, inputs: Any = None) -> Any:
        if self.position_bias is None:
            x = inputs
            if self.custom_position_ids:
                x = [inputs, self.inputs[2 if self.segment_vocab_size > 0 else 1]]
            self.position_bias = self.apply(
                x,
                SinusoidalPositionEmbedding,
                output_dim=self.attention_key_size,
                merge_mode="zero",
                custom_position_ids=self.custom_position_ids,
                name="Embedding-Rotary-Position",
            )
        return self.position_bias


class RoFormerV2(RoFormer):
    """RoFormer without biases, and with norms without weights."""

    family = "roformer-v2"
    norm: ClassVar[dict[str, Any]] = {
        "epsilon": 1e-12,
        "zero_mean": False,
        "scale": False,
        "offset": False,
    }
    dense: ClassVar[dict[str, Any]] = {"use_bias": False}
    is_conditional = False

    @property
    def initializer(self) -> Any:
        return keras.initializers.VarianceScaling(
            scale=1 / self.num_hidden_layers, mode="fan_in", distribution="truncated_normal"
        )

    def apply_embeddings(self, inputs: Any) -> Any:
        x = self.drop(self.embed(inputs), "Embedding-Dropout")
        return self.map_embeddings(self.normalize(x, "Embedding-Norm"))

    def apply_final_layers(self, inputs: Any) -> Any:
        x = inputs
        if not self.with_mlm:
            return x
        if self.embedding_size != self.hidden_size:
            x = self.project(x, self.embedding_size, "Output-Mapping")
        x = self.drop(x, "Output-MLM-Dropout")
        act = "softmax" if self.with_mlm is True else self.with_mlm
        return self.predict_tokens(x, act, "Output-MLM")


class ELECTRA(BERT):
    """ELECTRA's discriminator."""

    family = "electra"

    def __init__(self, max_position: int, with_discriminator: Any = False, **kwargs: Any) -> None:
        for name in ("with_pool", "with_mlm"):
            if kwargs.pop(name, None):
                raise ValueError(f"ELECTRA has no {name}.")
        super().__init__(max_position, **kwargs)
        self.with_discriminator = with_discriminator

    def apply_final_layers(self, inputs: Any) -> Any:
        if not self.with_discriminator:
            return inputs
        act = activation_named(self.hidden_act)
        x = self.project(inputs, self.hidden_size, "Discriminator-Dense", activation=act)
        act = "sigmoid" if self.with_discriminator is True else self.with_discriminator
        return self.project(x, 1, "Discriminator-Prediction", activation=act)
