"""Finds the WordPiece vocabulary and settings of a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hornbook.text.json_file import object_in, read_object
from hornbook.text.vocabulary_file import VocabularyError, check_vocabulary, read_vocabulary


def find_vocabulary(folder: str | Path) -> list[str]:
    """Returns the tokens of a folder by id, from `vocab.txt`, else `tokenizer.json`.

    Raises:
        VocabularyError: neither exists, or `tokenizer.json` is not a BERT-like WordPiece.
    """
    folder = Path(folder)
    if (folder / "vocab.txt").is_file():
        return read_vocabulary(folder / "vocab.txt")
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise VocabularyError(
            f"{folder} has no vocabulary.\n"
            "Expected vocab.txt (one token per line) or tokenizer.json in it."
        )
    model = object_in(read_object(path), "model")
    kind = model.get("type")
    if kind not in ("WordPiece", None) or not isinstance(model.get("vocab"), dict):
        raise VocabularyError(
            f"{path} holds a tokenizer of type {kind or 'unknown'}.\n"
            "Only WordPiece, BERT's kind, can be read here."
        )
    prefix = model.get("continuing_subword_prefix", "##")
    if prefix != "##":
        raise VocabularyError(f"{path} marks word parts with {prefix!r}; only '##' can be read.")
    tokens = _in_order_of_ids(model["vocab"], path)
    check_vocabulary(tokens, where=str(path))
    return tokens


def is_marked_lowercase(folder: str | Path) -> tuple[bool | None, bool | None]:
    """Returns whether the files set lowercasing and accent stripping; None if not set.

    Raises:
        VocabularyError: unsupported settings.
    """
    folder = Path(folder)
    switches: dict[str, Any] = {}
    path = folder / "tokenizer.json"
    if path.is_file():
        normalizer = object_in(read_object(path), "normalizer")
        if normalizer.get("type") == "BertNormalizer":
            switches = {
                "do_lower_case": normalizer.get("lowercase"),
                "strip_accents": normalizer.get("strip_accents"),
                "tokenize_chinese_chars": normalizer.get("handle_chinese_chars"),
            }
    path = folder / "tokenizer_config.json"
    if path.is_file():
        config = read_object(path)
        switches |= {name: config[name] for name in _SWITCHES if config.get(name) is not None}
    wrong = [f"{name}: {value!r}" for name, value in switches.items() if not _is_switch(value)]
    if switches.get("tokenize_chinese_chars") is False:
        wrong.append("tokenize_chinese_chars: False (only True can be read)")
    if wrong:
        raise VocabularyError(
            f"The tokenizer settings in {folder} cannot be used:\n"
            + "\n".join(f"  {line}" for line in wrong)
        )
    return switches.get("do_lower_case"), switches.get("strip_accents")


def listed_in_library_file(folder: str | Path) -> Any:
    """Returns the added tokens of the folder's `tokenizer.json`; None if there is none."""
    path = Path(folder) / "tokenizer.json"
    return read_object(path).get("added_tokens") if path.is_file() else None


_SWITCHES = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")


def _is_switch(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _in_order_of_ids(vocabulary: dict[str, Any], path: Path) -> list[str]:
    tokens: list[str | None] = [None] * len(vocabulary)
    for token, token_id in vocabulary.items():
        if type(token_id) is not int or not 0 <= token_id < len(tokens) or tokens[token_id]:
            raise VocabularyError(
                f"{path}: the id of {token!r} is {token_id!r}; ids must be 0 to "
                f"{len(tokens) - 1}, each once."
            )
        tokens[token_id] = token
    return [token or "" for token in tokens]
