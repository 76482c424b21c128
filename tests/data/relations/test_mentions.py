from __future__ import annotations

import random

import pytest

from hornbook.data.entities.units import unit_spans
from hornbook.data.relations.mentions import Mentions
from hornbook.data.relations.related_text import Relation, Triple


def placed(text, subject, target):
    one = Mentions(text).place(Triple(subject, "p", target))
    return (*one.subject, *one.object) if isinstance(one, Relation) else one.reason


@pytest.mark.parametrize(
    ("text", "subject", "target", "expected"),
    [
        ("a b a", "a", "b", (0, 1, 2, 3)),  # equally near: the first
        ("a c c a b", "a", "b", (6, 7, 8, 9)),
        ("b c a b a", "a", "b", (4, 5, 6, 7)),
        ("part of art", "art", "of", (8, 11, 5, 7)),  # not inside a word
        ("南京大学在南京", "南京大学", "南京", (0, 4, 0, 2)),  # nested: no gap
        ("a b", "a", "x y", "'x y' is not in the text"),
        ("party b", "art", "b", "'art' is only inside a word or number"),
        ("1990 b", "199", "b", "'199' is only inside a word or number"),
    ],
)
def test_mentions_are_whole_words_and_nearest_to_each_other(text, subject, target, expected):
    assert placed(text, subject, target) == expected


def test_the_nearest_pair_is_that_of_all_pairs():
    source = random.Random(0)
    for _ in range(300):
        text = "一" + "".join(source.choice("a一二 ") for _ in range(14))
        units = unit_spans(text)
        names = {text[a:b] for a, _ in units for _, b in units if a < b <= a + 2}
        subject, target = (source.choice(sorted(names)) for _ in range(2))
        spans = [(a, b) for a, _ in units for _, b in units if a < b]
        pairs = [
            (max(0, a - d, c - b), a, b, c, d)
            for a, b in spans
            for c, d in spans
            if (text[a:b], text[c:d]) == (subject, target)
        ]
        assert placed(text, subject, target) == min(pairs)[1:]
