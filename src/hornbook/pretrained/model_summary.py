"""A model in one line, and in a few rows."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from hornbook.pretrained.transformer_protocol import TransformerModel

if TYPE_CHECKING:
    from hornbook.text.tokenizer import Tokenizer


def short_description(model: TransformerModel, tokenizer: Tokenizer | None) -> str:
    """Describes a model in one line: "bert, 12 blocks, 768 features, 102.3 M weights, ..."."""
    config = model.config
    blocks = f"{config.num_hidden_layers} block{'s' * (config.num_hidden_layers != 1)}"
    if config.application == "seq2seq":
        decoder_blocks = config.num_decoder_layers or config.num_hidden_layers
        blocks = f"{config.num_hidden_layers} + {decoder_blocks} blocks"
    weights = f"{in_millions(sum(weights_of_parts(model).values()))} weights"
    return ", ".join(
        [config.family, blocks, f"{config.hidden_size} features", weights, _vocabulary(tokenizer)]
    )


def summary_rows(model: TransformerModel, tokenizer: Tokenizer | None) -> list[tuple[str, str]]:
    """Returns name and value of what is worth knowing of a model, and the weights of each part."""
    config = model.config
    positions = f"{config.max_length:,}" if config.position_kind == "learned" else "unlimited"
    rows = [
        ("family", config.family),
        ("application", config.application),
        ("blocks", str(config.num_hidden_layers)),
        ("features", str(config.hidden_size)),
        ("attention heads", str(config.num_attention_heads)),
        ("positions", f"{config.position_kind}, {positions}"),
        ("vocabulary", _vocabulary(tokenizer)),
        ("heads", ", ".join(config.heads) or "none"),
        ("weights in", model.variable_dtype),
    ]
    parts = weights_of_parts(model)
    rows += [(f"weights of {part}", f"{count:,}") for part, count in parts.items()]
    return [*rows, ("weights", f"{sum(parts.values()):,}")]


def weights_of_parts(model: TransformerModel) -> dict[str, int]:
    """Counts the weights of each direct part of a model, such as `blocks` or `mlm`."""
    from hornbook.pretrained.opening.weights import readable_variables

    counts: Counter[str] = Counter()
    for path, variable in readable_variables(model).items():
        counts[path.partition(".")[0]] += math.prod(variable.shape)
    return dict(counts)


def in_millions(count: int) -> str:
    """Writes a number of weights: "864", "5.2 M", "1.5 G"."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return str(count)


def _vocabulary(tokenizer: Tokenizer | None) -> str:
    if tokenizer is None:
        return "no vocabulary"
    return f"{tokenizer.kind.lower()} {tokenizer.vocabulary_size:,}"
