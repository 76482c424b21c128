"""Opens the vocabulary of a pretraining run, or learns one from the corpus and saves it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hornbook.errors import OptionError
from hornbook.progress import note
from hornbook.text.tokenizer import Tokenizer


def open_vocabulary(folder: str) -> Tokenizer:
    """Opens the tokenizer of a folder.

    Raises:
        HornbookError: the folder has none.
    """
    from hornbook.pretrained.opening.bundled import model_folder
    from hornbook.text.tokenizer_folder import tokenizer_from_folder

    path = model_folder(folder)
    if not path.is_dir():
        raise OptionError(f"There is no folder {folder} with a vocabulary.")
    tokenizer = tokenizer_from_folder(path)
    if tokenizer is None:
        raise OptionError(
            f"{folder} has no vocabulary.\nExpected vocab.txt, tokenizer.json, or a "
            "SentencePiece model; `hornbook make vocabulary` learns one."
        )
    return tokenizer


def learned_vocabulary(
    texts: Iterable[str], size: int, prepared: Path, *, kind: str, sentinels: int
) -> Tokenizer:
    """Returns a vocabulary of the corpus, which is learned once and then reused.

    Args:
        texts: The corpus; only read to learn the vocabulary.
        size: Maximum number of tokens.
        prepared: The folder to save it in.
        kind, sentinels: See `learn_vocabulary`.
    """
    from hornbook.files import MANIFEST, verify_manifest
    from hornbook.text.learning import learn_vocabulary

    folder = prepared / f"vocabulary-{kind}-{size}"
    if (folder / MANIFEST).is_file():
        verify_manifest(folder)
        return open_vocabulary(str(folder))
    note(f"Learning a vocabulary of {size:,} tokens ({kind}) ...")
    named = "--vocabulary-size"
    return learn_vocabulary(texts, size, folder, kind=kind, sentinels=sentinels, named=named)
