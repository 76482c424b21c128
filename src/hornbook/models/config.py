"""What a Transformer is made of, in the words that stand in `config.json`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from hornbook.errors import CheckpointError

APPLICATIONS = ("encoder", "causal_lm", "prefix_lm")
HEADS = ("pooler", "mlm", "nsp", "discriminator")

# What families choose, and what there is to choose from.
CHOICES: dict[str, tuple] = {
    "position_kind": ("learned", "rotary", "relative"),
    "first_position": ("zero", "after_pad"),
    "rotary_pairs": ("interleaved", "halves"),
    "norm_kind": ("layer", "rms"),
    "norm_scale": (True, False),
    "norm_offset": (True, False),
    "norm_placement": ("post", "pre", "grover"),
    "embedding_norm": (True, False),
    "use_bias": (True, False),
    "language_head": ("transform", "tied"),
}
# Words that stand in the config.json of some families only.
FAMILY_WORDS = ("embedding_size", "num_hidden_groups", "max_relative_position")


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
    num_hidden_groups: int | None = None  # blocks with weights of their own; None: every one
    max_relative_position: int = 64  # for `relative`: farther tokens count as this far away

    position_kind: str = "learned"  # added vectors, rotated query and key, or NEZHA's table
    first_position: str = "zero"  # of `learned`: 0, or RoBERTa's pad_token_id + 1
    rotary_pairs: str = "interleaved"  # of `rotary`: features (0, 1), (2, 3) ... or (0, half) ...
    norm_kind: str = "layer"  # `rms` subtracts no mean
    norm_scale: bool = True  # whether a norm has a weight for it; a condition brings its own
    norm_offset: bool = True
    norm_placement: str = "post"  # see `blocks`; `pre` also has a norm after the last block
    embedding_norm: bool = True
    use_bias: bool = True  # in attention and feed-forward
    language_head: str = "transform"  # `tied` is the token embedding alone, without a bias

    application: str = "encoder"  # who may look at whom: one of APPLICATIONS
    heads: tuple[str, ...] = ()  # what stands on top: any of HEADS
    condition_size: int | None = None  # features of the condition of every norm
    extra: dict[str, Any] = field(default_factory=dict)  # keys of the file that change nothing

    def __post_init__(self):
        if self.intermediate_size is None and _is_whole(self.hidden_size):
            object.__setattr__(self, "intermediate_size", 4 * self.hidden_size)
        if self.embedding_size == self.hidden_size:
            object.__setattr__(self, "embedding_size", None)
        problems = []
        for name in _POSITIVE:
            value = getattr(self, name)
            if not _is_whole(value) or value < 1:
                problems.append(f"  {name} is {value!r}, expected a whole number of 1 or more")
        for name in _RATES:
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value < 1:
                problems.append(f"  {name} is {value!r}, expected a number from 0 to below 1")
        if not _is_whole(self.type_vocab_size) or self.type_vocab_size < 0:
            problems.append(f"  type_vocab_size is {self.type_vocab_size!r}, expected 0 or more")
        if not _is_number(self.layer_norm_eps) or not 0 <= self.layer_norm_eps < 1:
            problems.append(f"  layer_norm_eps is {self.layer_norm_eps!r}, expected 1e-12 or so")
        for name in ("condition_size", "embedding_size", "num_hidden_groups"):
            value = getattr(self, name)
            if value is not None and (not _is_whole(value) or value < 1):
                problems.append(f"  {name} is {value!r}, expected 1 or more")
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                expected = " or ".join(repr(value) for value in allowed)
                problems.append(f"  {name} is {getattr(self, name)!r}, expected {expected}")
        if not problems and self.hidden_size % self.num_attention_heads:
            problems.append(
                f"  hidden_size {self.hidden_size} cannot be shared by "
                f"{self.num_attention_heads} attention heads"
            )
        if not problems:
            problems += self._contradictions()
        if self.application not in APPLICATIONS:
            problems.append(
                f"  application is {self.application!r}, expected {' or '.join(APPLICATIONS)}"
            )
        if not isinstance(self.heads, tuple) or not all(head in HEADS for head in self.heads):
            problems.append(f"  heads is {self.heads!r}, expected any of {', '.join(HEADS)}")
        if problems:
            raise CheckpointError("This configuration cannot be built:\n" + "\n".join(problems))

    def _contradictions(self) -> list[str]:
        """What is right by itself and impossible together."""
        problems = []
        if self.position_kind == "rotary" and self.hidden_size // self.num_attention_heads % 2:
            problems.append("  rotary positions need an even number of features in a head")
        if self.num_hidden_groups is not None and self.num_hidden_groups > self.num_hidden_layers:
            problems.append(
                f"  num_hidden_groups is {self.num_hidden_groups}, but there are only "
                f"{self.num_hidden_layers} layers"
            )
        if self.language_head == "tied" and self.embedding_size is not None:
            problems.append(
                f"  embedding_size is {self.embedding_size}, but the {self.family} head needs "
                f"hidden_size, {self.hidden_size}"
            )
        pad, positions = self.pad_token_id, self.max_position_embeddings
        if self.first_position == "after_pad" and (
            not isinstance(pad, int) or not 0 <= pad < positions - 1
        ):
            problems.append(f"  pad_token_id is {pad!r}, but the positions begin after it")
        return problems

    @property
    def position_offset(self) -> int:
        """The number of the first position."""
        return (self.pad_token_id or 0) + 1 if self.first_position == "after_pad" else 0

    @property
    def max_length(self) -> int:
        """Tokens that have a position."""
        return self.max_position_embeddings - self.position_offset

    def replace(self, **changes) -> TransformerConfig:
        """The same configuration with some fields changed."""
        return dataclasses.replace(self, **changes)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or isinstance(value, float)


_POSITIVE = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "max_relative_position",
)
_RATES = ("hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range")
OWN_FIELDS = ("family", "application", "heads", "condition_size", "extra")
FILE_FIELDS = tuple(
    item.name
    for item in dataclasses.fields(TransformerConfig)
    if item.name not in {*OWN_FIELDS, *CHOICES, *FAMILY_WORDS}
)
