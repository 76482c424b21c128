"""BERT's WordPiece tokenizer.

It is run by the `tokenizers` library, which follows Google's `tokenization.py`: control characters
are removed, Chinese characters become words of their own, lowercasing also strips accents, text is
split at white space and punctuation, and each word becomes the longest matching pieces, or one
[UNK] if there are none or the word is longer than 100 characters.  Full-width letters are kept.
The library differs from Google's file in three corner cases: private-use characters are dropped
(Google: part of the word), letters are lowercased one by one (so Σ never becomes a final ς), and
characters newer than its Unicode tables count as letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer as Library
from tokenizers import models, normalizers, pre_tokenizers

from hornbook.files import write_json
from hornbook.text.added_tokens import Added, AddedTokens, added_settings, added_tokens
from hornbook.text.special_tokens import ADDED_TOKENS, named_special_tokens, read_settings
from hornbook.text.streaming import TextStream
from hornbook.text.template import Pieces, Template
from hornbook.text.tokenizer import Arrays, Tokenizer, checked_ids
from hornbook.text.tokenizer import Encoding as Encoding
from hornbook.text.vocabulary_file import (
    CLS,
    MASK,
    PAD,
    SEP,
    SPECIAL_TOKENS,
    UNKNOWN,
    check_vocabulary,
    is_lowercase,
    read_vocabulary,
    write_vocabulary,
)
from hornbook.text.wordpiece.joining import JoinedTokens
from hornbook.text.wordpiece.settings import (
    find_vocabulary,
    is_marked_lowercase,
    listed_in_library_file,
)
from hornbook.text.wordpiece.word_cache import WordCache
from hornbook.text.words import words_and_gaps

_PURPOSES = {"pad": PAD, "unk": UNKNOWN, "cls": CLS, "sep": SEP, "mask": MASK}
_OWN = (  # settings of tokenizer_config.json that `save` writes itself
    "added_tokens_decoder",
    "additional_special_tokens",
    "extra_special_tokens",
    "tokenizer_file",
    "name_or_path",
)
LONGEST_WORD = 100  # BERT: a longer word is [UNK]
_RESERVED = re.compile(r"\[.+\]$|##.")


class WordPieceTokenizer(Tokenizer):
    """BERT's tokenizer.

    User input is text: `[MASK]` or `[SEP]` in it are brackets and letters, never special tokens.
    Added tokens (`[E1]`, `<user>`) are matched.

    Args:
        vocabulary: The tokens in the order of their ids, or the path of a `vocab.txt`.
        lowercase: Whether to lowercase and strip accents, as uncased BERT does.
        strip_accents: Whether to strip accents.  Defaults to `lowercase`.
        pre_tokenize: Splits a text into words, as RoFormer and WoBERT need
            (`hornbook.text.words.chinese_words()`).  Words in the vocabulary are one token, others
            become WordPieces.
        max_length: Default of `encode`.  Defaults to no truncation.
        add_special_tokens: Default of `encode`: whether to add [CLS] and [SEP].  GPT2_ML is used
            without.
        added: Id -> added token.  Ids after the vocabulary must follow it without a gap.
        settings: Other settings of `tokenizer_config.json`, which `save` writes back.
        longest_word: Characters of the longest word that is not [UNK]; `save` does not write it.

    Raises:
        VocabularyError: a special token is missing, a token is empty or occurs twice, or the file
            cannot be read.
    """

    def __init__(
        self,
        vocabulary: Sequence[str] | str | Path,
        *,
        lowercase: bool = True,
        strip_accents: bool | None = None,
        pre_tokenize: Callable[[str], Iterable[str]] | None = None,
        max_length: int | None = None,
        add_special_tokens: bool = True,
        added: Mapping[int, Added] | None = None,
        settings: Mapping[str, Any] | None = None,
        longest_word: int = LONGEST_WORD,
    ) -> None:
        if isinstance(vocabulary, str | Path):
            vocabulary = read_vocabulary(vocabulary)
        else:
            check_vocabulary(vocabulary)
        self._base = list(vocabulary)
        self._added = dict(added or {})
        self._settings = dict(settings or {})
        more = [added.token for i, added in self._added.items() if i >= len(self._base)]
        self.vocabulary = [*self._base, *more]
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.pre_tokenize = pre_tokenize
        self.longest_word = longest_word
        self._ids = {token: token_id for token_id, token in enumerate(self._base)}
        ids = {token: token_id for token_id, token in enumerate(self.vocabulary)}
        purposes = _PURPOSES | {
            purpose: token
            for purpose, token in named_special_tokens(self._settings).items()
            if purpose in ("bos", "eos") and token in ids
        }
        marks = {i: one for i, one in self._added.items() if one.token not in SPECIAL_TOKENS}
        super().__init__(
            template=Template.written("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", self._ids),
            special_ids={
                purpose: ids[token] for purpose, token in purposes.items() if token in ids
            },
            max_length=max_length,
            add_special_tokens=add_special_tokens,
            added=AddedTokens(marks, self._normalizer(chinese=True)) if marks else None,
        )
        self._library = Library(
            models.WordPiece(self._ids, unk_token=UNKNOWN, max_input_chars_per_word=longest_word)
        )
        # special tokens are not registered there, or they would be matched in texts
        self._library.normalizer = self._normalizer(chinese=True)
        self._library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self._word_normalizer = self._normalizer(chinese=False)
        self._init_caches()

    def _init_caches(self) -> None:
        self._pieces_of_word = lru_cache(maxsize=100_000)(self._cut_word)
        self._words = WordCache(self.pieces)

    def _normalizer(self, *, chinese: bool) -> normalizers.BertNormalizer:
        return normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=chinese,
            strip_accents=self.strip_accents,
            lowercase=self.lowercase,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Returns the state without the caches, for pickling."""
        caches = ("_pieces_of_word", "_words")
        return {name: value for name, value in vars(self).items() if name not in caches}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._init_caches()

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        *,
        pre_tokenize: Callable[[str], Iterable[str]] | None = None,
        max_length: int | None = None,
        add_special_tokens: bool = True,
    ) -> WordPieceTokenizer:
        """Opens the tokenizer of a model folder: `vocab.txt`, else a WordPiece `tokenizer.json`.

        Lowercasing is set by `tokenizer_config.json` (or `tokenizer.json`).  Without them, as in
        Google's folders, texts are lowercased if no ordinary token has a letter from A to Z.

        Raises:
            VocabularyError: no vocabulary, or an unsupported one.
        """
        tokens = find_vocabulary(folder)
        lowercase, strip_accents = is_marked_lowercase(folder)
        settings = read_settings(Path(folder))
        ids = {token: token_id for token_id, token in enumerate(tokens)}
        added = added_tokens(
            Path(folder), settings, ids.get, len(tokens), serialized=listed_in_library_file(folder)
        )
        return cls(
            tokens,
            lowercase=is_lowercase(tokens) if lowercase is None else lowercase,
            strip_accents=strip_accents,
            pre_tokenize=pre_tokenize,
            max_length=max_length,
            add_special_tokens=add_special_tokens,
            added=added,
            settings=settings,
        )

    def save(self, folder: str | Path) -> None:
        """Writes `vocab.txt` and `tokenizer_config.json`, also readable by Hugging Face."""
        folder = Path(folder)
        write_vocabulary(folder / "vocab.txt", self._base)
        config: dict[str, Any] = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.lowercase,
            "strip_accents": self.strip_accents,
            "tokenize_chinese_chars": True,
            **{f"{purpose}_token": self.vocabulary[i] for purpose, i in self.special_ids.items()},
        }
        if self.max_length is not None:
            config["model_max_length"] = self.max_length
        others = {name: value for name, value in self._settings.items() if name not in _OWN}
        specials = {token_id: self.vocabulary[token_id] for token_id in self.special_ids.values()}
        added = added_settings(self._added, specials)
        write_json(folder / "tokenizer_config.json", {**others, **config, **added})
        size = len(self._base)
        more = {token: size + index for index, token in enumerate(self.vocabulary[size:])}
        if more:  # for tools that do not read added_tokens_decoder
            write_json(folder / ADDED_TOKENS, more)

    def arrays(self, texts: list[str]) -> Arrays:
        text = "\n".join(texts)
        if self.pre_tokenize is not None or (self.added and self.added.may_be_in(text)):
            return super().arrays(texts)
        ids, spans = self._words.cut(text)
        sizes = np.fromiter((len(text) + 1 for text in texts), np.int64, len(texts))
        begins = np.cumsum(sizes) - sizes
        counts = np.diff(np.searchsorted(spans[:, 0], begins), append=len(ids))
        return Arrays(ids, spans - np.repeat(begins, counts)[:, None], counts)

    def _pieces(self, texts: list[str]) -> list[Pieces]:
        if self.pre_tokenize is not None:
            return [self._pieces_of_words(text) for text in texts]
        encodings = self._library.encode_batch(texts, add_special_tokens=False)
        return [(encoding.ids, encoding.offsets) for encoding in encodings]

    def _pieces_of_words(self, text: str) -> Pieces:
        assert self.pre_tokenize is not None
        token_ids: list[int] = []
        offsets: list[tuple[int, int]] = []
        for start, word in words_and_gaps(text, self.pre_tokenize(text)):
            ids, spans = self._pieces_of_word(word)
            token_ids += ids
            offsets += [(start + begin, start + end) for begin, end in spans]
        return token_ids, offsets

    def _cut_word(self, word: str) -> Pieces:
        encoding = self._library.encode(word, add_special_tokens=False)
        offsets = encoding.offsets
        normalized = self._word_normalizer.normalize_str(word)
        # user input must not become a special token or a word continuation
        if offsets and normalized in self._ids and not _RESERVED.match(normalized):
            return [self._ids[normalized]], [(offsets[0][0], offsets[-1][1])]
        return encoding.ids, offsets

    def tokens(self, token_ids: Iterable[int]) -> list[str]:
        return [self.vocabulary[token_id] for token_id in token_ids]

    def decode(self, token_ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        """Decodes ids to text: joined pieces, without spaces within Chinese."""
        stream = self.text_stream(skip_special_tokens=skip_special_tokens)
        return "".join(map(stream.add, checked_ids(token_ids)))

    def text_stream(self, *, skip_special_tokens: bool = True) -> TextStream:
        skipped = {*SPECIAL_TOKENS, *(self.vocabulary[i] for i in self.special_ids.values())}
        skipped |= {added.token for added in self._added.values() if added.options["special"]}
        return _WordStream(self.vocabulary, skipped if skip_special_tokens else ())

    def keep(
        self, token_ids: Iterable[int], compounds: Iterable[Sequence[int]] = ()
    ) -> WordPieceTokenizer:
        """Returns a tokenizer with only these tokens, in this order.

        A compound is the word of its tokens: `un ##able` is `unable`.
        """
        old = checked_ids(token_ids)
        new = [self._compound(ids) for ids in compounds]
        tokens = [self.vocabulary[token_id] for token_id in old]
        # added tokens at the end stay after the vocabulary
        count = len(old)
        while not new and count and old[count - 1] >= len(self._base):
            count -= 1
        tokens = tokens[:count] + new
        return WordPieceTokenizer(
            tokens,
            lowercase=self.lowercase,
            strip_accents=self.strip_accents,
            pre_tokenize=self.pre_tokenize,
            max_length=self.max_length,
            add_special_tokens=self.add_special_tokens,
            added={new: self._added[i] for new, i in enumerate(old) if i in self._added},
            settings=self._settings,
            longest_word=self.longest_word,
        )

    def _compound(self, token_ids: Sequence[int]) -> str:
        first, *others = [self.vocabulary[token_id] for token_id in token_ids]
        return first + "".join(token.removeprefix("##") for token in others)

    @property
    def kind(self) -> str:
        return "WordPiece"

    @property
    def vocabulary_size(self) -> int:
        return len(self.vocabulary)


class _WordStream:
    """A stream of WordPieces, whose text is never changed by later tokens."""

    def __init__(self, vocabulary: Sequence[str], skipped: Collection[str]) -> None:
        self._vocabulary = vocabulary
        self._skipped = skipped
        self._text = JoinedTokens()

    def add(self, token_id: int) -> str:
        if token_id >= len(self._vocabulary):
            return ""
        token = self._vocabulary[token_id]
        return "" if token in self._skipped else self._text.add(token)

    def finish(self) -> str:
        return ""
