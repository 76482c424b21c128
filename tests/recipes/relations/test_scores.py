from __future__ import annotations

import pytest

from hornbook.data.relations.related_text import RelatedText, Relation, Span, Triple, Unplaced
from hornbook.recipes.relations.scores import metrics_table, relation_metrics
from hornbook.recipes.relations.unit_relations import Answer, Scored, UnitRelation, UnitSpan
from hornbook.recipes.spans.text_windows import Units

UNITS = Units([(n, n + 1) for n in range(6)], [[5]] * 6)


def output(*relations):
    scored = [
        Scored(UnitRelation(UnitSpan(a, a), predicate, UnitSpan(b, b)), 0.9)
        for a, predicate, b in relations
    ]
    return UNITS, Answer(scored, 2.0)


def sample(*relations, unplaced=(), has_offsets=False):
    marked = tuple(Relation(Span(a, a + 1), p, Span(b, b + 1)) for a, p, b in relations)
    return RelatedText("abcabc", marked, "a:1", unplaced, has_offsets)


def test_a_triple_is_right_wherever_it_is_in_the_text_and_counts_once():
    lost = Unplaced(Triple("a", "q", "z"), "")
    samples = [sample((0, "p", 1), (0, "p", 2), unplaced=(lost,))]
    metrics = relation_metrics(samples, [output((0, "p", 1), (3, "p", 4), (0, "p", 0))], ["p", "r"])
    assert metrics["relations"] == {"p": 2, "q": 1, "r": 0}
    assert metrics["precision"] == {"p": 0.5, "q": 0.0, "r": 0.0}
    assert metrics["recall"] == {"p": 0.5, "q": 0.0, "r": 0.0}
    assert metrics["micro_f1"] == pytest.approx(2 / 5)  # what the text lacks is missed
    assert metrics["log_loss"] == 2.0
    assert "span_f1" not in metrics
    columns, rows = metrics_table(metrics)
    assert [row[:2] for row in rows] == [["p", 2], ["q", 1], ["all", 3]]
    assert len(columns) == len(rows[0])
    assert metrics_table(metrics, most=1)[1][1] == ["1 others", 1, None, None, None]


def test_by_place_the_offsets_must_be_right():
    samples = [sample((0, "p", 1), has_offsets=True), sample()]
    metrics = relation_metrics(samples, [output((3, "p", 4)), output()], ["p"])
    assert metrics["micro_f1"] == 1.0
    assert metrics["span_f1"] == 0.0
    assert metrics_table(metrics)[1][-1][0] == "all, by place"
