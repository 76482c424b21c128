from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from hornbook.data.questions.question_data import one_to_answer
from hornbook.errors import DataError
from hornbook.recipes import open_run
from hornbook.recipes.reading import ReadingComprehension
from hornbook.text.vocabulary import learn_wordpiece
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

FIELDS = {
    "num_hidden_layers": 1,
    "vocabulary_size": 200,
    "max_length": 16,
    "max_answer_units": 4,
    "batch_size": 32,
    "learning_rate": 1e-2,
    "ema": 0.5,
    "dropout": 0.0,
    "patience": 0,
    "seed": 0,
}
LONG, SHORT, COLORS = "甲乙丙丁", "子丑寅", "红黄蓝白"


def thing(random, key):
    """The whole answer if the question is about this key: 甲 with a color, or 子 alone."""
    color = random.choice(list(COLORS), random.integers(0, 3))
    return f"{key}{''.join(color)}色" if key in LONG else key


def questions(count=256, without=True):
    """A question names a thing; the context has two, with answers of 1 to 4 characters."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(count):
        keys = random.choice(list(LONG + SHORT), 3, replace=False)
        things = [thing(random, key) for key in keys[:2]]
        asked = random.integers(3 if without else 2)
        context = "，".join(things)
        answer = things[asked] if asked < 2 else None
        start = context.index(answer) if answer else None
        row = {"question": f"{keys[asked]}？", "context": context, "answer": answer}
        rows.append({**row, "start": start, "id": number})
    return rows


def write(file, rows):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reading")
    rows = questions()
    write(folder / "train.jsonl", rows[:192])
    write(folder / "valid.jsonl", rows[192:])
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory, data):
    out = tmp_path_factory.mktemp("runs") / "run"
    ReadingComprehension(**FIELDS, epochs=5).fit(data, out)
    return out


@pytest.fixture(scope="module")
def answers(run):
    return open_run(run)


@pytest.mark.backend
def test_answers_are_found_and_reported(answers, run, data):
    metrics = answers.evaluate(data)
    assert metrics["f1"] > 0.9
    assert metrics["with_answer"]["exact_match"] > 0.8
    assert metrics["without_answer"]["exact_match"] > 0.8
    assert metrics["rule"] == "CMRC 2018"
    assert 0 < answers.threshold < 1
    row = {"question": "甲？", "context": "乙红色，甲蓝白色", "id": 7}
    found, short, none = answers.predict([row, ("子？", "乙红色，子"), ("丁？", "丙黄色")])
    probability = found["probability"]
    assert found == {
        **row,
        "answer": "甲蓝白色",
        "start": 4,
        "end": 8,
        "probability": probability,
    }
    assert (short["answer"], short["start"]) == ("子", 4)
    assert (none["answer"], none["start"], none["end"]) == (None, None, None)
    assert all(0.5 < one["probability"] <= 1 for one in (found, short, none))
    page = (run / "report.html").read_text("utf-8")
    for text in ("F1 (CMRC 2018)", "without an answer", "Worst mistakes", "exact match"):
        assert text in page


def test_the_answer_is_found_in_the_last_of_three_windows(answers):
    context = "乙红色，丙黄蓝色，丁红色，子，丑，丙蓝白色，甲白红色"
    question = one_to_answer({"question": "甲？", "context": context}, "")
    windows = [one.window for one in answers.reader().windows([question])]
    assert len(windows) == 3
    assert windows[1].last < len(context)
    [answer] = answers.predict([question])
    assert (answer["answer"], answer["end"]) == ("甲白红色", len(context))


def test_the_answer_is_found_in_one_of_several_passages(answers):
    passages = ["乙红色，丙黄色", "丁红色，子", "寅，甲蓝色"]
    rows = [{"question": one, "contexts": passages} for one in ("甲？", "丑？")]
    found, none = answers.predict(rows)
    assert (found["answer"], found["passage"], found["start"]) == ("甲蓝色", 2, 2)
    assert (none["answer"], none["passage"]) == (None, None)


def test_files_are_answered_in_squads_form_too(answers, tmp_path):
    qas = [{"id": "a", "question": "丙？", "answers": []}]
    paragraph = {"context": "乙红白色，丙黄色", "qas": qas}
    document = {"data": [{"title": "t", "paragraphs": [paragraph]}]}
    (tmp_path / "a.json").write_text(json.dumps(document), "utf-8")
    [answer] = answers.predict_files([tmp_path / "a.json"])
    assert (answer["id"], answer["title"], answer["answer"]) == ("a", "t", "丙黄色")


def test_what_is_no_question_is_refused(answers):
    with pytest.raises(DataError, match=r"question 2 is 'x'; expected \(question, context\)"):
        answers.predict([("甲？", "甲是红。"), "x"])
    with pytest.raises(DataError, match="row 1: 'context' is missing"):
        answers.predict([{"question": "甲？"}])


def test_data_without_an_answer_is_refused(tmp_path):
    rows = [{**row, "answer": None} for row in questions(20)]
    with pytest.raises(DataError, match="nothing to learn"):
        ReadingComprehension(**FIELDS).fit(rows, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_answer_is_always_given_if_all_training_questions_have_one():
    recipe = ReadingComprehension()
    rows = questions(20, without=False)
    recipe.learn_labels(recipe.open_data(rows).training())
    assert recipe.threshold is None
    recipe.choose_thresholds([], [])
    assert recipe.threshold is None


def test_the_summary_says_what_cannot_be_found(tmp_path, capsys):
    rows = questions(20, without=False)
    rows[0] = {"question": "甲是", "context": "甲是1988年。", "answer": "88", "start": 4}
    rows[1] = {"question": "甲" * 9, "context": "甲是红红红红色。", "answer": "红红红红色"}
    write(tmp_path / "train.jsonl", rows)
    write(tmp_path / "valid.jsonl", rows[2:4])
    recipe = ReadingComprehension(**FIELDS)
    recipe.tokenizer = WordPieceTokenizer(learn_wordpiece([rows[0]["context"]], 100))
    recipe.encoder = SimpleNamespace(config=SimpleNamespace(max_length=16, type_vocab_size=2))
    recipe.describe(recipe.open_data(tmp_path).training(), [])
    text = capsys.readouterr().err
    assert "1 questions have more than 8 tokens and are truncated, the first at" in text
    assert "Answers     20 questions have one; median 1 units, maximum 5\n" in text
    what = "Cut         1 answers begin or end inside a word or number, which is learned whole:"
    assert f"{what}\n            train.jsonl:1: '88'\n" in text
    what = "1 answers are longer than 4 units, or whole in no window, and cannot be found:"
    assert f"{what}\n            train.jsonl:2: '红红红红色'\n" in text
