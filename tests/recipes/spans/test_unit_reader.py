from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from hornbook.data.entities.tag_schemes import TokenSpan
from hornbook.data.entities.tagged_text import Entity, TaggedText
from hornbook.recipes.spans.text_windows import nearest_window
from hornbook.recipes.spans.unit_reader import UnitReader
from hornbook.text.sentencepiece.processor import SentencePieceTokenizer
from hornbook.text.vocabulary import learn_wordpiece
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(learn_wordpiece(["我在北京住了很久 paris london"] * 9, 100))


def tagged(text, *entities):
    return TaggedText(text, tuple(Entity(*one) for one in entities), "a:1")


def test_entities_become_spans_of_units_and_borders_inside_a_unit_are_counted(tokenizer):
    reader = UnitReader(tokenizer, 20)
    text = tagged("我在 Paris住", (2, 8, "x"), (0, 5, "x"), (7, 9, "y"))
    [units] = reader.units([text])
    assert [text.text[a:b] for a, b in units.spans] == ["我", "在", "Paris", "住"]
    assert units.gold == [TokenSpan(2, 2, "x")]  # white space around an entity is no border
    assert [tuple(one[:2]) for one in units.cut] == [(0, 5), (7, 9)]
    assert units.entity(0, 2, "z") == (0, 8, "z")


def test_the_first_piece_of_each_unit_is_where_it_is_read(tokenizer):
    reader = UnitReader(tokenizer, 20)
    windows = reader.windows(reader.units([tagged("我Paris住")]))
    columns = reader.columns(windows)
    encoding = tokenizer.encode("我Paris住")
    assert columns["token_ids"] == [encoding.token_ids]
    spans = [encoding.offsets[index] for index in columns["unit_index"][0]]
    assert [span[0] for span in spans] == [0, 1, 6]
    assert columns["unit_mask"] == [[1, 1, 1]]


def test_long_texts_are_read_in_windows_that_overlap(tokenizer):
    reader = UnitReader(tokenizer, 10)  # eight beside the special tokens
    text = tagged("我在北京住了很久" * 2, (6, 10, "x"))
    windows = reader.windows(reader.units([text]))
    assert [(one.first, one.last) for one in windows] == [(0, 8), (6, 14), (12, 16)]
    assert [one.gold() for one in windows] == [[], [TokenSpan(0, 3, "x")], []]
    assert [one.cut_through() for one in windows] == [{6, 7}, set(), set()]
    assert [len(ids) for ids in reader.columns(windows)["token_ids"]] == [10, 10, 6]
    # each unit is read where it is farthest from a border
    assert nearest_window(windows, 16).tolist() == [0] * 7 + [1] * 6 + [2] * 3


def test_a_very_long_text_needs_memory_for_its_units_only(tokenizer):
    text = TaggedText("我在北京" * 50_000, None, "a:1")
    reader = UnitReader(tokenizer, 10)
    windows = reader.windows(reader.units([text]))
    tracemalloc.start()
    nearest = nearest_window(windows, 200_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6  # a table of windows and units would have 53 GB
    assert (np.diff(nearest) >= 0).all()
    assert nearest[-1] == len(windows) - 1


def test_a_text_without_units_has_a_window_too(tokenizer):
    reader = UnitReader(tokenizer, 10)
    windows = reader.windows(reader.units([TaggedText(" \u3000", None, "a:1")]))
    assert len(windows) == 1
    assert reader.columns(windows)["unit_index"] == [[]]


def test_pieces_of_sentencepiece_never_span_two_units(tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece")
    (tmp_path / "texts.txt").write_text("今天\n北京\n今天去北京\n在 Paris in\n" * 50, "utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "texts.txt"),
        model_prefix=str(tmp_path / "sp"),
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    tokenizer = SentencePieceTokenizer(tmp_path / "sp.model")
    assert "今天" in "".join(
        tokenizer.tokens(range(tokenizer.vocabulary_size))
    )  # some pieces hold two characters
    [units] = UnitReader(tokenizer, 30).units([tagged("今天去 北京in Paris")])
    decoded = ["".join(tokenizer.tokens(ids)).strip("▁") for ids in units.pieces]
    assert decoded == ["今", "天", "去", "北", "京", "in", "Paris"]


def test_a_question_stands_in_front_of_each_window(tokenizer):
    reader = UnitReader(tokenizer, 12, front=6)
    units = reader.units([tagged("我在北京住了很久"), tagged("paris")])
    windows = reader.windows(units, [[7, 8, 9], [7] * 9])
    # six beside three special tokens and the question, which is truncated where it is too long
    assert [(one.sample, one.first, one.last) for one in windows] == [
        (0, 0, 6),
        (0, 5, 8),
        (1, 0, 1),
    ]
    columns = reader.columns(windows)
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    pieces = [piece for unit in units[0].pieces[:6] for piece in unit]
    assert columns["token_ids"][0] == [cls, 7, 8, 9, sep, *pieces, sep]
    assert columns["segment_ids"][0] == [0] * 5 + [1] * 7
    assert columns["unit_index"][0] == list(range(5, 11))
    assert columns["token_ids"][2][:8] == [cls, *[7] * 6, sep]
    assert max(map(len, columns["token_ids"])) <= 12


def test_the_segments_of_a_window_may_be_others(tokenizer):
    reader = UnitReader(tokenizer, 12, 6, lambda encoding: [5] * len(encoding.token_ids))
    windows = reader.windows(reader.units([tagged("我在")]), [[7]])
    assert reader.columns(windows)["segment_ids"] == [[5] * 6]


def test_units_around_characters_hold_all_of_them(tokenizer):
    [units] = UnitReader(tokenizer, 12).units([tagged("我在 Paris住")])
    assert [units.around(*span) for span in [(0, 1), (1, 8), (4, 6), (7, 9)]] == [
        (0, 0),
        (1, 2),
        (2, 2),
        (2, 3),
    ]
