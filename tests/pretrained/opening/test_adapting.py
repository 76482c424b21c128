"""Frozen weights do not change; LoRA's do, and are saved merged."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

import hornbook
from hornbook.errors import OptionError
from hornbook.models.families import FAMILIES
from hornbook.models.variables import named_variables
from hornbook.pretrained import Pretrained, open_folder, read_model
from hornbook.training.snapshots import Snapshots

pytestmark = pytest.mark.backend

IDS = np.array([[5, 6, 7, 8], [9, 10, 11, 12]])


@pytest.fixture
def folder(tiny_transformer, tmp_path):
    """The folder of a tiny BERT."""
    transformer = tiny_transformer(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    Pretrained(transformer, None).save(tmp_path / "model")
    return tmp_path / "model"


def trainable(transformer):
    return {path for path, variable in named_variables(transformer).items() if variable.trainable}


def compiled(transformer):
    """Returns a model that learns to repeat each token, initialized the same way each time."""
    keras.utils.set_random_seed(3)
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, transformer.mlm(transformer(ids)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    return model


def randomize_lora(transformer):
    """Gives LoRA's weights random values, as training would."""
    random = np.random.default_rng(0)
    for path, variable in named_variables(transformer).items():
        if "lora" in path:
            variable.assign(random.normal(0, 0.2, variable.shape).astype("float32"))


@pytest.mark.only_on("jax")
@pytest.mark.one_of_each_kind
def test_frozen_weights_of_every_family_are_saved_and_loaded(
    family, tiny_family, tmp_path, weights_of
):
    transformer = tiny_family(family)
    layout = next(iter(family.weights))
    Pretrained(transformer, None).save(tmp_path / "model", layout=layout)
    frozen = hornbook.load(tmp_path / "model", freeze=["^token_embedding", r"blocks\.0\."])
    assert frozen.model.trainable_variables
    assert trainable(frozen.model) == {
        path
        for path in named_variables(transformer)
        if not path.startswith("token_embedding") and "blocks.0." not in path
    }
    frozen.save(tmp_path / "again", layout=layout)
    again = hornbook.load(tmp_path / "again")
    for path, value in weights_of(transformer).items():
        np.testing.assert_array_equal(weights_of(frozen.model)[path], value, err_msg=path)
        np.testing.assert_array_equal(weights_of(again.model)[path], value, err_msg=path)


@pytest.mark.one_of_each_kind
@pytest.mark.parametrize(
    ("name", "layout"),
    [
        pytest.param(name, layout, marks=[] if name == "bert" else pytest.mark.only_on("jax"))
        for name, layout in [
            *((name, next(iter(family.weights))) for name, family in FAMILIES.items()),
            ("bert", "keras"),
        ]
    ],
)
def test_lora_in_every_layer_is_saved_merged(
    name, layout, tiny_family, tmp_path, weights_of, outputs_of
):
    transformer = tiny_family(
        FAMILIES[name], None if layout == "keras" else layout, num_hidden_layers=1
    )
    Pretrained(transformer, None).save(tmp_path / "model", layout=layout)
    model = hornbook.load(tmp_path / "model", lora=".", lora_rank=2)
    before = outputs_of(model.model)
    np.testing.assert_allclose(before, outputs_of(transformer), atol=1e-6, rtol=1e-6)
    randomize_lora(model.model)
    learned = outputs_of(model.model)
    assert np.abs(learned - before).max() > 1e-2
    model.save(tmp_path / "learned", layout=layout)
    again = hornbook.load(tmp_path / "learned")
    assert list(weights_of(again.model)) == list(weights_of(transformer))
    np.testing.assert_allclose(outputs_of(again.model), learned, atol=1e-5, rtol=1e-5)


def test_a_training_step_moves_lora_and_leaves_the_frozen_rest(folder, weights_of, outputs_of):
    model = hornbook.load(folder, freeze=".", lora=r"attention\.(query|value)$", lora_rank=2)
    assert trainable(model.model) == {
        f"blocks.{number}.attention.{part}.lora_kernel_{letter}"
        for number in (0, 1)
        for part in ("query", "value")
        for letter in "ab"
    }
    before = weights_of(model.model)
    training = compiled(model.model)
    losses = [float(training.train_on_batch(IDS, IDS)) for _ in range(3)]
    assert losses[2] < losses[0]
    after = weights_of(model.model)
    moved = {path for path in after if not np.array_equal(after[path], before[path])}
    assert moved == trainable(model.model)
    model.save(folder.with_name("learned"), layout="google")
    again = hornbook.load(folder.with_name("learned")).model
    np.testing.assert_allclose(outputs_of(again), outputs_of(model.model), atol=1e-5, rtol=1e-5)
    kernels = weights_of(again)
    for part, moves in (("query", True), ("key", False)):
        path = f"blocks.0.attention.{part}.kernel"
        assert (np.abs(kernels[path] - before[path]).max() > 1e-4) == moves


def test_a_resumed_training_keeps_lora(folder, tmp_path, weights_of):
    def begin():
        options = {"lora": "query", "lora_rank": 2, "freeze": "embedding", "heads": ["mlm"]}
        transformer = hornbook.load(folder, **options).model
        return transformer, compiled(transformer)

    transformer, model = begin()
    for _ in range(2):
        model.train_on_batch(IDS, IDS)
    path = Snapshots(tmp_path / "snapshots").save(model, {"step": 2})
    model.train_on_batch(IDS, IDS)
    resumed, model = begin()
    Snapshots(tmp_path / "snapshots").restore(model, path)
    model.train_on_batch(IDS, IDS)
    assert trainable(resumed) == trainable(transformer)
    for name, value in weights_of(transformer).items():
        np.testing.assert_array_equal(weights_of(resumed)[name], value, err_msg=name)


def test_a_snapshot_keeps_weights_of_half_precision(folder, tmp_path, weights_of):
    options = {"lora": "query", "lora_rank": 2, "heads": ["mlm"], "variable_dtype": "bfloat16"}
    transformer, other = (hornbook.load(folder, **options).model for _ in range(2))
    randomize_lora(transformer)
    path = Snapshots(tmp_path / "snapshots").save(compiled(transformer), {"step": 1})
    Snapshots(tmp_path / "snapshots").restore(compiled(other), path)
    for name, value in weights_of(transformer).items():
        np.testing.assert_array_equal(weights_of(other)[name], value, err_msg=name)


def test_weights_read_into_a_model_with_lora_are_what_it_then_computes(
    folder, weights_of, outputs_of
):
    """A run restores its best epoch, whose weights already include LoRA's."""
    model = hornbook.load(folder, lora="query|key", lora_rank=2).model
    randomize_lora(model)
    Pretrained(model, None).save(folder.with_name("best"))
    best = outputs_of(model)
    learned = weights_of(model)
    _, _, checkpoint = open_folder(folder.with_name("best"))
    read_model(model, checkpoint)
    np.testing.assert_allclose(outputs_of(model), best, atol=1e-5, rtol=1e-5)
    first = "blocks.0.attention.query.lora_kernel_a"  # else neither would ever move again
    np.testing.assert_array_equal(weights_of(model)[first], learned[first])


@pytest.mark.only_on("jax")
def test_patterns_that_match_nothing_are_named(folder):
    with pytest.raises(OptionError, match=r"freeze='quere' matches no path"):
        hornbook.load(folder, freeze=["embedding", "quere"])
    with pytest.raises(OptionError, match=r"Did you mean 'blocks.{i}.attention.query'"):
        hornbook.load(folder, lora="blocks.attention.qeury")
    with pytest.raises(OptionError, match=r"lora='\(' is not a regular expression"):
        hornbook.load(folder, lora="(")
    with pytest.raises(OptionError, match="matches no path"):
        hornbook.load(folder, lora="attention_norm")  # a norm has no kernel
    with pytest.raises(OptionError, match="lora_rank is 0"):
        hornbook.load(folder, lora="query", lora_rank=0)


@pytest.mark.only_on("jax")
def test_two_models_of_a_family_share_one_graph(folder, tmp_path, weights_of):
    pair = [hornbook.load(folder, name=name, heads=("mlm",)).model for name in ("one", "two")]
    ids = keras.Input((None,), dtype="int32")

    def graph(transformers):
        logits = [transformer.mlm(transformer(ids)) for transformer in transformers]
        return keras.Model(ids, keras.layers.Average()(logits))

    model = graph(pair)
    kernel = named_variables(pair[1])["mlm.dense.kernel"]
    kernel.assign(kernel + 1)
    assert len({variable.path for variable in model.weights}) == 2 * len(pair[0].weights)
    model.save_weights(tmp_path / "two.weights.h5")
    again = [hornbook.load(folder, name=name, heads=("mlm",)).model for name in ("one", "two")]
    other = graph(again)
    other.load_weights(tmp_path / "two.weights.h5")
    for before, after in zip(pair, again, strict=True):
        for path, value in weights_of(before).items():
            np.testing.assert_array_equal(weights_of(after)[path], value, err_msg=path)
    np.testing.assert_allclose(
        ops.convert_to_numpy(other(IDS)), ops.convert_to_numpy(model(IDS)), atol=1e-6
    )
    Pretrained(again[1], None).save(tmp_path / "second")
    second = hornbook.load(tmp_path / "second").model
    for path, value in weights_of(second).items():
        np.testing.assert_array_equal(weights_of(again[1])[path], value, err_msg=path)
