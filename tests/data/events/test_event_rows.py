from __future__ import annotations

import pytest

from hornbook.data.events.event_rows import read_rows
from hornbook.data.events.event_text import Argument, Event, Lost
from hornbook.data.readers.problems import Problems
from hornbook.errors import DataError

TEXT = "甲公司减持乙公司"
SALE = Event("减持", (Argument("obj", 5, 8), Argument("sub", 0, 3), Argument("trigger", 3, 5)))


def read(*rows):
    problems = Problems()
    texts = list(read_rows(((f"f:{n}", row) for n, row in enumerate(rows, 1)), "f", problems))
    problems.raise_if_any()
    return texts


def duee(**changes):
    arguments = [
        {"role": "sub", "argument": "甲公司", "argument_start_index": 0, "alias": []},
        {"role": "obj", "argument": "乙公司", "argument_start_index": 5, "alias": []},
    ]
    event = {"event_type": "减持", "trigger": "减持", "trigger_start_index": 3, "class": "x"}
    return {"text": TEXT, "event_list": [{**event, "arguments": arguments, **changes}]}


def fewfc(*mentions):
    return {"content": TEXT, "events": [{"type": "减持", "mentions": list(mentions)}]}


def ours(**changes):
    arguments = [
        {"role": "obj", "text": "乙公司", "start": 5, "end": 8},
        {"role": "sub", "start": 0, "end": 3},
    ]
    trigger = {"start": 3, "end": 5, "text": "减持"}
    event = {"type": "减持", "trigger": trigger, "arguments": arguments, **changes}
    return {"text": TEXT, "events": [event]}


FEWFC = (
    {"word": "减持", "span": [3, 5], "role": "trigger"},
    {"word": "乙公司", "span": [5, 8], "role": "obj"},
    {"word": "甲公司", "span": [0, 3], "role": "sub"},
)


@pytest.mark.parametrize("row", [duee(), fewfc(*FEWFC), ours()])
def test_forms_of_rows(row):
    [text] = read({"id": 3, **row})
    assert text.events == (SALE,)
    assert text.extra["id"] == 3
    assert text.words(SALE) == "减持 · trigger: 减持 · obj: 乙公司 · sub: 甲公司"


def test_events_without_a_trigger_without_events_and_twice():
    [text] = read(duee(trigger="", trigger_start_index=None))
    assert text.events[0].trigger is None
    assert text.events[0].arguments == SALE.arguments[:2]
    rows = [{"text": TEXT, "events": None}, {"text": TEXT, "events": ours()["events"] * 2}]
    assert [len(one.events) for one in read(*rows)] == [0, 1]


def test_the_texts_beside_the_offsets_say_whether_ends_are_included():
    included = [{**one, "span": [one["span"][0], one["span"][1] - 1]} for one in FEWFC]
    [text, other] = read(fewfc(*included), duee())  # DuEE has no ends
    assert text.events == other.events == (SALE,)


def test_strings_are_found_near_the_trigger():
    text = "乙 甲 乙 减持 乙"
    event = {"type": "x", "trigger": "减持", "arguments": [{"role": "a", "text": "乙"}]}
    [one] = read({"text": text, "events": [event]})
    assert one.events[0].arguments == (Argument("a", 4, 5), Argument("trigger", 6, 8))
    [one] = read({"text": "减持 丙 " + text, "events": [event]})  # the trigger near the argument
    assert one.events[0].arguments == (Argument("a", 9, 10), Argument("trigger", 11, 13))
    placed = {**event, "trigger": {"start": 0, "end": 2}}
    [one] = read({"text": "减持 丙 " + text, "events": [placed]})
    assert one.events[0].arguments == (Argument("a", 5, 6), Argument("trigger", 0, 2))
    del event["trigger"]
    event["arguments"].insert(0, {"role": "b", "text": "甲"})
    [one] = read({"text": text, "events": [event]})
    assert one.events[0].arguments == (Argument("a", 0, 1), Argument("b", 2, 3))


def test_arguments_that_are_not_in_the_text_are_kept_apart():
    arguments = [{"role": "a", "text": "丙"}, {"role": "b", "text": "arty"}]
    event = {"type": "x", "arguments": [*arguments, {"role": "c", "text": "party"}]}
    [one] = read({"text": "party", "events": [event]})
    lost = (
        Lost("a", "丙", "'丙' is not in the text"),
        Lost("b", "arty", "'arty' is only inside a word or number"),
    )
    assert one.events == (Event("x", (Argument("c", 0, 5),), lost),)
    assert one.words(one.events[0]) == "x · c: party · a: 丙 · b: arty"


TRIGGER = {"role": "trigger", "start": 0, "end": 1}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "no events; expected"),
        ({"events": 3}, "'events' is 3; expected"),
        ({"events": [3]}, "the event 3; expected"),
        (ours(type=""), "the type of the event"),
        (ours(arguments=3), "the arguments of"),
        (ours(arguments=[3]), "an argument of the event"),
        (ours(arguments=[{"role": "", "text": "甲"}]), "an argument of the event"),
        (ours(arguments=[{"role": "a", "text": ""}]), "an argument of the event"),
        (ours(arguments=[{"role": "a", "start": 3}]), "an argument of the event"),
        (ours(arguments=[{"role": "a", "end": 3, "text": "甲"}]), "an argument of the event"),
        (ours(arguments=[], trigger=None), "neither a trigger nor arguments"),
        (ours(arguments=[{"role": "a", "start": 3, "end": 30}]), "the a of '减持' from 3 to 30"),
        (ours(arguments=[{"role": "a", "start": 3, "end": 3}]), "from 3 to 3 is empty or outside"),
        (ours(trigger={"start": 0, "end": 1, "text": "乙"}), "from 0 to 1 is '甲', not '乙'"),
        (duee(trigger_start_index=2), "from 2 to 4 is '司减', not '减持'"),
        (ours(arguments=[TRIGGER]), "an event of '减持' has several triggers"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(row, message):
    with pytest.raises(DataError, match=f"f:2: .*{message}"):
        read(ours(), {"text": TEXT, **row})
