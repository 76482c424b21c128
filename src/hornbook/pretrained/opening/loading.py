"""Loads a model folder, with changes by keyword."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.errors import OptionError
from hornbook.pretrained.model import Pretrained
from hornbook.pretrained.opening.adapting import add_lora
from hornbook.pretrained.opening.adapting import freeze as freeze_weights
from hornbook.pretrained.opening.bundled import model_folder
from hornbook.pretrained.opening.companions import Companions
from hornbook.pretrained.opening.model_folder import open_folder
from hornbook.pretrained.opening.selection import Selection
from hornbook.pretrained.opening.sources.location import locate
from hornbook.pretrained.opening.weights import read_model
from hornbook.pretrained.tasks.generation_config import GenerationConfig
from hornbook.text.tokenizer import Tokenizer


def load(
    folder: str | Path,
    *,
    family: str | None = None,
    application: str | None = None,
    heads: Sequence[str] | None = None,
    condition_size: int | None = None,
    config: str | Path | None = None,
    compute_dtype: str | None = None,
    variable_dtype: str = "float32",
    frozen: bool = False,
    num_hidden_layers: int | None = None,
    blocks: Sequence[int] | None = None,
    vocab_size: int | None = None,
    keep_tokens: Sequence[int] | None = None,
    compound_tokens: Sequence[Any] = (),
    tokenizer: Tokenizer | str | None = "folder",
    freeze: str | Sequence[str] = (),
    lora: str | Sequence[str] = (),
    lora_rank: int = 8,
    name: str | None = None,
    pre_tokenize: Callable[[str], Iterable[str]] | None = None,
    ignore_config: Sequence[str] = (),
    **changes: Any,
) -> Pretrained:
    """Loads a model folder in Google's, Hugging Face's or hornbook's layout.

    Neither TensorFlow nor PyTorch is needed to read their files.  Weights that bert4keras's users
    saved with Keras 2 are read too (docs/models.md).

    Args:
        folder: With `config.json` or `bert_config.json`, weights, and a vocabulary; or a weight
            file: `"best_model.weights"`.
        family: The model family.  Defaults to the one that the configuration names.
        application: `"encoder"`, `"causal_lm"` or `"prefix_lm"`; for encoder-decoder models
            `"seq2seq"` or `"encoder"`.  Defaults to what was saved, else to the family's own.
        heads: Any of `"pooler"`, `"mlm"`, `"nsp"`, or a fine-tuned head.  Defaults to the heads
            found in the checkpoint.
        condition_size: Makes every norm conditional; the new weights start at zero.
        config: The configuration file, or its folder, which may also hold the vocabulary.
            Defaults to that of the weights.
        compute_dtype: `"float32"`, `"bfloat16"` or `"float16"`.  Defaults to the type of the
            weights.
        variable_dtype: Type of the weights.  Half precision halves the memory and is also used to
            compute.  `"int8"` and `"int4"` quantize the large matrices while reading, for faster
            generation in a quarter or a sixth of the memory; such a model can neither be trained
            nor saved (docs/generation.md).
        frozen: Whether the weights are for inference only: JAX then stores the large matrices in
            the layout that it reads fastest, for faster generation in the same memory, and the
            model can neither be trained nor saved.  No effect on other backends.
        num_hidden_layers: Keeps only the first layers.
        blocks: Indices of the layers to keep, in order: `[0, 3, 6, 9]`.
        vocab_size: Size of the vocabulary: drops the last rows, or adds rows similar to the mean
            of the existing ones; see `VocabularyRows`.
        keep_tokens: Ids of the tokens to keep, in their new order.  The tokenizer is adapted.
        compound_tokens: New tokens after them, each a list of old ids to average.  In a WordPiece
            vocabulary each gets the text that these ids spell.
        tokenizer: A tokenizer that fits the model, instead of the folder's; or None, for a model
            that takes token ids only.
        freeze: Regular expressions of weights to exclude from training, see `freeze`.
        lora: Regular expressions of layers to train through LoRA, see `add_lora`.
        lora_rank: Rank of the LoRA matrices.
        name: Prefix for layer names, so that two models of the same type can share a graph.
        pre_tokenize: See `WordPieceTokenizer`.
        ignore_config: Unknown keys of the configuration that are known to have no effect.
        changes: Other fields of `TransformerConfig`: `hidden_dropout_prob=0.2`.

    Returns:
        The model with its tokenizer.

    Raises:
        HornbookError: listing everything that is missing, damaged, or does not fit.
    """
    if num_hidden_layers is not None and blocks is not None:
        raise OptionError("Give either num_hidden_layers or blocks, not both.")
    if lora and variable_dtype in ("int8", "int4"):
        raise OptionError(
            "LoRA needs floating-point weights; this model was loaded with "
            f"variable_dtype={variable_dtype!r}."
        )
    if lora and frozen:
        raise OptionError("LoRA needs trainable weights; this model was loaded with frozen=True.")
    changes = {field: _plain_number(value) for field, value in changes.items()}
    selection = Selection(
        blocks=_plain_number(num_hidden_layers) if blocks is None else blocks,
        keep_tokens=keep_tokens,
        compound_tokens=compound_tokens,
        vocab_size=_plain_number(vocab_size),
    )
    transformer, fitted, checkpoint = open_folder(
        folder,
        config_path=config,
        family=family,
        heads=heads,
        compute_dtype=compute_dtype,
        variable_dtype=variable_dtype,
        frozen=frozen,
        name=name,
        pre_tokenize=pre_tokenize,
        ignore_config=ignore_config,
        selection=selection,
        tokenizer=tokenizer,
        application=application,
        condition_size=_plain_number(condition_size),
        **changes,
    )
    read_model(transformer, checkpoint, selection=selection)
    if freeze:
        freeze_weights(transformer, freeze)
    if lora:
        add_lora(transformer, lora, _plain_number(lora_rank))
    path = locate(folder).folder
    generation = GenerationConfig.read(path, sys.maxsize)
    if generation is not None:
        generation = generation.renumbered(selection.new_id, transformer.config.vocab_size)
    # whether the vocabulary files of the folder still fit the model
    of_folder = tokenizer is None or isinstance(tokenizer, str)
    unchanged = selection.keeps_ids(0 if fitted is None else fitted.vocabulary_size)
    companions = None  # those beside a single file may be anything
    if Path(path) == model_folder(folder):
        tokenizer_of_folder = fitted if of_folder and unchanged else object()
        companions = Companions.read(path, checkpoint.files, tokenizer_of_folder)
    return Pretrained(transformer, fitted, generation=generation, companions=companions)


def _plain_number(value: Any) -> Any:
    """Returns a NumPy integer as a Python int, which JSON can hold; anything else unchanged."""
    return int(value) if isinstance(value, np.integer) else value
