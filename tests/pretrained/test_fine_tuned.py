"""Folders that trainers and transformers write: fine-tuned heads, wrapped names, unusual keys."""

from __future__ import annotations

import json

import numpy as np
import pytest
from keras import ops

from hornbook.checkpoints import SafetensorsFile, write_safetensors
from hornbook.errors import CheckpointError, OptionError
from hornbook.models.families import FAMILIES
from hornbook.pretrained import Pretrained, load
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

IDS = np.array([[5, 6, 7, 8]])
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]


def tensors_of(folder):
    file = SafetensorsFile(folder / "model.safetensors")
    return {name: file.read(name) for name in file.names()}


def change(folder, tensors=None, **words):
    """Writes other tensors and keys of config.json, without hornbook's own keys and checksums."""
    (folder / "manifest.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    config.pop("hornbook", None)
    (folder / "config.json").write_text(json.dumps({**config, **words}))
    if tensors is not None:
        write_safetensors(folder / "model.safetensors", tensors)


@pytest.fixture
def folder(tiny_family, tmp_path):
    """Returns the folder of a tiny BERT in Hugging Face's layout, with a vocabulary."""
    model = tiny_family(FAMILIES["bert"], heads=("pooler",))
    Pretrained(model, WordPieceTokenizer(WORDS)).save(tmp_path / "model")
    change(tmp_path / "model")
    return tmp_path / "model"


def fine_tuned(folder, labels=3, **words):
    random = np.random.default_rng(0)
    head = {
        "classifier.weight": random.normal(size=(labels, 12)).astype("float32"),
        "classifier.bias": random.normal(size=labels).astype("float32"),
    }
    change(folder, tensors_of(folder) | head, **words)
    return head


def test_a_fine_tuned_folder_is_loaded_as_its_encoder_and_names_the_unused_head(folder, capsys):
    before = load(folder).encode(["abc"])
    fine_tuned(folder, architectures=["BertForSequenceClassification"])
    capsys.readouterr()
    model = load(folder)
    notes = capsys.readouterr().err
    assert "classifier.bias, classifier.weight of model.safetensors are not used" in notes
    assert "heads=['classification']" in notes
    np.testing.assert_array_equal(model.encode(["abc"]), before)
    assert model.config.heads == ("pooler",)
    with pytest.raises(OptionError, match="no fine-tuned head"):
        model.classify(["abc"])


def test_a_fine_tuned_head_is_read_on_request_with_its_labels_and_saved(folder, tmp_path, capsys):
    head = fine_tuned(folder, id2label={"0": "bad", "1": "fair", "2": "good"})
    model = load(folder, heads=["classification"])
    assert "not used" not in capsys.readouterr().err
    assert model.labels == ["bad", "fair", "good"]
    logits = model.classify(["abc", "a"])
    pooled = model.encode(["abc", "a"], pooling="pooler")
    expected = pooled @ head["classifier.weight"].T + head["classifier.bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(model.classify("abc"), expected[0], rtol=1e-5, atol=1e-5)
    for layout in ("huggingface", "google", "keras"):
        model.save(tmp_path / layout, layout=layout)
        again = load(tmp_path / layout)
        assert again.labels == ["bad", "fair", "good"]
        np.testing.assert_allclose(again.classify(["abc", "a"]), logits, rtol=1e-6, atol=1e-6)


def test_labels_without_names_have_numbers_and_tokens_have_labels_of_their_own(folder):
    head = fine_tuned(folder)
    model = load(folder, heads=["token_classification"])
    assert model.labels == ["LABEL_0", "LABEL_1", "LABEL_2"]
    [logits] = model.classify(["abc"])
    ids = model.tokenizer.encode("abc").token_ids
    x = ops.convert_to_numpy(model(np.array([ids])))[0]
    expected = x @ head["classifier.weight"].T + head["classifier.bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod.", "model."])
def test_a_wrappers_prefix_is_ignored_and_noted(folder, capsys, wrapper):
    before = ops.convert_to_numpy(load(folder)(IDS))
    wrapped = {wrapper + name: tensor for name, tensor in tensors_of(folder).items()}
    change(folder, wrapped)
    capsys.readouterr()
    model = load(folder)
    assert f"starts with {wrapper!r}" in capsys.readouterr().err
    np.testing.assert_array_equal(ops.convert_to_numpy(model(IDS)), before)


def test_other_families_are_not_taken_for_a_wrapper(folder):
    renamed = {name.replace("bert.", "roberta."): a for name, a in tensors_of(folder).items()}
    change(folder, renamed)
    with pytest.raises(CheckpointError, match="missing"):
        load(folder)


def test_weights_under_a_key_of_a_dict_are_read(folder, capsys):
    torch = pytest.importorskip("torch")
    before = ops.convert_to_numpy(load(folder)(IDS))
    tensors = {f"model.{n}": torch.tensor(array) for n, array in tensors_of(folder).items()}
    state = {"state_dict": tensors, "epoch": 3, "optimizer_states": [{"lr": 0.1}]}
    torch.save(state, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    change(folder)
    capsys.readouterr()
    model = load(folder)
    notes = capsys.readouterr().err
    assert "'state_dict' in pytorch_model.bin" in notes
    assert "starts with 'model.'" in notes
    np.testing.assert_array_equal(ops.convert_to_numpy(model(IDS)), before)


def test_keys_of_every_config_are_known_and_kept(folder, tmp_path):
    keys = {
        "_model_name_or_path": "x",
        "unk_token_id": 1,
        "num_labels": 1,
        "task_specific_params": None,
        "cross_attention_hidden_size": None,
        "pruned_heads": {},
        "quantization_config": None,
    }
    change(folder, **keys)
    load(folder).save(tmp_path / "again")
    assert keys.items() <= json.loads((tmp_path / "again" / "config.json").read_text()).items()


def test_an_ignored_key_stays_ignored_in_a_saved_model(folder, tmp_path):
    change(folder, flux_capacity=3)
    with pytest.raises(CheckpointError, match=r"unknown key 'flux_capacity'.\n.*--ignore-config"):
        load(folder)
    load(folder, ignore_config=["flux_capacity"]).save(tmp_path / "again")
    assert load(tmp_path / "again").config.extra["flux_capacity"] == 3


@pytest.mark.parametrize("key", ["num_labls", "flux", "unk_token", "layers_to_watch"])
def test_only_similar_keys_are_suggested_for_an_unknown_one(folder, key):
    change(folder, **{key: 1})
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    assert "Did you mean" not in str(caught.value)


def test_a_quantized_checkpoint_is_one_sentence(folder):
    change(folder, quantization_config={"quant_method": "awq", "bits": 4})
    with pytest.raises(CheckpointError, match=r"quantized \(awq, 4 bits\).*take the checkpoint"):
        load(folder)
    change(folder, tensors_of(folder) | {"bert.x.qweight": np.zeros((2, 2), "int32")})
    change(folder, quantization_config=None)
    with pytest.raises(CheckpointError, match="quantized weights"):
        load(folder)


def test_float8_is_one_sentence(folder):
    file = folder / "model.safetensors"
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for entry in header.values():
        if "dtype" in entry:
            entry["dtype"], entry["shape"] = (
                "F8_E4M3",
                [*entry["shape"][:-1], entry["shape"][-1] * 4],
            )
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    with pytest.raises(CheckpointError, match=r"F8_E4M3.*convert them to bfloat16") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["bert", "roberta", "albert", "electra-generator", "modernbert", "gpt2", "t5", "bart"]
)
def test_a_head_that_differs_from_the_embedding_stays_untied(tiny_family, tmp_path, capsys, name):
    family = FAMILIES[name]
    model = tiny_family(family, "huggingface", num_hidden_layers=1)
    Pretrained(model, None).save(tmp_path / "tied")
    table = family.head_table["huggingface"]
    tensors = tensors_of(tmp_path / "tied")
    assert table not in tensors
    words = model.config.embedding_size or model.config.hidden_size
    own = np.random.default_rng(0).normal(size=(40, words)).astype("float32")
    change(tmp_path / "tied", tensors | {table: own})
    loaded = load(tmp_path / "tied", family=name)
    assert f"{table} differs from" in capsys.readouterr().err
    np.testing.assert_array_equal(ops.convert_to_numpy(loaded.model.mlm.decoder.embeddings), own)
    loaded.save(tmp_path / "again")
    again = load(tmp_path / "again")
    assert "differs" not in capsys.readouterr().err
    np.testing.assert_array_equal(ops.convert_to_numpy(again.model.mlm.decoder.embeddings), own)


def test_a_copy_of_the_embedding_leaves_the_head_tied(tiny_family, tmp_path, capsys):
    model = tiny_family(FAMILIES["gpt2"], num_hidden_layers=1)
    Pretrained(model, None).save(tmp_path / "model")
    tensors = tensors_of(tmp_path / "model")
    change(tmp_path / "model", tensors | {"lm_head.weight": tensors["transformer.wte.weight"]})
    assert load(tmp_path / "model").config.tie_word_embeddings
    assert "differs" not in capsys.readouterr().err


def test_one_embedding_under_two_names_with_different_values_is_refused(tiny_family, tmp_path):
    model = tiny_family(FAMILIES["bart"], num_hidden_layers=1)
    Pretrained(model, None).save(tmp_path / "model")
    tensors = tensors_of(tmp_path / "model")
    other = tensors["model.shared.weight"] + 1
    change(tmp_path / "model", tensors | {"model.encoder.embed_tokens.weight": other})
    with pytest.raises(CheckpointError, match="should be equal, but differ"):
        load(tmp_path / "model")
