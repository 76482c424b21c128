from __future__ import annotations

from itertools import pairwise

import pytest

from hornbook.data.entities.tag_schemes import (
    TokenSpan,
    bioes,
    bioes_tags,
    legal_pairs,
    parse_tag,
    scheme_of,
    spans_of,
)
from hornbook.errors import DataError

SPANS = [TokenSpan(0, 0, "PER"), TokenSpan(1, 3, "PER"), TokenSpan(5, 6, "LOC")]
WRITTEN = {
    "BIO": "B-PER B-PER I-PER I-PER O B-LOC I-LOC O",
    "IOB1": "I-PER B-PER I-PER I-PER O I-LOC I-LOC O",
    "BMES": "S-PER B-PER M-PER E-PER O B-LOC E-LOC O",
    "BIOES": "S-PER B-PER I-PER E-PER O B-LOC E-LOC O",
    "BILOU": "U-PER B-PER I-PER L-PER O B-LOC L-LOC O",
    "BIOE": "B-PER B-PER I-PER E-PER O B-LOC E-LOC O",
}


def tags(written):
    return [parse_tag(tag) for tag in written.split()]


@pytest.mark.parametrize("scheme", WRITTEN)
def test_the_scheme_is_recognized_and_read(scheme):
    parsed = tags(WRITTEN[scheme])
    assert scheme_of([parsed]) == scheme
    assert spans_of(parsed, scheme) == (SPANS, [])


def test_what_is_read_is_written_as_bioes():
    assert bioes(8, SPANS) == WRITTEN["BIOES"].split()


@pytest.mark.parametrize(
    ("tag", "prefix", "kind"),
    [
        ("B-PER.NAM", "B", "PER.NAM"),
        ("I_a_b", "I", "a_b"),
        ("B-B-x", "B", "B-x"),
        ("person-S", "S", "person"),
        ("E", "E", "word"),
        ("O", "O", ""),
        ("PER", "", "PER"),
    ],
)
def test_prefix_and_type_of_a_tag(tag, prefix, kind):
    assert parse_tag(tag) == (prefix, kind)


def test_tags_without_a_prefix_join_equal_neighbors():
    parsed = tags("PER PER O PER LOC")
    assert scheme_of([parsed]) == "IO"
    spans = [TokenSpan(0, 1, "PER"), TokenSpan(3, 3, "PER"), TokenSpan(4, 4, "LOC")]
    assert spans_of(parsed, "IO") == (spans, [])
    with pytest.raises(DataError, match="some have none"):
        scheme_of([tags("B-PER PER")])


@pytest.mark.parametrize(
    ("scheme", "written", "places"),
    [
        ("BIO", "O I-PER", [1]),
        ("BIO", "B-PER I-LOC", [1]),
        ("BMES", "B-x O M-x E-x", [0, 2]),
        ("BIOES", "B-x B-x E-x", [0]),
        ("BIOES", "S-x I-x", [1, 1]),
        ("BILOU", "B-x L-x L-x", [2]),
    ],
)
def test_contradictions_are_found_where_they_are(scheme, written, places):
    assert [index for index, _ in spans_of(tags(written), scheme)[1]] == places


def test_a_pair_of_tags_is_legal_if_some_sentence_has_it():
    names = bioes_tags(["a", "b"])
    pairs = {(names[i], names[j]) for i, j in legal_pairs(names)}
    assert {("O", "B-a"), ("E-a", "S-b"), ("I-a", "E-a")} <= pairs
    for pair in [("O", "I-a"), ("B-a", "O"), ("B-a", "E-b"), ("S-a", "E-a"), ("I-a", "B-a")]:
        assert pair not in pairs
    every = [bioes(4, spans) for spans in ([], SPANS[:1], [TokenSpan(0, 3, "a")])]
    known = {pair for one in every for pair in pairwise(one)}
    assert {pair for pair in known if "PER" not in "".join(pair)} <= pairs
