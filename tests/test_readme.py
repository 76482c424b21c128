"""Every example of both READMEs runs, on small files of the names that stand in them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from hornbook.cli import COMMANDS, main

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.zh.md")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# what the README asks a person to type first; CI types it
INSTALLING = ("pip install",)

SIZES = {
    "hidden_size": 768,
    "num_hidden_layers": 1,
    "num_attention_heads": 12,
    "intermediate_size": 32,
    "max_position_embeddings": 256,
}


def blocks(name: str) -> list[tuple[str, str]]:
    return BLOCK.findall((ROOT / name).read_text("utf-8"))


def commands(name: str) -> list[list[str]]:
    lines = [line for kind, text in blocks(name) if not kind for line in text.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("hornbook ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, draw_classes, tiny_backbone):
    """A place in which every path of the README exists, in small."""
    from hornbook.models.building import make_model
    from hornbook.models.families import FAMILIES
    from hornbook.pretrained import Pretrained
    from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

    folder = tmp_path_factory.mktemp("readme")
    texts = ["明天下雨吗", "明天会下雨么", "今天天气真好", "语言模型"]
    rows = [
        {"source": texts[i % 4], "target": texts[(i + i % 2) % 4], "label": 1 - i % 2}
        for i in range(16)
    ]
    questions = folder / "data" / "questions"
    questions.mkdir(parents=True)
    for file in (questions / "train.jsonl", questions / "valid.jsonl", folder / "pairs.jsonl"):
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    reviews = folder / "reviews"
    reviews.mkdir()
    labeled = [{"text": texts[i % 4], "label": "ab"[i % 2]} for i in range(16)]
    for file in (reviews / "train.jsonl", reviews / "valid.jsonl", folder / "new.jsonl"):
        file.write_text("".join(json.dumps(row) + "\n" for row in labeled), "utf-8")
    facts = folder / "facts"
    facts.mkdir()
    for split in ("train", "valid"):
        row = {"text": "明天天气真好", "relations": [["明天", "天气", "真好"]]}
        (facts / f"{split}.jsonl").write_text((json.dumps(row) + "\n") * 8, "utf-8")
    news = folder / "news"
    news.mkdir()
    for split in ("train", "valid"):
        one = {"type": "天气", "trigger": "天气", "arguments": [{"role": "时间", "text": "明天"}]}
        row = {"text": "明天天气真好", "events": [one]}
        (news / f"{split}.jsonl").write_text((json.dumps(row) + "\n") * 8, "utf-8")
    names = folder / "names"
    names.mkdir()
    tagged = "".join(f"{a} {b}\n" for a, b in zip("明天会", ("B-day", "I-day", "O"), strict=True))
    for split in ("train", "valid"):
        (names / f"{split}.bio").write_text(f"{tagged}\n" * 8, "utf-8")
    manual = folder / "manual"
    manual.mkdir()
    asked = {"question": "天气？", "context": "今天天气真好", "answer": "真好"}
    for file in (manual / "train.jsonl", manual / "valid.jsonl", folder / "questions.jsonl"):
        file.write_text((json.dumps(asked) + "\n") * 8, "utf-8")
    (folder / "texts.txt").write_text("\n".join(texts), "utf-8")
    random = np.random.default_rng(0)
    lines = [" ".join(random.choice(texts, 3)) for _ in range(60)]
    (folder / "corpus").mkdir()
    (folder / "corpus" / "texts.txt").write_text("\n\n".join(lines), "utf-8")
    baskets = "bread,milk\nbread,butter,milk\nbread,milk\ntea\n"
    (folder / "baskets.csv").write_text(baskets, "utf-8")
    words = ["[PAD]", *(f"[unused{i}]" for i in range(1, 100)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = words + sorted(set("".join(texts)))
    fields = {**SIZES, "vocab_size": len(vocabulary), "heads": ("pooler", "mlm", "nsp")}
    model = make_model(FAMILIES["bert"].configure(**fields))
    model.build()
    Pretrained(model, WordPieceTokenizer(vocabulary)).save(
        folder / "chinese_L-12_H-768_A-12", layout="google"
    )
    characters = sorted(set("今天天气不错明天下雨"))
    fields = {**SIZES, "vocab_size": len(words) + len(characters), "heads": ("mlm",)}
    writer = make_model(FAMILIES["gpt2-ml"].configure(**fields))
    writer.build()
    Pretrained(writer, WordPieceTokenizer([*words, *characters])).save(
        folder / "chinese_gpt2_ml", layout="google"
    )
    draw_classes(folder / "flowers")
    draw_classes(folder / "new", count=1, seed=1)
    return folder


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HORNBOOK_QUIET", "1")
    return folder


def test_both_readmes_have_the_same_examples():
    first, second = (
        [text for _, text in blocks(name) if "pip" not in text or "hornbook" in text]
        for name in READMES
    )
    assert first == second
    headings = [re.findall(r"^#+ ", (ROOT / name).read_text("utf-8"), re.M) for name in READMES]
    assert headings[0] == headings[1]


def test_every_link_of_the_readmes_exists():
    for name in READMES:
        text = (ROOT / name).read_text("utf-8")
        for target in re.findall(r"\]\(([^)]+)\)", text):
            assert target.startswith("https://") or (ROOT / target).exists(), target


def test_the_commands_of_the_readme_run_in_order(here, capsys):
    for number, words in enumerate(commands("README.md")):
        assert words[0] in COMMANDS
        if words[0] == "train":
            # runs are never overwritten, and the README names one twice
            if Path(words[words.index("--out") + 1]).exists():
                words[words.index("--out") + 1] += f"-{number}"
            words += ["--epochs", "1"]
            if words[1] == "images":
                words += ["--backbone", "Tiny", "--weights", "none", "--size", "32"]
            elif words[1] == "captcha":
                words += ["--size", "40x16"]
            else:
                words += ["--hidden-size", "64", "--num-hidden-layers", "1"]
        if words[0] == "pretrain":
            words += ["--size", "tiny", "--steps", "1", "--vocabulary-size", "100"]
            words += ["--length", "16", "--batch-tokens", "64"]
        if words[:2] == ["make", "captchas"]:
            words += ["--count", "20", "--size", "40x16", "--workers", "0"]
        assert main(words) == 0, capsys.readouterr().err
        assert capsys.readouterr().out


def test_the_python_of_the_readme_runs(here):
    code = "\n".join(text for kind, text in blocks("README.md") if kind == "python")
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["vectors"].shape == (2, 768)
    assert np.isfinite(names["vectors"]).all()
    assert (here / "for-transformers" / "model.safetensors").is_file()
    assert names["smaller"].config.vocab_size == 5
    assert isinstance(names["text"], str)
    assert [len(texts) for texts in names["best"]] == [2, 2]
