from __future__ import annotations

import json

import numpy as np
import pytest

from hornbook.errors import DataError
from hornbook.recipes import open_run
from hornbook.recipes.events import Events

FIELDS = {
    "num_hidden_layers": 1,
    "hidden_size": 64,
    "vocabulary_size": 200,
    "max_length": 16,
    "batch_size": 16,
    "learning_rate": 1e-2,
    "ema": 0.5,
    "dropout": 0.0,
    "patience": 0,
}


def event(kind, trigger, **arguments):
    return {
        "type": kind,
        **({"trigger": trigger} if trigger else {}),
        "arguments": [{"role": role, "text": text} for role, text in arguments.items()],
    }


def texts(count=128):
    """Events with one and with two objects, two types at once, and one without a trigger."""
    random = np.random.default_rng(0)
    names = [family + given for family in "王李张刘" for given in "明红华强"]
    rows = []
    for number in range(count):
        a, b, c, *more = random.choice(names, 6, replace=False).tolist()
        text, events = [
            (f"{a}收购{b}", [event("收购", "收购", 买=a, 卖=b)]),
            (f"{a}同{b}合作", [event("合作", None, 甲=a, 乙=b)]),
            (f"{a}收购 {b}和{c}", [event("收购", "收购", 买=a, 卖=x) for x in (b, c)]),
            (
                f"{a}参股{b}",
                [event("收购", "参股", 买=a, 卖=b), event("投资", "参股", 对象=b)],
            ),
            (
                f"{a}收购{b}。{c}参股{more[0]}。{more[1]}收购{more[2]}。",  # two windows
                [
                    event("收购", "收购", 买=a, 卖=b),
                    event("收购", "参股", 买=c, 卖=more[0]),
                    event("投资", "参股", 对象=more[0]),
                    event("收购", "收购", 买=more[1], 卖=more[2]),
                ],
            ),
        ][number % 5]
        rows.append({"text": text, "events": events, "id": number})
    return rows


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    lines = [json.dumps(row) + "\n" for row in texts()]
    (folder / "train.jsonl").write_text("".join(lines[:96]), "utf-8")
    (folder / "valid.jsonl").write_text("".join(lines[96:]), "utf-8")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory, data):
    """A trained recipe and its run folder."""
    out = tmp_path_factory.mktemp("runs") / "run"
    return Events(**FIELDS, epochs=14).fit(data, out), out


def found(answer):
    return [
        (
            one["type"],
            trigger["text"] if isinstance(trigger := one.get("trigger"), dict) else trigger,
            {part["role"]: part["text"] for part in one["arguments"]},
        )
        for one in answer["events"]
    ]


@pytest.mark.backend
def test_events_are_found_and_reported(run, data):
    events, out = run
    metrics = events.evaluate(data)
    assert metrics["micro_f1"] > 0.9
    assert metrics["event_micro_f1"] > 0.9
    assert metrics["character_f1"] > 0.9
    row = texts()[2]  # of the training texts, which every backend has learned: two events
    [answer] = events.predict([{"text": row["text"], "id": 7}])
    assert answer["id"] == 7
    assert sorted(found(answer), key=str) == sorted(found(row), key=str)
    last = row["text"][-2:]
    [its_event] = [one for one in answer["events"] if found({"events": [one]})[0][2]["卖"] == last]
    assert its_event["trigger"] == {"start": 2, "end": 4, "text": "收购"}
    assert {"role": "卖", "start": 8, "end": 10, "text": last} in its_event["arguments"]
    assert all(0.5 < one["probability"] <= 1 for one in answer["events"])
    assert open_run(out).predict([answer]) == [answer]
    page = (out / "report.html").read_text("utf-8")
    assert "F1 of whole events" in page
    assert "Worst mistakes" in page


def test_events_of_two_types_and_without_a_trigger(run):
    both, without = run[0].predict(["李明参股刘强", "张华同王红合作"])
    assert found(both) == [
        ("收购", "参股", {"买": "李明", "卖": "刘强"}),
        ("投资", "参股", {"对象": "刘强"}),
    ]
    assert found(without) == [("合作", None, {"甲": "张华", "乙": "王红"})]
    assert "trigger" not in without["events"][0]
    assert run[0].triggered == ["投资", "收购"]


LONG = "李明收购王红。张强参股刘华。李明收购王华。"  # the last sentence is in the second window


def test_a_text_longer_than_the_model_is_read_whole(run):
    long, *_, longer = run[0].predict([LONG, "x", LONG * 8])
    assert ("收购", "收购", {"买": "李明", "卖": "王华"}) in found(long)
    assert max(one["start"] for event in longer["events"] for one in event["arguments"]) > 84


def test_texts_without_units_and_other_texts_in_one_batch(run):
    answers = run[0].predict(["\u3000 ", "李明收购张红", "x" * 300])
    assert answers[0]["events"] == []
    assert found(answers[1]) == [("收购", "收购", {"买": "李明", "卖": "张红"})]


def test_answers_can_be_trained_on(run):
    rows = run[0].predict(texts(10))
    splits = Events(**FIELDS).open_data({"train": rows, "valid": rows}).training()
    answers = [[one["type"] for one in row["events"]] for row in rows]
    assert [sorted(one.type for one in text.events) for text in splits.train] == [
        sorted(of_text) for of_text in answers
    ]
    assert all(not one.lost for text in splits.train for one in text.events)


def test_events_that_cannot_be_learned_are_refused(tmp_path):
    row = {"text": "甲", "events": [{"type": "x", "trigger": "乙"}]}
    with pytest.raises(DataError, match="'乙' is not in the text"):
        Events(**FIELDS).fit({"train": [row], "valid": [row]}, tmp_path / "a")
    assert not (tmp_path / "a").exists()
