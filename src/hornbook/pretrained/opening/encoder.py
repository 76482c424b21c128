"""The encoder that a recipe starts from: a small new one, or a pretrained one for longer texts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hornbook.data.batches import padded_length
from hornbook.pretrained.opening.bundled import model_folder
from hornbook.pretrained.opening.model_folder import family_of, policy, read_config_file
from hornbook.text.tokenizer import Tokenizer

HEAD_SIZE = 64  # features of one attention head
HIERARCHICAL = 0.4  # weight of the coarse position in the post


def new_encoder(
    texts: Iterable[str],
    *,
    vocabulary_size: int,
    hidden_size: int,
    max_length: int,
    dropout: float,
    compute_dtype: str,
    **changes: Any,
) -> tuple[Tokenizer, Any]:
    """Returns a tokenizer with a vocabulary learned from texts, and a small Transformer.

    Args:
        texts: Texts to learn the vocabulary from.
        vocabulary_size: Maximum number of tokens.
        hidden_size: Features per token, a multiple of `HEAD_SIZE`.
        max_length: Maximum number of tokens per text.
        dropout: Share of the features dropped in training.
        compute_dtype: See `policy`.
        changes: Other fields of `TransformerConfig`.
    """
    from hornbook.models.configuration.transformer_config import TransformerConfig
    from hornbook.models.transformer import Transformer
    from hornbook.text.vocabulary import learn_wordpiece
    from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

    tokenizer = WordPieceTokenizer(learn_wordpiece(texts, vocabulary_size))
    config = TransformerConfig(
        vocab_size=tokenizer.vocabulary_size,
        hidden_size=hidden_size,
        num_attention_heads=max(hidden_size // HEAD_SIZE, 1),
        intermediate_size=4 * hidden_size,
        hidden_act="relu",
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=0.0,
        max_position_embeddings=padded_length(max_length),
        **changes,
    )
    return tokenizer, Transformer(config, dtype=policy(compute_dtype))


def parse_keys(text: str | None) -> tuple[str, ...]:
    """Splits a list of keys at commas and white space."""
    return tuple((text or "").replace(",", " ").split())


def longer_positions(
    folder: str | Path, length: int, method: str, ignore_config: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Returns the options of `load` with which a model reads texts of `length` tokens.

    Args:
        folder: Folder of the model.
        length: Tokens per text.
        method: How to extend learned positions: `"hierarchical"` or `"tiled"`.
        ignore_config: See `load`.
    """
    file, values = read_config_file(model_folder(folder))
    config = family_of(values, None).read_config(values, str(file), ignore_config)
    if config.max_length >= length:
        return {}
    if config.position_kind != "learned":  # the number of positions is unlimited
        return {"max_position_embeddings": padded_length(length)}
    if method == "tiled":
        return {"tiled_positions": True}
    return {"hierarchical_positions": HIERARCHICAL}
