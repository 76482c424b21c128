"""Joins WordPieces to natural text, in Chinese and English."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

CHINESE_BLOCKS = (  # whose characters BERT tokenizes one by one
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
_NO_SPACE_BEFORE = set(",.!?;:%)]}'…")
_NO_SPACE_AFTER = set("([{$#'@")
_NO_SPACE_AROUND = set("-/_~+=*&^|\\<>")


def is_chinese(character: str) -> bool:
    """Returns whether BERT treats this as a Chinese character, a word of its own."""
    code = ord(character)
    return any(first <= code <= last for first, last in CHINESE_BLOCKS)


class JoinedTokens:
    """A text in generation: `##` pieces continue words, and Chinese characters have no spaces."""

    def __init__(self) -> None:
        self._end = ""  # the last two characters
        self._quoted = self._opening = False  # inside "...", and right after the opening quote

    def add(self, token: str) -> str:
        """Appends a token, and returns the added text: the token, possibly after a space."""
        if token.startswith("##") and len(token) > 2:
            self._opening = False
            return self._appended(token[2:])
        closing = token == '"' and self._quoted
        space = self._end and not self._opening and not closing and _space_between(self._end, token)
        self._opening = token == '"' and not self._quoted
        self._quoted ^= token == '"'
        return self._appended(f" {token}" if space else token)

    def _appended(self, text: str) -> str:
        self._end = (self._end + text)[-2:]
        return text


def join_tokens(tokens: Iterable[str]) -> str:
    """Joins all tokens of a text."""
    return "".join(map(JoinedTokens().add, tokens))


def _space_between(text: str, token: str) -> bool:
    left, right = text[-1], token[0]
    if _is_wide(left) or _is_wide(right) or left in _NO_SPACE_AROUND or right in _NO_SPACE_AROUND:
        return False
    if right in _NO_SPACE_BEFORE or left in _NO_SPACE_AFTER:
        return False
    if not (text[-2:-1].isdigit() and token.isdigit()):
        return True
    return left not in ".:" and not (left == "," and len(token) == 3)  # 3.14, 12:30 and 1,000


def _is_wide(character: str) -> bool:
    """Returns whether a character (Chinese, kana, full-width, emoji) has no spaces around it."""
    return unicodedata.east_asian_width(character) in "WF" or is_chinese(character)
