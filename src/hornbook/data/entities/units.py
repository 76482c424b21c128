"""Splits text into the units that are tagged: Chinese characters, runs of letters, runs of digits,
and other characters one by one.  White space belongs to none."""

from __future__ import annotations

import re

# CJK ideographs with extensions, compatibility forms, kana: scripts without spaces between words
_CJK = (
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3007"
    "\U00020000-\U0002fa1f\U00030000-\U000323af"
)
# marks that belong to the letter before: accents, Hebrew and Arabic points, Indic and Thai vowels
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
_LETTER = rf"[^\W\d_{_CJK}]"
_UNIT = re.compile(rf"[{_CJK}]|\d+|{_LETTER}(?:{_LETTER}|[{_MARKS}])*|[^\s]")
_CJK_CHARACTER = re.compile(f"[{_CJK}\u3001-\u303f\uff00-\uffef]")


def unit_spans(text: str) -> list[tuple[int, int]]:
    """Returns `(start, end)` of each unit, in order."""
    return [match.span() for match in _UNIT.finditer(text)]


def is_cjk(character: str) -> bool:
    """Whether a character is Chinese or Japanese, their punctuation included."""
    return bool(character) and _CJK_CHARACTER.match(character) is not None
