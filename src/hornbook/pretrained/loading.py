"""Opening a model folder, with the changes that are one keyword away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from hornbook.checkpoints import VocabularyRows
from hornbook.pretrained.folder import open_folder
from hornbook.pretrained.model import Pretrained
from hornbook.pretrained.weights import read_model


def load(
    folder: str | Path,
    *,
    family: str | None = None,
    application: str | None = None,
    heads: Sequence[str] | None = None,
    condition_size: int | None = None,
    compute_dtype: str = "float32",
    keep_tokens: Sequence[int] | None = None,
    compound_tokens: Sequence[Any] = (),
    pre_tokenize: Callable[[str], Iterable[str]] | None = None,
    ignore_config: Sequence[str] = (),
) -> Pretrained:
    """Opens a model folder in Google's, Hugging Face's or hornbook's layout.

    Neither TensorFlow nor PyTorch is needed for it.

    Args:
        folder: With `config.json` or `bert_config.json`, weights, and a vocabulary.
        family: What to read it as; None: what the configuration says.
        application: `"encoder"`, `"causal_lm"` or `"prefix_lm"`; None: as it was saved, else
            encoder.
        heads: Any of `"pooler"`, `"mlm"`, `"nsp"`; None: those the checkpoint has.
        condition_size: Makes every norm conditional; the new weights start at zero.
        compute_dtype: `"float32"`, `"bfloat16"` or `"float16"`; weights stay float32.
        keep_tokens: Old ids of the vocabulary to keep, in their new order.
        compound_tokens: New tokens behind them, each a list of old ids to average.
        pre_tokenize: See `WordPieceTokenizer`.
        ignore_config: Keys of the configuration that are known to change nothing.

    Raises:
        HornbookError: listing everything that is missing, damaged, or does not fit.
    """
    transformer, tokenizer, checkpoint = open_folder(
        folder,
        family=family,
        heads=heads,
        compute_dtype=compute_dtype,
        pre_tokenize=pre_tokenize,
        ignore_config=ignore_config,
        application=application,
        condition_size=condition_size,
        keep_tokens=keep_tokens,
        compound_tokens=compound_tokens,
    )
    rows = {}
    if keep_tokens is not None or compound_tokens:
        choice = VocabularyRows(keep_tokens, compound=compound_tokens)
        rows = {"token_embedding.embeddings": choice, "mlm.bias": choice}
        tokenizer = None  # it numbers the old vocabulary; the caller has the new one
    read_model(transformer, checkpoint, rows=rows)
    return Pretrained(transformer, tokenizer)
