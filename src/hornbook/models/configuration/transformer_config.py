"""What a Transformer is made of, in the words that stand in `config.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hornbook.errors import CheckpointError
from hornbook.models.configuration.choices import CHOICES, FAMILY_WORDS
from hornbook.models.configuration.inconsistencies import problems_of


@dataclass(kw_only=True, frozen=True)
class TransformerConfig:
    """One Transformer.  The sizes use the checkpoints' own words; what hornbook adds is below.

    Raises:
        CheckpointError: for sizes that cannot be built.
    """

    family: str = "bert"
    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int  # given as None: four times hidden_size
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None = 0

    embedding_size: int | None = None  # features of the embeddings; None: hidden_size
    initializer_order: int | None = None  # start by depth and width, not initializer_range
    attention_head_size: int | None = None  # features of a head; None: what the heads share
    num_key_value_heads: int | None = None  # several queries share a key; None: each has its own
    num_hidden_groups: int | None = None  # blocks with weights of their own; None: every one
    max_relative_position: int = 64  # for `relative`: farther tokens count as this far away
    rope_theta: float = 10000.0  # for `rotary`: the slowest pair turns about once in so many
    rope_scaling: Mapping[str, Any] | None = None  # more positions than trained: see `rotary`
    local_rope_theta: float | None = None  # of sliding attention; None: rope_theta
    attention_window: int | None = None  # the farthest token that sliding attention sees
    layer_types: tuple[str, ...] | None = None  # which layers slide; None: none, or all
    language_head_act: str | None = None  # of `transform`; None: hidden_act
    relative_attention_num_buckets: int = 32  # for `buckets`: distances that are told apart
    relative_attention_max_distance: int = 128  # ... up to here
    num_decoder_layers: int | None = None  # None: as the encoder
    decoder_num_attention_heads: int | None = None
    decoder_intermediate_size: int | None = None
    decoder_start_token_id: int | None = None  # what writing begins with; None: pad_token_id
    tie_word_embeddings: bool = True  # False: `transform` or `tied` with a table of its own
    classifier_act: str | None = "tanh"  # of the classifier's first matrix; None: hidden_act
    num_labels: int = 2  # of `classification` and `token_classification`

    encoder_decoder: bool = False  # whether there is a second stack, that writes
    block: str = "post"  # see `blocks`; `pre` also has a norm after the last one
    position_kind: str = "learned"  # added vectors, turned query and key, NEZHA's table, T5's
    first_position: str = "zero"  # of `learned`: 0, RoBERTa's pad_token_id + 1, or BART's 2
    rotary_pairs: str = "interleaved"  # of `rotary`: features (0, 1), (2, 3) ... or (0, half) ...
    norm_kind: str = "layer"  # `rms` subtracts no mean
    norm_scale: bool = True  # whether a norm has a weight for it; a condition brings its own
    norm_offset: bool = True
    embedding_norm: bool = True
    first_attention_norm: bool = True  # of `pre`: needless in a block right after `embedding_norm`
    embedding_projection: bool = False  # whether there is one even where embedding_size is None
    embedding_dropout: str = "after_norm"
    use_bias: bool | str = True  # or in `attention` only, or there with `query_key_value`
    query_key_norm: bool = False  # the features of each head are normalized before they meet
    scale_attention: bool = True  # by 1 / sqrt(features of a head)
    attention_normalization: str = "softmax"  # see `attention_probabilities`
    attention: str = "full"  # or a kind whose cost grows with the length, not its square
    landmark_inverse: str = "iteration"  # of `nystrom`
    feature_map: str = "elu"  # of `linear`
    redraw_features: bool = False  # of `performer`: in every training step
    residual_attention_scores: bool = False  # each block adds the scores below (RealFormer)
    gated_feed_forward: bool = False  # one projection multiplies another (GLU)
    share_segment_embedding: bool = False  # segment ids are looked up among the tokens
    language_head: str = "transform"  # `tied`: the token embedding alone; `untied`: its own
    language_head_bias: bool = False  # of `tied`; `transform` has one, `untied` none
    language_head_scale: bool = False  # of `tied`: its input shrinks by 1 / sqrt(hidden_size)
    classifier_pooling: str = "pooler"  # what `classification` reads: also a token, or the mean
    classifier_transform: str = "none"  # `dense` before its last matrix; `head`: with a norm

    application: str = "encoder"  # who may look at whom: one of APPLICATIONS
    heads: tuple[str, ...] = ()  # what stands on top: any of HEADS and TASK_HEADS
    cross_attention: bool = False  # whether blocks also look at an encoder's output
    hierarchical_positions: float | None = None  # of `learned`: see that layer; 0.4, say
    tiled_positions: bool = False  # of `learned`: begin again after the last row
    num_landmarks: int = 64  # of `nystrom`, `double_softmax`, `window_landmarks`
    value_convolution: int | None = None  # of `nystrom`: its width; None: there is none
    random_features: int = 256  # of `performer`
    window: int = 64  # of `window`, `window_landmarks`; layers that slide have their own
    condition_size: int | None = None  # features of the condition of every norm
    condition_hidden_size: int | None = None  # features of a layer between it and the norm
    condition_hidden_act: str = "swish"
    extra: dict[str, Any] = field(default_factory=dict)  # keys of the file that change nothing
    ignored: tuple[str, ...] = ()  # those of them that the user said so of

    def __post_init__(self) -> None:
        if self.intermediate_size is None and isinstance(self.hidden_size, int):
            object.__setattr__(self, "intermediate_size", 4 * self.hidden_size)
        if self.embedding_size == self.hidden_size:
            object.__setattr__(self, "embedding_size", None)
        if isinstance(self.layer_types, list):  # as JSON has it
            object.__setattr__(self, "layer_types", tuple(self.layer_types))
        if isinstance(self.attention, str):  # kinds were spelled with hyphens before
            object.__setattr__(self, "attention", self.attention.replace("-", "_"))
        problems = problems_of(self)
        if problems:
            raise CheckpointError("This configuration cannot be built:\n" + "\n".join(problems))
        # the same said in other words
        if self.num_key_value_heads == self.num_attention_heads:
            object.__setattr__(self, "num_key_value_heads", None)
        if self.head_size * self.num_attention_heads == self.hidden_size:
            object.__setattr__(self, "attention_head_size", None)
        if set(self.layer_types or ()) == {"sliding_attention"}:
            object.__setattr__(self, "layer_types", None)
        for of_decoder, of_encoder in _OF_DECODER.items():
            if getattr(self, of_decoder) == getattr(self, of_encoder):
                object.__setattr__(self, of_decoder, None)

    @property
    def head_size(self) -> int:
        """Features of a head."""
        return self.attention_head_size or self.hidden_size // self.num_attention_heads

    @property
    def position_offset(self) -> int:
        """The number of the first position."""
        after_pad = (self.pad_token_id or 0) + 1
        return {"zero": 0, "after_pad": after_pad, "two": 2}[self.first_position]

    @property
    def position_rows(self) -> int:
        """Rows of the position table; BART does not count the first two."""
        return self.max_position_embeddings + (2 if self.first_position == "two" else 0)

    @property
    def max_length(self) -> int:
        """Tokens that have a position."""
        rows = self.position_rows - self.position_offset
        extended = self.hierarchical_positions is not None or self.tiled_positions
        return rows**2 if extended else rows

    def is_sliding(self, number: int) -> bool:
        """Whether layer `number` sees no farther than `attention_window`."""
        if self.attention_window is None:
            return False
        return self.layer_types is None or self.layer_types[number] == "sliding_attention"

    @property
    def of_encoder(self) -> TransformerConfig:
        """What the first stack of two is built from."""
        return self.replace(application="encoder", encoder_decoder=False, heads=())

    @property
    def of_decoder(self) -> TransformerConfig:
        """What the second stack of two is built from; its texts are short."""
        return self.replace(
            application="causal_lm",
            attention="full",
            encoder_decoder=False,
            cross_attention=True,
            heads=(),
            **{
                of_encoder: getattr(self, of_decoder) or getattr(self, of_encoder)
                for of_decoder, of_encoder in _OF_DECODER.items()
            },
        )

    def replace(self, **changes: Any) -> TransformerConfig:
        """The same configuration with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it, for Keras's files; `config.json` is the family's."""
        values = dataclasses.asdict(self)
        return {name: list(x) if isinstance(x, tuple) else x for name, x in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TransformerConfig:
        """The inverse of `to_dict`."""
        lists = ("heads", "ignored", "layer_types")
        tuples = {name: tuple(values[name]) for name in lists if isinstance(values[name], list)}
        return cls(**{**values, **tuples})


# What the second stack may have of its own.
_OF_DECODER = {
    "num_decoder_layers": "num_hidden_layers",
    "decoder_num_attention_heads": "num_attention_heads",
    "decoder_intermediate_size": "intermediate_size",
}
# Which no other tool's config.json has: they stand under the key "hornbook".
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
    if item.name not in {*OWN_FIELDS, *CHOICES, *FAMILY_WORDS}
)
