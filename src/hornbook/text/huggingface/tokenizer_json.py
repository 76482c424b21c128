"""Runs any `tokenizer.json` with the `tokenizers` library.

GPT-2, RoBERTa, BART, T5, Llama, Qwen, SmolLM, ModernBERT and most others are published this way.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook.files import atomic_file
from hornbook.text.added_tokens import add_to_library, added_tokens
from hornbook.text.huggingface.library_calls import library_errors, quiet_panics
from hornbook.text.huggingface.merges import check_merges
from hornbook.text.huggingface.pruning import cut_library
from hornbook.text.json_file import object_in, read_object, read_text
from hornbook.text.special_tokens import (
    CONFIG,
    SETTINGS,
    SPECIAL_TOKENS_MAP,
    named_special_tokens,
    read_settings,
    special_ids,
    usual_special_tokens,
)
from hornbook.text.template import Pieces, Template, processor_template
from hornbook.text.tokenizer import Tokenizer, checked_ids
from hornbook.text.vocabulary_file import VocabularyError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

FILE = "tokenizer.json"


class LibraryTokenizer(Tokenizer):
    """A tokenizer run by the `tokenizers` library.

    Special tokens in a text are matched, as in Hugging Face: prompts of chat models and T5's
    `<extra_id_0>` need it.  For untrusted texts, set `split_special_tokens`.

    Args:
        library: A `tokenizers.Tokenizer`.  Its truncation and padding are disabled.
        special_tokens: Purpose -> token.  Defaults to the usual names.
        split_special_tokens: Whether special tokens in a text are tokenized as ordinary text.
        max_length: Default of `encode`.  Defaults to no truncation.
        add_special_tokens: Default of `encode`.
        files: Name -> content of the original files, which `save` writes back.

    Raises:
        VocabularyError: a special token is not in the vocabulary.
    """

    def __init__(
        self,
        library: Library,
        *,
        special_tokens: Mapping[str, str] | None = None,
        split_special_tokens: bool = False,
        max_length: int | None = None,
        add_special_tokens: bool = True,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self._files = files or {FILE: library.to_str(pretty=True).encode()}
        library.no_truncation()
        library.no_padding()
        library.encode_special_tokens = split_special_tokens
        self._library = library
        # regular expressions of unknown origin may not terminate
        self._has_patterns = any(b'"Regex"' in content for content in self._files.values())
        # a token with a usual name only counts if the vocabulary marks it as special
        special = {t.content for t in library.get_added_tokens_decoder().values() if t.special}
        if special_tokens is None:
            special_tokens = usual_special_tokens(
                lambda token: library.token_to_id(token) if token in special else None
            )
        super().__init__(
            template=_template(library),
            special_ids=special_ids(special_tokens, library.token_to_id, FILE),
            max_length=max_length,
            add_special_tokens=add_special_tokens,
        )

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        *,
        max_length: int | None = None,
        add_special_tokens: bool = True,
    ) -> LibraryTokenizer:
        """Opens the `tokenizer.json` of a folder.

        The purposes of special tokens come from `tokenizer_config.json` or
        `special_tokens_map.json`, else from the usual names.

        Raises:
            VocabularyError: a file is unreadable, or the files are inconsistent.
        """
        with library_errors(f"{Path(folder) / FILE} is no tokenizer"):
            return cls._from_folder(Path(folder), max_length, add_special_tokens)

    @classmethod
    def _from_folder(
        cls, folder: Path, max_length: int | None, add_special_tokens: bool
    ) -> LibraryTokenizer:
        library, content = _open(folder / FILE)
        settings = read_settings(folder)
        size = library.get_vocab_size(with_added_tokens=True)
        listed = content.get("added_tokens")
        added = added_tokens(folder, settings, library.token_to_id, size, serialized=listed)
        add_to_library(library, added, str(folder))
        return cls(
            library,
            special_tokens=named_special_tokens(settings) or None,
            split_special_tokens=settings.get("split_special_tokens") is True,
            max_length=max_length,
            add_special_tokens=add_special_tokens,
            files=read_files(folder, FILE, *SETTINGS),
        )

    def save(self, folder: str | Path) -> None:
        """Writes the original files, unchanged."""
        for name, content in self._files.items():
            with atomic_file(Path(folder) / name) as file:
                file.write(content)

    def keep(
        self, token_ids: Iterable[int], compounds: Iterable[Sequence[int]] = ()
    ) -> LibraryTokenizer:
        """Returns a tokenizer with only these tokens, in this order.

        Byte pairs need the parts that a token is merged from, and all bytes.
        """
        if list(compounds):
            raise VocabularyError("This kind of vocabulary cannot have compound tokens.")
        ids = checked_ids(token_ids)
        content = json.loads(self._library.to_str())
        if unknown := [i for i in ids if self._library.id_to_token(i) is None]:
            raise VocabularyError(f"The vocabulary has no token {unknown[0]}.")
        library, _ = cut_library(self._library, content, ids)
        names = dict(zip(ids, self.tokens(ids), strict=True))
        purposes = {p: names[i] for p, i in self.special_ids.items() if i in names}
        settings: dict[str, Any] = {
            f"{purpose}_token": token for purpose, token in purposes.items()
        }
        settings |= cut_settings(self._files, set(names.values()))
        files = {FILE: library.to_str(pretty=True), CONFIG: json.dumps(settings, indent=2)}
        return LibraryTokenizer(
            library,
            special_tokens=purposes,
            split_special_tokens=settings.get("split_special_tokens") is True,
            max_length=self.max_length,
            add_special_tokens=self.add_special_tokens,
            files={name: text.encode() for name, text in files.items()},
        )

    def _pieces(self, texts: list[str]) -> list[Pieces]:
        passed_on = (TypeError, UnicodeEncodeError)
        quiet = quiet_panics() if self._has_patterns else contextlib.nullcontext()
        with library_errors("This tokenizer cannot read a text", passed_on=passed_on), quiet:
            encodings = self._library.encode_batch(texts, add_special_tokens=False)
        return [(encoding.ids, encoding.offsets) for encoding in encodings]

    def tokens(self, token_ids: Iterable[int]) -> list[str]:
        with library_errors("This tokenizer cannot look up its tokens"):
            return [self._library.id_to_token(token_id) or "" for token_id in token_ids]

    def decode(self, token_ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        ids = [token_id for token_id in checked_ids(token_ids) if token_id < self.vocabulary_size]
        with library_errors("This tokenizer cannot decode"):
            return self._library.decode(ids, skip_special_tokens=skip_special_tokens)

    @property
    def kind(self) -> str:
        return type(self._library.model).__name__

    @cached_property
    def vocabulary_size(self) -> int:
        return max(self._library.get_vocab(with_added_tokens=True).values(), default=-1) + 1


def _open(path: Path) -> tuple[Library, dict[str, Any]]:
    """Opens a tokenizer file; returns its tokenizer and its content."""
    from tokenizers import Tokenizer as Library

    content = read_object(path)
    model = object_in(content, "model")
    if isinstance(model.get("merges"), list):
        prefix = str(model.get("continuing_subword_prefix") or "")
        check_merges(model["merges"], object_in(model, "vocab"), str(path), prefix)
    with library_errors(f"{path} is no tokenizer"), quiet_panics():
        return Library.from_str(read_text(path)), content


def _template(library: Library) -> Template:
    processor = library.post_processor
    # the state of a processor is its part of tokenizer.json
    return processor_template(None if processor is None else json.loads(processor.__getstate__()))


def cut_settings(files: Mapping[str, bytes], tokens: set[str]) -> dict[str, Any]:
    """Returns the `tokenizer_config.json` of a pruned vocabulary."""
    settings: dict[str, Any] = {}
    for name in (SPECIAL_TOKENS_MAP, CONFIG):
        settings |= json.loads(files.get(name, b"{}").decode("utf-8-sig"))
    pruned: dict[str, Any] = {}
    for name, value in settings.items():
        if name == "added_tokens_decoder":  # they are in tokenizer.json
            continue
        content = value.get("content") if isinstance(value, dict) else value
        if name.endswith("_token") and isinstance(content, str) and content not in tokens:
            continue
        if name.endswith("special_tokens") and isinstance(value, list):
            value = [
                one for one in value if (one["content"] if isinstance(one, dict) else one) in tokens
            ]
        pruned[name] = value
    return {**pruned, "tokenizer_class": "PreTrainedTokenizerFast"}


def read_files(folder: Path, *names: str) -> dict[str, bytes]:
    """Returns name -> content for the files that exist."""
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
