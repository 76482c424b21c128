"""The start of pretraining: a new Transformer or a checkpoint's, and its objective."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook.errors import OptionError
from hornbook.files import bounded_text
from hornbook.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from hornbook.pretrained import Pretrained

# layers, features, attention heads
SIZES = {
    "tiny": (2, 128, 2),
    "mini": (4, 256, 4),
    "small": (6, 384, 6),
    "base": (12, 768, 12),
}
# objective -> family, application and heads of a new model, and the kind of a learned vocabulary
TRAINED: dict[str, dict[str, Any]] = {
    "mlm": {"family": "bert", "application": "encoder", "heads": ("mlm",), "kind": "wordpiece"},
    "causal_lm": {"family": "gpt2", "application": "causal_lm", "heads": ("mlm",), "kind": "bpe"},
    "prefix_lm": {
        "family": "bert",
        "application": "prefix_lm",
        "heads": ("mlm",),
        "kind": "wordpiece",
    },
    "span": {
        "family": "t5.1.1",
        "application": "seq2seq",
        "heads": ("mlm",),
        "kind": "unigram",
    },
    "electra": {
        "family": "electra",
        "application": "encoder",
        "heads": ("discriminator",),
        "kind": "wordpiece",
    },
}
GENERATOR_SHARE = 4  # the generator of ELECTRA has a quarter of the features and heads


def heads_for(objective: str, sentence_order: bool) -> tuple[str, ...]:
    """Returns the heads that a model needs for an objective."""
    return (*TRAINED[objective]["heads"], *(("pooler", "nsp") if sentence_order else ()))


def new_config(
    objective: str,
    tokenizer: Tokenizer,
    *,
    size: str,
    file: str | None,
    family: str | None,
    length: int,
    heads: tuple[str, ...],
    dropout: float,
) -> Any:
    """Returns the configuration of a new model.

    Args:
        objective: A key of `TRAINED`.
        tokenizer: Its tokenizer.
        size: A key of `SIZES`.
        file: A config.json that overrides the values of that size.
        family: A name of `hornbook families`.  Defaults to that of `file`, or of the objective.
        length: Tokens per row, the number of positions.
        heads: See `heads_for`.
        dropout: Dropout rate of features and attention.

    Raises:
        HornbookError: the file cannot be read, or describes a model that the objective cannot
            train.
    """
    from hornbook.pretrained import family_of

    values = {} if file is None else _read(Path(file))
    if family is None and not values.keys() & {"model_type", "hornbook"}:
        family = TRAINED[objective]["family"]
    data = family_of(values, family)
    layers, features, num_heads = SIZES[size]
    fields: dict[str, Any] = {
        "hidden_size": features,
        "num_hidden_layers": layers,
        "num_attention_heads": num_heads,
        "intermediate_size": features * 4,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
    }
    if data.choices.get("gated_feed_forward"):  # three matrices instead of two
        fields["intermediate_size"] = -(-features * 8 // (3 * 64)) * 64
    if values:
        config = data.read_config(
            {"vocab_size": 1, **_in_their_words(data, fields), **values}, str(file)
        )
    else:
        config = data.configure(vocab_size=1, **fields)
    if config.vocab_size not in (1, tokenizer.vocabulary_size):
        raise OptionError(
            f"{file} has vocab_size {config.vocab_size}, but the vocabulary has "
            f"{tokenizer.vocabulary_size} tokens.\nOmit vocab_size, or choose its --vocabulary."
        )
    application = TRAINED[objective]["application"]
    if application not in data.applications:
        raise OptionError(
            f"--objective {objective} trains a model as {application}, but {data.name} supports "
            f"only {' and '.join(data.applications)}."
        )
    return config.replace(
        vocab_size=tokenizer.vocabulary_size,
        pad_token_id=tokenizer.special_ids.get("pad"),
        max_position_embeddings=length,
        application=application,
        heads=heads,
        extra={},
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(bounded_text(file, error=OptionError))
    except FileNotFoundError:
        raise OptionError(f"There is no configuration {file}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise OptionError(f"{file} cannot be read as JSON: {error}") from None
    if not isinstance(values, dict):
        raise OptionError(f"{file}: expected one JSON object.")
    return values


def _in_their_words(family: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns fields by their names in the family's config.json."""
    back = {ours: theirs for theirs, ours in family.rename.items()}
    return {back.get(name, name): value for name, value in values.items()}


def new_model(config: Any, compute_dtype: str) -> Any:
    """Returns a Transformer of that configuration, with random weights."""
    from hornbook.models.building import make_model
    from hornbook.pretrained import policy

    model = make_model(config, dtype=policy(compute_dtype))
    model.build()
    return model


def check_vocabulary(tokenizer: Any, config: Any) -> None:
    """Raises OptionError if the vocabulary has more tokens than the model has embeddings."""
    if tokenizer.vocabulary_size > config.vocab_size:
        raise OptionError(
            f"The vocabulary has {tokenizer.vocabulary_size:,} tokens, but the model has only "
            f"{config.vocab_size:,} token embeddings.\nUse the vocabulary it was trained with, or "
            "load the model with vocab_size=... and save it first (docs/models.md)."
        )


def opened_model(folder: str, objective: str, heads: tuple[str, ...], **options: Any) -> Pretrained:
    """Opens the model to continue from."""
    from hornbook.pretrained import load

    return load(folder, application=TRAINED[objective]["application"], heads=heads, **options)


def learning_model(objective: str, transformer: Any, compute_dtype: str, seed: int) -> Any:
    """Returns the Keras model that is trained: a `LanguageObjective` around the Transformer."""
    from hornbook.training.language import losses as objectives

    classes = {
        "mlm": objectives.MaskedLanguage,
        "causal_lm": objectives.NextToken,
        "prefix_lm": objectives.NextToken,
        "span": objectives.SpanFilling,
    }
    if objective in classes:
        return classes[objective](transformer)
    generator = make_generator(transformer, compute_dtype)
    return objectives.ReplacedTokens(transformer, generator, seed=seed)


def make_generator(discriminator: Any, compute_dtype: str) -> Any:
    """Returns ELECTRA's generator: narrower, with the token embedding of the discriminator."""
    from hornbook.models.families import family_named
    from hornbook.models.transformer import Transformer
    from hornbook.pretrained import policy

    config = discriminator.config
    heads = max(config.num_attention_heads // GENERATOR_SHARE, 1)
    generator: Any = Transformer(
        config.replace(
            **{"family": "electra-generator", **family_named("electra-generator").choices},
            hidden_size=heads * config.head_size,
            num_attention_heads=heads,
            intermediate_size=4 * heads * config.head_size,
            embedding_size=config.embedding_size or config.hidden_size,
            heads=("mlm",),
        ),
        token_embedding=discriminator.token_embedding,
        dtype=policy(compute_dtype),
        name="generator",
    )
    generator.build()
    return generator


def check_model(config: Any, objective: str, length: int, recompute: bool) -> None:
    """Raises OptionError if a model cannot be trained with these options."""
    if config.attention != "full":
        raise OptionError(
            f"This model has attention {config.attention!r}, which cannot keep the documents of a "
            "row apart.  Expected attention 'full'."
        )
    if config.position_kind == "learned" and config.max_length < length:
        raise OptionError(
            f"This model has positions for {config.max_length} tokens, but rows have {length}.  "
            f"Use --length {config.max_length}."
        )
    if recompute and config.residual_attention_scores:
        raise OptionError("Models with residual_attention_scores do not support --rematerialize.")
    if config.condition_size is not None:
        raise OptionError("This model needs a condition, which a corpus does not have.")
