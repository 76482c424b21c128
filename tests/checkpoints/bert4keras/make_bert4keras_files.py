"""Writes `bert4keras_files.tar.xz`: files and outputs of the original bert4keras, for the tests.

In an environment of its own: Python 3.11, `pip install tensorflow==2.21.* tf_keras==2.21.*`, and a
checkout of https://github.com/bojone/bert4keras at c1ae0dc5eff66d329ab3c5c7ee369124ddbb6f87:

    python make_bert4keras_files.py CHECKOUT

The weights are random sixteenths, so that the archive is small.
"""

import json
import os
import sys
import tarfile
import tempfile
from pathlib import Path

os.environ.update(TF_KERAS="1", TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3")
sys.path.insert(0, sys.argv[1])

# ruff: noqa: E402
import numpy as np
import tensorflow as tf
import tf_keras.api._v2.keras as legacy

legacy.__version__ = "2.15.0"  # which bert4keras compares, and tf_keras has not
import bert4keras.backend  # noqa: F401, the first of its modules
from bert4keras.layers import ConditionalRandomField
from bert4keras.models import build_transformer_model
from tf_keras.layers import Dense, Input
from tf_keras.models import Model

CONFIG = {
    "vocab_size": 20,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 8,
    "type_vocab_size": 2,
}
NARROW = {**CONFIG, "embedding_size": 6}
IDS = np.array([[10, 11, 12, 15, 0, 0], [10, 11, 1, 5, 13, 14]])
SEGMENTS = np.array([[0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
SPEAKERS = np.array([[7, 7, 7, 8, 8, 8], [7, 7, 7, 8, 8, 8]])
CONDITION = np.random.RandomState(1).normal(size=(2, 5)).astype("float32")
T5 = {**CONFIG, "hidden_act": ["gelu", "linear"], "attention_head_size": 4}


def tagger(model):
    """A dense layer and a CRF, as users put them on top."""
    dense = Dense(5, name="dense_49")(model.output)
    return Model(model.input, ConditionalRandomField(lr_multiplier=100)(dense))


def nested(model):
    """The model as a layer of another one."""
    ids, segments = Input((None,)), Input((None,))
    return Model([ids, segments], Dense(3, name="dense_49")(model([ids, segments])))


def trained(model):
    """With an optimizer, whose state is saved too."""
    model = Model(model.input, Dense(3, activation="softmax", name="dense_49")(model.output))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit([IDS, SEGMENTS], np.array([0, 1]), verbose=0)
    for variable in model.optimizer.variables:  # for a small archive
        variable.assign(tf.zeros_like(variable))
    return model


# name: inputs, configuration, formats, options of build_transformer_model, layers on top
CASES = {
    "bert": ([IDS, SEGMENTS], CONFIG, "h5 tf whole", {"with_mlm": "linear"}, None),
    "pooled": ([IDS, SEGMENTS], CONFIG, "h5", {"with_pool": True}, None),
    "unilm": (
        [IDS, SEGMENTS],
        CONFIG,
        "h5 tf",
        {"application": "unilm", "with_mlm": "linear"},
        None,
    ),
    "lm": (
        [IDS],
        CONFIG,
        "h5",
        {"application": "lm", "with_mlm": "linear", "segment_vocab_size": 0},
        None,
    ),
    "albert": ([IDS, SEGMENTS], NARROW, "h5", {"model": "albert", "with_mlm": "linear"}, None),
    "albert_unshared": ([IDS, SEGMENTS], NARROW, "h5", {"model": "albert_unshared"}, None),
    "nezha": ([IDS, SEGMENTS], CONFIG, "h5 tf", {"model": "nezha", "with_mlm": "linear"}, None),
    "roformer": ([IDS, SEGMENTS], CONFIG, "h5", {"model": "roformer", "with_mlm": "linear"}, None),
    "roformer_v2": ([IDS, SEGMENTS], CONFIG, "tf", {"model": "roformer_v2"}, None),
    "electra": (
        [IDS, SEGMENTS],
        NARROW,
        "h5",
        {"model": "electra", "with_discriminator": "linear"},
        None,
    ),
    "gpt": (
        [IDS, SPEAKERS],
        CONFIG,
        "h5",
        {"model": "gpt", "final_activation": "linear", "shared_segment_embeddings": True},
        None,
    ),
    "gpt2": ([IDS], CONFIG, "h5", {"model": "gpt2", "final_activation": "linear"}, None),
    "gpt2_ml": ([IDS], CONFIG, "tf", {"model": "gpt2_ml", "final_activation": "linear"}, None),
    "conditional": ([IDS, SEGMENTS, CONDITION], CONFIG, "h5 tf", {"with_mlm": "linear"}, None),
    "hidden_condition": (
        [IDS, SEGMENTS, CONDITION],
        CONFIG,
        "h5 whole",
        {"layer_norm_cond_hidden_size": 3, "layer_norm_cond_hidden_act": "swish"},
        None,
    ),
    "short": ([IDS, SEGMENTS], CONFIG, "h5", {"keep_tokens": list(range(16))}, None),
    "prefixed": ([IDS, SEGMENTS], CONFIG, "h5 tf", {"prefix": "Successor-"}, None),
    "tagger": ([IDS, SEGMENTS], CONFIG, "h5 tf whole", {}, tagger),
    "nested": ([IDS, SEGMENTS], CONFIG, "h5 tf", {"with_pool": True}, nested),
    "trained": ([IDS, SEGMENTS], CONFIG, "tf", {"with_pool": True}, trained),
    "t5_encoder": ([IDS], T5, "h5", {"model": "mt5.1.1_encoder"}, None),
}


def fill(model):
    """Gives each weight random values, which depend on nothing but its place."""
    random = np.random.RandomState(0)
    for weight in model.weights:
        sines = "Embedding-Relative-Position" in weight.name and weight.shape[0] == 129
        if not sines and "iteration" not in weight.name:
            values = np.clip(random.normal(0, 5, weight.shape).round(), -16, 16) / 16
            weight.assign(values + (1 if "gamma" in weight.name else 0))


def write(folder, name):
    """Writes one case; the first output is that of the encoder or of its head."""
    inputs, config, formats, options, top = CASES[name]
    tf.keras.backend.clear_session()
    folder.mkdir()
    (folder / "bert_config.json").write_text(json.dumps(config))
    if len(inputs) == 3:
        condition = Input((5,))
        options = {
            **options,
            "layer_norm_cond": condition,
            "additional_input_layers": condition,
        }
    core = build_transformer_model(str(folder / "bert_config.json"), **options)
    model = core if top is None else top(core)
    fill(model)
    outputs = core.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    np.savez(folder / "outputs.npz", *inputs, outputs=outputs)
    if top is not None:
        for layer in model.layers:
            if layer.name == "dense_49":
                np.save(folder / "dense_49.npy", layer.get_weights()[0])
    if "h5" in formats:
        model.save_weights(str(folder / "best_model.weights"), save_format="h5")
    if "whole" in formats:
        model.save(str(folder / "whole.h5"))
    if "tf" in formats:
        (folder / "tf").mkdir()
        model.save_weights(str(folder / "tf" / "best_model.weights"), save_format="tf")
    print(name, outputs.shape, flush=True)


def main():
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        for name in CASES:
            write(root / name, name)
        archive = Path(__file__).with_name("bert4keras_files.tar.xz")
        with tarfile.open(archive, "w:xz", preset=9) as file:
            file.add(root, arcname="bert4keras")
        print(archive, archive.stat().st_size)


main()
