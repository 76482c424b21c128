"""Special tokens by purpose (padding, start, end, mask ...), from the files of a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hornbook.text.json_file import read_object
from hornbook.text.vocabulary_file import VocabularyError

CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS_MAP = "special_tokens_map.json"
ADDED_TOKENS = "added_tokens.json"
SETTINGS = (CONFIG, SPECIAL_TOKENS_MAP, ADDED_TOKENS)  # files that may accompany any vocabulary

# the usual names, for vocabularies without settings
USUAL_NAMES = {
    "pad": ("[PAD]", "<pad>", "<|padding|>"),
    "unk": ("[UNK]", "<unk>"),
    "bos": ("<s>", "<bos>", "<|begin_of_text|>", "<|endoftext|>"),
    "eos": ("</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>"),
    "cls": ("[CLS]", "<cls>"),
    "sep": ("[SEP]", "<sep>"),
    "mask": ("[MASK]", "<mask>"),
}


def read_settings(folder: Path) -> dict[str, Any]:
    """Merges `special_tokens_map.json` and `tokenizer_config.json`, which has precedence.

    Raises:
        VocabularyError: one of the files cannot be read.
    """
    files = [folder / name for name in (SPECIAL_TOKENS_MAP, CONFIG)]
    return {name: value for f in files if f.is_file() for name, value in read_object(f).items()}


def named_special_tokens(settings: Mapping[str, Any]) -> dict[str, str]:
    """Returns purpose -> token for the special tokens in the settings.

    Raises:
        VocabularyError: a token is not a string.
    """
    named = {}
    for purpose in USUAL_NAMES:
        token = settings.get(f"{purpose}_token")
        if isinstance(token, dict):  # with matching options, which are not needed here
            token = token.get("content")
        if token is not None and not isinstance(token, str):
            raise VocabularyError(f"{CONFIG}: {purpose}_token is {token!r}, not a text.")
        if token is not None:
            named[purpose] = token
    return named


def usual_special_tokens(id_of: Callable[[str], int | None]) -> dict[str, str]:
    """Returns purpose -> token for the usual names in a vocabulary."""
    return {
        purpose: next(name for name in names if id_of(name) is not None)
        for purpose, names in USUAL_NAMES.items()
        if any(id_of(name) is not None for name in names)
    }


def special_ids(
    tokens: Mapping[str, str], id_of: Callable[[str], int | None], where: str
) -> dict[str, int]:
    """Returns purpose -> id.

    Raises:
        VocabularyError: lists the tokens that are not in the vocabulary.
    """
    ids = {purpose: id_of(token) for purpose, token in tokens.items()}
    if missing := [repr(tokens[purpose]) for purpose, token_id in ids.items() if token_id is None]:
        raise VocabularyError(
            f"{where}: the vocabulary has no {', '.join(missing)}, which its settings name."
        )
    return {purpose: token_id for purpose, token_id in ids.items() if token_id is not None}
