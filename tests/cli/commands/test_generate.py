"""`hornbook generate`."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from hornbook.cli import main
from hornbook.generation import Result


@pytest.fixture(scope="module")
def folder(gpt2_ml_folder):
    return gpt2_ml_folder(positions=2048)


def generate(*words):
    return main(["generate", *map(str, words)])


def test_the_text_of_one_prompt_is_streamed(folder, capsys):
    import hornbook

    assert generate(folder, "今天", "--max-new-tokens", 5) == 0
    printed = capsys.readouterr()
    assert printed.out == hornbook.load(folder).generate("今天", max_new_tokens=5) + "\n"
    assert "characters in" in printed.err


def test_generation_config_json_sets_the_stop_tokens(folder, tmp_path, capsys):
    import shutil

    import hornbook

    token_ids = hornbook.load(folder).generate("今天", max_new_tokens=9, details=True).token_ids
    stop = int(token_ids[3])
    first = list(token_ids).index(stop) + 1
    configured = shutil.copytree(
        folder, tmp_path / "told", ignore=shutil.ignore_patterns("manifest*")
    )
    content = json.dumps({"eos_token_id": [1, stop], "max_new_tokens": 9, "num_beams": 1})
    (configured / "generation_config.json").write_text(content, "utf-8")
    (configured / "LICENSE").write_text("law", "utf-8")
    model = hornbook.load(configured)
    result = model.generate("今天", details=True)
    assert (result.token_ids.tolist(), result.finish_reason) == (
        token_ids[:first].tolist(),
        "stop_id",
    )
    assert generate(configured, "今天") == 0
    printed = capsys.readouterr()
    assert printed.out == result.text + "\n"
    assert f"generation_config.json: stop_ids [1, {stop}], max_new_tokens 9" in printed.err
    model.save(tmp_path / "again", layout="google")
    assert json.loads((tmp_path / "again/generation_config.json").read_text()) == json.loads(
        content
    )
    assert (tmp_path / "again/LICENSE").read_text("utf-8") == "law"


def test_texts_of_several_prompts_are_json_lines(folder, capsys):
    options = ["--max-new-tokens", 4, "--temperature", 1.0, "--n", 2, "--seed", 7]
    assert generate(folder, "今天", "我们", *options) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["prompt"] for row in rows] == ["今天", "今天", "我们", "我们"]
    assert all(row["finish_reason"] in ("max_new_tokens", "stop_id") for row in rows)


def test_prompts_are_read_from_files_and_standard_input(folder, tmp_path, capsys, monkeypatch):
    file = tmp_path / "prompts.txt"
    file.write_text('今天\n\n{"prompt": "我们"}\n', "utf-8")
    out = tmp_path / "out.jsonl"
    assert generate(folder, "--file", file, "--out", out, "--max-new-tokens", 3) == 0
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [row["prompt"] for row in rows] == ["今天", "我们"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("天气\n".encode())))
    assert generate(folder, "--file", "-", "--max-new-tokens", 3) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["prompt"] == "天气"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Give prompts as arguments"),
        (["今天", "--top-p", "3"], "top_p is 3.0"),
        (["今天", "--out", "x.pdf"], "the suffix determines the format"),
        ([""], "empty"),
        (["今" * 2070], "Prompt 1 has 2070 tokens"),
        (["今天", "--n", "3"], "would be identical"),
        (["今天", "我", "  "], "Prompt 3 is empty"),
        (["今天", "我", "--batch-size", "0"], "batch_size is 0"),
        (["今天", "--stop-token", "天气"], "is 2 tokens of this vocabulary"),
        (["今天", "--beams", "2", "--temperature", "1"], "Beam search does not sample"),
        (["今天", "--only-from", "nowhere.txt"], "nowhere.txt"),
        (["今天", "--draft", "nowhere"], "nowhere"),
    ],
)
def test_invalid_requests_are_one_message(folder, capsys, words, message):
    assert generate(folder, *words) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert not printed.out


def test_an_invalid_line_of_a_file_is_named(folder, tmp_path, capsys):
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "今天"}\n{"text": "我们"}\n', "utf-8")
    assert generate(folder, "--file", file) == 2
    assert f"{file}:2: expected" in capsys.readouterr().err


@pytest.mark.parametrize("indent", [None, 1])
def test_prompts_of_a_json_array_are_its_rows(folder, tmp_path, capsys, indent):
    file = tmp_path / "prompts.json"
    file.write_text(json.dumps([{"prompt": "今天"}, {"prompt": "我们"}], indent=indent), "utf-8")
    assert generate(folder, "--file", file, "--max-new-tokens", 2) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["prompt"] for row in rows] == ["今天", "我们"]


def test_options_may_precede_prompts(folder, capsys):
    assert generate(folder, "--max-new-tokens", 2, "今天", "--seed", 1, "我们") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["prompt"] for row in rows] == ["今天", "我们"]
    with pytest.raises(SystemExit):
        generate(folder, "今天", "--no-such-option", "我们")
    assert "Unknown option --no-such-option" in capsys.readouterr().err


def test_constraints_and_stops_are_passed_on(folder, tmp_path, monkeypatch):
    recorded = {}

    class Recorder:
        generation = None  # of generation_config.json

        def streams(self, **options):
            return True

        def stream(self, prompt, **options):
            recorded.update(options)
            return iter(["written"])

        def generate_each(self, prompts, **options):
            recorded.update(options)
            return iter([Result(0, np.array([5]), np.zeros(1), 0.0, "stop_id", "written")])

    monkeypatch.setattr("hornbook.pretrained.load", lambda folder, **options: Recorder())
    passages = tmp_path / "passages.txt"
    passages.write_text("我们很好\n\n天气不错\n", "utf-8")
    ends = ["--stop", "从不", "--stop-token", "。", "--min-ends", 2, "--ignore-ends-before", 3]
    what = ["--choice", "很好", "--choice", "不好", "--bad-word", "很", "--prefix", "我"]
    assert generate(folder, "今天", *ends, *what, "--only-from", passages) == 0
    assert recorded == {
        "stop_strings": ["从不"],
        "stop_ids": ["。"],
        "min_ends": 2,
        "ignore_ends_before": 3,
        "one_of": ["很好", "不好"],
        "bad_words": ["很"],
        "forced_prefix": "我",
        "only_from": ["我们很好", "天气不错"],
    }
    assert generate(folder, "今天", "--draft", folder, "--batch-size", 3) == 0
    assert isinstance(recorded["draft"], Recorder)
    assert recorded["batch_size"] == 3


def test_a_closed_and_an_interrupted_stream_end_quietly(folder):
    command = [sys.executable, "-m", "hornbook", "generate", str(folder), "今天"]
    options = ["--temperature", "1", "--ignore-ends-before", "2000", "--max-new-tokens", "2000"]
    for way, status in (("close", 0), ("interrupt", 130)):
        with subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as child:
            assert child.stdout.read(1)
            if way == "interrupt":
                child.send_signal(signal.SIGINT)
                child.stdout.read()
            child.stdout.close()
            messages = child.stderr.read().decode()
        assert child.returncode == status, messages
        assert "Traceback" not in messages
        assert ("stopped" in messages) == (way == "interrupt")
