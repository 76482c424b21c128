"""The encoder that a recipe begins with, when it is small and new, or reads long texts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hornbook.data.batches import padded_length
from hornbook.pretrained.opening.model_folder import family_of, policy, read_config_file
from hornbook.pretrained.opening.shipped import model_folder
from hornbook.text.tokenizer import Tokenizer

HEAD_SIZE = 64  # features of one attention head
HIERARCHICAL = 0.4  # the post's weight of the coarse position


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
    """A small Transformer, and a tokenizer whose vocabulary is learned from the texts.

    Args:
        texts: To learn the vocabulary from.
        vocabulary_size: Tokens at most.
        hidden_size: Features of a token, a multiple of `HEAD_SIZE`.
        max_length: Tokens of a text at most.
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


def keys_of(said: str | None) -> tuple[str, ...]:
    """The keys that a text names, with commas or white space between them."""
    return tuple((said or "").replace(",", " ").split())


def longer_positions(
    folder: str | Path, length: int, way: str, ignore_config: tuple[str, ...] = ()
) -> dict[str, Any]:
    """What `load` must change so that a model reads texts of `length` tokens.

    Args:
        folder: Of the model.
        length: Tokens of a text.
        way: Where positions have vectors of their own: `"hierarchical"` or `"tiled"`.
        ignore_config: See `load`.
    """
    file, values = read_config_file(model_folder(folder))
    config = family_of(values, None).read_config(values, str(file), ignore_config)
    if config.max_length >= length:
        return {}
    if config.position_kind != "learned":  # none is the last
        return {"max_position_embeddings": padded_length(length)}
    if way == "tiled":
        return {"tiled_positions": True}
    return {"hierarchical_positions": HIERARCHICAL}
