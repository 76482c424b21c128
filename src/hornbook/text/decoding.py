"""Joins WordPieces into text that reads well, Chinese and English alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

CHINESE_BLOCKS = (  # those that BERT sets apart
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
_CLINGS_LEFT = set(",.!?;:%)]}'…")  # no space before these
_CLINGS_RIGHT = set("([{$#'@")  # no space after these
_JOINS = set("-/_~+=*&^|\\<>")  # no space on either side


def is_chinese(character: str) -> bool:
    """Whether BERT treats this as a Chinese character, a word of its own."""
    code = ord(character)
    return any(first <= code <= last for first, last in CHINESE_BLOCKS)


def join_tokens(tokens: Iterable[str]) -> str:
    """Joins tokens: `##` pieces to their word, Chinese without spaces, English with."""
    text = ""
    quoted = opening = False  # inside "...", and right after the first of the two
    for token in tokens:
        if token.startswith("##") and len(token) > 2:
            text += token[2:]
            opening = False
            continue
        closing = token == '"' and quoted
        if text and not opening and not closing and _space_between(text, token):
            text += " "
        text += token
        opening = token == '"' and not quoted
        quoted ^= token == '"'
    return text


def _space_between(text: str, token: str) -> bool:
    left, right = text[-1], token[0]
    if _is_wide(left) or _is_wide(right) or left in _JOINS or right in _JOINS:
        return False
    if right in _CLINGS_LEFT or left in _CLINGS_RIGHT:
        return False
    if not (text[-2:-1].isdigit() and token.isdigit()):
        return True
    return left not in ".:" and not (left == "," and len(token) == 3)  # 3.14, 12:30 and 1,000


def _is_wide(character: str) -> bool:
    """Chinese, kana, full-width signs and emoji, which stand next to others without a space."""
    return unicodedata.east_asian_width(character) in "WF" or is_chinese(character)
