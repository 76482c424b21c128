"""One Transformer for every family: the differences are in the configuration."""

from __future__ import annotations

from typing import Any, Self

import keras
from keras import ops

from hornbook.layers.attention.masks import first_mask, with_padding
from hornbook.layers.dropout import Dropout
from hornbook.layers.matrices.dense import Dense, TokenEmbedding
from hornbook.layers.parts import Part, name_parts, offer_parts, rebuild_shared
from hornbook.layers.positions.distances import fits_in_table, look_up, look_up_bias
from hornbook.layers.positions.hierarchical import hierarchical_positions
from hornbook.layers.tensors import Policy, Shape, Tensor
from hornbook.models.blocks import BLOCKS, norm, normal
from hornbook.models.configuration.choices import HEADS, TASK_HEADS
from hornbook.models.configuration.configured_layer import ConfiguredLayer
from hornbook.models.configuration.transformer_config import TransformerConfig
from hornbook.models.decoding.cache import add_tokens
from hornbook.models.heads.output_heads import DiscriminatorHead, make_language_head
from hornbook.models.heads.task_heads import make_task_head
from hornbook.models.id_checks import ChecksIds
from hornbook.models.positions import make_positions
from hornbook.models.recomputing import recomputed
from hornbook.models.visibility import describe_tokens, visible_keys

PARTS = ("token_embedding", *HEADS, *TASK_HEADS)


@keras.saving.register_keras_serializable("hornbook")
class Transformer(ChecksIds, Part, ConfiguredLayer):
    """Maps token IDs to one vector per token.

    The application of the configuration decides the attention mask: `encoder` is bidirectional,
    `causal_lm` is causal, `prefix_lm` is bidirectional in segment 0 and causal in segment 1
    (UniLM).  The heads in `config.heads` are attributes: `pooler`, `mlm`, `nsp` and so on; those
    of fine-tuned checkpoints are called by `task_logits`.

    Layers that a family does not have are None: `segment_embedding`, `position_embedding`
    (attention then uses `positions`), `embedding_norm`, `embedding_projection` (from the features
    of the embeddings to those of the blocks), `final_norm`.

    Call arguments:
        token_ids: Integers `(batch, length)`.
        segment_ids: Integers `(batch, length)`.  Defaults to zeros.
        position_ids: Integers `(batch, length)`.  Defaults to 0, 1, 2 ...
        padding_mask: `(batch, length)`, True or 1 at tokens, False or 0 at padding.  Defaults to
            the mask that Keras carries with `token_ids`, and without one to no padding.  Padding
            has exactly zero influence on tokens.
        condition: `(batch, condition_size)`, required exactly when the configuration has it.
        attention_bias: Added to the scores of every block; broadcasts to
            `(batch, heads, length, length)`.
        document_ids: Integers `(batch, length)`, if several documents share a row: a token attends
            only to its own document.  `position_ids` are then required for positions within
            documents.
        encoded: `(batch, keys, hidden_size)`, the input of cross-attention.
        encoded_padding_mask: `(batch, keys)`, the padding mask of `encoded`.
        mask, token_ids_mask: Filled in by Keras, and passed on to the next layer.  `padding_mask`
            is not, as Keras would leave padding out of the losses of a model's outputs: give it to
            the next layer too.
        cache: From `empty_cache` or an earlier call: the previous tokens, which are not computed
            again.  The position of a token is the number of previous tokens without padding.

    Returns:
        `(batch, length, hidden_size)`; with `cache` also the cache including these tokens.

    Raises:
        OptionError: an ID is out of range for its table; not in compiled code, see `id_checks`.
    """

    def __init__(
        self,
        config: TransformerConfig,
        *,
        token_embedding: TokenEmbedding | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("name", config.family)
        super().__init__(config, **kwargs)
        self.recompute = False  # see `recomputed`
        policy = self.dtype_policy
        if token_embedding is None:
            self.token_embedding = token_embedding = make_token_embedding(config, policy)
        # in a tuple, so that Keras does not count the weights of a shared one twice
        self._shared = (token_embedding,)
        self.segment_embedding: Any = (
            self._embedding("segment_embedding", config.type_vocab_size)
            if config.type_vocab_size and not config.share_segment_embedding
            else None
        )
        self.position_embedding: Any = (
            self._embedding("position_embedding", config.position_rows)
            if config.position_kind == "learned"
            else None
        )
        self.positions = make_positions(config, policy)
        self.local_positions = make_positions(config, policy, local=True)
        self.embedding_norm = (
            norm(config, policy, "embedding_norm") if config.embedding_norm else None
        )
        self.embedding_projection = (
            self._dense("embedding_projection", config.hidden_size, None)
            if config.embedding_size or config.embedding_projection
            else None
        )
        self.dropout = Dropout(config.hidden_dropout_prob, dtype=policy)
        count = config.num_hidden_groups or config.num_hidden_layers
        self.blocks = [self._block(number) for number in range(count)]
        self.final_norm = norm(config, policy, "final_norm") if config.block == "pre" else None
        self.pooler: Any = None
        self.mlm: Any = None
        self.nsp: Any = None
        self.discriminator: Any = None
        self._make_heads()
        self.identity = name_parts(self, PARTS)

    def get_config(self) -> dict[str, Any]:
        shared = None
        if not hasattr(self, "token_embedding"):
            shared = keras.saving.serialize_keras_object(self._shared[0])
        return {**super().get_config(), "identity": self.identity, "token_embedding": shared}

    @classmethod
    def from_own_config(cls, config: dict[str, Any]) -> Self:
        config = dict(config)
        identity = config.pop("identity")
        if config["token_embedding"] is not None:
            config["token_embedding"] = rebuild_shared(config["token_embedding"], cls.__name__)
        layer = super().from_own_config(config)
        offer_parts(layer, PARTS, identity)
        return layer

    def _make_heads(self) -> None:
        config = self.config
        options = {"kernel_initializer": normal(config), "dtype": self.dtype_policy}
        uses_pooler = config.classifier_pooling == "pooler" and "classification" in config.heads
        if uses_pooler or "pooler" in config.heads or "nsp" in config.heads:
            self.pooler = self._dense("pooler", config.hidden_size, "tanh")
        if "nsp" in config.heads:
            self.nsp = self._dense("nsp", 2, None)
        if "mlm" in config.heads:
            self.mlm = make_language_head(config, self._shared[0], **options)
        if "discriminator" in config.heads:
            self.discriminator = DiscriminatorHead(
                hidden_act=config.hidden_act, name="discriminator", **options
            )
        for name in TASK_HEADS:
            head = make_task_head(name, config, self.dtype_policy) if name in config.heads else None
            setattr(self, name, head)

    def _block(self, index: int) -> Any:
        block: Any = BLOCKS[self.config.block]
        options = {
            "dtype": self.dtype_policy,
            "name": f"block_{index}",
            "is_sliding": self.config.is_sliding(index),
        }
        if index == 0 and not self.config.first_attention_norm:
            options["attention_norm"] = False
        return block(self.config, **options)

    def _embedding(self, name: str, rows: int) -> keras.layers.Embedding:
        return keras.layers.Embedding(
            rows,
            self.config.embedding_size or self.config.hidden_size,
            embeddings_initializer=normal(self.config, table=True),
            dtype=self.dtype_policy,
            name=name,
        )

    def _dense(self, name: str, units: int, activation: Any) -> Dense:
        return Dense(
            units,
            activation=activation,
            kernel_initializer=normal(self.config),
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, token_ids_shape: Shape | None = None) -> None:
        ids, vectors = (None, None), (None, None, self.config.hidden_size)
        embeddings = (None, None, self.config.embedding_size or self.config.hidden_size)
        for shape, layers in (
            (ids, (*self._shared, self.segment_embedding, self.position_embedding)),
            (ids, (self.positions, self.local_positions)),
            (embeddings, (self.embedding_norm, self.embedding_projection)),
            (vectors, (*self.blocks, self.final_norm, self.mlm, self.discriminator)),
            (vectors, tuple(getattr(self, name) for name in TASK_HEADS)),
        ):
            for layer in layers:
                if layer is not None and not layer.built:
                    layer.build(shape)
        for layer in (self.pooler, self.nsp):
            if layer is not None:
                layer.build((None, self.config.hidden_size))
        self.built = True

    def call(
        self,
        token_ids: Tensor,
        segment_ids: Tensor = None,
        position_ids: Tensor = None,
        padding_mask: Tensor = None,
        condition: Tensor = None,
        attention_bias: Tensor = None,
        document_ids: Tensor = None,
        encoded: Tensor = None,
        encoded_padding_mask: Tensor = None,
        cache: dict[str, Any] | None = None,
        mask: Tensor = None,
        token_ids_mask: Tensor = None,
        training: bool | None = None,
    ) -> Tensor:
        padding_mask = first_mask(padding_mask, mask, token_ids_mask)
        by_index = self.config.attention != "full" and self.config.position_kind in (
            "relative",
            "buckets",
        )
        if by_index and position_ids is not None:
            raise ValueError("Distances are between indices here, so position_ids have no effect.")
        tokens = describe_tokens(
            self.config,
            token_ids,
            segment_ids,
            position_ids,
            padding_mask,
            cache,
            document_ids,
        )
        keys = tokens if cache is None else add_tokens(cache, tokens)
        arguments, sliding_arguments = self._attention_arguments(tokens, keys, attention_bias)
        if self.config.cross_attention:
            if cache is not None:
                encoded_padding_mask = cache["encoder_mask"]
            encoded_attention_mask = with_padding(None, encoded_padding_mask)
            cross = {"encoded": encoded, "encoded_attention_mask": encoded_attention_mask}
            arguments, sliding_arguments = arguments | cross, sliding_arguments | cross
        x = self.embed(token_ids, segment_ids, tokens["position"], condition, training)
        scores = {}
        if self.config.residual_attention_scores:
            scores = {"scores": ops.zeros((1, 1, 1, 1))}
        layers, memories = self.config.num_hidden_layers, []
        for index in range(layers):
            block = self.blocks[index * len(self.blocks) // layers]  # layers may share a block
            attention = sliding_arguments if self.config.is_sliding(index) else arguments
            memory = dict(scores)
            if cache is not None:
                memory |= cache["blocks"][index] | {"index": cache["index"]}
            options = {"condition": condition, "memory": memory or None, **attention}
            if self.recompute and training and not memory:
                x = recomputed(block, x, training=training, **options)
            else:
                x = block(x, training=training, **options)
            if memory:
                x, memory = x
                scores = {name: memory.pop(name) for name in scores}
                memory.pop("index", None)
                memories.append(memory)
        if self.final_norm is not None:
            x = self.final_norm(x, condition)
        if cache is None:
            return x
        end = cache["index"] + ops.shape(token_ids)[1]
        return x, cache | {"index": end, "tokens": keys, "blocks": memories}

    def _attention_arguments(
        self, tokens: dict[str, Tensor], keys: dict[str, Tensor], bias: Tensor
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns the arguments of attention, for full blocks and for sliding ones."""
        if self.config.attention != "full":
            return self._kind_arguments(tokens, bias)
        mask, sliding_mask = visible_keys(self.config, tokens, keys)
        full = {"attention_mask": mask, "attention_bias": bias}
        if self.config.position_kind == "rotary":
            full["rotary"] = self.positions(tokens["position"])
        elif self.config.position_kind == "relative":
            table = self.positions.distances(tokens["position"], keys["position"])
            full["relative"] = look_up(table) if fits_in_table(table) else table
        elif self.config.position_kind == "buckets":
            table = self.positions.distances(tokens["position"], keys["position"])
            full["attention_bias"] = table
            if bias is not None or fits_in_table(table):
                position_bias = look_up_bias(table)
                full["attention_bias"] = position_bias if bias is None else position_bias + bias
        sliding = full | {"attention_mask": sliding_mask}
        if self.local_positions is not None:
            sliding["rotary"] = self.local_positions(tokens["position"])
        return full, sliding

    def _kind_arguments(
        self, tokens: dict[str, Tensor], bias: Tensor
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The same for kinds of attention that do not compute all scores."""
        kind = self.config.attention
        if bias is not None:
            raise ValueError(f"attention {kind!r} has no scores to add a bias to; full has.")
        full = {"padding_mask": tokens["mask"]}
        if self.config.position_kind == "rotary":
            full["rotary"] = self.positions(tokens["position"])
        elif self.config.position_kind in ("relative", "buckets"):
            # distances between indices: they are the same for every block of tokens
            name = "relative" if self.config.position_kind == "relative" else "attention_bias"
            full[name] = self.positions(*self.blocks[0].attention.kind.band())
        sliding = dict(full)
        if self.local_positions is not None:
            sliding["rotary"] = self.local_positions(tokens["position"])
        return full, sliding

    def embed(
        self,
        token_ids: Tensor,
        segment_ids: Tensor,
        position_ids: Tensor,
        condition: Tensor,
        training: bool | None,
    ) -> Tensor:
        """Returns the input of the blocks: the sum of all embeddings, normalized."""
        x = self._shared[0](token_ids)
        segment_embedding = self.segment_embedding
        if self.config.share_segment_embedding and segment_ids is not None:
            segment_embedding = self._shared[0]
        if segment_embedding is not None:
            # RoBERTa has one row: only separators tell the texts of a pair apart
            if segment_ids is None or self.config.type_vocab_size == 1:
                segment_ids = ops.zeros_like(token_ids)
            x = x + segment_embedding(segment_ids)
        if self.position_embedding is not None:
            x = x + self._position_vectors(position_ids)
        before_norm = self.config.embedding_dropout == "before_norm"
        if before_norm:
            x = self.dropout(x, training=training)
        if self.embedding_norm is not None:
            x = self.embedding_norm(x, condition)
        if not before_norm:
            x = self.dropout(x, training=training)
        return x if self.embedding_projection is None else self.embedding_projection(x)

    def _position_vectors(self, position_ids: Tensor) -> Tensor:
        alpha, first = self.config.hierarchical_positions, self.config.position_offset
        if self.config.tiled_positions:
            rows = self.config.position_rows - first
            position_ids = (position_ids - first) % rows + first
        if alpha is None:
            return self.position_embedding(position_ids)
        table = ops.convert_to_tensor(self.position_embedding.embeddings)[first:]
        vectors = hierarchical_positions(table, position_ids - first, alpha)
        return ops.cast(vectors, self.compute_dtype)

    @property
    def embedding_layers(self) -> list[keras.layers.Layer]:
        """The layers with weights between the IDs and the blocks."""
        layers = (
            *self._shared,
            self.segment_embedding,
            self.position_embedding,
            self.positions,
            self.embedding_norm,
            self.embedding_projection,
        )
        return [layer for layer in layers if layer is not None and layer.weights]

    def pool(self, x: Tensor) -> Tensor:
        """Applies the pooler to the first token -> `(batch, hidden_size)`."""
        return self.pooler(x[:, 0])

    def task_logits(
        self, head: str, x: Tensor, padding_mask: Tensor = None, condition: Tensor = None
    ) -> Tensor:
        """Applies one of `TASK_HEADS` -> `(batch, labels)`, or `(batch, length, labels)`."""
        if head == "classification" and self.config.classifier_pooling == "pooler":
            return self.classification(self.pool(x))
        return getattr(self, head)(x, padding_mask, condition)

    def compute_output_shape(self, token_ids_shape: Shape, **other_shapes: Any) -> Shape:
        return (*token_ids_shape, self.config.hidden_size)


def make_token_embedding(config: TransformerConfig, policy: Policy) -> TokenEmbedding:
    """Creates the token embedding, which a tied language head uses too."""
    return TokenEmbedding(
        config.vocab_size,
        config.embedding_size or config.hidden_size,
        embeddings_initializer=normal(config, table=True),
        dtype=policy,
        name="token_embedding",
    )
