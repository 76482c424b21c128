"""Language models and T5, layer by layer."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from hornbook.compat.building.encoders import BERT
from hornbook.compat.building.graph import Input, LM_Mask, Transformer
from hornbook.compat.building.position_layers import RelativePositionEmbeddingT5
from hornbook.compat.building.transformer_layers import Embedding, ScaleOffset
from hornbook.compat.keras.keras2_models import Model
from hornbook.layers.tensors import Tensor


class GPT(LM_Mask, BERT):
    """The first GPT: blocks of BERT, without a norm of the embeddings."""

    family = "gpt"
    has_embedding_norm = False

    def __init__(self, final_activation: str = "softmax", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.final_activation = final_activation

    def apply_final_layers(self, inputs: Any) -> Any:
        return self.predict_tokens(inputs, self.final_activation, "LM")


class GPT2(GPT):
    """GPT-2: norms before attention and feed-forward network."""

    family = "gpt2"
    norm: ClassVar[dict[str, Any]] = {"epsilon": 1e-5}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "segment_vocab_size": 0, "custom_position_ids": False})

    def apply_embeddings(self, inputs: Any) -> Any:
        return self.map_embeddings(self.add_positions(self.embed(inputs), inputs))

    def apply_main_layers(self, inputs: Any, index: int) -> Any:
        x, (attention, feed_forward) = inputs, self.names(index)
        mask = self.compute_attention_bias(index)
        y = self.attend(self.normalize(x, f"{attention}-Norm"), attention, mask=mask)
        x = self.add(x, y, attention)
        y = self.feed_forward(self.normalize(x, f"{feed_forward}-Norm"), feed_forward)
        return self.add(x, y, feed_forward)

    def apply_final_layers(self, inputs: Any) -> Any:
        x = self.drop(self.normalize(inputs, "Output-Norm"), "Output-Dropout")
        return super().apply_final_layers(x)


class GPT2_ML(GPT2):
    """GPT2-ML: norms before and after the feed-forward network."""

    family = "gpt2-ml"
    block_paths: ClassVar[dict[str, str]] = {
        "MultiHeadSelfAttention": "attention",
        "FeedForward": "feed_forward",
        "FeedForward-Norm-0": "attention_norm",
        "FeedForward-Norm-1": "feed_forward_norm",
    }

    def apply_embeddings(self, inputs: Any) -> Any:
        x = self.add_positions(self.embed(inputs), inputs)
        return self.map_embeddings(self.normalize(x, "Embedding-Norm"))

    def apply_main_layers(self, inputs: Any, index: int) -> Any:
        x, (attention, feed_forward) = inputs, self.names(index)
        y = self.attend(x, attention, mask=self.compute_attention_bias(index))
        x = self.add(x, y, attention)
        y = self.feed_forward(self.normalize(x, f"{feed_forward}-Norm-0"), feed_forward)
        return self.normalize(self.add(x, y, feed_forward), f"{feed_forward}-Norm-1")

    def apply_final_layers(self, inputs: Any) -> Any:
        return GPT.apply_final_layers(self, inputs)


class T5_Base(Transformer):
    """The parts of T5's encoder and decoder."""

    norm: ClassVar[dict[str, Any]] = {"epsilon": 1e-6, "zero_mean": False, "offset": False}
    dense: ClassVar[dict[str, Any]] = {"use_bias": False}
    attention: ClassVar[dict[str, Any]] = {"attention_scale": False}
    p_bias = "t5_relative"
    stack = "Encoder"

    def __init__(self, version: str = "t5.1.0", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version

    @property
    def family(self) -> str:
        return {"t5.1.0": "t5", "mt5.1.1": "mt5"}.get(self.version, self.version)

    def embed(self, ids: Tensor) -> Tensor:
        x = self.apply(
            ids,
            Embedding,
            input_dim=self.vocab_size,
            output_dim=self.embedding_size,
            embeddings_initializer=self.initializer,
            mask_zero=True,
            name="Embedding-Token",
        )
        x = self.drop(x, f"{self.stack}-Embedding-Dropout")
        if self.embedding_size != self.hidden_size:
            name = f"{self.stack}-Embedding-Mapping"
            x = self.project(x, self.hidden_size, name, use_bias=True)
        return x

    def distances(self, queries: Tensor, keys: Tensor) -> Tensor:
        return self.apply(
            [queries, keys],
            RelativePositionEmbeddingT5,
            input_dim=32,
            output_dim=self.num_attention_heads,
            bidirectional=self.stack == "Encoder",
            embeddings_initializer=self.initializer,
            name=f"{self.stack}-Embedding-Relative-Position",
        )

    def sublayer(self, x: Tensor, index: int, kind: str, **options: Any) -> Tensor:
        """Applies a norm and attention or the feed-forward network, and adds the result."""
        name = f"{self.stack}-Transformer-{index}-{kind}"
        y = self.normalize(x, f"{name}-Norm")
        y = self.feed_forward(y, name) if kind == "FeedForward" else self.attend(y, name, **options)
        return self.add(x, y, name)

    def paths(self) -> dict[str, str]:
        paths = {"Embedding-Token": "token_embedding", "Decoder-Output-LM": "mlm"}
        kinds = {
            "MultiHeadSelfAttention": "attention",
            "MultiHeadCrossAttention": "cross_attention",
            "FeedForward": "feed_forward",
        }
        for stack in ("Encoder", "Decoder"):
            ours = stack.lower()
            paths[f"{stack}-Embedding-Relative-Position"] = f"{ours}.positions"
            paths[f"{stack}-Output-Norm"] = f"{ours}.final_norm"
            for index in range(self.num_hidden_layers):
                for kind, path in kinds.items():
                    name = f"{stack}-Transformer-{index}-{kind}"
                    paths[name] = f"{ours}.blocks.{index}.{path}"
                    paths[f"{name}-Norm"] = f"{ours}.blocks.{index}.{path}_norm"
        return paths


class T5_Encoder(T5_Base):
    """T5's encoder."""

    def get_inputs(self) -> Any:
        shape = (self.sequence_length,)
        return self.apply(layer=Input, shape=shape, name="Encoder-Input-Token")

    def apply_embeddings(self, inputs: Any) -> Any:
        return self.embed(inputs)

    def apply_main_layers(self, inputs: Any, index: int) -> Any:
        mask, where = self.compute_attention_bias(index), self.compute_position_bias(inputs)
        x = self.sublayer(inputs, index, "MultiHeadSelfAttention", mask=mask, where=where)
        return self.sublayer(x, index, "FeedForward")

    def apply_final_layers(self, inputs: Any) -> Any:
        return self.drop(self.normalize(inputs, "Encoder-Output-Norm"), "Encoder-Output-Dropout")

    def compute_position_bias(self, inputs: Any = None) -> Any:
        if self.position_bias is None:
            self.position_bias = self.distances(inputs, inputs)
        return self.position_bias


class T5_Decoder(LM_Mask, T5_Base):
    """T5's decoder.

    Different from bert4keras, as in Google's own: cross-attention has no position bias unless
    `cross_position_bias`, and only T5 1.0 scales its output by `hidden_size ** -0.5`.
    """

    stack = "Decoder"

    def __init__(
        self, with_lm: Any = True, cross_position_bias: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.with_lm = with_lm
        self.cross_position_bias = cross_position_bias

    def get_inputs(self) -> Any:
        length = self.sequence_length
        context = self.apply(layer=Input, shape=(length, self.hidden_size), name="Input-Context")
        return [context, self.apply(layer=Input, shape=(length,), name="Decoder-Input-Token")]

    def apply_embeddings(self, inputs: Any) -> Any:
        return [inputs[0], self.embed(inputs[1])]

    def apply_main_layers(self, inputs: Any, index: int) -> Any:
        context, x = inputs
        mask = self.compute_attention_bias(index)
        where, cross = self.compute_position_bias([x, context])
        x = self.sublayer(x, index, "MultiHeadSelfAttention", mask=mask, where=where)
        x = self.sublayer(x, index, "MultiHeadCrossAttention", context=context, where=cross)
        return [context, self.sublayer(x, index, "FeedForward")]

    def apply_final_layers(self, inputs: Any) -> Any:
        x = self.drop(self.normalize(inputs[1], "Decoder-Output-Norm"), "Decoder-Output-Dropout")
        is_first = self.version == "t5.1.0"
        scale = self.hidden_size**-0.5 if is_first else False
        x = self.apply(x, ScaleOffset, scale=scale, offset=False, name="Decoder-Output-Scale")
        if not self.with_lm:
            return x
        if self.embedding_size != self.hidden_size:
            x = self.project(x, self.embedding_size, "Decoder-Output-Mapping", use_bias=True)
        act = "softmax" if self.with_lm is True else self.with_lm
        if not is_first:
            return self.project(x, self.vocab_size, "Decoder-Output-LM", activation=act)
        x = self.apply(x, Embedding, {"mode": "dense"}, name="Embedding-Token")
        name = "Decoder-Output-LM-Activation"
        return self.apply(x, keras.layers.Activation, activation=act, name=name)

    def compute_attention_bias(self, inputs: Any = None) -> Any:
        self.inputs, inputs = self.inputs[1:], self.inputs  # the mask is of the tokens
        mask = super().compute_attention_bias(inputs)
        self.inputs = inputs
        return mask

    def compute_position_bias(self, inputs: Any = None) -> Any:
        if self.position_bias is None:
            x, context = inputs
            cross = self.distances(x, context) if self.cross_position_bias else None
            self.position_bias = (self.distances(x, x), cross)
        return self.position_bias


class T5(T5_Base):
    """T5: `.encoder`, `.decoder`, and `.model`, which is both."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        name = kwargs.pop("name", None)
        names = [f"{name}_{stack}" if name else stack for stack in ("Encoder", "Decoder")]
        kwargs["layers"] = self.layers
        self._encoder = T5_Encoder(name=names[0], **kwargs)
        self._decoder = T5_Decoder(name=names[1], **kwargs)

    def build(self, **kwargs: Any) -> None:
        self._encoder.build(**kwargs)
        self._decoder.build(**kwargs)
        self._decoder.position_bias = None  # of other keys in the whole model
        self.encoder, self.decoder = self._encoder.model, self._decoder.model
        tokens = self.decoder.inputs[1:]
        self.inputs = [*self.encoder.inputs, *tokens]
        self.outputs = [self._decoder.call([*self.encoder.outputs, *tokens])]
        self.input, self.output = self.inputs, self.outputs[0]
        self.model = Model(self.inputs, self.outputs)
