"""The graph of a Transformer, layer by layer under bert4keras's names; a subclass changes parts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import keras

from hornbook.checkpoints import ArraysCheckpoint, find_checkpoint, read_weights
from hornbook.checkpoints.weight_table import rows_for
from hornbook.compat.building.mask_layers import AttentionMask
from hornbook.compat.building.transformer_layers import (
    Concatenate1D,
    FeedForward,
    LayerNormalization,
    MultiHeadAttention,
)
from hornbook.compat.keras.keras2_layers import Add
from hornbook.compat.keras.keras2_models import Model
from hornbook.errors import OptionError
from hornbook.layers.tensors import Tensor
from hornbook.models.families import family_named
from hornbook.pretrained.opening.selection import Selection
from hornbook.pretrained.opening.weights import readable_variables, with_own_rows

Dense, Dropout, Input = keras.layers.Dense, keras.layers.Dropout, keras.Input


class Transformer:
    """Builds a functional model, `.model`, from `apply_embeddings`, `apply_main_layers` and
    `apply_final_layers`.

    Arguments are those of bert4keras; unknown keys of a configuration are ignored, as there.

    Class attributes:
        family: hornbook's family, whose weight tables are read.
        norm: Arguments of each norm.
        dense: Arguments of attention, feed-forward network and projections.
        attention: Further arguments of attention.
        p_bias: How attention knows positions.
        is_conditional: Whether its norms take `layer_norm_cond`.
    """

    family: str = "bert"
    norm: ClassVar[dict[str, Any]] = {"epsilon": 1e-12}
    dense: ClassVar[dict[str, Any]] = {}
    attention: ClassVar[dict[str, Any]] = {}
    p_bias: str | None = None
    is_conditional = True

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        num_hidden_layers: int,
        num_attention_heads: int,
        intermediate_size: int,
        hidden_act: Any,
        dropout_rate: float | None = None,
        attention_dropout_rate: float | None = None,
        embedding_size: int | None = None,
        attention_head_size: int | None = None,
        attention_key_size: int | None = None,
        sequence_length: int | None = None,
        keep_tokens: list[int] | None = None,
        compound_tokens: list[Any] | None = None,
        residual_attention_scores: bool = False,
        ignore_invalid_weights: bool = False,
        autoresize_weights: bool = False,
        layers: dict[str, Any] | None = None,
        prefix: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if autoresize_weights:
            raise OptionError("autoresize_weights is not supported: weights must fit the model.")
        kept = vocab_size if keep_tokens is None else len(keep_tokens)
        self.vocab_size = kept + len(compound_tokens or ())
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.attention_head_size = attention_head_size or hidden_size // num_attention_heads
        self.attention_key_size = attention_key_size or self.attention_head_size
        self.intermediate_size = intermediate_size
        self.dropout_rate = dropout_rate or 0
        self.attention_dropout_rate = attention_dropout_rate or 0
        self.hidden_act = hidden_act
        self.embedding_size = embedding_size or hidden_size
        self.sequence_length = sequence_length
        self.keep_tokens, self.compound_tokens = keep_tokens, compound_tokens
        self.residual_attention_scores = residual_attention_scores
        self.ignore_invalid_weights = ignore_invalid_weights
        self.attention_bias: Any = None
        self.position_bias: Any = None
        self.attention_scores: Any = None
        self.layers: dict[str, Any] = {} if layers is None else layers
        self.prefix, self.name = prefix or "", name
        self.built = False

    def build(
        self,
        attention_caches: dict[str, list[Tensor]] | None = None,
        layer_norm_cond: Tensor = None,
        layer_norm_cond_hidden_size: int | None = None,
        layer_norm_cond_hidden_act: str | None = None,
        additional_input_layers: Any = None,
        **kwargs: Any,
    ) -> None:
        """Builds `.model`."""
        if self.built:
            return
        inputs = self.get_inputs()
        self.set_inputs(inputs, additional_input_layers)
        self.attention_caches = attention_caches or {}
        hidden_act = layer_norm_cond_hidden_act or "linear"
        self.layer_norm_conds = [layer_norm_cond, layer_norm_cond_hidden_size, hidden_act]
        self.set_outputs(self.call(inputs))
        self.model = Model(self.inputs, self.outputs, name=self.name)
        self.built = True

    def call(self, inputs: Any) -> Any:
        outputs = self.apply_embeddings(inputs)
        for index in range(self.num_hidden_layers):
            outputs = self.apply_main_layers(outputs, index)
        return self.apply_final_layers(outputs)

    def prefixed(self, name: str) -> str:
        return self.prefix + name

    def apply(
        self, inputs: Any = None, layer: Any = None, arguments: Any = None, **kwargs: Any
    ) -> Any:
        """Calls the layer with the name `name`, which is created the first time.

        Args:
            inputs: Of the layer.  With None the layer is returned.
            layer: Its class.
            arguments: Call arguments; of a Lambda, arguments of its function.
            kwargs: Constructor arguments.
        """
        if layer is Dropout and self.dropout_rate == 0:
            return inputs
        arguments = dict(arguments or {})
        if layer is MultiHeadAttention and self.residual_attention_scores:
            kwargs["return_attention_scores"] = True
        if isinstance(layer, type) and issubclass(layer, keras.layers.Lambda):
            kwargs["arguments"], arguments = arguments, {}
        name = kwargs["name"] = self.prefixed(kwargs["name"])
        if name not in self.layers:
            self.layers[name] = layer(**kwargs)
        if inputs is None:
            return self.layers[name]
        if not isinstance(self.layers[name], MultiHeadAttention):
            return self.layers[name](inputs, **arguments)
        if name in self.attention_caches:
            k_cache, v_cache = self.attention_caches[name]
            key = Concatenate1D(name=f"{name}-Cached-Key")([k_cache, inputs[1]])
            value = Concatenate1D(name=f"{name}-Cached-Value")([v_cache, inputs[2]])
            inputs = [inputs[0], key, value, *inputs[3:]]
        if not self.residual_attention_scores:
            return self.layers[name](inputs, **arguments)
        if self.attention_scores is not None:
            inputs, arguments["scores"] = [*inputs, self.attention_scores], True
        y, self.attention_scores = self.layers[name](inputs, **arguments)
        return y

    def normalize(self, x: Tensor, name: str) -> Tensor:
        """Applies a norm, conditional if there is a condition."""
        condition, units, act = self.layer_norm_conds
        condition = condition if self.is_conditional else None
        return self.apply(
            self.simplify([x, condition]),
            LayerNormalization,
            conditional=condition is not None,
            hidden_units=units,
            hidden_activation=act,
            hidden_initializer=self.initializer,
            name=name,
            **self.norm,
        )

    def project(self, x: Tensor, units: int, name: str, **options: Any) -> Tensor:
        """Applies a dense layer."""
        options = {"kernel_initializer": self.initializer, **self.dense, **options}
        return self.apply(x, Dense, units=units, name=name, **options)

    def drop(self, x: Tensor, name: str) -> Tensor:
        return self.apply(x, Dropout, rate=self.dropout_rate, name=name)

    def attend(
        self, x: Tensor, name: str, context: Tensor = None, mask: Tensor = None, where: Any = None
    ) -> Tensor:
        """Applies attention and dropout.

        Args:
            x: Of the queries.
            name: Name of the layer.
            context: Of keys and values.  Defaults to `x`.
            mask: A mask or bias of the scores, or None.
            where: Positions for `p_bias`, or None.
        """
        context = x if context is None else context
        extras = [each for each in (mask, where) if each is not None]
        arguments = {
            "a_bias": None if mask is None else True,
            "p_bias": None if where is None else self.p_bias,
        }
        y = self.apply(
            [x, context, context, *extras],
            MultiHeadAttention,
            arguments,
            heads=self.num_attention_heads,
            head_size=self.attention_head_size,
            out_dim=self.hidden_size,
            key_size=self.attention_key_size,
            attention_dropout=self.attention_dropout_rate,
            kernel_initializer=self.initializer,
            name=name,
            **{**self.dense, **self.attention},
        )
        return self.drop(y, f"{name}-Dropout")

    def feed_forward(self, x: Tensor, name: str) -> Tensor:
        """Applies the feed-forward network and dropout."""
        y = self.apply(
            x,
            FeedForward,
            units=self.intermediate_size,
            activation=self.hidden_act,
            kernel_initializer=self.initializer,
            name=name,
            **self.dense,
        )
        return self.drop(y, f"{name}-Dropout")

    def add(self, x: Tensor, y: Tensor, name: str) -> Tensor:
        return self.apply([x, y], Add, name=f"{name}-Add")

    def get_inputs(self) -> Any:
        raise NotImplementedError

    def apply_embeddings(self, inputs: Any) -> Any:
        raise NotImplementedError

    def apply_main_layers(self, inputs: Any, index: int) -> Any:
        raise NotImplementedError

    def apply_final_layers(self, inputs: Any) -> Any:
        raise NotImplementedError

    def compute_attention_bias(self, inputs: Any = None) -> Any:
        """Returns the mask or bias of all scores, or None."""
        return self.attention_bias

    def compute_position_bias(self, inputs: Any = None) -> Any:
        """Returns the positions for attention, or None."""
        return self.position_bias

    def set_inputs(self, inputs: Any, additional_input_layers: Any = None) -> None:
        self.inputs = [*keras.tree.flatten(inputs), *keras.tree.flatten(additional_input_layers)]
        self.inputs = [each for each in self.inputs if each is not None]
        self.input = self.inputs if len(self.inputs) > 1 else self.inputs[0]

    def set_outputs(self, outputs: Any) -> None:
        self.outputs = outputs if isinstance(outputs, list) else [outputs]
        self.output = self.outputs if len(self.outputs) > 1 else self.outputs[0]

    @property
    def initializer(self) -> Any:
        return keras.initializers.TruncatedNormal(stddev=0.02)

    def simplify(self, inputs: list[Any]) -> Any:
        """Returns the inputs that are not None; a single one without a list."""
        inputs = [each for each in inputs if each is not None]
        return inputs[0] if len(inputs) == 1 else inputs

    def paths(self) -> dict[str, str]:
        """Returns hornbook's path of each layer with weights."""
        return {}

    def load_weights_from_checkpoint(self, checkpoint: Any, mapping: Any = None) -> None:
        """Reads the weights of the layers.

        Args:
            checkpoint: A checkpoint in the layout of Google (`.../bert_model.ckpt`), Hugging Face
                or hornbook, its folder, or a dict of arrays with Google's names.
            mapping: Layer -> hornbook's path.  Defaults to `paths()`.

        Raises:
            CheckpointError: listing everything that does not fit; nothing is changed then.
        """
        if isinstance(checkpoint, dict):
            source: Any = ArraysCheckpoint(checkpoint)
        else:
            source = find_checkpoint(Path(checkpoint))
        variables: dict[str, Any] = {}
        for layer, path in (mapping or self.paths()).items():
            name = self.prefixed(layer)
            if name in self.layers:
                owned = readable_variables(self.layers[name])
                if path == "mlm.bias":
                    owned = {"": owned["beta"]}
                variables |= {f"{path}.{own}".rstrip("."): each for own, each in owned.items()}
        family, names = family_named(self.family), set(source.names())
        config: Any = SimpleNamespace(tie_word_embeddings=True, heads=())
        table = family.table(source.layout, config)
        named = {path for row in rows_for(table, variables) for path in row.ours}
        variables = {
            path: each
            for path, each in variables.items()
            if path in named or f"hornbook.{path}" in names
        }
        prefix = family.optional_prefix.get(source.layout)
        selection = Selection(
            keep_tokens=self.keep_tokens, compound_tokens=self.compound_tokens or ()
        )
        read_weights(
            with_own_rows(table, variables),
            variables,
            source,
            model=self.family,
            rows=selection.rows(variables),
            prefixes=[prefix] if prefix else [],
            ignore=[""],
            blocks=range(self.num_hidden_layers),
            allowed_missing=[""] if self.ignore_invalid_weights else family.optional,
        )


class LM_Mask:
    """The mask of a language model."""

    def compute_attention_bias(self: Any, inputs: Any = None) -> Any:
        if self.attention_bias is None:
            ids = self.inputs[0]
            self.attention_bias = self.apply(ids, AttentionMask, name="Attention-LM-Mask")
        return self.attention_bias


class UniLM_Mask:
    """The mask of UniLM: segment 0 sees itself, segment 1 what comes before."""

    def compute_attention_bias(self: Any, inputs: Any = None) -> Any:
        if self.attention_bias is None:
            self.attention_bias = self.apply(
                self.inputs[1], AttentionMask, segments=True, name="Attention-UniLM-Mask"
            )
        return self.attention_bias
