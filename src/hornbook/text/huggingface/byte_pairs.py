"""Byte pair encoding from `vocab.json` and `merges.txt`, as published before `tokenizer.json`.

GPT-2, RoBERTa and BART use bytes: every text can be tokenized, and decoding is exact.  OpenAI's
first GPT uses lowercased words, whose last piece ends in `</w>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hornbook.errors import did_you_mean
from hornbook.text.added_tokens import add_to_library, added_tokens
from hornbook.text.huggingface.library_calls import library_errors
from hornbook.text.huggingface.merges import check_merges, read_merges
from hornbook.text.huggingface.tokenizer_json import LibraryTokenizer, read_files
from hornbook.text.json_file import read_object
from hornbook.text.special_tokens import SETTINGS, named_special_tokens, read_settings
from hornbook.text.vocabulary_file import VocabularyError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

END_OF_WORD = "</w>"


class Way(NamedTuple):
    """The byte pair settings of a family.

    Attributes:
        special_tokens: Default special tokens by purpose.
        end_of_word: Suffix of the last piece of a word; "" for byte-level pairs.
        encloses: Whether texts are enclosed in `<s>` and `</s>`.
    """

    special_tokens: Mapping[str, str]
    end_of_word: str = ""
    encloses: bool = False


_END = "<|endoftext|>"
GPT = Way({"unk": "<unk>"}, end_of_word=END_OF_WORD)
GPT2 = Way({"bos": _END, "eos": _END, "unk": _END})
ROBERTA = Way(
    {
        "pad": "<pad>",
        "unk": "<unk>",
        "bos": "<s>",
        "eos": "</s>",
        "cls": "<s>",
        "sep": "</s>",
        "mask": "<mask>",
    },
    encloses=True,
)
WAYS = {
    "OpenAIGPTTokenizer": GPT,
    "GPT2Tokenizer": GPT2,
    "RobertaTokenizer": ROBERTA,
    "BartTokenizer": ROBERTA,
}


def byte_pairs_from_folder(
    folder: str | Path,
    vocabulary: str = "vocab.json",
    merges: str = "merges.txt",
    *,
    max_length: int | None = None,
    add_special_tokens: bool = True,
) -> LibraryTokenizer:
    """Opens the byte pairs of a folder.

    The family is given by `tokenizer_class` in `tokenizer_config.json`.  Without it, pieces with
    `</w>` mean GPT, a vocabulary with `<s>` and `</s>` means RoBERTa, any other GPT-2.

    Args:
        folder: The folder of the two files and optional settings.
        vocabulary: Name of the vocabulary file.
        merges: Name of the merges file.
        max_length: Default of `encode`.  Defaults to no truncation.
        add_special_tokens: Default of `encode`.

    Raises:
        VocabularyError: a file is damaged, or the files are inconsistent.
    """
    folder = Path(folder)
    ids = _checked_ids(read_object(folder / vocabulary), folder / vocabulary)
    pairs = read_merges(folder / merges)
    check_merges(pairs, ids, str(folder / merges))
    settings = read_settings(folder)
    way = _way_of(ids, settings)
    if way.end_of_word and "<unk>" not in ids:
        raise VocabularyError(f"{folder / vocabulary} has no <unk>, which words need.")
    special_tokens = dict(named_special_tokens(settings)) or {
        purpose: token for purpose, token in way.special_tokens.items() if token in ids
    }
    with library_errors(f"{folder / vocabulary} and {merges} make no tokenizer"):
        library = _library(ids, pairs, way, settings)
    size = library.get_vocab_size()
    add_to_library(library, added_tokens(folder, settings, ids.get, size), str(folder))
    _mark_special(library, special_tokens)
    _enclose(library, special_tokens, way, settings, folder)
    contents = read_files(folder, vocabulary, merges, *SETTINGS)
    published = {vocabulary: "vocab.json", merges: "merges.txt"}
    return LibraryTokenizer(
        library,
        special_tokens=special_tokens,
        max_length=max_length,
        add_special_tokens=add_special_tokens,
        files={published.get(name, name): content for name, content in contents.items()},
    )


def _checked_ids(content: dict[str, Any], path: Path) -> dict[str, int]:
    for token, token_id in content.items():
        if type(token_id) is not int or not 0 <= token_id < 2**32:
            raise VocabularyError(f"{path}: the id of {token!r} is {token_id!r}, not a number.")
    if not content:
        raise VocabularyError(f"{path} has no tokens.")
    if len(set(content.values())) < len(content):
        raise VocabularyError(f"{path}: an id occurs twice; each must have one token.")
    return content


def _way_of(ids: Mapping[str, int], settings: Mapping[str, Any]) -> Way:
    name = settings.get("tokenizer_class")
    if name is None:
        if any(token.endswith(END_OF_WORD) for token in ids):
            return GPT
        return ROBERTA if "<s>" in ids and "</s>" in ids else GPT2
    way = WAYS.get(str(name).removesuffix("Fast").removesuffix("Tokenizer") + "Tokenizer")
    if way is None:
        raise VocabularyError(
            f"tokenizer_config.json asks for {name}, which needs a tokenizer.json. "
            f"{did_you_mean(str(name), WAYS)}"
        )
    return way


def _library(
    ids: dict[str, int],
    merges: list[tuple[str, str]],
    way: Way,
    settings: Mapping[str, Any],
) -> Library:
    from tokenizers import Tokenizer as Library
    from tokenizers import decoders, models, normalizers, pre_tokenizers

    options: dict[str, Any] = {}
    if way.end_of_word:
        options = {"end_of_word_suffix": way.end_of_word, "unk_token": "<unk>"}
    library = Library(models.BPE(vocab=ids, merges=merges, **options))
    if way.end_of_word:
        library.normalizer = normalizers.BertNormalizer(lowercase=True)
        library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        library.decoder = decoders.BPEDecoder(suffix=way.end_of_word)
    else:
        space = settings.get("add_prefix_space") is True
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=space)
        library.decoder = decoders.ByteLevel()
    return library


def _mark_special(library: Library, special_tokens: Mapping[str, str]) -> None:
    """Registers special tokens, to match them in texts and skip them in decoding."""
    from tokenizers import AddedToken

    known = {added.content for added in library.get_added_tokens_decoder().values()}
    for purpose, token in special_tokens.items():
        if token not in known and library.token_to_id(token) is not None:
            # a mask replaces a word, including the space before it
            added = AddedToken(token, lstrip=purpose == "mask", normalized=False)
            library.add_special_tokens([added])


def _enclose(
    library: Library,
    special_tokens: Mapping[str, str],
    way: Way,
    settings: Mapping[str, Any],
    folder: Path,
) -> None:
    from tokenizers import processors

    def known(purpose: str) -> tuple[str, int]:
        token = special_tokens.get(purpose, purpose)
        token_id = library.token_to_id(token)
        if token_id is None:
            raise VocabularyError(f"{folder}: the vocabulary has no {token!r}, which texts need.")
        return token, token_id

    if way.encloses:
        start, end = known("cls"), known("sep")
        space = settings.get("add_prefix_space") is True
        library.post_processor = processors.RobertaProcessing(end, start, add_prefix_space=space)
    elif settings.get("add_bos_token") is True:
        start = known("bos")
        library.post_processor = processors.TemplateProcessing(
            single=[start[0], "$A"], special_tokens=[start]
        )
