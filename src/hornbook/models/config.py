"""What a Transformer is made of, in the words that stand in `config.json`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from hornbook.errors import CheckpointError

APPLICATIONS = ("encoder", "causal_lm", "prefix_lm")
HEADS = ("pooler", "mlm", "nsp")


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
    intermediate_size: int
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int = 0

    application: str = "encoder"  # who may look at whom: one of APPLICATIONS
    heads: tuple[str, ...] = ()  # what stands on top: any of HEADS
    condition_size: int | None = None  # features of the condition of every norm
    extra: dict[str, Any] = field(default_factory=dict)  # keys of the file that change nothing

    def __post_init__(self):
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
        if self.condition_size is not None and (
            not _is_whole(self.condition_size) or self.condition_size < 1
        ):
            problems.append(f"  condition_size is {self.condition_size!r}, expected 1 or more")
        if not problems and self.hidden_size % self.num_attention_heads:
            problems.append(
                f"  hidden_size {self.hidden_size} cannot be shared by "
                f"{self.num_attention_heads} attention heads"
            )
        if self.application not in APPLICATIONS:
            problems.append(
                f"  application is {self.application!r}, expected {' or '.join(APPLICATIONS)}"
            )
        if not isinstance(self.heads, tuple) or not all(head in HEADS for head in self.heads):
            problems.append(f"  heads is {self.heads!r}, expected any of {', '.join(HEADS)}")
        if problems:
            raise CheckpointError("This configuration cannot be built:\n" + "\n".join(problems))

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
)
_RATES = ("hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range")
OWN_FIELDS = ("family", "application", "heads", "condition_size", "extra")
FILE_FIELDS = tuple(
    item.name for item in dataclasses.fields(TransformerConfig) if item.name not in OWN_FIELDS
)
