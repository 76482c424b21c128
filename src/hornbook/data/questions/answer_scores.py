"""Exact match and F1 of answers, by the rule of CMRC 2018 for Chinese and that of SQuAD otherwise.

The two are not interchangeable: CMRC measures the longest run of characters in common, SQuAD the
words in common in any order.  Both take the best of several right answers.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from hornbook.data.entities.units import is_cjk


class Score(NamedTuple):
    """Exact match, 0 or 1, and F1 of an answer."""

    exact_match: float
    f1: float


Rule = Callable[[str, str], Score]

# the characters that CMRC 2018's script removes
_CMRC_PUNCTUATION = re.compile(r"[-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』]")
# the characters that it separates, and the words of what is between them
_CMRC_TOKEN = re.compile(r"[\u4e00-\u9fa5]|[^\W\u4e00-\u9fa5]+(?:[.,][^\W\u4e00-\u9fa5]+)*|[^\w\s]")
_ARTICLE = re.compile(r"\b(a|an|the)\b")
_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)


def chinese_score(gold: str, answer: str) -> Score:
    """Scores an answer by the rule of CMRC 2018.

    Both are lower-cased and lose their punctuation.  Their tokens are Chinese characters and whole
    Latin words or numbers; F1 is that of the longest common substring of tokens.
    """
    texts = [_CMRC_PUNCTUATION.sub("", text.lower().strip()) for text in (gold, answer)]
    golds, answers = (_CMRC_TOKEN.findall(text) for text in texts)
    common = _longest_common_substring(golds, answers)
    return Score(float(texts[0] == texts[1]), _f1(common, len(golds), len(answers)))


def english_score(gold: str, answer: str) -> Score:
    """Scores an answer by the rule of SQuAD.

    Both are lower-cased and lose their ASCII punctuation and articles.  F1 is that of their words,
    in any order.
    """
    golds, answers = (
        _ARTICLE.sub(" ", text.lower().translate(_ASCII_PUNCTUATION)).split()
        for text in (gold, answer)
    )
    if not golds or not answers:
        same = float(golds == answers)
        return Score(same, same)
    common = (Counter(golds) & Counter(answers)).total()
    return Score(float(golds == answers), _f1(common, len(golds), len(answers)))


def best_score(golds: Sequence[str], answer: str | None, rule: Rule) -> Score:
    """Returns the best score of an answer over several right ones.

    Args:
        golds: The right answers; none if there is no answer.
        answer: The answer; None for "no answer".
        rule: `chinese_score` or `english_score`.
    """
    if not golds or answer is None:
        right = float(not golds and answer is None)
        return Score(right, right)
    scores = [rule(gold, answer) for gold in golds]
    return Score(*(max(values) for values in zip(*scores, strict=True)))


def rule_for(golds: Iterable[str]) -> Rule:
    """Returns the rule for a set of answers: Chinese if most of their letters are."""
    letters = Counter(is_cjk(letter) for gold in golds for letter in gold if letter.isalpha())
    return chinese_score if letters[True] > letters[False] else english_score


def _f1(common: int, golds: int, answers: int) -> float:
    return 2 * common / (golds + answers) if common else 0.0


def _longest_common_substring(first: Sequence[str], second: Sequence[str]) -> int:
    """Returns the length of the longest run of tokens in both."""
    index = {token: number for number, token in enumerate(dict.fromkeys(second))}
    columns = np.array([index[token] for token in second], int)
    runs = np.zeros(len(second) + 1, int)  # that end at the previous token of `first`
    longest = 0
    for token in first:
        same = columns == index.get(token, -1)
        runs[1:] = np.where(same, runs[:-1] + 1, 0)
        longest = max(longest, int(runs.max()))
    return longest
