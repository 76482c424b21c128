"""Opens the tokenizer of a model folder, of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook.errors import OptionError
from hornbook.text.json_file import object_in, read_object
from hornbook.text.vocabulary_file import REQUIRED_TOKENS, VocabularyError

if TYPE_CHECKING:
    from hornbook.text.tokenizer import Tokenizer

MERGES_OF = {"vocab.json": "merges.txt", "encoder.json": "vocab.bpe"}  # Hugging Face's, OpenAI's
SENTENCEPIECE_NAMES = (
    "spiece.model",
    "sentencepiece.bpe.model",
    "sentencepiece.model",
    "tokenizer.model",
)


def tokenizer_from_folder(
    folder: str | Path,
    *,
    pre_tokenize: Callable[[str], Iterable[str]] | None = None,
    max_length: int | None = None,
    add_special_tokens: bool = True,
) -> Tokenizer | None:
    """Opens the tokenizer of a folder; returns None if it has none.

    The files are tried in this order: `vocab.txt` or a `tokenizer.json` with BERT's WordPiece; any
    other `tokenizer.json`; `vocab.json` with `merges.txt`, or OpenAI's `encoder.json` with
    `vocab.bpe`; a SentencePiece `*.model`.

    Args:
        folder: A model folder.
        pre_tokenize: Splits a text into words first; for WordPiece and CPM.
        max_length: Default of `encode`.  Defaults to no truncation.
        add_special_tokens: Default of `encode`.  GPT2_ML is used without.

    Raises:
        VocabularyError: a file is damaged or has unsupported settings.
        MissingExtraError: a SentencePiece model without the package installed.
        OptionError: `pre_tokenize` for a tokenizer that does not use it.
    """
    folder = Path(folder)
    options: dict[str, Any] = {"max_length": max_length, "add_special_tokens": add_special_tokens}
    if _is_wordpiece(folder):
        from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

        return WordPieceTokenizer.from_folder(folder, pre_tokenize=pre_tokenize, **options)
    if (path := _sentencepiece_model(folder)) is not None:
        from hornbook.text.sentencepiece.locating import sentencepiece_from_folder

        return sentencepiece_from_folder(path, pre_tokenize=pre_tokenize, **options)
    if pre_tokenize is not None and has_another_tokenizer(folder):
        raise OptionError(
            f"The tokenizer of {folder} splits words itself; pre_tokenize is for WordPiece and CPM."
        )
    if (folder / "tokenizer.json").is_file():
        from hornbook.text.huggingface.tokenizer_json import LibraryTokenizer

        return LibraryTokenizer.from_folder(folder, **options)
    if (vocabulary := _byte_pair_vocabulary(folder)) is not None:
        from hornbook.text.huggingface.byte_pairs import byte_pairs_from_folder

        return byte_pairs_from_folder(folder, vocabulary, MERGES_OF[vocabulary], **options)
    return None


def has_another_tokenizer(folder: str | Path) -> bool:
    """Whether a folder has a tokenizer of another kind than WordPiece, such as GPT-2's.

    Raises:
        VocabularyError: `tokenizer.json` is unreadable, or files are missing or ambiguous.
    """
    folder = Path(folder)
    if _is_wordpiece(folder):
        return False
    return (
        (folder / "tokenizer.json").is_file()
        or _byte_pair_vocabulary(folder) is not None
        or _sentencepiece_model(folder) is not None
    )


def _is_wordpiece(folder: Path) -> bool:
    """Whether this is BERT's kind; other WordPieces (`<s>` for [CLS]) are opened as they are."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return (folder / "vocab.txt").is_file()
    model = object_in(read_object(path), "model")
    if model.get("type") not in ("WordPiece", None) or "merges" in model:
        return False  # early files have no type; merges belong to byte pairs
    return object_in(model, "vocab").keys() >= set(REQUIRED_TOKENS)


def _byte_pair_vocabulary(folder: Path) -> str | None:
    for vocabulary, merges in MERGES_OF.items():
        if (folder / vocabulary).is_file():
            if not (folder / merges).is_file():
                raise VocabularyError(f"{folder} has {vocabulary}, but not its {merges}.")
            return vocabulary
    return None


def _sentencepiece_model(folder: Path) -> Path | None:
    """Returns the SentencePiece model of a folder without other tokenizers, or None."""
    if (folder / "tokenizer.json").is_file() or _byte_pair_vocabulary(folder) is not None:
        return None
    models = [folder / name for name in SENTENCEPIECE_NAMES if (folder / name).is_file()]
    models = models or sorted(folder.glob("*.model"))
    if len(models) > 1:
        names = ", ".join(path.name for path in models)
        raise VocabularyError(f"{folder} has several SentencePiece models: {names}.")
    return models[0] if models else None
