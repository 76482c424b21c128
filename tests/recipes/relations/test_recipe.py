from __future__ import annotations

import json

import numpy as np
import pytest

from hornbook.errors import DataError
from hornbook.recipes import open_run
from hornbook.recipes.relations import Relations

FIELDS = {
    "num_hidden_layers": 1,
    "vocabulary_size": 200,
    "max_length": 16,
    "batch_size": 16,
    "learning_rate": 5e-3,
    "ema": 0.5,
    "dropout": 0.0,
    "patience": 0,
}


def texts(count=128):
    """Subjects before and after their object, with two objects, with two predicates, around it."""
    random = np.random.default_rng(0)
    names = [family + given for family in "王李张刘" for given in "明红华强"]
    rows = []
    for number in range(count):
        a, b, c, *more = random.choice(names, 6, replace=False).tolist()
        text, relations = [
            (f"{a}师从{b}", [(a, "老师", b)]),
            (f"{a}生下{b}", [(b, "父母", a)]),
            (f"{a}师从{b}和{c}", [(a, "老师", b), (a, "老师", c)]),
            (f"{a}拜父{b}", [(a, "老师", b), (a, "父母", b)]),
            (f"{a}村在{b}", [(f"{a}村", "人名", a)]),
            (
                f"{a}师从{b}。{c}师从{more[0]}。{more[1]}师从{more[2]}。",  # two windows
                [(a, "老师", b), (c, "老师", more[0]), (more[1], "老师", more[2])],
            ),
        ][number % 6]
        rows.append({"text": text, "triple_list": relations, "id": number})
    return rows


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("relations")
    lines = [json.dumps(row) + "\n" for row in texts()]
    (folder / "train.jsonl").write_text("".join(lines[:96]), "utf-8")
    (folder / "valid.jsonl").write_text("".join(lines[96:]), "utf-8")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory, data):
    """A trained recipe and its run folder."""
    out = tmp_path_factory.mktemp("runs") / "run"
    return Relations(**FIELDS, epochs=18).fit(data, out), out


def found(answer):
    return {
        (one["subject"]["text"], one["predicate"], one["object"]["text"])
        for one in answer["relations"]
    }


@pytest.mark.backend
def test_relations_are_found_and_reported(run, data):
    relations, out = run
    metrics = relations.evaluate(data)
    assert metrics["micro_f1"] > 0.9
    assert min(metrics["f1"].values()) > 0.8
    [answer] = relations.predict([{"text": "王强师从 李红和张明", "id": 7}])
    assert answer["id"] == 7
    places = [(one["subject"]["start"], one["object"]["end"]) for one in answer["relations"]]
    assert places == [(0, 7), (0, 10)]
    assert found(answer) == {("王强", "老师", "李红"), ("王强", "老师", "张明")}
    assert all(0.5 < one["probability"] <= 1 for one in answer["relations"])
    assert open_run(out).predict([answer]) == [answer]
    page = (out / "report.html").read_text("utf-8")
    assert "F1" in page
    assert "Worst mistakes" in page


LONG = "王明师从李红。张强师从刘华。李明师从王华。"  # the last sentence is in the second window
LAST = ("李明", "老师", "王华")


def test_a_text_longer_than_the_model_is_read_whole(run):
    long, *_, longer = run[0].predict([LONG, "x", LONG * 8])
    assert LAST in found(long)
    assert long["relations"][-1]["subject"]["start"] == 14
    assert max(one["subject"]["start"] for one in longer["relations"]) > 84


def test_texts_without_units_and_other_texts_in_one_batch(run):
    answers = run[0].predict(["\u3000 ", "李明生下张红", "x" * 300])
    assert answers[0]["relations"] == []
    assert found(answers[1]) == {("张红", "父母", "李明")}


def test_answers_can_be_trained_on(run):
    rows = run[0].predict(texts(8))
    relations = Relations(**FIELDS, epochs=1)
    splits = relations.open_data({"train": rows, "valid": rows}).training()
    assert splits.train[0].has_offsets
    assert all(not one.unplaced for one in splits.train)


def test_relations_that_cannot_be_learned_are_refused(tmp_path):
    row = {"text": "甲", "relations": [["甲", "x", "乙"]]}
    with pytest.raises(DataError, match="'乙' is not in the text"):
        Relations(**FIELDS).fit({"train": [row], "valid": [row]}, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_subjects_are_found_first_and_then_the_objects_of_each(data, tmp_path):
    relations = Relations(**FIELDS, epochs=16, method="casrel").fit(data, tmp_path / "run")
    assert relations.evaluate(data)["micro_f1"] > 0.9
    answers = relations.predict([LONG, "\u3000 ", "张强师从王红和刘华"])
    assert LAST in found(answers[0])
    assert answers[1]["relations"] == []
    assert found(answers[2]) == {("张强", "老师", "王红"), ("张强", "老师", "刘华")}
    assert all(0.5 < one["probability"] <= 1 for one in answers[2]["relations"])
    assert open_run(tmp_path / "run").predict(answers[2:]) == answers[2:]
