"""Every example runs, on toy files."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    from hornbook.models.configuration.transformer_config import TransformerConfig
    from hornbook.models.transformer import Transformer
    from hornbook.pretrained import Pretrained
    from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"语言模型今天气真好不错科学是生产力",
        "天气",
    ]
    config = TransformerConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        heads=("mlm",),
    )
    model = Transformer(config)
    model.build()
    folder = tmp_path_factory.mktemp("model") / "bert"
    Pretrained(model, WordPieceTokenizer(words)).save(folder, layout="google")
    return folder


@pytest.fixture(scope="module")
def writer_folder(gpt2_ml_folder):
    return gpt2_ml_folder(positions=200)


@pytest.fixture(scope="module")
def pairs_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs") / "questions"
    folder.mkdir()
    rows = [
        {"source": "明天", "target": "明日" if i % 2 else "昨天", "label": i % 2} for i in range(20)
    ]
    for split in ("train", "valid"):
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text("".join(lines), "utf-8")
    return folder.parent


def run_example(name, arguments, monkeypatch, capsys):
    path = next(path for path in EXAMPLES if path.stem == name)
    monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
    runpy.run_path(str(path), run_name="__main__")
    return capsys.readouterr().out


def test_every_example_has_a_test_here():
    tests = Path(__file__).read_text("utf-8")
    tested = re.findall(r'run_example\(\s*"(\w+)"', tests)
    assert sorted(tested) == [path.stem for path in EXAMPLES]


def test_extract_features_prints_similarities(model_folder, monkeypatch, capsys):
    out = run_example(
        "extract_features", [model_folder, "语言模型", "今天天气真好"], monkeypatch, capsys
    )
    rows = [line.split() for line in out.splitlines()]
    assert [row[-1] for row in rows] == ["语言模型", "今天天气真好"]
    assert [rows[0][0], rows[1][1]] == ["1.000", "1.000"]
    assert float(rows[0][1]) < 1


def test_fill_mask_prints_five_texts_and_one_filled_at_once(model_folder, monkeypatch, capsys):
    text = "科学[MASK][MASK]是生产力"
    out = run_example("fill_mask", [model_folder, text], monkeypatch, capsys)
    *best, at_once = out.splitlines()
    assert len(best) == 5
    scores = [float(line.split()[0]) for line in best]
    assert scores == sorted(scores, reverse=True)
    assert all(line.split()[1].startswith("科学") for line in [*best, f"0 {at_once}"])


def test_read_passages_extracts_answers(model_folder, monkeypatch, capsys):
    passages = ["今天天气真好", "科学是生产力"]
    arguments = [model_folder, "天气好不好", *passages]
    out = run_example("read_passages", arguments, monkeypatch, capsys)
    *written, voted = out.splitlines()
    for line, passage in zip(written, passages, strict=True):
        assert line[10:] in passage
    assert voted == "None" or any(voted in passage for passage in passages)


def test_a_smaller_vocabulary_keeps_all_vectors(model_folder, tmp_path, monkeypatch, capsys):
    import hornbook

    target = tmp_path / "smaller"
    run_example("smaller_vocabulary", [model_folder, target], monkeypatch, capsys)
    before, after = hornbook.load(model_folder), hornbook.load(target)
    assert after.config.vocab_size == before.config.vocab_size - 1  # without the word 天气
    texts = ["语言模型", "真好"]
    assert abs(before.encode(texts) - after.encode(texts)).max() < 1e-6


def test_text_matching_trains_and_predicts(pairs_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HORNBOOK_QUIET", "1")
    out = run_example("text_matching", [pairs_folder, tmp_path / "run"], monkeypatch, capsys)
    assert re.search(r"^mean F1 [01]\.\d", out)
    assert re.search(r"^questions 0\.\d+ (match|no match)$", out, re.MULTILINE)


def test_a_conditional_norm_learns_two_moods(monkeypatch, capsys):
    out = run_example("conditional_norm", [], monkeypatch, capsys)
    assert float(out.split()[-1]) < 0.02


@pytest.fixture(scope="module")
def gpt2_folder(tmp_path_factory):
    """A GPT-2 of random weights, and words for a vocabulary."""
    import numpy as np

    from hornbook.models.building import make_model
    from hornbook.models.families import FAMILIES
    from hornbook.models.variables import named_variables
    from hornbook.pretrained import Pretrained
    from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"今天气真好不错很我们去公园"]
    config = FAMILIES["gpt2"].configure(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=32,
        heads=("mlm",),
    )
    model = make_model(config)
    model.build()
    random = np.random.default_rng(0)
    for variable in named_variables(model).values():
        variable.assign(random.normal(0, 0.4, variable.shape).astype("float32"))
    folder = tmp_path_factory.mktemp("model") / "gpt2"
    Pretrained(model, WordPieceTokenizer(words)).save(folder)
    return folder


def test_gpt2_on_one_page_generates_what_hornbook_generates(gpt2_folder, monkeypatch, capsys):
    import hornbook

    page = runpy.run_path(str(next(path for path in EXAMPLES if path.stem == "gpt2_on_one_page")))
    config = page["Config"].read(gpt2_folder)
    weights = page["read_weights"](gpt2_folder, config)
    model = hornbook.load(gpt2_folder)
    assert sum(weight.size for weight in weights.values()) == model.model.count_params()
    expected = model.generate([[5, 6, 7], [9]], max_new_tokens=8, stop_ids=[])
    assert [page["generate"](ids, weights, config, 8) for ids in ([5, 6, 7], [9])] == expected
    assert len(set(expected[0])) > 1
    out = run_example("gpt2_on_one_page", [gpt2_folder, "今天", 4], monkeypatch, capsys)
    assert out.startswith("今天")
    assert len((Path(page["__file__"])).read_text("utf-8").splitlines()) <= 250


def test_gpt2_ml_prints_three_continuations(writer_folder, monkeypatch, capsys):
    out = run_example("gpt2_ml", [writer_folder, "今天天气不错"], monkeypatch, capsys)
    texts = out.strip().split("\n\n")
    assert len(texts) == 3 == len(set(texts))
    assert all(text.startswith("今天天气不错") for text in texts)
    # [PAD] and its like are not shown; 128 tokens come before the first full stop counts
    assert all(len(text) > 60 for text in texts)


@pytest.mark.parametrize("columns", [7, 0])
def test_captchas_are_read_with_onnxruntime_and_pillow(columns, tmp_path, monkeypatch, capsys):
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save
    from PIL import Image

    # as `hornbook export` writes it, but whatever the image: the slots say b, a, nothing, and
    # the columns, where there are any, nothing, b, b, nothing, b, a, nothing
    best = [2, 1, 0, 0, 2, 2, 0, 2, 1, 0][: 3 + columns]
    logits = np.eye(3, dtype="float32")[best][None]
    logits = numpy_helper.from_array(logits, "value")
    node = helper.make_node("Constant", [], ["logits"], value=logits)
    pixels = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 16, 40, 3])
    out = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 3 + columns, 3])
    graph = helper.make_graph([node], "reader", [pixels], [out])
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, ir_version=9, opset_imports=opsets)
    helper.set_model_props(model, {"characters": "ab", "slots": "3"})
    save(model, tmp_path / "model.onnx")
    Image.new("RGBA", (80, 30), (0, 0, 0, 0)).save(tmp_path / "x.png")
    arguments = [tmp_path / "model.onnx", tmp_path / "x.png"]
    out = run_example("read_captcha_onnx", arguments, monkeypatch, capsys)
    assert out == f"{tmp_path / 'x.png'}\t{'bba' if columns else 'ba'}\n"
