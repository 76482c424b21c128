"""Opening a model folder, with the changes that are one keyword away."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from hornbook.errors import OptionError
from hornbook.pretrained.model import Pretrained
from hornbook.pretrained.opening.adapting import add_lora
from hornbook.pretrained.opening.adapting import freeze as freeze_weights
from hornbook.pretrained.opening.companions import Companions
from hornbook.pretrained.opening.model_folder import open_folder
from hornbook.pretrained.opening.selection import Selection
from hornbook.pretrained.opening.shipped import model_folder
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
    """Opens a model folder in Google's, Hugging Face's or hornbook's layout.

    Neither TensorFlow nor PyTorch is needed for it.

    Args:
        folder: With `config.json` or `bert_config.json`, weights, and a vocabulary.
        family: What to read it as; None: what the configuration says.
        application: `"encoder"`, `"causal_lm"` or `"prefix_lm"`, of two stacks `"seq2seq"` or
            `"encoder"`; None: as it was saved, else the family's own.
        heads: Any of `"pooler"`, `"mlm"`, `"nsp"`; None: those the checkpoint has.
        condition_size: Makes every norm conditional; the new weights start at zero.
        compute_dtype: `"float32"`, `"bfloat16"` or `"float16"`; None: as the weights.
        variable_dtype: What the weights are kept in; in half precision they need half the
            memory, and compute in it too.  `"int8"` and `"int4"` round the large matrices while
            they are read, to write faster and in a quarter or a sixth of the memory: such a
            model is neither trained nor saved (docs/generation.md).
        frozen: Whether the weights will only be used: JAX then keeps the large matrices in the
            order in which it reads them fastest, to write faster in the same memory,
            and the model is neither trained nor saved.  Other backends gain nothing by it.
        num_hidden_layers: Takes that many of the checkpoint's blocks, from the first on.
        blocks: Numbers of the blocks to take, in their new order: `[0, 3, 6, 9]`.
        vocab_size: Tokens of the vocabulary: the last rows are left out, or new ones follow
            that are like the mean of the old; see `VocabularyRows`.
        keep_tokens: Old ids of the vocabulary to keep, in their new order.  The tokenizer follows.
        compound_tokens: New tokens behind them, each a list of old ids to average.  In a WordPiece
            vocabulary each gets the text that these spell.
        tokenizer: One that fits the model, instead of the one of the folder; or None, for token
            ids alone.
        freeze: Regular expressions of weights that training leaves alone, see `freeze`.
        lora: Regular expressions of layers that learn through LoRA, see `add_lora`.
        lora_rank: Its rank.
        name: Before the names of Keras, so that two models of a kind fit into one graph.
        pre_tokenize: See `WordPieceTokenizer`.
        ignore_config: Keys of the configuration that are known to change nothing.
        changes: Other fields of `TransformerConfig`: `hidden_dropout_prob=0.2`.

    Raises:
        HornbookError: listing everything that is missing, damaged, or does not fit.
    """
    if num_hidden_layers is not None and blocks is not None:
        raise OptionError("Say either num_hidden_layers or blocks, not both.")
    if lora and (frozen or variable_dtype in ("int8", "int4")):
        kept = "frozen" if frozen else variable_dtype
        raise OptionError(f"LoRA learns beside weights of floats, and these are {kept}.")
    selection = Selection(
        blocks=num_hidden_layers if blocks is None else blocks,
        keep_tokens=keep_tokens,
        compound_tokens=compound_tokens,
        vocab_size=vocab_size,
    )
    transformer, found, checkpoint = open_folder(
        folder,
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
        condition_size=condition_size,
        **changes,
    )
    read_model(transformer, checkpoint, selection=selection)
    if freeze:
        freeze_weights(transformer, freeze)
    if lora:
        add_lora(transformer, lora, lora_rank)
    path = model_folder(folder)
    generation = GenerationConfig.read(path, sys.maxsize)
    if generation is not None:
        generation = generation.renumbered(selection.new_id, transformer.config.vocab_size)
    own = tokenizer is None or isinstance(tokenizer, str)  # the folder's files are still right
    own = own and selection.keeps_ids(0 if found is None else found.vocabulary_size)
    companions = Companions.read(path, checkpoint.files, found if own else object())
    return Pretrained(transformer, found, generation=generation, companions=companions)
