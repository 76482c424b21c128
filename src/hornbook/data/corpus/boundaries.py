"""Finds where words and sentences begin in a text, and with which tokens.

Words are masked as a whole, and rows end at sentence ends.  Chinese words are those of jieba;
elsewhere a run of letters and digits is a word, and so is each other character.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable

import numpy as np

from hornbook.errors import OptionError, did_you_mean, require

Starts = Callable[[str], np.ndarray]  # (characters,) booleans

_SPACE, _WORD, _SIGN, _CHINESE = range(4)
_CHINESE_BLOCKS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF))
_BEYOND = 0x10000  # Chinese from here to 0x3FFFF, signs beyond
_SENTENCE_END = re.compile("[。！？!?…．\n.][。！？!?…．\n.]*[”’\"'」』）)\\]]*\\s*")


def word_starts_of(words: str) -> Starts:
    """Returns a function from a text to the starts of its words, `(characters,)` booleans.

    Args:
        words: `"chinese"` for jieba's words, `"whitespace"` to make each Chinese character a
            word of its own, `"tokens"` for each character.

    Raises:
        OptionError: unknown `words`.
        MissingExtraError: rjieba is not installed.
    """
    if words not in WORDS:
        raise OptionError(f"Unknown words={words!r}.  {did_you_mean(words, WORDS)}")
    return WORDS[words]()


def is_chinese_text(text: str) -> bool:
    """Whether at least a tenth of the text, white space aside, is Chinese."""
    kinds = _kinds(text)
    return bool(np.sum(kinds == _CHINESE) * 10 >= max(np.sum(kinds != _SPACE), 1))


def is_space(text: str) -> np.ndarray:
    """Returns which characters are white space, `(characters,)` booleans."""
    mask: np.ndarray = _kinds(text) == _SPACE
    return mask


def _chinese() -> Starts:
    cut = require("rjieba", extra="chinese").cut

    def starts(text: str) -> np.ndarray:
        kinds = _kinds(text)
        begins = _whitespace_starts(text, kinds)
        chinese = kinds == _CHINESE
        if chinese.any():
            sizes = np.fromiter(map(len, cut(text)), np.int64)
            by_jieba = np.zeros(len(text) + 1, bool)
            by_jieba[np.cumsum(sizes)] = by_jieba[0] = True
            begins[chinese] = by_jieba[:-1][chinese]
        return begins

    return starts


def _whitespace_starts(text: str, kinds: np.ndarray | None = None) -> np.ndarray:
    kinds = _kinds(text) if kinds is None else kinds
    changes = np.diff(kinds, prepend=_SPACE) != 0
    starts: np.ndarray = (kinds != _SPACE) & (changes | (kinds != _WORD))
    return starts


WORDS: dict[str, Callable[[], Starts]] = {
    "chinese": _chinese,
    "whitespace": lambda: _whitespace_starts,
    "tokens": lambda: lambda text: np.ones(len(text), bool),
}


def sentence_starts(text: str) -> np.ndarray:
    """Returns where sentences begin: after 。！？ etc., a line end, or a full stop and a space.

    Returns:
        `(characters,)` booleans.
    """
    begins = np.zeros(len(text) + 1, bool)
    ends = [
        match.end()
        for match in _SENTENCE_END.finditer(text)
        if match[0][-1].isspace() or match[0].strip(".．\"')]")  # not 3.14
    ]
    begins[ends] = True
    begins[0] = True
    return begins[:-1]


def token_starts(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Maps starts in a text to tokens.

    Args:
        starts: `(characters,)` booleans: the starts in the text.
        ends: `(tokens,)`: index of the character after each token.

    Returns:
        `(tokens,)` booleans: whether there is a start in a token, or between it and the one before.
    """
    begun = np.concatenate([[0], np.cumsum(starts)])[ends]
    return np.diff(np.maximum.accumulate(begun), prepend=0) > 0


def _kinds(text: str) -> np.ndarray:
    """Classifies each character: white space, part of a word, sign, or Chinese."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _table()[np.minimum(codes, _BEYOND)]
    beyond = codes >= _BEYOND
    if beyond.any():
        kinds[beyond] = np.where((codes[beyond] >> 16) < 4, _kinds_beyond(codes[beyond]), _SIGN)
    return kinds


def _kinds_beyond(codes: np.ndarray) -> np.ndarray:
    """Classifies characters beyond the basic plane; planes 2 and 3 are Chinese."""
    return np.array(
        [_CHINESE if code >= 0x20000 else _kind(chr(code)) for code in codes.tolist()], np.uint8
    )


@functools.cache
def _table() -> np.ndarray:
    table = np.array([_kind(chr(code)) for code in range(_BEYOND + 1)], np.uint8)
    for first, last in _CHINESE_BLOCKS:
        table[first : last + 1] = _CHINESE
    return table


def _kind(character: str) -> int:
    if character.isspace():
        return _SPACE
    return _WORD if character.isalnum() or _is_mark(character) else _SIGN


def _is_mark(character: str) -> bool:
    """Whether a character modifies the letter before: an accent, a vowel sign."""
    return unicodedata.category(character).startswith("M")
