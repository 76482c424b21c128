"""`bert4keras.tokenizers`: its classes around hornbook's WordPiece and the SentencePiece package.

Ids, unknown words, `rematch` and `decode` are those of bert4keras.  Corrections: a list of tokens
passed to `encode` is not modified; `rematch` gives indices in the original text even where
lowercasing makes two characters of one (İ), and follows `token_translate`; `load_vocab` keeps
tokens of white space (U+2028), and refuses duplicates, which gave two tokens the same id.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from hornbook.compat.bert4keras.snippets import lowercase_and_normalize, truncate_sequences
from hornbook.files import MAX_VOCABULARY_BYTES, bounded_bytes
from hornbook.text.sentencepiece.model_file import has_piece, open_model
from hornbook.text.vocabulary import is_punctuation, simplify
from hornbook.text.vocabulary_file import (
    SPECIAL_TOKENS,
    UNKNOWN,
    VocabularyError,
    check_vocabulary,
    read_vocabulary,
)
from hornbook.text.wordpiece.joining import is_chinese
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

_PURPOSES = ("pad", "unk", "mask", "start", "end")
# hornbook's WordPiece drops private-use characters, bert4keras (and Google) keep them as letters:
# both texts and vocabulary have unassigned characters in their place, which count as letters
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010fffd]")
_CHINESE_PUNCTUATION = (
    "＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､\u3000、〃〈〉《》「」『』"
    "【】〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿–—‘’‛“”„‟…‧﹏﹑﹔·！？｡。"
)
_NO_SPACE_AFTER = re.compile(f"([{re.escape(_CHINESE_PUNCTUATION + '+-/={(<[')}]) ")


def load_vocab(
    dict_path: str | Path,
    encoding: str = "utf-8",
    simplified: bool = False,
    startswith: Sequence[str] | None = None,
) -> Any:
    """Reads a `vocab.txt`: token -> id; if simplified, also the old ids to keep.

    Raises:
        VocabularyError: the file cannot be used; see `read_vocabulary`.
    """
    if encoding.lower().replace("-", "").replace("_", "") not in ("utf8", "utf8sig"):
        raise VocabularyError(f"{dict_path}: only UTF-8 vocabularies can be read, not {encoding}.")
    tokens = [(token.split() or [token])[0] for token in read_vocabulary(dict_path)]
    check_vocabulary(tokens, where=str(dict_path))
    if not simplified:
        return {token: token_id for token_id, token in enumerate(tokens)}
    tokens, keep_tokens = simplify(tokens, startswith or ())
    return {token: token_id for token_id, token in enumerate(tokens)}, keep_tokens


def save_vocab(
    dict_path: str | Path, token_dict: Mapping[str, int], encoding: str = "utf-8"
) -> None:
    """Writes the tokens in the order of their ids, one per line."""
    with open(dict_path, "w", encoding=encoding) as file:
        file.writelines(f"{token}\n" for token in sorted(token_dict, key=token_dict.__getitem__))


class TokenizerBase:
    """What both tokenizers share; see bert4keras."""

    def __init__(
        self,
        token_start: str | None = "[CLS]",
        token_end: str | None = "[SEP]",
        pre_tokenize: Callable[[str], Iterable[str]] | None = None,
        token_translate: Mapping[str, str] | None = None,
    ) -> None:
        self._token_pad, self._token_unk, self._token_mask = "[PAD]", "[UNK]", "[MASK]"
        self._token_start, self._token_end = token_start, token_end
        self._pre_tokenize = pre_tokenize
        self._token_translate = dict(token_translate or {})
        self._token_translate_inv = {new: old for old, new in self._token_translate.items()}

    def _find_ids(self, find: Callable[[str | None], int | None]) -> None:
        """Sets `_token_pad_id` and so on, for the special tokens in the vocabulary."""
        for purpose in _PURPOSES:
            token_id = find(getattr(self, f"_token_{purpose}"))
            if token_id is not None:
                setattr(self, f"_token_{purpose}_id", token_id)

    def tokenize(
        self, text: str, maxlen: int | None = None, *, max_length: int | None = None
    ) -> list[str]:
        """Returns the tokens; `max_length` is the old name of `maxlen`."""
        tokens = [self._token_translate.get(token, token) for token in self._tokenize(text)]
        tokens = [self._token_start, *tokens] if self._token_start is not None else tokens
        tokens = [*tokens, self._token_end] if self._token_end is not None else tokens
        maxlen = max_length if maxlen is None else maxlen
        if maxlen is not None:
            truncate_sequences(maxlen, -2 if self._token_end is not None else -1, tokens)
        return tokens

    def encode(
        self,
        first_text: str | Sequence[str],
        second_text: str | Sequence[str] | None = None,
        maxlen: int | None = None,
        pattern: str = "S*E*E",
        truncate_from: str | int = "right",
        *,
        max_length: int | None = None,
    ) -> tuple[list[int], list[int]]:
        """Returns token ids and segment ids of a text or a pair, given as strings or tokens."""
        texts = [first_text] if second_text is None else [first_text, second_text]
        tokens = [self.tokenize(one) if isinstance(one, str) else list(one) for one in texts]
        maxlen = max_length if maxlen is None else maxlen
        joined = len(texts) == 2 and pattern == "S*E*E"  # the second has no [CLS]
        if maxlen is not None:
            index = truncate_from
            if truncate_from == "right":
                index = -2 if self._token_end is not None else -1
            elif truncate_from == "left":
                index = int(self._token_start is not None)
            truncate_sequences(maxlen + joined, index, *tokens)
        if joined:
            tokens[1] = tokens[1][bool(self._token_start) :]
        ids = [self.tokens_to_ids(one) for one in tokens]
        return [*chain(*ids)], [segment for segment, one in enumerate(ids) for _ in one]

    def token_to_id(self, token: str) -> int:
        raise NotImplementedError

    def tokens_to_ids(self, tokens: Iterable[str]) -> list[int]:
        return [self.token_to_id(token) for token in tokens]

    def id_to_token(self, i: int) -> str:
        raise NotImplementedError

    def ids_to_tokens(self, ids: Iterable[int]) -> list[str]:
        return [self.id_to_token(i) for i in ids]

    def _tokenize(self, text: str) -> list[str]:
        raise NotImplementedError


class Tokenizer(TokenizerBase):
    """BERT's tokenizer.

    Args:
        token_dict: Token -> id, or the path of a `vocab.txt`.
        do_lower_case: Whether to lowercase and strip accents.
        word_maxlen: Characters of the longest word that is split into pieces.
        kwargs: See `TokenizerBase`.
    """

    def __init__(
        self,
        token_dict: Mapping[str, int] | str | Path,
        do_lower_case: bool = False,
        word_maxlen: int = 200,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._do_lower_case = do_lower_case
        if not isinstance(token_dict, Mapping):
            token_dict = load_vocab(token_dict)
        self._token_dict: dict[str, int] = dict(token_dict)  # type: ignore[arg-type]
        self._token_dict_inv = {token_id: token for token, token_id in self._token_dict.items()}
        self._vocab_size = len(self._token_dict)
        self._word_maxlen = word_maxlen
        self._find_ids(lambda token: None if token is None else self._token_dict.get(token))
        # ids are free to have gaps here, so hornbook's tokenizer numbers the tokens itself
        usable = (token for token in self._token_dict if token and not re.search("\n|\r$", token))
        self._tokens = list(dict.fromkeys([*SPECIAL_TOKENS, *usable]))
        self._wordpiece = WordPieceTokenizer(
            list(map(_public, self._tokens)), lowercase=False, longest_word=word_maxlen
        )

    def token_to_id(self, token: str) -> int:
        token_id = self._token_dict.get(token)
        return self._token_dict[UNKNOWN] if token_id is None else token_id

    def id_to_token(self, i: int) -> str:
        return self._token_dict_inv[int(i)]

    def _tokenize(self, text: str, pre_tokenize: bool = True) -> list[str]:
        """Returns the tokens; an unknown word is itself, which `rematch` needs."""
        if self._do_lower_case:
            text = lowercase_and_normalize(text)
        if pre_tokenize and self._pre_tokenize is not None:
            words = self._pre_tokenize(text)
            parts = [[w] if w in self._token_dict else self._tokenize(w, False) for w in words]
            return [*chain(*parts)]
        ids, offsets = self._wordpiece.pieces([_public(text)])[0]
        return [
            _visible(text[start:end]) if self._tokens[i] == UNKNOWN else self._tokens[i]
            for i, (start, end) in zip(ids, offsets, strict=True)
        ]

    def rematch(self, text: str, tokens: Iterable[str]) -> list[list[int]]:
        """Returns the indices of the characters behind each token; none for special tokens.

        Raises:
            ValueError: a token does not occur in the text after those before it.
        """
        if self._do_lower_case:
            text = text.replace("İ", "i").lower()  # the only letter that becomes two
        source: list[int] = []
        normalized = ""
        for i, character in enumerate(text):
            lowered = lowercase_and_normalize(character) if self._do_lower_case else character
            normalized += _visible(lowered)
            source += [i] * (len(normalized) - len(source))
        mapping: list[list[int]] = []
        offset = 0
        for token in tokens:
            if self._is_special(token):
                mapping.append([])
                continue
            stem = self.stem(self._token_translate_inv.get(token, token))
            start = normalized.find(stem, offset)
            if start < 0:
                raise ValueError(f"The token {token!r} does not occur after {offset} characters.")
            offset = start + len(stem)
            mapping.append(source[start:offset])
        return mapping

    def decode(self, ids: Iterable[int], tokens: Iterable[str] | None = None) -> str:
        """Joins tokens to text with bert4keras's rules for spaces, without special tokens."""
        text = ""
        for token in tokens or self.ids_to_tokens(ids):
            if self._is_special(token):
                continue
            one = len(token) == 1
            if token.startswith("##"):
                text += token[2:]
            elif one and is_chinese(token):
                text += token
            elif one and is_punctuation(token):
                text += token + " "
            else:
                text += token if text and is_chinese(text[-1]) else " " + token
        text = re.sub(" +", " ", text)
        text = re.sub("' (re|m|s|t|ve|d|ll) ", r"'\1 ", text)
        text = _NO_SPACE_AFTER.sub(r"\1", text)
        return re.sub(r"(\d\.) (\d)", r"\1\2", text).strip()

    @staticmethod
    def stem(token: str) -> str:
        """Returns a token without its `##`."""
        return token[2:] if token.startswith("##") else token

    @staticmethod
    def _is_special(token: str) -> bool:
        return token.startswith("[") and token.endswith("]")

    _is_punctuation = staticmethod(is_punctuation)
    _is_cjk_character = staticmethod(is_chinese)


class SpTokenizer(TokenizerBase):
    """A SentencePiece model with the methods of `Tokenizer`, except `rematch`.

    `_token_mask_id` and the like exist only for pieces that the model has; bert4keras gave the id
    of `<unk>`.

    Raises:
        VocabularyError: the model cannot be used.
        MissingExtraError: the `sentencepiece` package is not installed.
    """

    def __init__(self, sp_model_path: str | Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        content = bounded_bytes(Path(sp_model_path), MAX_VOCABULARY_BYTES, VocabularyError)
        self.sp_model = open_model(content, str(sp_model_path))
        if self.sp_model.pad_id() >= 0:
            self._token_pad = self.sp_model.id_to_piece(self.sp_model.pad_id())
        self._token_unk = self.sp_model.id_to_piece(self.sp_model.unk_id())
        self._vocab_size = self.sp_model.get_piece_size()
        self._find_ids(self._id_of)

    def _id_of(self, token: str | None) -> int | None:
        known = token is not None and has_piece(self.sp_model, token)
        return self.token_to_id(token) if known and token else None

    def token_to_id(self, token: str) -> int:
        return int(self.sp_model.piece_to_id(token))

    def id_to_token(self, i: int) -> str:
        return str(self.sp_model.id_to_piece(int(i))) if i < self._vocab_size else ""

    def _tokenize(self, text: str) -> list[str]:
        if self._pre_tokenize is not None:
            text = " ".join(self._pre_tokenize(text))
        return list(self.sp_model.encode_as_pieces(text))

    def decode(self, ids: Iterable[int]) -> str:
        """Decodes ids to text."""
        tokens = self.ids_to_tokens(ids)
        return str(
            self.sp_model.decode_pieces([self._token_translate_inv.get(t, t) for t in tokens])
        )

    def _is_special(self, i: int) -> bool:
        model = self.sp_model
        return bool(model.is_control(i) or model.is_unknown(i) or model.is_unused(i))

    def _is_decodable(self, i: int) -> bool:
        return i < self._vocab_size and not self._is_special(i)


def _public(text: str) -> str:
    def moved(match: re.Match[str]) -> str:
        code = ord(match[0])
        return chr(code + 0xC0000 if code < 0xF0000 else code - 0xB0000)

    return _PRIVATE.sub(moved, text)


def _visible(text: str) -> str:
    """Returns a text without the characters that WordPiece ignores."""
    return "".join(
        c for c in text if c not in "\0\ufffd" and unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    )
