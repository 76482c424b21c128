"""Finds what a model folder says about its tokenizer, whoever wrote the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hornbook.text.vocabulary_file import VocabularyError, check_vocabulary, read_vocabulary


def find_vocabulary(folder: str | Path) -> list[str]:
    """The tokens of a folder in the order of their ids: `vocab.txt`, else `tokenizer.json`.

    Raises:
        VocabularyError: neither is there, or `tokenizer.json` is not a BERT-like WordPiece.
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
    model = _entry(_read_json(path), "model")
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


def has_another_tokenizer(folder: str | Path) -> bool:
    """Whether a folder's only tokenizer is of another kind than WordPiece, such as GPT-2's.

    Raises:
        VocabularyError: `tokenizer.json` cannot be read.
    """
    path = Path(folder) / "tokenizer.json"
    if (Path(folder) / "vocab.txt").is_file() or not path.is_file():
        return False
    return _entry(_read_json(path), "model").get("type") not in ("WordPiece", None)


def is_marked_lowercase(folder: str | Path) -> tuple[bool | None, bool | None]:
    """Whether the folder's own files say to lower-case, and to strip accents; None: silent.

    Raises:
        VocabularyError: the files ask for something that this tokenizer does not do.
    """
    folder = Path(folder)
    said: dict[str, Any] = {}
    path = folder / "tokenizer.json"
    if path.is_file():
        normalizer = _entry(_read_json(path), "normalizer")
        if normalizer.get("type") == "BertNormalizer":
            said = {
                "do_lower_case": normalizer.get("lowercase"),
                "strip_accents": normalizer.get("strip_accents"),
                "tokenize_chinese_chars": normalizer.get("handle_chinese_chars"),
            }
    path = folder / "tokenizer_config.json"
    if path.is_file():
        config = _read_json(path)
        said |= {name: config[name] for name in _SWITCHES if config.get(name) is not None}
    wrong = [f"{name}: {value!r}" for name, value in said.items() if not _is_switch(value)]
    if said.get("tokenize_chinese_chars") is False:
        wrong.append("tokenize_chinese_chars: False (only True can be read)")
    if wrong:
        raise VocabularyError(
            f"The tokenizer settings in {folder} cannot be used:\n"
            + "\n".join(f"  {line}" for line in wrong)
        )
    return said.get("do_lower_case"), said.get("strip_accents")


_SWITCHES = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")


def _is_switch(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise VocabularyError(f"Could not read {path}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise VocabularyError(f"{path} is not UTF-8 text (byte {error.start + 1}).") from None
    except json.JSONDecodeError as error:
        raise VocabularyError(f"{path}:{error.lineno}: not JSON: {error.msg}.") from None
    except (ValueError, RecursionError):
        raise VocabularyError(f"{path} is not JSON that can be read.") from None
    if not isinstance(content, dict):
        raise VocabularyError(f"{path} must hold a JSON object, {{...}}.")
    return content


def _entry(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


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
