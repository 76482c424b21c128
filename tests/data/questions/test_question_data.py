from __future__ import annotations

import gzip
import json

import numpy as np
import pandas
import pytest

from hornbook.data.questions.question_data import (
    one_to_answer,
    questions_with_answers,
    read_questions_to_answer,
    split_by_context,
)
from hornbook.errors import DataError


def read_all(file):
    """All samples of a file."""
    return questions_with_answers(file).to_measure("")


CONTEXT = "徐克导演了金刀情侠，黄韵诗主唱。"
ROW = {"question": "谁导演？", "context": CONTEXT, "answer": "徐克"}


def write(path, *rows):
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, "utf-8")
    return path


def squad(*qas, context=CONTEXT):
    return {"version": "2.0", "data": [{"title": "t", "paragraphs": [{"context": context,
            "qas": list(qas)}]}]}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "spans"),
    [
        ({"answer": "徐克"}, [(0, 0, 2)]),
        ({"answer": "徐克", "start": 0}, [(0, 0, 2)]),
        ({"answer": " 徐克 "}, [(0, 0, 2)]),
        ({"answers": {"text": ["徐克", "导演"], "answer_start": [0, 2]}}, [(0, 0, 2), (0, 2, 4)]),
        ({"answers": {"text": np.array(["徐克"]), "start": np.array([0])}}, [(0, 0, 2)]),
        ({"answers": [{"text": "徐克", "answer_start": 0}]}, [(0, 0, 2)]),
        ({"answers": ["徐克"]}, [(0, 0, 2)]),
        ({"answers": {"text": [], "answer_start": []}}, []),
        ({"answer": None}, []),
        ({"answer": ""}, []),
        ({"is_impossible": True}, []),
        ({"answer": float("nan")}, []),
    ],
)
def test_every_form_of_an_answer_is_read(answer, spans):
    row = {"question": "谁导演？", "context": CONTEXT, **answer}
    [one] = questions_with_answers({"train": [row], "valid": [row]}).samples("train")
    assert list(one.spans) == spans
    assert bool(one.golds) == bool(spans)
    predicted = one_to_answer(row, "row 1")
    assert (predicted.golds, predicted.passages) == (None, (CONTEXT,))


@pytest.mark.parametrize("indent", [None, 1])
def test_squads_json_is_read_on_one_line_or_many(tmp_path, indent):
    document = squad(
        {"id": "a", "question": "谁导演？", "answers": [{"text": "徐克", "answer_start": 0}]},
        {"id": "b", "question": "谁？", "answers": [], "is_impossible": True},
    )
    with gzip.open(tmp_path / "train.json.gz", "wt", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, indent=indent)
    one, other = read_all(tmp_path / "train.json.gz")
    assert (one.golds, list(one.spans)) == (("徐克",), [(0, 0, 2)])
    assert (one.row["id"], one.row["title"], one.row["context"]) == ("a", "t", CONTEXT)
    assert other.golds == ()
    assert other.where.endswith("train.json.gz, question b")
    assert len(list(read_questions_to_answer(tmp_path / "train.json.gz"))) == 2


def test_tables_are_read(tmp_path):
    table = "question,context,answer,start\n谁,徐克和徐克,徐克,3\n几时,徐克,,\n"
    (tmp_path / "a.csv").write_text(table, "utf-8")
    one, other = read_all(tmp_path / "a.csv")
    assert list(one.spans) == [(0, 3, 5)]
    assert other.golds == ()
    frame = pandas.read_csv(tmp_path / "a.csv")
    [first, second] = questions_with_answers({"train": frame, "valid": frame}).samples("train")
    assert (first, second.golds) == (type(first)(*_values(one, first.where)), ())


def _values(one, where):
    return one.question, one.passages, one.golds, one.spans, where


def test_an_answer_without_a_start_is_right_wherever_it_is_in_any_passage():
    row = {"question": "谁？", "passages": ["徐克和徐克", "黄韵诗", "是徐克"], "answer": "徐克"}
    [one] = questions_with_answers({"train": [row], "valid": [row]}).samples("train")
    assert list(one.spans) == [(0, 0, 2), (0, 3, 5), (2, 1, 3)]


def test_an_answer_beside_its_start_is_found_nearby_and_counted(tmp_path, capsys):
    row = {"question": "谁？", "context": "徐克，徐克", "answer": "徐克", "start": 2}
    absent = {**ROW, "answers": [{"text": "徐克"}, {"text": "徐克。", "answer_start": -1}]}
    one, other = read_all(write(tmp_path / "moved.jsonl", row, absent))
    assert list(one.spans) == [(0, 3, 5)]
    assert list(other.spans) == [(0, 0, 2)]
    assert other.golds == ("徐克", "徐克。")
    notes = capsys.readouterr().err
    assert "do not stand at their start, and were found elsewhere: 1, the first at" in notes
    assert "they only count in metrics: 1, the first at" in notes


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**ROW, "answer": "张三"}, "'张三' is not in the context"),
        ({**ROW, "question": " "}, "'question' is not a text"),
        ({**ROW, "context": ""}, "'context' is not a text"),
        ({"question": "谁", "answer": "x"}, "'context' is missing"),
        ({"question": "谁", "contexts": [], "answer": "x"}, "'contexts' is empty"),
        ({"question": "谁", "contexts": ["a", 3], "answer": "a"}, "element 2 of contexts"),
        ({"question": "谁", "context": "a"}, "no answer; expected a text"),
        ({**ROW, "answer": 3}, "the answer is 3"),
        ({**ROW, "start": "zwei"}, "expected an integer"),
        ({**ROW, "is_impossible": True}, "is_impossible is true"),
        (
            {"question": "谁", "context": "a", "answers": {"text": ["a"], "answer_start": []}},
            "1 an",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, row, message):
    with pytest.raises(DataError, match=message) as caught:
        read_all(write(tmp_path / "a.jsonl", ROW, row))
    assert "a.jsonl:2: " in str(caught.value)


def test_what_is_wrong_in_squads_json_is_named_with_the_id(tmp_path):
    bad = {"id": "q7", "question": "谁？", "answers": [{"text": "张三", "answer_start": 0}]}
    with pytest.raises(DataError, match=r"a\.json, question q7: the answer '张三' is not in"):
        read_all(write(tmp_path / "a.json", squad(bad)))
    with pytest.raises(DataError, match=r"a\.json:1, '谁？': the answer"):
        read_all(write(tmp_path / "a.json", squad({**bad, "id": None})))
    with pytest.raises(DataError, match="element 1 of 'data' is 3"):
        read_all(write(tmp_path / "a.json", {"data": [3]}))


def test_no_context_is_on_both_sides_of_a_split():
    rows = [{"question": f"{n}?", "context": f"a{n // 5}", "answer": "a"} for n in range(100)]
    rows += [
        {"question": f"{n}?", "passages": [f"b{n}", f"b{(n + 1) % 3}"], "answer": None}
        for n in range(3)
    ]
    questions = questions_with_answers({"train": rows, "valid": rows}).samples("train")
    for fraction in (0.1, 0.5):
        train, valid = split_by_context(questions, fraction=fraction)
        assert len(train) + len(valid) == 103
        sides = [{text for one in side for text in one.passages} for side in (train, valid)]
        assert not sides[0] & sides[1]
        assert len(sides[1]) >= 2
    again = split_by_context(questions[::-1], fraction=0.5)[1]
    assert {one.question for one in again} == {one.question for one in valid}


def test_a_row_comes_back_without_its_answer():
    row = {**ROW, "id": 3, "start": 0, "passage": 0}
    assert one_to_answer(row, "row 1").row == {"question": "谁导演？", "context": CONTEXT, "id": 3}
