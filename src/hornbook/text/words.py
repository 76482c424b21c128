"""Cuts Chinese into words, for models whose vocabulary has words (RoFormer, WoBERT)."""

from __future__ import annotations

from collections.abc import Callable

from hornbook.errors import require


def chinese_words() -> Callable[[str], list[str]]:
    """Gives the word cutter these models were trained with: jieba's dictionary, no guessing.

    Raises:
        MissingExtraError: rjieba is not installed.

    Example:
        `WordPieceTokenizer("vocab.txt", pre_tokenize=chinese_words())`
    """
    rjieba = require("rjieba", extra="chinese")

    def cut(text: str) -> list[str]:
        return rjieba.cut(text, hmm=False)

    return cut
