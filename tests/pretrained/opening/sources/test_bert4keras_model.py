"""What users of bert4keras saved opens, and computes what the original computed."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pytest
from keras import ops

import hornbook
from hornbook.checkpoints import find_checkpoint
from hornbook.cli import main
from hornbook.describing import describe_folder
from hornbook.errors import CheckpointError

# case: file, family, application, head
CASES = {
    "bert": ("whole.h5", "bert", "encoder", "mlm"),
    "pooled": ("best_model.weights", "bert", "encoder", "pooler"),
    "unilm": ("best_model.weights", "bert", "prefix_lm", "mlm"),
    "lm": ("best_model.weights", "bert", "causal_lm", "mlm"),
    "albert": ("best_model.weights", "albert", "encoder", "mlm"),
    "albert_unshared": ("best_model.weights", "albert-unshared", "encoder", None),
    "nezha": ("tf", "nezha", "encoder", "mlm"),
    "roformer": ("best_model.weights", "roformer", "encoder", "mlm"),
    "roformer_v2": ("tf", "roformer-v2", "encoder", None),
    "electra": ("best_model.weights", "electra", "encoder", "discriminator"),
    "gpt": ("best_model.weights", "gpt", "causal_lm", "mlm"),
    "gpt2": ("best_model.weights", "gpt2", "causal_lm", "mlm"),
    "gpt2_ml": ("tf", "gpt2-ml", "causal_lm", "mlm"),
    "conditional": ("best_model.weights", "bert", "encoder", "mlm"),
    "hidden_condition": ("whole.h5", "bert", "encoder", None),
    "prefixed": ("tf", "bert", "encoder", None),
    "tagger": ("whole.h5", "bert", "encoder", None),
    "nested": ("best_model.weights", "bert", "encoder", "pooler"),
    "t5_encoder": ("best_model.weights", "t5-pegasus", "encoder", None),
}


def outputs(model, head, inputs):
    """Returns the vectors of a model, or the outputs of a head."""
    ids, segments, condition = (*inputs, None, None)[:3]
    mask = ids > 0
    x = model.model(ids, segment_ids=segments, padding_mask=mask, condition=condition)
    if head == "pooler":
        return ops.convert_to_numpy(model.model.pool(x))
    if head == "mlm":
        x = model.model.mlm(x) if condition is None else model.model.mlm(x, condition)
    elif head == "discriminator":
        x = model.model.discriminator(x)
    return ops.convert_to_numpy(x).reshape(*ids.shape, -1)[mask]


@pytest.mark.parametrize("case", CASES)
def test_outputs_are_those_of_bert4keras(bert4keras_files, case, capsys):
    file, family, application, head = CASES[case]
    folder = bert4keras_files / case
    path = folder / file
    config = folder if file == "tf" else None  # elsewhere
    model = hornbook.load(path, config=config)
    capsys.readouterr()
    assert (model.config.family, model.config.application) == (family, application)
    saved = np.load(folder / "outputs.npz")
    inputs = [saved[name] for name in saved.files if name != "outputs"]
    expected = saved["outputs"]
    if expected.ndim == 3:
        expected = expected[inputs[0] > 0]
    np.testing.assert_allclose(outputs(model, head, inputs), expected, atol=2e-5, rtol=0)


def test_a_file_without_names_of_other_layers_asks_for_the_application(bert4keras_files, capsys):
    config = bert4keras_files / "unilm" / "bert_config.json"
    model = hornbook.load(bert4keras_files / "unilm" / "tf", config=config)
    assert model.config.application == "encoder"
    assert "does not say whether its model was a language model" in capsys.readouterr().err
    hornbook.load(bert4keras_files / "unilm" / "tf", config=config, application="prefix_lm")
    assert "language model" not in capsys.readouterr().err


def test_the_activation_of_a_condition_must_be_named_if_the_file_has_none(bert4keras_files):
    path = bert4keras_files / "hidden_condition" / "best_model.weights"
    with pytest.raises(CheckpointError, match="Name it with condition_hidden_act"):
        hornbook.load(path)
    model = hornbook.load(path, condition_hidden_act="swish")
    assert (model.config.condition_size, model.config.condition_hidden_size) == (5, 3)


def test_a_t5_with_a_decoder_is_refused(bert4keras_files, tmp_path):
    shutil.copy(bert4keras_files / "t5_encoder" / "best_model.weights", tmp_path / "t5.h5")
    with h5py.File(tmp_path / "t5.h5", "a") as file:
        file.attrs["layer_names"] = [*file.attrs["layer_names"], "Decoder-Output-Norm"]
        file["Decoder-Output-Norm"] = file["Encoder-Output-Norm"]
    with pytest.raises(CheckpointError, match=r"T5 with a decoder.*\n.*find_checkpoint"):
        hornbook.load(tmp_path / "t5.h5", config=bert4keras_files / "t5_encoder")


def test_weights_of_other_models_are_refused(bert4keras_files, tmp_path):
    folder = bert4keras_files / "bert"
    with pytest.raises(CheckpointError, match=r"unexpected +Embedding-Position/embeddings"):
        hornbook.load(folder / "best_model.weights", family="roformer")
    values = json.loads((folder / "bert_config.json").read_text())
    config = tmp_path / "bert_config.json"
    config.write_text(json.dumps({**values, "max_position_embeddings": 99}))
    with pytest.raises(CheckpointError, match=r"would be \(99, 8\), and is \(8, 8\)"):
        hornbook.load(folder / "best_model.weights", config=config)


def test_a_conversion_says_what_it_leaves_out_and_computes_the_same(
    bert4keras_files, tmp_path, capsys
):
    folder = bert4keras_files / "tagger"
    weights = tmp_path / "weights" / "best_model.weights"
    weights.parent.mkdir()
    shutil.copy(folder / "best_model.weights", weights)
    assert main(["convert", str(weights), str(tmp_path / "x")]) == 2
    assert "has no configuration" in capsys.readouterr().err
    options = ["--config", str(folder), "--layout", "google"]
    assert main(["convert", str(weights), str(tmp_path / "x"), *options]) == 0
    said = capsys.readouterr().err
    assert "conditional_random_field/trans, dense_49/bias, dense_49/kernel of best_model" in said
    saved = np.load(folder / "outputs.npz")
    inputs = [saved["arr_0"], saved["arr_1"]]
    values = outputs(hornbook.load(tmp_path / "x"), None, inputs)
    np.testing.assert_allclose(values, saved["outputs"][inputs[0] > 0], atol=2e-5)


def test_a_file_says_what_it_is(bert4keras_files, tmp_path, capsys):
    folder = bert4keras_files / "tagger"
    rows = dict(describe_folder(folder / "best_model.weights"))
    assert rows["saved as"] == "weights of Keras 2 in an HDF5 file"
    assert rows["other layers"].endswith("dense_49/kernel (8, 5)")
    assert rows["family"] == "bert"
    whole = dict(describe_folder(folder / "whole.h5"))
    assert whole["saved as"] == "a whole model of Keras 2 in an HDF5 file"
    graph = dict(describe_folder(folder / "tf", config=folder))
    assert graph["saved as"] == "weights of tf.keras as an object graph"
    assert not any(value.startswith("PROBLEM") for value in [*rows.values(), *graph.values()])
    shutil.copy(folder / "best_model.weights", tmp_path / "model.weights.h5")
    shutil.copy(folder / "bert_config.json", tmp_path)
    assert main(["info", str(tmp_path)]) == 0
    assert "weights of Keras 2" in capsys.readouterr().out


def test_a_model_with_fewer_tokens_says_so(bert4keras_files, tmp_path, capsys):
    path = bert4keras_files / "short" / "best_model.weights"
    assert hornbook.load(path).config.vocab_size == 16
    assert "16 tokens, and its configuration 20" in capsys.readouterr().err


def test_arrays_of_a_file_that_is_no_model_are_read(bert4keras_files, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file.create_group("dense").attrs["weight_names"] = [b"dense/bias:0"]
        file["dense"]["dense/bias:0"] = np.ones(3)
    assert find_checkpoint(tmp_path).read("dense/bias").tolist() == [1, 1, 1]
    shutil.copy(bert4keras_files / "bert" / "bert_config.json", tmp_path)
    with pytest.raises(CheckpointError, match=r"no Embedding-Token.*\nIts layers: dense"):
        hornbook.load(tmp_path)
