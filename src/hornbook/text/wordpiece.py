"""Turns text into BERT's WordPiece ids and back.

The work is done by the `tokenizers` library, which follows Google's `tokenization.py`:
control characters go, Chinese characters stand alone, lower-casing also strips accents, words
are cut at white space and punctuation, and each word is the longest pieces the vocabulary has,
or one [UNK] when it has none or the word is longer than 100 characters.  Full-width letters
stay full-width.  The library differs from Google's file in three corners: private-use
characters are dropped (Google: part of the word), letters are lower-cased one by one (so Σ
never becomes a final ς), and characters younger than its Unicode tables count as letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from hornbook.files import write_json
from hornbook.text.decoding import join_tokens
from hornbook.text.folder import find_vocabulary, is_marked_lowercase
from hornbook.text.vocabulary_file import (
    CLS,
    MASK,
    PAD,
    SEP,
    SPECIAL_TOKENS,
    UNKNOWN,
    VocabularyError,
    check_vocabulary,
    is_lowercase,
    read_vocabulary,
    write_vocabulary,
)

LONGEST_WORD = 100  # BERT: a longer word is [UNK]
_SURROGATES = re.compile("[\ud800-\udfff]")
_MARK = re.compile(r"\[.+\]$|##.")

Pieces = tuple[list[int], list[tuple[int, int]]]  # ids, and where in the text each begins and ends


class Encoding(NamedTuple):
    """One text, or a pair, as a model reads it.  All four lists have the same length.

    Attributes:
        token_ids: `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]`.
        segment_ids: 0 up to the first [SEP], 1 after it: which of the two texts a token is of.
        offsets: `text[start:end]` is what the token was made of, counted in characters of the
            original text it is of; None for [CLS] and [SEP].
        tokens: The tokens as the vocabulary has them.
    """

    token_ids: list[int]
    segment_ids: list[int]
    offsets: list[tuple[int, int] | None]
    tokens: list[str]


class WordPieceTokenizer:
    """BERT's tokenizer.

    What a user types is text: `[MASK]` or `[SEP]` in it are brackets and letters, never the
    special tokens.

    Args:
        vocabulary: The tokens in the order of their ids, or the path of a `vocab.txt`.
        lowercase: Whether to lower-case and strip accents, as uncased BERT does.
        strip_accents: Says otherwise for the accents; None: as `lowercase`.
        pre_tokenize: Cuts a text into words, as RoFormer and WoBERT need
            (`hornbook.text.words.chinese_words()`).  A word that the vocabulary has stays
            whole, any other becomes WordPieces.
        max_length: What `encode` cuts to when it is not told otherwise; None: never.

    Raises:
        VocabularyError: a special token is missing, a token is empty or there twice, the file
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
    ) -> None:
        if isinstance(vocabulary, str | Path):
            vocabulary = read_vocabulary(vocabulary)
        else:
            check_vocabulary(vocabulary)
        self.vocabulary = list(vocabulary)
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.pre_tokenize = pre_tokenize
        self.max_length = max_length
        self._ids = {token: token_id for token_id, token in enumerate(self.vocabulary)}
        self._library = Tokenizer(
            models.WordPiece(self._ids, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST_WORD)
        )
        # The special tokens are not registered there, else they would be found inside text.
        self._library.normalizer = self._normalizer(chinese=True)
        self._library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self._word_normalizer = self._normalizer(chinese=False)
        self._pieces_of_word = lru_cache(maxsize=100_000)(self._cut_word)

    def _normalizer(self, *, chinese: bool) -> normalizers.BertNormalizer:
        return normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=chinese,
            strip_accents=self.strip_accents,
            lowercase=self.lowercase,
        )

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        *,
        pre_tokenize: Callable[[str], Iterable[str]] | None = None,
        max_length: int | None = None,
    ) -> WordPieceTokenizer:
        """Opens the tokenizer of a model folder: `vocab.txt`, else a WordPiece `tokenizer.json`.

        Whether to lower-case is what `tokenizer_config.json` (or `tokenizer.json`) says.  When
        neither does, as in Google's folders, it lower-cases exactly when no ordinary token of
        the vocabulary has a letter from A to Z.

        Raises:
            VocabularyError: there is no vocabulary, or none that this class can read.
        """
        tokens = find_vocabulary(folder)
        lowercase, strip_accents = is_marked_lowercase(folder)
        return cls(
            tokens,
            lowercase=is_lowercase(tokens) if lowercase is None else lowercase,
            strip_accents=strip_accents,
            pre_tokenize=pre_tokenize,
            max_length=max_length,
        )

    def save(self, folder: str | Path) -> None:
        """Writes `vocab.txt` and a `tokenizer_config.json` that Hugging Face's tools read too."""
        folder = Path(folder)
        write_vocabulary(folder / "vocab.txt", self.vocabulary)
        names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
        config: dict[str, Any] = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.lowercase,
            "strip_accents": self.strip_accents,
            "tokenize_chinese_chars": True,
            **{n: t for n, t in zip(names, SPECIAL_TOKENS, strict=True) if t in self._ids},
        }
        if self.max_length is not None:
            config["model_max_length"] = self.max_length
        write_json(folder / "tokenizer_config.json", config)

    def encode(
        self, first: str, second: str | None = None, *, max_length: int | None = None
    ) -> Encoding:
        """Encodes a text or a pair of texts; `encode_batch` says how it is cut."""
        return self.encode_batch([first if second is None else (first, second)], max_length)[0]

    def encode_batch(
        self, texts: Iterable[str | tuple[str, str]], max_length: int | None = None
    ) -> list[Encoding]:
        """Encodes many texts or pairs at once, on all cores.

        A pair that is too long loses tokens from the end of the longer text, one by one; when
        both are equally long, from the second.

        Args:
            texts: Each a text, or a pair of texts.
            max_length: The most tokens of one result, specials included; None: the
                tokenizer's own `max_length`.

        Raises:
            ValueError: `max_length` leaves no room for the special tokens.
        """
        pairs = [(text,) if isinstance(text, str) else text for text in texts]
        if not all(_is_text_or_pair(pair) for pair in pairs):
            raise TypeError("Each of the texts must be a str or a pair of str.")
        limit = self.max_length if max_length is None else max_length
        specials = max((len(pair) + 1 for pair in pairs), default=0)
        if limit is not None and limit < specials:
            raise ValueError(f"max_length={limit} leaves no room for {specials} special tokens.")
        pieces = iter(self._pieces([text for pair in pairs for text in pair]))
        return [
            self._with_specials([next(pieces) for _ in range(len(pair))], limit) for pair in pairs
        ]

    def _pieces(self, texts: list[str]) -> list[Pieces]:
        try:
            if self.pre_tokenize is not None:
                return [self._pieces_of_words(text) for text in texts]
            found = self._library.encode_batch(texts, add_special_tokens=False)
        except (TypeError, UnicodeEncodeError):  # what the library says to half a character
            cleaned = [_SURROGATES.sub("\ufffd", text) for text in texts]
            if cleaned == texts:
                raise
            return self._pieces(cleaned)  # which BERT drops
        return [(encoding.ids, encoding.offsets) for encoding in found]

    def _pieces_of_words(self, text: str) -> Pieces:
        assert self.pre_tokenize is not None
        token_ids: list[int] = []
        offsets: list[tuple[int, int]] = []
        for start, word in _words_and_gaps(text, self.pre_tokenize(text)):
            ids, spans = self._pieces_of_word(word)
            token_ids += ids
            offsets += [(start + begin, start + end) for begin, end in spans]
        return token_ids, offsets

    def _cut_word(self, word: str) -> Pieces:
        encoding = self._library.encode(word, add_special_tokens=False)
        offsets = encoding.offsets
        looked_up = self._word_normalizer.normalize_str(word)
        # What a user types must not become a special token or the second half of a word.
        if offsets and looked_up in self._ids and not _MARK.match(looked_up):
            return [self._ids[looked_up]], [(offsets[0][0], offsets[-1][1])]
        return encoding.ids, offsets

    def _with_specials(self, parts: list[Pieces], limit: int | None) -> Encoding:
        if limit is not None:
            lengths = [len(ids) for ids, _ in parts]
            kept = truncated_lengths(lengths, limit - len(parts) - 1)
            parts = [
                (ids[:length], spans[:length])
                for (ids, spans), length in zip(parts, kept, strict=True)
            ]
        token_ids = [self.cls_token_id]
        segment_ids = [0]
        offsets: list[tuple[int, int] | None] = [None]
        for segment, (ids, spans) in enumerate(parts):
            token_ids += [*ids, self.sep_token_id]
            segment_ids += [segment] * (len(ids) + 1)
            offsets += [*spans, None]
        return Encoding(token_ids, segment_ids, offsets, [self.vocabulary[i] for i in token_ids])

    def decode(self, token_ids: Iterable[int]) -> str:
        """Readable text: pieces joined, no spaces within Chinese, special tokens left out."""
        tokens = [self.vocabulary[int(token_id)] for token_id in token_ids]
        return join_tokens(token for token in tokens if token not in SPECIAL_TOKENS)

    @property
    def vocabulary_size(self) -> int:
        return len(self.vocabulary)

    @property
    def pad_token_id(self) -> int:
        return self._ids[PAD]

    @property
    def unknown_token_id(self) -> int:
        return self._ids[UNKNOWN]

    @property
    def cls_token_id(self) -> int:
        return self._ids[CLS]

    @property
    def sep_token_id(self) -> int:
        return self._ids[SEP]

    @property
    def mask_token_id(self) -> int:
        if MASK not in self._ids:
            raise VocabularyError(f"This vocabulary has no {MASK}, which masking needs.")
        return self._ids[MASK]


def truncated_lengths(lengths: Sequence[int], room: int) -> list[int]:
    """How many tokens of one or two texts stay when `room` is all there is.

    The same as taking one token after the other from the longer text, from the second when
    both are equally long.
    """
    if len(lengths) == 1:
        return [min(lengths[0], room)]
    first, second = lengths
    if first + second <= room:
        return [first, second]
    if first <= room - room // 2:
        return [first, room - first]
    if second <= room // 2:
        return [room - second, second]
    return [room - room // 2, room // 2]


def _is_text_or_pair(pair: object) -> bool:
    return (
        isinstance(pair, tuple | list)
        and len(pair) in (1, 2)
        and all(isinstance(text, str) for text in pair)
    )


def _words_and_gaps(text: str, words: Iterable[str]) -> Iterable[tuple[int, str]]:
    """Each word with its place in the text, and whatever the cutter left out between them."""
    position = 0
    for word in words:
        start = text.find(word, position)
        if start < 0:
            raise ValueError(
                f"pre_tokenize returned {word!r}, which does not follow in the text after "
                f"character {position}.  It must cut the text, not change it."
            )
        if start > position:
            yield position, text[position:start]
        if word:
            yield start, word
        position = start + len(word)
    if position < len(text):
        yield position, text[position:]
