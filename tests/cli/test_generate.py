"""`hornbook generate`, as a person types it."""

from __future__ import annotations

import io
import json
import sys

import pytest

from hornbook.cli import main

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from hornbook.models.building import make_model
    from hornbook.models.families import FAMILIES
    from hornbook.pretrained import Pretrained
    from hornbook.text.wordpiece import WordPieceTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"今天气不错很好。，我们"]
    config = FAMILIES["gpt2-ml"].configure(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        heads=("mlm",),
    )
    model = make_model(config)
    model.build()
    target = tmp_path_factory.mktemp("model") / "tiny"
    Pretrained(model, WordPieceTokenizer(words)).save(target, layout="google")
    return target


def generate(*words):
    return main(["generate", *map(str, words)])


def test_one_prompt_is_written_as_it_comes(folder, capsys):
    import hornbook

    assert generate(folder, "今天", "--max-new-tokens", 5) == 0
    printed = capsys.readouterr()
    assert printed.out == hornbook.load(folder).generate("今天", max_new_tokens=5) + "\n"
    assert "characters in" in printed.err


def test_several_prompts_are_json_lines(folder, capsys):
    options = ["--max-new-tokens", 4, "--temperature", 1.0, "--n", 2, "--seed", 7]
    assert generate(folder, "今天", "我们", *options) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["prompt"] for row in rows] == ["今天", "今天", "我们", "我们"]
    assert all(row["finish_reason"] in ("max_new_tokens", "stop_id") for row in rows)


def test_prompts_come_from_files_and_standard_input(folder, tmp_path, capsys, monkeypatch):
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
        ([], "Give prompts as words"),
        (["今天", "--top-p", "3"], "top_p is 3.0"),
        (["今天", "--out", "x.pdf"], "the ending says the format"),
        ([""], "empty"),
        (["今" * 70], "Prompt 1 has 70 tokens"),
        (["今天", "--n", "3"], "would be the same"),
    ],
)
def test_what_cannot_be_written_is_one_message(folder, capsys, words, message):
    assert generate(folder, *words) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert not printed.out


def test_a_broken_line_of_a_file_is_named(folder, tmp_path, capsys):
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "今天"}\n{"text": "我们"}\n', "utf-8")
    assert generate(folder, "--file", file) == 2
    assert f"{file}:2: expected" in capsys.readouterr().err
