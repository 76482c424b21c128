"""The configuration of a Transformer, with the keys of a `config.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hornbook.errors import CheckpointError
from hornbook.models.configuration.choices import CHOICES, FAMILY_KEYS
from hornbook.models.configuration.inconsistencies import problems_of


@dataclass(kw_only=True, frozen=True)
class TransformerConfig:
    """The configuration of one Transformer.

    The first fields have the names of published checkpoints; those of hornbook follow.

    Raises:
        CheckpointError: the configuration cannot be built.
    """

    family: str = "bert"
    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int  # None is accepted for four times hidden_size
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None = 0

    embedding_size: int | None = None  # features of the embeddings; defaults to hidden_size
    initializer_order: int | None = None  # initialize by depth and width, not initializer_range
    attention_head_size: int | None = None  # defaults to hidden_size / heads
    num_key_value_heads: int | None = None  # grouped queries; defaults to num_attention_heads
    num_hidden_groups: int | None = None  # blocks with weights of their own; defaults to all
    max_relative_position: int = 64  # for `relative`: longer distances are clipped
    rope_theta: float = 10000.0  # for `rotary`: see `rotary_frequencies`
    rope_scaling: Mapping[str, Any] | None = None  # more positions than in training
    local_rope_theta: float | None = None  # of sliding attention; defaults to rope_theta
    attention_window: int | None = None  # maximum distance of sliding attention
    layer_types: tuple[str, ...] | None = None  # defaults to all alike
    language_head_act: str | None = None  # of `transform`; defaults to hidden_act
    relative_attention_num_buckets: int = 32  # for `buckets`: rows of the table
    relative_attention_max_distance: int = 128  # for `buckets`: longer distances are clipped
    num_decoder_layers: int | None = None  # these three default to those of the encoder
    decoder_num_attention_heads: int | None = None
    decoder_intermediate_size: int | None = None
    decoder_start_token_id: int | None = None  # defaults to pad_token_id
    tie_word_embeddings: bool = True  # False: the language head has a table of its own
    classifier_act: str | None = "tanh"  # of the classifier's hidden layer; None for hidden_act
    num_labels: int = 2  # of `classification` and `token_classification`

    encoder_decoder: bool = False  # whether there is an encoder and a decoder
    block: str = "post"  # see `blocks`; `pre` also has a norm after the last block
    position_kind: str = "learned"  # or `rotary`, `relative` (NEZHA), `buckets` (T5)
    first_position: str = "zero"  # of `learned`: 0, pad_token_id + 1 (RoBERTa), 2 (BART)
    rotary_pairs: str = "interleaved"  # of `rotary`: features (0, 1), (2, 3) ... or (0, half) ...
    norm_kind: str = "layer"  # or `rms`, which does not subtract the mean
    norm_scale: bool = True  # whether norms have a `gamma`
    norm_offset: bool = True  # whether norms have a `beta`
    embedding_norm: bool = True
    first_attention_norm: bool = True  # of `pre`: whether the first block has it
    embedding_projection: bool = False  # whether there is one even without embedding_size
    embedding_dropout: str = "after_norm"
    use_bias: bool | str = True  # or only in `attention`, or there only `query_key_value`
    query_key_norm: bool = False  # whether the heads of query and key are normalized
    scale_attention: bool = True  # by 1 / sqrt(head_size)
    attention_normalization: str = "softmax"  # see `attention_probabilities`
    attention: str = "full"  # or a kind of linear cost, see `attention.kinds`
    landmark_inverse: str = "iteration"  # of `nystrom`
    feature_map: str = "elu"  # of `linear`
    redraw_features: bool = False  # of `performer`: for every training step
    residual_attention_scores: bool = False  # each block adds the previous scores (RealFormer)
    gated_feed_forward: bool = False  # one projection multiplies another (GLU)
    share_segment_embedding: bool = False  # segments use the token embedding
    language_head: str = "transform"  # `tied`: token embedding alone; `untied`: a kernel
    language_head_bias: bool = False  # of `tied`; `transform` always has one, `untied` never
    language_head_scale: bool = False  # of `tied`: its input is divided by sqrt(hidden_size)
    classifier_pooling: str = "pooler"  # input of `classification`: or a token, or the mean
    classifier_transform: str = "none"  # hidden layer: `dense`, or `head` with a norm

    application: str = "encoder"  # decides the attention masks: one of APPLICATIONS
    heads: tuple[str, ...] = ()  # any of HEADS and TASK_HEADS
    cross_attention: bool = False  # whether blocks attend to an encoder's output
    hierarchical_positions: float | None = None  # of `learned`: alpha, for example 0.4
    tiled_positions: bool = False  # of `learned`: repeat the table after its last row
    num_landmarks: int = 64  # of `nystrom`, `double_softmax`, `window_landmarks`
    value_convolution: int | None = None  # of `nystrom`: its width; defaults to none
    random_features: int = 256  # of `performer`
    window: int = 64  # of `window`, `window_landmarks`; not of sliding layers
    condition_size: int | None = None  # features of the condition of every norm
    condition_hidden_size: int | None = None  # hidden layer between it and the norm
    condition_hidden_act: str = "swish"
    extra: dict[str, Any] = field(default_factory=dict)  # keys of the file without effect
    ignored: tuple[str, ...] = ()  # those of them that the user declared

    def __post_init__(self) -> None:
        if self.intermediate_size is None and isinstance(self.hidden_size, int):
            object.__setattr__(self, "intermediate_size", 4 * self.hidden_size)
        if self.embedding_size == self.hidden_size:
            object.__setattr__(self, "embedding_size", None)
        if isinstance(self.layer_types, list):  # from JSON
            object.__setattr__(self, "layer_types", tuple(self.layer_types))
        if isinstance(self.attention, str):  # the old spelling
            object.__setattr__(self, "attention", self.attention.replace("-", "_"))
        problems = problems_of(self)
        if problems:
            raise CheckpointError("This configuration cannot be built:\n" + "\n".join(problems))
        # values that equal a default become None
        if self.num_key_value_heads == self.num_attention_heads:
            object.__setattr__(self, "num_key_value_heads", None)
        if self.head_size * self.num_attention_heads == self.hidden_size:
            object.__setattr__(self, "attention_head_size", None)
        if set(self.layer_types or ()) == {"sliding_attention"}:
            object.__setattr__(self, "layer_types", None)
        for decoder_field, encoder_field in _DECODER_FIELDS.items():
            if getattr(self, decoder_field) == getattr(self, encoder_field):
                object.__setattr__(self, decoder_field, None)

    @property
    def head_size(self) -> int:
        """Features per head."""
        return self.attention_head_size or self.hidden_size // self.num_attention_heads

    @property
    def position_offset(self) -> int:
        """Index of the first position."""
        after_pad = (self.pad_token_id or 0) + 1
        return {"zero": 0, "after_pad": after_pad, "two": 2}[self.first_position]

    @property
    def position_rows(self) -> int:
        """Number of rows of the position table; BART does not count the first two."""
        return self.max_position_embeddings + (2 if self.first_position == "two" else 0)

    @property
    def max_length(self) -> int:
        """Maximum number of tokens with a position."""
        rows = self.position_rows - self.position_offset
        extended = self.hierarchical_positions is not None or self.tiled_positions
        return rows**2 if extended else rows

    def is_sliding(self, index: int) -> bool:
        """Whether layer `index` attends only within `attention_window`."""
        if self.attention_window is None:
            return False
        return self.layer_types is None or self.layer_types[index] == "sliding_attention"

    @property
    def encoder_config(self) -> TransformerConfig:
        """Configuration of the encoder of an encoder-decoder model."""
        return self.replace(application="encoder", encoder_decoder=False, heads=())

    @property
    def decoder_config(self) -> TransformerConfig:
        """Configuration of the decoder; its attention is always full, as its texts are short."""
        return self.replace(
            application="causal_lm",
            attention="full",
            encoder_decoder=False,
            cross_attention=True,
            heads=(),
            **{
                encoder_field: getattr(self, decoder_field) or getattr(self, encoder_field)
                for decoder_field, encoder_field in _DECODER_FIELDS.items()
            },
        )

    def replace(self, **changes: Any) -> TransformerConfig:
        """Returns a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Returns all fields as JSON values, for Keras's files; `config.json` is the family's."""
        values = dataclasses.asdict(self)
        return {name: list(x) if isinstance(x, tuple) else x for name, x in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TransformerConfig:
        """The inverse of `to_dict`."""
        lists = ("heads", "ignored", "layer_types")
        tuples = {name: tuple(values[name]) for name in lists if isinstance(values[name], list)}
        return cls(**{**values, **tuples})


# Fields of the decoder -> those of the encoder, which are their defaults.
_DECODER_FIELDS = {
    "num_decoder_layers": "num_hidden_layers",
    "decoder_num_attention_heads": "num_attention_heads",
    "decoder_intermediate_size": "intermediate_size",
}
# Fields that only hornbook has: in a config.json they are under the key "hornbook".
OWN_FIELDS = (
    "family",
    "application",
    "heads",
    "cross_attention",
    "hierarchical_positions",
    "tiled_positions",
    "num_landmarks",
    "value_convolution",
    "random_features",
    "window",
    "condition_size",
    "condition_hidden_size",
    "condition_hidden_act",
    "extra",
    "ignored",
)
FILE_FIELDS = tuple(
    item.name
    for item in dataclasses.fields(TransformerConfig)
    if item.name not in {*OWN_FIELDS, *CHOICES, *FAMILY_KEYS}
)
