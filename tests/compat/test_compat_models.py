"""Models of hornbook.compat in use: training, files, heads, checkpoints."""

import itertools
import math

import h5py
import keras
import numpy as np
import pytest
from hornbook.compat.keras.models import Model, load_model

from hornbook.compat.bert4keras.backend import K, search_layer, set_gelu
from hornbook.compat.bert4keras.layers import (
    ConditionalRandomField,
    Dense,
    EfficientGlobalPointer,
    Lambda,
    Loss,
    MaximumEntropyMarkovModel,
)
from hornbook.compat.bert4keras.models import BERT, MODELS, build_transformer_model
from hornbook.compat.keras.functions import RemovedError
from hornbook.errors import CheckpointError, OptionError

CONFIG = {
    "vocab_size": 20,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "hidden_act": "gelu",
}
IDS = np.array([[2, 5, 6, 3, 0], [2, 7, 8, 9, 3]])


class CrossEntropy(Loss):
    def compute_loss(self, inputs, mask=None):
        y_true, y_pred = inputs
        y_mask = K.cast(mask[1], K.floatx())[:, 1:]
        loss = K.sparse_categorical_crossentropy(y_true[:, 1:], y_pred[:, :-1])
        correct = K.cast(K.equal(y_true[:, 1:], K.argmax(y_pred[:, :-1])), K.floatx())
        self.add_metric(K.sum(correct * y_mask) / K.sum(y_mask), name="accuracy")
        return K.sum(loss * y_mask) / K.sum(y_mask)


@pytest.fixture(scope="module")
def trained():
    model = build_transformer_model(**CONFIG, application="lm", segment_vocab_size=0)
    model = Model(model.inputs, CrossEntropy(1)([model.inputs[0], model.outputs[0]]))
    model.compile(keras.optimizers.Adam(0.02))
    history = model.fit_generator(
        (([IDS], None) for _ in itertools.count()), steps_per_epoch=4, epochs=2, verbose=0
    )
    return model, history.history


@pytest.mark.backend
def test_a_loss_in_the_graph_is_trained_and_shows_its_metric(trained):
    _, history = trained
    assert history["loss"][1] < history["loss"][0] < 2 * math.log(20)
    assert 0 <= history["accuracy"][0] <= 1


def test_weights_and_models_have_any_suffix(trained, tmp_path):
    model, _ = trained
    expected = model.predict(IDS, verbose=0)
    model.save_weights(tmp_path / "best.weights")
    model.save(tmp_path / "test.model")
    loaded = load_model(tmp_path / "test.model", custom_objects={"CrossEntropy": CrossEntropy})
    np.testing.assert_allclose(loaded.predict(IDS, verbose=0), expected, atol=1e-6)
    model.set_weights([0 * weight for weight in model.get_weights()])
    model.load_weights(tmp_path / "best.weights")
    np.testing.assert_allclose(model.predict(IDS, verbose=0), expected, atol=1e-6)


def test_a_file_that_cannot_be_loaded_is_named(trained, tmp_path):
    model, _ = trained
    with pytest.raises(CheckpointError, match=r"There is no file .*none\.weights\."):
        model.load_weights(tmp_path / "none.weights")
    (tmp_path / "best.weights.index").touch()
    with pytest.raises(CheckpointError, match=r"best\.weights is a checkpoint of tf\.keras"):
        model.load_weights(tmp_path / "best.weights")


def test_weights_of_keras_2_are_loaded_by_name_only_where_their_shapes_fit(tmp_path):
    inputs = keras.Input((2,))
    model = Model(inputs, keras.layers.Dense(3, name="dense_49")(inputs))
    kernel, bias = np.arange(6.0, dtype="float32").reshape(2, 3), np.ones(3, "float32")
    path = tmp_path / "best_model.weights"
    write_keras2(path, {"dense_49": [kernel, bias], "crf": [np.ones(2, "float32")]})
    with pytest.raises(CheckpointError, match="crf: not in the model"):
        model.load_weights(path)
    model.load_weights(path, by_name=True)
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    write_keras2(path, {"dense_49": [kernel.T, bias]})
    with pytest.raises(CheckpointError, match=r"dense_49: expected the shapes \[\[2, 3\]"):
        model.load_weights(path, by_name=True)


def write_keras2(path, layers):
    """Writes arrays by layer as `save_weights` of Keras 2 does."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in layers]
        for name, arrays in layers.items():
            group = file.create_group(name)
            names = [f"{name}/{number}:0" for number in range(len(arrays))]
            group.attrs["weight_names"] = [one.encode() for one in names]
            for one, array in zip(names, arrays, strict=True):
                group[one] = array


def test_a_mask_does_not_break_the_loss_of_a_pooled_output():
    model = build_transformer_model(**CONFIG, segment_vocab_size=0)
    x = keras.ops.mean(Dense(4)(model.output), axis=1)
    model = Model(model.input, Dense(2, activation="softmax")(Lambda(lambda x: x)(x)))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert np.isfinite(model.train_on_batch(IDS, np.array([[0], [1]]))[0])


@pytest.mark.parametrize("name", ["albert", "electra", "gpt", "gpt2", "gpt2_ml", "mt5.1.1"])
def test_models_are_built_by_name(name):
    gate = {"hidden_act": ["gelu", "linear"]} if "t5" in name else {}
    model = build_transformer_model(model=name, **{**CONFIG, **gate, "num_hidden_layers": 2})
    assert model.output.shape[:2] == (None, None)
    assert search_layer(model.output, "Embedding-Token").input_dim == 20


def test_unknown_models_and_applications_are_named():
    with pytest.raises(OptionError, match="Did you mean 'roformer'"):
        build_transformer_model(model="roforner", **CONFIG)
    with pytest.raises(OptionError, match="expected encoder, lm or unilm"):
        build_transformer_model(application="seq2seq", **CONFIG)
    assert len(MODELS) == 23


def test_configurations_that_cannot_be_used_are_named(tmp_path):
    file = tmp_path / "bert_config.json"
    file.write_text("[1]", "utf-8")
    with pytest.raises(CheckpointError, match="is not a JSON object"):
        build_transformer_model(file)
    file.write_text('{"vocab_size": 20, "hidden_act": "gelu"}', "utf-8")
    with pytest.raises(OptionError, match="lacks hidden_size, num_hidden_layers"):
        build_transformer_model(file)


def test_heads_and_their_activations():
    model = build_transformer_model(**CONFIG, with_pool="linear", with_mlm="linear")
    assert [output.shape[1:] for output in model.outputs] == [(8,), (None, 20)]
    assert model.get_layer("Pooler-Dense").activation is keras.activations.linear
    model = build_transformer_model(**CONFIG, with_nsp=True)
    assert model.output.shape == (None, 2)


def test_a_subclass_changes_the_embeddings():
    class Doubled(BERT):
        def apply_embeddings(self, inputs):
            x = super().apply_embeddings(inputs)
            return self.apply(x, Lambda, function=lambda x: 2 * x, name="Doubled")

    built = build_transformer_model(model=Doubled, return_keras_model=False, **CONFIG)
    assert "Doubled" in built.layers
    assert search_layer(built.model.output, "Doubled") is built.layers["Doubled"]


def google_arrays():
    model = build_transformer_model(**CONFIG, return_keras_model=False, with_mlm=True)
    rows = np.arange(160, dtype="float32").reshape(20, 8)
    arrays = {
        "bert/embeddings/word_embeddings": rows,
        "bert/embeddings/token_type_embeddings": np.ones((2, 8)),
        "bert/embeddings/position_embeddings": np.ones((512, 8)),
        "cls/predictions/output_bias": np.arange(20.0),
        "unrelated": np.ones(3),
    }
    block = "bert/encoder/layer_0"
    for name in (
        *(f"{block}/attention/self/{part}" for part in ("query", "key", "value")),
        *(f"{block}/attention/output/dense", f"{block}/intermediate/dense"),
        *(f"{block}/output/dense", "cls/predictions/transform/dense"),
    ):
        arrays |= {f"{name}/kernel": np.ones((8, 8)), f"{name}/bias": np.ones(8)}
    for name in (
        *("bert/embeddings", f"{block}/attention/output", f"{block}/output"),
        "cls/predictions/transform",
    ):
        arrays |= {f"{name}/LayerNorm/gamma": np.full(8, 3.0), f"{name}/LayerNorm/beta": np.ones(8)}
    return model, arrays


def test_a_checkpoint_gives_the_kept_and_the_compound_tokens():
    _, arrays = google_arrays()
    tokens = {"keep_tokens": [4, 1], "compound_tokens": [[0, 2], ([1, 3], [3, 1])]}
    model = build_transformer_model(
        checkpoint_path=arrays, return_keras_model=False, with_mlm=True, **tokens, **CONFIG
    )
    table = keras.ops.convert_to_numpy(model.layers["Embedding-Token"].embeddings)
    rows = arrays["bert/embeddings/word_embeddings"]
    expected = [rows[4], rows[1], (rows[0] + rows[2]) / 2, (3 * rows[1] + rows[3]) / 4]
    np.testing.assert_allclose(table, expected)
    bias = keras.ops.convert_to_numpy(model.layers["MLM-Bias"].beta)
    np.testing.assert_allclose(bias, [4, 1, 1, 1.5])
    gamma = model.layers["Transformer-0-FeedForward-Norm"].gamma
    np.testing.assert_allclose(keras.ops.convert_to_numpy(gamma), 3)


def test_a_checkpoint_with_a_missing_weight_changes_nothing():
    model, arrays = google_arrays()
    del arrays["bert/encoder/layer_0/output/dense/bias"]
    before = model.model.get_weights()
    with pytest.raises(CheckpointError, match=r"missing *bert/encoder/layer_0/output/dense/bias"):
        model.load_weights_from_checkpoint(arrays)
    for old, new in zip(before, model.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_loss_of_tags_is_that_of_all_paths():
    crf = ConditionalRandomField(lr_multiplier=10)
    scores = np.random.default_rng(0).normal(size=(1, 3, 2)).astype("float32")
    crf.build((None, None, 2))
    trans = K.eval(crf.trans)
    assert np.abs(trans).max() > 0.01
    paths = {
        path: sum(scores[0, i, tag] for i, tag in enumerate(path))
        + sum(trans[a, b] for a, b in itertools.pairwise(path))
        for path in itertools.product(range(2), repeat=3)
    }
    total = math.log(sum(map(math.exp, paths.values())))
    loss = crf.sparse_loss(np.array([[0.0, 1.0, 1.0]]), keras.ops.convert_to_tensor(scores))
    assert float(loss[0]) == pytest.approx(total - paths[0, 1, 1], abs=1e-5)
    assert len(crf.trainable_weights) == 1
    memm = MaximumEntropyMarkovModel()
    memm.build((None, None, 2))
    assert np.isfinite(float(memm.sparse_loss(np.array([[0, 1, 1]]), scores)))


def test_old_weights_of_an_efficient_global_pointer_compute_the_same():
    pointer = EfficientGlobalPointer(3, 4, RoPE=False, tril_mask=False)
    x = np.random.default_rng(0).normal(size=(1, 5, 6)).astype("float32")
    pointer.build(x.shape)
    random = np.random.default_rng(1)
    old = [random.normal(size=weight.shape) for weight in pointer.weights]
    for weight, value in zip(pointer.weights, pointer.converted(old), strict=True):
        weight.assign(value)
    features = x @ old[0] + old[1]  # as bert4keras computes it
    query, key = features[..., ::2], features[..., 1::2]
    bias = np.swapaxes(features @ old[2] + old[3], 1, 2) / 2
    expected = (query @ np.swapaxes(key, 1, 2))[:, None] / 2
    expected = expected + bias[:, ::2, None] + bias[:, 1::2, :, None]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(pointer(x)), expected, rtol=1e-4)


def test_set_gelu_changes_models_built_afterwards():
    try:
        set_gelu("tanh")
        model = build_transformer_model(**CONFIG)
    finally:
        set_gelu("erf")
    layer = model.get_layer("Transformer-0-FeedForward").intermediate
    assert float(layer.activation(1.0)) == pytest.approx(0.841192, abs=1e-6)  # exact: 0.841345


def test_gradients_in_the_graph_stop_with_what_replaces_them():
    with pytest.raises(RemovedError, match="train_step"):
        K.gradients(0, [])
    with pytest.raises(RemovedError, match="no graphs and sessions"):
        K.get_session()
