"""`hornbook evaluate MODEL FILE`."""

from __future__ import annotations

import io
import json
import math
import sys

import pytest

import hornbook
from hornbook.cli import main

LINES = ["今天天气不错", "我们很好。", "very good", "天气，很好"]


@pytest.fixture(scope="module")
def folder(gpt2_ml_folder):
    return gpt2_ml_folder("good", positions=16)


@pytest.fixture
def corpus(tmp_path):
    file = tmp_path / "corpus.txt"
    file.write_text("\n".join(LINES) + "\n\n", "utf-8")
    return file


def figures(capsys, *words):
    assert main(["evaluate", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_whole_file_is_scored_in_windows(folder, corpus, capsys):
    metrics = figures(capsys, folder, corpus, "--window", 8, "--stride", 6)
    text = corpus.read_text("utf-8")
    score = hornbook.load(folder).score(text, window=8, stride=6)
    assert metrics["tokens"] == len(score.token_ids) == 17
    assert metrics["unknown_tokens"] == 1  # very
    assert metrics["log_likelihood"] == pytest.approx(score.total)
    assert metrics["perplexity"] == pytest.approx(score.perplexity)
    # the first token, which has no context, does not count
    assert (metrics["characters"], metrics["bytes"]) == (len(text) - 1, len(text.encode()) - 3)
    for kind in ("character", "byte"):
        mean = score.total / metrics[f"{kind}s"]
        assert metrics[f"perplexity_per_{kind}"] == pytest.approx(math.exp(-mean))
    assert 2 ** metrics["bits_per_byte"] == pytest.approx(metrics["perplexity_per_byte"])
    assert (metrics["texts"], metrics["window"], metrics["stride"]) == (1, 8, 6)
    assert main(["evaluate", str(folder), str(corpus)]) == 0
    printed = capsys.readouterr()
    assert f"on {corpus}" in printed.out
    assert "perplexity per character" in printed.out
    assert "tokens" in printed.err


def test_lines_and_rows_are_separate_texts(folder, corpus, capsys, monkeypatch):
    model = hornbook.load(folder)
    total = sum(score.total for score in model.score(LINES))
    metrics = figures(capsys, folder, corpus, "--lines")
    assert (metrics["texts"], metrics["tokens"]) == (4, 14)
    assert metrics["log_likelihood"] == pytest.approx(total)
    rows = [{"prompt": "今天", "text": line} for line in LINES]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    file = corpus.with_suffix(".jsonl")
    file.write_text(lines, "utf-8")
    total = sum(score.total for score in model.score(LINES, prompts=["今天"] * 4))
    metrics = figures(capsys, folder, file)
    assert metrics["log_likelihood"] == pytest.approx(total)
    assert metrics["characters"] == sum(map(len, LINES))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("今天很好".encode())))
    assert figures(capsys, folder, "-")["tokens"] == 3


def test_other_dtypes_are_compared_with_float32(folder, corpus, capsys):
    reference = figures(capsys, folder, corpus)
    assert reference["dtype"] == "float32"
    metrics = figures(capsys, folder, corpus, "--dtype", "bfloat16")
    assert metrics["dtype"] == "bfloat16"
    assert metrics["perplexity_of_float32"] == pytest.approx(reference["perplexity"])
    change = metrics["perplexity"] / reference["perplexity"] - 1
    assert metrics["perplexity_change"] == pytest.approx(change)
    assert 0 < abs(change) < 0.05
    assert main(["evaluate", str(folder), str(corpus), "--dtype", "bfloat16"]) == 0
    printed = capsys.readouterr().out
    assert f"{change:+.3%}" in printed
    assert "bfloat16" in printed


@pytest.mark.parametrize(
    ("name", "content", "words", "message"),
    [
        ("none.txt", "\n \n", [], "has no text"),
        ("one.txt", "今", [], "no token that could be scored"),
        ("bad.txt", b"\xe4\xbb\x8a\n\xff\xfe", [], "bad.txt:2"),
        ("a.jsonl", '{"text": "今天"}\n{"txt": 1}\n', [], 'a.jsonl:2: expected {"text"'),
        (
            "b.jsonl",
            '{"text": "今天", "prompt": "我"}\n{"text": "今天"}\n',
            [],
            "a prompt for 1 only",
        ),
        ("c.txt", "今天很好", ["--window", 1], "window is 1"),
        ("d.txt", "今天很好", ["--window", 4, "--stride", 4], "stride is 4"),
        ("f.txt", "今天很好", ["--dtype", "float64"], "float64"),
        ("e.txt", "今天很好", ["--application", "prefix_lm"], "give a .jsonl file"),
    ],
)
def test_invalid_input_is_one_message(folder, tmp_path, capsys, name, content, words, message):
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(content)
    assert main(["evaluate", str(folder), str(tmp_path / name), *map(str, words)]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert not printed.out


def test_options_for_models_are_refused_for_runs(tmp_path, capsys):
    (tmp_path / "recipe.json").write_text("{}")
    assert main(["evaluate", str(tmp_path), "data", "--window", "8"]) == 2
    assert "--window is for language models" in capsys.readouterr().err
