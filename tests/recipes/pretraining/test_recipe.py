"""From raw text to a model folder, on the command line."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import hornbook
from hornbook.cli import main
from hornbook.errors import OptionError
from hornbook.files import verify_manifest
from hornbook.recipes import open_run
from hornbook.recipes.pretraining import Pretraining

SCRIPT = Path(__file__).with_name("killed_pretraining.py")
SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


@pytest.fixture(scope="module")
def fields(tmp_path_factory, little_vocabulary):
    """The fields of a pretraining that takes seconds."""
    config = tmp_path_factory.mktemp("config") / "config.json"
    config.write_text(json.dumps(SIZES), "utf-8")
    return {
        "model_config": str(config),
        "vocabulary": str(little_vocabulary),
        "steps": 6,
        "measure_steps": 3,
        "length": 16,
        "batch_tokens": 128,
        "learning_rate": 1e-2,
        "checkpoint_steps": 1,
    }


def words_of(fields, corpus, out, *more):
    words = ["pretrain", str(corpus), "--out", str(out), *more]
    for name, value in fields.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return words


@pytest.fixture(scope="module")
def run(tmp_path_factory, fields, little_corpus):
    """The folder of a finished run, which no test changes."""
    out = tmp_path_factory.mktemp("runs") / "mlm"
    assert main(words_of(fields, little_corpus, out, "--tensorboard")) == 0
    return out


@pytest.mark.backend
def test_the_result_is_a_model_folder_that_can_be_converted(run, tmp_path, capsys):
    assert verify_manifest(run / "model")
    model = hornbook.load(run / "model")
    assert model.config.heads == ("mlm",)
    assert model.config.max_length == 16
    assert "[MASK]" not in model.fill("bao [MASK] bio.")
    assert (
        main(["convert", str(run / "model"), str(tmp_path / "google"), "--layout", "google"]) == 0
    )
    again = hornbook.load(tmp_path / "google")
    np.testing.assert_allclose(again.encode(["bao beo"]), model.encode(["bao beo"]), rtol=1e-5)


def test_the_log_has_every_step_and_the_loss_falls(run):
    with open(run / "log.csv", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [int(line["step"]) for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [bool(line["held_out_loss"]) for line in lines] == [False, False, True] * 2
    assert float(lines[5]["held_out_loss"]) < float(lines[2]["held_out_loss"])
    assert float(lines[5]["learning_rate"]) < float(lines[0]["learning_rate"])
    [metrics, last] = map(json.loads, (run / "metrics.jsonl").read_text("utf-8").splitlines())
    assert last["perplexity"] == pytest.approx(np.exp(last["held_out_loss"]))
    assert metrics["step"] == 3
    assert not (run / "checkpoints").exists()


def test_the_model_card_and_the_report_describe_the_training(run):
    card = (run / "model" / "README.md").read_text("utf-8")
    assert "hornbook pretrain" in card
    assert "| license of the text | not stated |" in card
    assert "| steps | 6 |" in card
    report = (run / "report.html").read_text("utf-8")
    for words in ("Accuracy on held-out rows", "Tokens per second", "hornbook convert"):
        assert words in report


def test_a_run_predicts_and_is_evaluated_on_other_text(run, little_corpus, capsys):
    opened = open_run(run)
    [answer] = opened.predict(["bao [MASK] bio."])
    assert answer["text"] == "bao [MASK] bio."
    assert answer["answer"] == hornbook.load(run / "model").fill("bao [MASK] bio.")
    assert main(["evaluate", str(run), str(little_corpus)]) == 0
    assert "perplexity" in capsys.readouterr().out


def test_the_model_of_a_run_is_evaluated_and_a_run_in_its_place_is_refused(run, tmp_path, capsys):
    (tmp_path / "text.txt").write_text("bao beo.\nbio bao.\n", "utf-8")
    text = str(tmp_path / "text.txt")
    assert main(["evaluate", str(run / "model"), text, "--dtype", "int8"]) == 0
    assert "change in perplexity" in capsys.readouterr().out
    assert main(["generate", str(run), "bao"]) == 2
    assert f"is a run.  Its model is in {run / 'model'}." in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the child processes are forked")
def test_a_run_killed_twice_and_stopped_once_ends_with_the_same_bytes(
    run, fields, little_corpus, tmp_path
):
    out = tmp_path / "run"
    words = words_of(fields, little_corpus, out, "--tensorboard")
    points = ("prepared", "step:4", "stop:5", "never")
    child = subprocess.run(
        [sys.executable, SCRIPT, json.dumps(words), *points],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "HORNBOOK_QUIET": "1",
            # a program compiled by one process is reused by the next
            "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        },
    )
    assert child.returncode == 0, child.stderr
    lines = [line.split(" ") for line in child.stdout.splitlines()]
    statuses = {line[0]: int(line[1]) for line in lines if line[0] in points}
    expected = {"prepared": -signal.SIGKILL, "step:4": -signal.SIGKILL, "stop:5": 143, "never": 0}
    assert statuses == expected, child.stderr
    for name in ("model/model.safetensors", "metrics.jsonl"):
        assert (out / name).read_bytes() == (run / name).read_bytes()
    assert child.stderr.count("Continue with:  hornbook pretrain") == 1


def test_training_hours_are_converted_to_steps_once(
    run, fields, little_corpus, tmp_path, monkeypatch
):
    from hornbook.recipes.pretraining import time_budget

    out, measurements = tmp_path / "run", []
    seconds_per_step = time_budget._seconds_per_step

    def measure(*arguments):
        measurements.append(seconds_per_step(*arguments))
        return 0.55  # six of them, with the time of the evaluations, are 0.001 hours

    monkeypatch.setattr(time_budget, "_seconds_per_step", measure)
    budget = {name: value for name, value in fields.items() if name != "steps"}
    budget["training_hours"] = 0.001
    with monkeypatch.context() as patch:

        def dies(*_):
            raise RuntimeError("killed")

        patch.setattr("hornbook.recipes.pretraining.log.TrainingLog.story", dies)
        with pytest.raises(RuntimeError, match="killed"):
            main(words_of(budget, little_corpus, out))
    assert main(words_of(budget, little_corpus, out, "--resume")) == 0
    assert len(measurements) == 1
    assert measurements[0] > 0
    for name in ("model/model.safetensors", "metrics.jsonl"):
        assert (out / name).read_bytes() == (run / name).read_bytes()


def test_tensorboard_opens_the_log(run):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = accumulator.EventAccumulator(str(run / "tensorboard")).Reload()
    losses = log.Scalars("loss")
    with open(run / "log.csv", encoding="utf-8") as file:
        expected = [float(line["loss"]) for line in csv.DictReader(file)]
    assert [one.step for one in losses] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose([one.value for one in losses], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "function",
    ["pretraining.log.TrainingLog.story", "pretraining.report.write_report"],
    ids=["measurement", "report"],
)
def test_a_run_killed_after_its_last_step_is_resumed(
    run, fields, little_corpus, tmp_path, monkeypatch, function
):
    """Before the last evaluation, or when only the report is missing."""
    out = tmp_path / "run"
    with monkeypatch.context() as patch:

        def dies(*_):
            raise RuntimeError("killed")

        patch.setattr(f"hornbook.recipes.{function}", dies)
        with pytest.raises(RuntimeError, match="killed"):
            main(words_of(fields, little_corpus, out))
    assert not (out / "report.html").exists()
    assert main(words_of(fields, little_corpus, out, "--resume")) == 0
    assert (out / "report.html").exists()
    for name in ("model/model.safetensors", "metrics.jsonl"):
        assert (out / name).read_bytes() == (run / name).read_bytes()


@pytest.mark.parametrize("objective", ["causal_lm", "prefix_lm", "span", "electra"])
def test_each_objective_gives_a_usable_model(fields, little_corpus, tmp_path, objective):
    changes = {"steps": 2, "measure_steps": 2, "objective": objective}
    if objective == "span":  # its own kind of vocabulary, which has no mask
        changes |= {"vocabulary": None, "vocabulary_size": 200}
    recipe = Pretraining(**{**fields, **changes}).fit(little_corpus, tmp_path / "run")
    assert np.isfinite(recipe.story["held_out_loss"])
    model = hornbook.load(tmp_path / "run" / "model")
    if objective == "electra":
        assert model.config.heads == ("discriminator",)
        assert model.encode(["bao beo"]).shape == (1, 16)
    else:
        assert isinstance(model.generate("bao beo", max_new_tokens=3), str)


def test_pretraining_continues_from_a_model_with_accumulation_and_half_precision(
    run, fields, little_corpus, tmp_path
):
    changes = {name: value for name, value in fields.items() if name != "model_config"}
    changes |= {"steps": 2, "measure_steps": 2, "accumulate": 2, "rematerialize": True}
    changes |= {"pretrained": str(run / "model"), "compute_dtype": "bfloat16", "dropout": 0.1}
    out = tmp_path / "run"
    recipe = Pretraining(**changes, saved_dtype="float16").fit(little_corpus, out)
    before = json.loads((run / "metrics.jsonl").read_text("utf-8").splitlines()[-1])
    assert recipe.story["held_out_loss"] < before["held_out_loss"] + 0.3
    assert int(recipe.model.optimizer.iterations) == 2
    written = json.loads((out / "model" / "config.json").read_text("utf-8"))
    assert written["dtype"] == "float16"
    tensors = load_file(out / "model" / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype("float16")}


def refused(match, corpus, out, **fields):
    with pytest.raises(OptionError, match=match):
        Pretraining(**fields).fit(corpus, out)
    assert not (out / "recipe.json").exists()


def test_invalid_options_are_refused_before_a_run_is_made(fields, little_corpus, tmp_path):
    out = tmp_path / "run"
    refused(
        "--sentence-order needs", little_corpus, out, objective="causal_lm", sentence_order=True
    )
    refused("less than a row of 64 tokens", little_corpus, out, batch_tokens=32, length=64)
    refused("There is no folder nowhere", little_corpus, out, vocabulary="nowhere")
    refused(
        "There is no configuration", little_corpus, out, **{**fields, "model_config": "nowhere"}
    )
    refused(
        "trains a model as seq2seq, but bert supports only",
        little_corpus,
        out,
        **{**fields, "objective": "span", "family": "bert"},
    )


def test_text_that_cannot_be_read_is_an_error_with_status_2(fields, tmp_path, capsys):
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"good words\n\nbad \xff\n")
    assert main(words_of(fields, bad, tmp_path / "run")) == 2
    message = capsys.readouterr().err
    assert "bad.txt" in message
    assert "Traceback" not in message
    assert not (tmp_path / "run" / "recipe.json").exists()
    assert main(words_of(fields, tmp_path / "nowhere.txt", tmp_path / "other")) == 2
    assert "There is no" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_a_loss_that_is_not_finite_stops_the_run(fields, little_corpus, tmp_path, capsys):
    changes = {**fields, "learning_rate": 1e30, "steps": 6}
    assert main(words_of(changes, little_corpus, tmp_path / "run")) == 2
    assert "smaller" in capsys.readouterr().err
    assert (tmp_path / "run" / "checkpoints").is_dir()
