from __future__ import annotations

import pytest

from hornbook.data.entities.tag_schemes import TokenSpan
from hornbook.data.entities.tagged_text import Entity, TaggedText
from hornbook.recipes.spans.text_windows import Units
from hornbook.recipes.tagging.heads import Scored, Tagged
from hornbook.recipes.tagging.report import extraction_metrics, metrics_table

UNITS = Units([(i, i + 1) for i in range(6)], [[5]] * 6)


def output(*spans):
    return UNITS, Tagged([Scored(TokenSpan(*span), 0.9) for span in spans], 2.0)


def test_an_entity_is_right_with_exact_borders_and_type_and_counts_once():
    sample = TaggedText("abcdef", (Entity(0, 2, "x"), Entity(3, 4, "x"), Entity(5, 6, "y")), "a:1")
    outputs = [output((0, 1, "x"), (0, 1, "x"), (3, 4, "x"), (5, 5, "x"))]
    metrics = extraction_metrics([sample], outputs, ["x", "y"])
    assert metrics["entities"] == {"x": 2, "y": 1}
    assert metrics["precision"] == {"x": pytest.approx(1 / 3), "y": 0.0}
    assert metrics["recall"] == {"x": 0.5, "y": 0.0}
    assert metrics["f1"]["x"] == pytest.approx(0.4)
    assert metrics["micro_f1"] == pytest.approx(2 / 6)
    assert metrics["log_loss"] == 2.0
    columns, rows = metrics_table(metrics)
    assert rows[-1] == ["all", 3, pytest.approx(1 / 3), pytest.approx(1 / 3), pytest.approx(1 / 3)]
    assert len(columns) == len(rows[0])


def test_micro_f1_is_that_of_seqeval_in_strict_mode():
    metrics = pytest.importorskip("seqeval.metrics")
    scheme = pytest.importorskip("seqeval.scheme")
    gold = [["B-x", "E-x", "O", "S-x", "O", "S-y"]]
    found = [["B-x", "E-x", "O", "B-x", "E-x", "S-x"]]
    expected = metrics.f1_score(gold, found, mode="strict", scheme=scheme.IOBES)
    sample = TaggedText("abcdef", (Entity(0, 2, "x"), Entity(3, 4, "x"), Entity(5, 6, "y")), "a:1")
    outputs = [output((0, 1, "x"), (3, 4, "x"), (5, 5, "x"))]
    ours = extraction_metrics([sample], outputs, ["x", "y"])["micro_f1"]
    assert ours == pytest.approx(expected)
