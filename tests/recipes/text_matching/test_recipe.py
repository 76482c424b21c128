from __future__ import annotations

import itertools
import json
import shutil

import numpy as np
import pytest

from hornbook.data.demo.matching import demo_pairs
from hornbook.data.texts.pairs import Pair, read_pairs
from hornbook.errors import DataError, HornbookError
from hornbook.pretrained import Pretrained
from hornbook.recipes import open_run
from hornbook.recipes.marked_segments import marked_segments
from hornbook.recipes.text_matching import TextMatching
from hornbook.text.vocabulary import learn_wordpiece
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer
from hornbook.training.run_folder import RunFolder


@pytest.fixture(scope="module")
def matching(matching_run):
    return TextMatching.load(matching_run)


@pytest.fixture
def pairs(matching_data):
    return read_pairs(matching_data, "valid").pairs


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


@pytest.fixture(scope="module")
def one_criterion(tmp_path_factory):
    """A folder of 40 training pairs of a single criterion."""
    folder = tmp_path_factory.mktemp("one") / "questions"
    [criterion, *_] = demo_pairs("train", 10, language="en")
    for split in ("train", "valid"):
        write_lines(folder / f"{split}.jsonl", demo_pairs(split, 40, language="en")[criterion])
    return folder


def test_it_learns(tmp_path, tiny_fields):
    """Half of the pairs are the same words in another order, half differ in one word."""
    random = np.random.default_rng(0)
    words = ["red", "blue", "green", "cold", "warm", "small", "large", "early", "late", "quiet"]
    rows = []
    for number in range(400):
        source = random.choice(words, 3, replace=False)
        target = random.permutation(source)
        if number % 2:
            target[0] = random.choice([word for word in words if word not in source])
        rows.append(
            {"source": " ".join(source), "target": " ".join(target), "label": 1 - number % 2}
        )
    write_lines(tmp_path / "data" / "train.jsonl", rows[:320])
    write_lines(tmp_path / "data" / "valid.jsonl", rows[320:])
    fields = {**tiny_fields, "learning_rate": 3e-3, "ema": 0.9, "epochs": 4}
    matching = TextMatching(**fields).fit(tmp_path / "data", tmp_path / "run")
    metrics = matching.evaluate(tmp_path / "data")
    assert metrics["mean_f1"] > 0.85  # always "yes" has 0.67
    assert metrics["roc_auc"]["data"] > 0.9


@pytest.mark.backend
def test_a_loaded_run_has_the_metrics_of_its_best_epoch(matching, matching_data, matching_run):
    rows = RunFolder(matching_run).metrics()
    best = max(rows, key=lambda row: row["mean_f1"])
    metrics = matching.evaluate(matching_data)
    assert metrics["mean_f1"] == best["mean_f1"]
    assert metrics["f1"] == best["f1"]


@pytest.mark.backend
def test_a_saved_model_gives_the_same_answers(matching, pairs, tmp_path):
    matching.save(tmp_path / "saved")
    loaded = TextMatching.load(tmp_path / "saved")
    assert loaded.fields() == matching.fields()
    assert loaded.predict(pairs) == matching.predict(pairs)
    assert open_run(tmp_path / "saved").criteria == matching.criteria


def test_answers_come_in_order_and_do_not_depend_on_the_batch(matching, pairs):
    together = matching.predict(pairs)
    assert [(row["source"], row["target"]) for row in together] == [
        (pair.source, pair.target) for pair in pairs
    ]
    for number in (0, 25, len(pairs) - 1):
        [alone] = matching.predict([pairs[number]])
        assert alone["probability"] == pytest.approx(together[number]["probability"], abs=2e-6)
    reversed_order = matching.predict(pairs[::-1])[::-1]
    for one, other in zip(together, reversed_order, strict=True):
        assert one["probability"] == pytest.approx(other["probability"], abs=2e-6)


def test_a_probability_from_the_threshold_of_the_criterion_is_a_match(matching, pairs):
    for row in matching.predict(pairs):
        threshold = matching.thresholds[row["criterion"]]
        assert row["label"] == int(row["probability"] >= threshold) or row[
            "probability"
        ] == pytest.approx(threshold, abs=1e-6)


def test_the_criterion_changes_the_answer(matching):
    probabilities = {
        matching.predict([("天气很好", "今天天气不错")], criterion=name)[0]["probability"]
        for name in matching.criteria
    }
    assert len(probabilities) > 1


def test_an_endless_stream_is_answered_lazily(matching, monkeypatch):
    monkeypatch.setattr(TextMatching, "chunk", 8)
    drawn = []

    def endless():
        for number in itertools.count():
            drawn.append(number)
            yield f"text {number}", "text"

    stream = matching.predict_stream(endless(), criterion=matching.criteria[0])
    answers = list(itertools.islice(stream, 11))
    assert [row["source"] for row in answers] == [f"text {number}" for number in range(11)]
    assert len(drawn) == 16


def test_no_pairs_have_no_answers(matching):
    assert matching.predict([]) == []


def test_other_fields_of_a_row_are_in_its_answer(matching):
    pair = Pair("a b", "b c", None, matching.criteria[0], "here:1", {"id": 17})
    assert matching.predict([pair])[0]["id"] == 17


def test_an_unknown_criterion_is_answered_with_the_nearest(matching):
    name = matching.criteria[0]
    with pytest.raises(DataError, match=f"pair 1: the criterion '{name}x'. Did you mean '{name}'"):
        matching.predict([("a", "b")], criterion=name + "x")


def test_a_criterion_is_required_when_there_are_several(matching):
    with pytest.raises(DataError, match="pair 1: no criterion") as error:
        matching.predict([("a", "b")])
    assert all(name in str(error.value) for name in matching.criteria)
    assert "--criterion" in str(error.value)


def test_resuming_with_other_fields_or_data_is_refused(
    matching_data, matching_run, tiny_fields, tmp_path
):
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(matching_run / "recipe.json", run)
    with pytest.raises(HornbookError, match=r"dropout: .* then, 0.25 now"):
        TextMatching(**tiny_fields, dropout=0.25).fit(matching_data, run, resume=True)
    other = tmp_path / "other"
    shutil.copytree(matching_data, other)
    file = next(other.glob("*/train.jsonl"))
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    rows[0]["label"] = 1 - rows[0]["label"]
    write_lines(file, rows)
    with pytest.raises(HornbookError, match="the data"):
        TextMatching(**tiny_fields).fit(other, run, resume=True)
    assert [file.name for file in run.iterdir()] == ["recipe.json"]


def test_a_single_criterion_is_the_default_and_needs_no_condition(
    one_criterion, tiny_fields, tmp_path
):
    fields = {**tiny_fields, "epochs": 1, "conditional": False, "compute_dtype": "bfloat16"}
    fields |= {"attention": "window_landmarks", "num_landmarks": 2, "window": 3}
    fitted = TextMatching(**fields).fit(one_criterion, tmp_path / "run")
    assert fitted.criteria == ["questions"]
    assert fitted.encoder.config.condition_size is None
    assert fitted.encoder.compute_dtype == "bfloat16"
    assert fitted.encoder.config.attention == "window_landmarks"
    pairs = [("first text", "second text"), ("first text", "first text")]
    answers = fitted.predict(pairs)
    assert answers == TextMatching.load(tmp_path / "run").predict(pairs)
    assert all(0 <= row["probability"] <= 1 for row in answers)
    file = tmp_path / "pairs.jsonl"
    write_lines(file, [{"source": source, "target": target} for source, target in pairs])
    assert list(fitted.predict_files([file])) == answers


def test_training_starts_from_a_pretrained_encoder(
    one_criterion, tiny_fields, tiny_transformer, tmp_path
):
    pairs = read_pairs(one_criterion).pairs
    vocabulary = learn_wordpiece(
        [text for pair in pairs for text in (pair.source, pair.target)], 100
    )
    encoder = tiny_transformer(vocab_size=len(vocabulary), max_position_embeddings=32)
    Pretrained(encoder, WordPieceTokenizer(vocabulary)).save(tmp_path / "pretrained")
    fields = {
        **tiny_fields,
        "pretrained": str(tmp_path / "pretrained"),
        "epochs": 1,
        "learning_rate": 1e-9,  # the weights hardly change
        "layer_decay": 0.5,
    }
    fitted = TextMatching(**fields).fit(one_criterion, tmp_path / "run")
    assert fitted.tokenizer.vocabulary_size == len(vocabulary)
    assert fitted.encoder.config.type_vocab_size == encoder.config.type_vocab_size
    kernel = fitted.encoder.blocks[0].attention.query.kernel
    expected = encoder.blocks[0].attention.query.kernel
    np.testing.assert_allclose(kernel.numpy(), expected.numpy(), atol=1e-6)


def test_a_missing_pretrained_model_is_refused_before_the_run_is_made(one_criterion, tmp_path):
    with pytest.raises(HornbookError, match="nowhere"):
        TextMatching(pretrained=str(tmp_path / "nowhere")).fit(one_criterion, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_segments_mark_the_tokens_of_the_other_text():
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c"])
    encoding = tokenizer.encode_batch([("a b", "b c c")], 32)[0]
    #        [CLS] a  b [SEP] b  c  c [SEP]
    assert marked_segments(encoding) == [0, 0, 2, 0, 3, 1, 1, 1]


def test_a_notebook_shows_the_options_that_are_not_defaults():
    table = TextMatching(epochs=7)._repr_html_()
    assert "<p>TextMatching</p>" in table
    assert "<td>epochs</td><td>7</td>" in table
    assert "seed" not in table
