from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from hornbook.data.texts.labeled import read_labeled_texts
from hornbook.errors import CheckpointError, DataError, HornbookError
from hornbook.files import write_manifest
from hornbook.pretrained import Pretrained
from hornbook.recipes import open_run
from hornbook.recipes.text_classification import TextClassification
from hornbook.text.vocabulary import learn_wordpiece
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer
from hornbook.training.loop import Loop
from hornbook.training.run_folder import RunFolder

WORDS = {"warm": ["sun", "fire", "tea"], "cold": ["ice", "snow", "frost"], "wet": ["rain", "sea"]}
FIELDS = {"num_hidden_layers": 1, "vocabulary_size": 200, "max_length": 12, "batch_size": 16}
# of a network without n-grams
ALONE = {**FIELDS, "ngrams": "none", "epochs": 10, "learning_rate": 1e-2, "ema": 0.5}


def texts(several: bool, count: int = 96):
    """One word among others determines each label of a text."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(count):
        labels = [list(WORDS)[number % 3]]
        if several:
            labels = [label for label in WORDS if random.random() < 0.5]
        words = [random.choice(WORDS[label]) for label in labels]
        words += list(random.choice(["and", "or", "of", "the"], 4))
        text = " ".join(random.permutation(words))
        rows.append({"text": text, "label": labels if several else labels[0], "id": number})
    return rows


def write(folder, rows):
    folder.mkdir(parents=True)
    lines = [json.dumps(row) + "\n" for row in rows]
    (folder / "train.jsonl").write_text("".join(lines[:64]), "utf-8")
    (folder / "valid.jsonl").write_text("".join(lines[64:]), "utf-8")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write(tmp_path_factory.mktemp("texts") / "data", texts(several=False))


@pytest.fixture(scope="module")
def run(tmp_path_factory, data):
    out = tmp_path_factory.mktemp("runs") / "run"
    TextClassification(**ALONE).fit(data, out)
    return out


@pytest.fixture(scope="module")
def little_run(tmp_path_factory, data):
    """One epoch with a learning rate of almost 0, so that only the linear model has learned."""
    out = tmp_path_factory.mktemp("runs") / "little"
    return TextClassification(**FIELDS, epochs=1, learning_rate=1e-9).fit(data, out), out


@pytest.fixture(scope="module")
def classifier(run):
    return TextClassification.load(run)


@pytest.mark.backend
def test_it_learns_and_keeps_its_best_epoch(classifier, run, data):
    metrics = classifier.evaluate(data)
    assert metrics["accuracy"] > 0.9
    best = max(RunFolder(run).metrics(), key=lambda row: row["macro_f1"])
    assert metrics == {name: best[name] for name in metrics}
    assert metrics["texts"] == {"cold": 11, "warm": 10, "wet": 11}
    columns, rows = classifier.table(metrics)
    assert [len(row) for row in rows] == [len(columns)] * 4
    assert (run / "report.html").read_text("utf-8").count("<svg") >= 3


@pytest.mark.backend
def test_a_saved_model_gives_the_same_answers(classifier, data, tmp_path):
    classifier.save(tmp_path / "saved")
    loaded = open_run(tmp_path / "saved")
    samples = read_labeled_texts(data, "valid")
    assert loaded.predict(samples) == classifier.predict(samples)
    assert loaded.classes == ["cold", "warm", "wet"]


def test_answers_come_in_order_with_the_other_fields_of_their_rows(classifier, data):
    answers = list(classifier.predict_files([data / "valid.jsonl"]))
    assert [answer["id"] for answer in answers] == list(range(64, 96))
    right = [answer["predicted"] == answer["label"] for answer in answers]
    assert np.mean(right) > 0.9
    [alone] = classifier.predict([answers[5]["text"]])
    assert alone["predicted"] == answers[5]["predicted"]
    assert alone["probability"] == pytest.approx(answers[5]["probability"], abs=2e-6)
    assert classifier.predict([]) == []


def test_evaluation_on_another_file_uses_all_of_it(classifier, data, tmp_path):
    shutil.copy(data / "valid.jsonl", tmp_path / "other.jsonl")
    assert classifier.evaluate(tmp_path / "other.jsonl") == classifier.evaluate(data)


def test_a_run_without_a_learned_field_is_refused(classifier, tmp_path):
    classifier.save(tmp_path / "model")
    path = tmp_path / "model" / "recipe.json"
    saved = json.loads(path.read_text("utf-8"))
    del saved["learned"]["trained_on"]
    path.write_text(json.dumps(saved), "utf-8")
    write_manifest(tmp_path / "model")
    with pytest.raises(
        HornbookError, match=r"trained_on is missing: this run was made with another version"
    ):
        TextClassification.load(tmp_path / "model")


def test_a_short_training_does_not_average_its_random_start(little_run):
    """After four steps the average would still be mostly the random start."""
    fitted, _ = little_run
    assert fitted.ema == 0.99
    assert not fitted.model.optimizer.use_ema


def test_an_unknown_label_is_answered_with_the_nearest(classifier, tmp_path):
    write(tmp_path / "data", [{"text": "x", "label": "wett"}] * 70)
    with pytest.raises(DataError, match=r"valid\.jsonl:1: the label 'wett'. Did you mean 'wet'"):
        classifier.evaluate(tmp_path / "data")


def test_resuming_with_other_fields_is_refused(run, data, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    with pytest.raises(HornbookError, match="dropout"):
        TextClassification(**ALONE, dropout=0.3).fit(data, tmp_path / "run", resume=True)


MODEL = [f"model/{name}" for name in ("model.safetensors", "ngrams.safetensors", "recipe.json")]


class Killed(Exception):
    pass


def test_a_killed_run_ends_with_the_same_bytes(data, tmp_path, monkeypatch):
    fields = {**FIELDS, "epochs": 2, "learning_rate": 1e-2}
    TextClassification(**fields).fit(data, tmp_path / "whole")
    monkeypatch.setattr(TextClassification, "snapshot_seconds", 0)
    step = Loop._step

    def then_die(loop, batch):
        step(loop, batch)
        if loop.state["step"] == 6:  # an epoch has four; this one is in no snapshot yet
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_step", then_die)
        with pytest.raises(Killed):
            TextClassification(**fields).fit(data, tmp_path / "killed")
    TextClassification(**fields).fit(data, tmp_path / "killed", resume=True)
    for name in (*MODEL, "metrics.jsonl"):
        whole, killed = (tmp_path / run / name for run in ("whole", "killed"))
        assert killed.read_bytes() == whole.read_bytes(), name


def test_several_labels_and_nystrom_attention(tmp_path):
    data = write(tmp_path / "data", texts(several=True))
    fields = {**FIELDS, "attention": "nystrom", "num_landmarks": 4, "learning_rate": 1e-2}
    fitted = TextClassification(**fields, epochs=10, ema=0.5).fit(data, tmp_path / "run")
    assert fitted.encoder.config.attention == "nystrom"
    assert fitted.evaluate(data)["macro_f1"] > 0.9
    answer = fitted.predict(["the sea of ice and of the"])[0]
    assert {"cold", "wet"} <= set(answer["predicted"])
    assert set(answer["probability"]) == set(WORDS)
    loaded = TextClassification.load(tmp_path / "run")
    assert loaded.encoder.config.replace(extra={}) == fitted.encoder.config
    assert loaded.thresholds == fitted.thresholds


def test_the_positions_of_a_pretrained_encoder_are_extended(data, tiny_transformer, tmp_path):
    words = learn_wordpiece([text.text for text in read_labeled_texts(data)], 100)
    encoder = tiny_transformer(vocab_size=len(words), max_position_embeddings=8, heads=())
    Pretrained(encoder, WordPieceTokenizer(words)).save(tmp_path / "pretrained")
    fields = {"pretrained": str(tmp_path / "pretrained"), "max_length": 12}
    for positions, expected in (("hierarchical", (0.4, False)), ("tiled", (None, True))):
        recipe = TextClassification(**fields, positions=positions, attention="window", window=2)
        recipe.start([])
        config = recipe.encoder.config
        assert (config.hierarchical_positions, config.tiled_positions) == expected
        assert (config.max_length, config.attention, config.window) == (64, "window", 2)
        assert recipe.tokenizer.vocabulary_size == len(words)
        kernel = recipe.encoder.blocks[0].attention.query.kernel
        np.testing.assert_array_equal(
            kernel.numpy(), encoder.blocks[0].attention.query.kernel.numpy()
        )


def test_attention_unsupported_by_a_family_is_refused_with_the_supported_ones(
    tiny_transformer, tmp_path
):
    encoder = tiny_transformer(family="nezha", position_kind="relative", heads=())
    Pretrained(encoder, WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])).save(
        tmp_path / "pretrained"
    )
    recipe = TextClassification(pretrained=str(tmp_path / "pretrained"), attention="linear")
    with pytest.raises(CheckpointError, match="full or window can"):
        recipe.start([])


def test_training_from_random_weights_starts_with_the_linear_model(little_run, data):
    fitted, out = little_run
    first, second = RunFolder(out).metrics()
    assert (first["epoch"], first["loss"]) == (0, None)
    assert first["accuracy"] == second["accuracy"] > 0.9
    valid = read_labeled_texts(data, "valid")
    linear = fitted.linear.logits([text.text for text in valid], 3).argmax(axis=1)
    assert [fitted.classes[number] for number in linear] == [
        answer["predicted"] for answer in fitted.predict(valid)
    ]


def test_the_report_and_the_last_line_compare_with_the_linear_model(little_run, data):
    fitted, out = little_run
    line = fitted.comparison(fitted.evaluate(data))
    assert line.startswith("TF-IDF and logistic regression alone: accuracy 1.000, F1 1.000; ")
    assert line in (out / "report.html").read_text("utf-8")


def test_without_ngrams_there_is_no_linear_model(run, classifier):
    assert min(row["epoch"] for row in RunFolder(run).metrics()) == 1
    assert not (run / "model" / "ngrams.safetensors").exists()
    assert classifier.linear is None


def test_a_run_older_than_ngrams_opens_without_them(classifier, tmp_path):
    classifier.save(tmp_path / "model")
    path = tmp_path / "model" / "recipe.json"
    saved = json.loads(path.read_text("utf-8"))
    assert saved["fields"].pop("ngrams") == "none"
    path.write_text(json.dumps(saved), "utf-8")
    write_manifest(path.parent)
    samples = ["the sea", "ice of fire"]
    assert open_run(tmp_path / "model").predict(samples) == classifier.predict(samples)
