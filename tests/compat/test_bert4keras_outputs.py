"""Outputs of bert4keras itself, from weights in the form in which Keras 2 saved them."""

import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from hornbook.compat.bert4keras.models import build_transformer_model
from hornbook.errors import CheckpointError

CASES = json.loads(Path(__file__).with_name("bert4keras_outputs.json").read_text("utf-8"))
CONFIG = {
    "vocab_size": 595,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "hidden_act": "gelu",
    "type_vocab_size": 2,
}
IDS = np.array([[101, 110, 120, 150, 0, 0], [101, 111, 121, 151, 130, 140]])
SEGMENTS = np.array([[0] * 6, [0, 0, 0, 1, 1, 1]])
CONDITION = np.random.RandomState(1).normal(size=(2, 8)).astype("float32")
OPTIONS = {
    "unilm": {"application": "unilm", "with_mlm": "linear"},
    "lm": {"application": "lm", "with_mlm": "linear"},
    "nezha": {"model": "nezha", "with_mlm": "linear"},
    "nezha_unilm": {"model": "nezha", "application": "unilm", "with_mlm": "linear"},
    "roformer": {"model": "roformer", "with_mlm": "linear"},
    "roformer_v2": {"model": "roformer_v2", "with_mlm": "linear"},
    "cond": {"with_mlm": "linear"},
    "condh": {"layer_norm_cond_hidden_size": 4, "layer_norm_cond_hidden_act": "swish"},
    "hier": {"hierarchical_position": True},
}


def write_keras2(path, layers):
    """Draws the weights of a case again, in a file as Keras 2 wrote it."""
    random = np.random.RandomState(0)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name, _ in layers]
        for name, weights in layers:
            group = file.create_group(name)
            group.attrs["weight_names"] = [weight.encode() for weight, _ in weights]
            for weight, shape in weights:
                gamma = "gamma" in weight
                value = random.normal(0, 0.1 if gamma else 0.3, shape) + gamma
                group[weight] = value.astype("float32")


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    def build(name):
        options, inputs = dict(OPTIONS[name]), [IDS, SEGMENTS]
        if name.startswith("cond"):
            condition = keras.Input((8,))
            options |= {"layer_norm_cond": condition, "additional_input_layers": condition}
            inputs.append(CONDITION)
        model = build_transformer_model(**CONFIG, **options)
        file = tmp_path_factory.mktemp("weights") / "best_model.weights"
        write_keras2(file, CASES[name]["layers"])
        model.load_weights(file)
        return model, inputs, file

    return build


@pytest.mark.backend
@pytest.mark.parametrize("name", OPTIONS)
def test_outputs_are_those_of_bert4keras(build, name):
    model, inputs, _ = build(name)
    outputs = keras.ops.convert_to_numpy(model([keras.ops.convert_to_tensor(x) for x in inputs]))
    expected = np.array(CASES[name]["outputs"])
    np.testing.assert_allclose(outputs[..., ::37][IDS > 0], expected[IDS > 0], atol=2e-5)


def test_weights_of_another_model_are_refused_by_layer(build, tmp_path):
    *_, file = build("hier")
    other = build_transformer_model(**{**CONFIG, "vocab_size": 600, "num_hidden_layers": 1})
    before = other.get_weights()
    with pytest.raises(CheckpointError, match=r"Embedding-Token: expected .*600.* found .*595"):
        other.load_weights(file)
    for old, new in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
