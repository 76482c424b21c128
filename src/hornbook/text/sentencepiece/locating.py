"""Opens the SentencePiece model of a folder with the settings of its family."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hornbook.errors import OptionError, did_you_mean
from hornbook.text.added_tokens import added_tokens, numbered_tokens
from hornbook.text.huggingface.tokenizer_json import read_files
from hornbook.text.sentencepiece.cpm import CpmTokenizer
from hornbook.text.sentencepiece.family_styles import (
    CPM,
    LLAMA,
    STYLES,
    XLM_ROBERTA,
    Style,
    sentinels_in,
    style_of,
)
from hornbook.text.sentencepiece.model_file import has_piece, open_model
from hornbook.text.sentencepiece.processor import SentencePieceTokenizer
from hornbook.text.special_tokens import CONFIG, SETTINGS, named_special_tokens, read_settings
from hornbook.text.vocabulary_file import VocabularyError


def sentencepiece_from_folder(
    path: str | Path,
    *,
    pre_tokenize: Callable[[str], Iterable[str]] | None = None,
    max_length: int | None = None,
    add_special_tokens: bool = True,
) -> SentencePieceTokenizer:
    """Opens a SentencePiece model with the settings beside it.

    The family is given by `tokenizer_class` in `tokenizer_config.json`, else by the special tokens
    of the model, or by the name `sentencepiece.bpe.model`, which is XLM-RoBERTa's.

    Args:
        path: The model file.
        pre_tokenize: Splits a text into words; for CPM only.
        max_length: Default of `encode`.  Defaults to no truncation.
        add_special_tokens: Default of `encode`.

    Raises:
        VocabularyError: a file is damaged or has unsupported settings.
        OptionError: `pre_tokenize` for another model than CPM.
        MissingExtraError: a package is not installed.
    """
    path = Path(path)
    settings = read_settings(path.parent)
    files = read_files(path.parent, path.name, *SETTINGS)
    model = files.pop(path.name)
    style = _style(model, path, settings)
    options: dict[str, Any] = {
        "style": style,
        "added": partial(added_tokens, path.parent, settings),
        "max_length": max_length,
        "add_special_tokens": add_special_tokens,
        "settings": files,
        "name": path.name,
    }
    if style.tokenizer_class == CPM.tokenizer_class:
        tokenizer: SentencePieceTokenizer = CpmTokenizer(
            model, pre_tokenize=pre_tokenize, **options
        )
    elif pre_tokenize is None:
        tokenizer = SentencePieceTokenizer(model, **options)
    else:
        raise OptionError(
            f"The tokenizer of {path.parent} splits words itself; pre_tokenize is for WordPiece "
            "and CPM."
        )
    named = named_special_tokens(settings)
    if missing := [
        repr(named[purpose]) for purpose in named if purpose not in tokenizer.special_ids
    ]:
        raise VocabularyError(
            f"{path}: the vocabulary has no {', '.join(missing)}, which its settings name."
        )
    return tokenizer


def _style(model: bytes, path: Path, settings: Mapping[str, Any]) -> Style:
    name = settings.get("tokenizer_class")
    if name is not None:
        style = STYLES.get(str(name).removesuffix("Fast"))
        if style is None:
            raise VocabularyError(
                f"{path.parent / CONFIG} asks for {name}, which needs a tokenizer.json. "
                f"{did_you_mean(str(name), STYLES)}"
            )
    elif path.name == "sentencepiece.bpe.model":
        style = XLM_ROBERTA
    else:
        processor = open_model(model, str(path))
        style = style_of(partial(has_piece, processor), str(path))
    return _adjusted(style, settings, path.parent)


def _adjusted(style: Style, settings: Mapping[str, Any], folder: Path) -> Style:
    """Returns the style adjusted to the settings."""

    def flag(name: str, default: bool) -> bool:
        value = settings.get(name)
        return value if isinstance(value, bool) else default

    count = sentinels_in(numbered_tokens(folder, settings)) or settings.get("extra_ids")
    if style is LLAMA:
        start = "{bos} " if flag("add_bos_token", True) else ""
        end = " {eos}" if flag("add_eos_token", False) else ""
        second = f"{start}$B{end}".replace("}", "}:1").replace("$B", "$B:1")
        style = style._replace(
            single=f"{start}$A{end}",
            pair=f"{start}$A{end} {second}",
            one_start=settings.get("legacy") is not True,
        )
    return style._replace(
        special_tokens={**style.special_tokens, **named_special_tokens(settings)},
        lowercase=flag("do_lower_case", style.lowercase),
        keep_accents=flag("keep_accents", style.keep_accents),
        extra_ids=count if type(count) is int and 0 <= count < 10_000 else style.extra_ids,
    )
