"""Opens the tokenizer of a model folder, whatever its kind and whoever wrote it."""

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
    """The tokenizer of a folder, or None when it has none.

    Looked for in this order: `vocab.txt` or a `tokenizer.json` with BERT's WordPiece; any
    other `tokenizer.json`; `vocab.json` with `merges.txt`, or OpenAI's `encoder.json` with
    `vocab.bpe`; a SentencePiece `*.model`.

    Args:
        folder: A model folder.
        pre_tokenize: Cuts a text into words first; for WordPiece and for CPM.
        max_length: What `encode` cuts to when it is not told otherwise; None: never.
        add_special_tokens: Whether `encode` puts them around a text when it is not told
            otherwise.  GPT2_ML is used without.

    Raises:
        VocabularyError: a file is broken, or asks for something that is not done here.
        MissingExtraError: a SentencePiece model, and the package for it is not installed.
        OptionError: `pre_tokenize` for a tokenizer that has no use for it.
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
            f"The tokenizer of {folder} cuts words itself; pre_tokenize is for WordPiece and CPM."
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
        VocabularyError: `tokenizer.json` cannot be read, or files are missing or too many.
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
    """Whether it is BERT's: other WordPieces, with `<s>` for [CLS] say, are read as they are."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return (folder / "vocab.txt").is_file()
    model = object_in(read_object(path), "model")
    if model.get("type") not in ("WordPiece", None) or "merges" in model:
        return False  # early files name no type; merges are those of byte pairs
    return object_in(model, "vocab").keys() >= set(REQUIRED_TOKENS)


def _byte_pair_vocabulary(folder: Path) -> str | None:
    for vocabulary, merges in MERGES_OF.items():
        if (folder / vocabulary).is_file():
            if not (folder / merges).is_file():
                raise VocabularyError(f"{folder} has {vocabulary}, but not its {merges}.")
            return vocabulary
    return None


def _sentencepiece_model(folder: Path) -> Path | None:
    """The only tokenizer of the folder, or None."""
    if (folder / "tokenizer.json").is_file() or _byte_pair_vocabulary(folder) is not None:
        return None
    found = [folder / name for name in SENTENCEPIECE_NAMES if (folder / name).is_file()]
    found = found or sorted(folder.glob("*.model"))
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise VocabularyError(f"{folder} has several SentencePiece models: {names}.")
    return found[0] if found else None
