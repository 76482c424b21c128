"""Tests of every family in the list."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.checkpoints import ArraysCheckpoint, read_weights, write_weights
from hornbook.checkpoints.weight_table import names_of_absent_rows, rows_for
from hornbook.errors import OptionError
from hornbook.models.families import FAMILIES
from hornbook.models.variables import named_variables
from hornbook.pretrained import LAYOUTS, Pretrained, load

pytestmark = pytest.mark.backend

TABLES = [(family, layout) for family, data in FAMILIES.items() for layout in data.weights]
APPLICATIONS = [(name, able) for name, data in FAMILIES.items() for able in data.applications]
IDS = np.array([[5, 6, 7, 8], [9, 10, 11, 0]])
SEGMENTS = np.array([[0, 0, 1, 1], [0, 1, 1, 0]])
INPUTS = {"segment_ids": SEGMENTS, "padding_mask": IDS > 0}
TIED_HEAD = "shared.weight"  # the source of T5's head if it has no table of its own
DECODER_IDS = np.array([[1, 2, 3], [1, 4, 0]])
DECODER_INPUTS = {"decoder_token_ids": DECODER_IDS, "decoder_padding_mask": DECODER_IDS > 0}


def kinds_of_block():
    """The first family of each kind of block, for tests with a second dtype."""
    first = {}
    for name, family in FAMILIES.items():
        choices = family.choices
        kind = tuple(choices.get(key) for key in ("block", "norm_kind", "encoder_decoder"))
        first.setdefault(kind, name)
    return list(first.values())


SECOND_TYPE = [(name, "bfloat16") for name in kinds_of_block()]


def elsewhere(*names, only=FAMILIES):
    """All families; on other backends than JAX those named, as Keras or NumPy do the work."""
    jax_only = pytest.mark.only_on("jax")
    return [pytest.param(x, marks=[] if x in names else jax_only) for x in only]


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


@pytest.fixture
def make(tiny_family):
    return tiny_family


def outputs(transformer):
    """All outputs, including those of the heads."""
    config = transformer.config
    size = config.condition_size
    condition = None if size is None else np.ones((len(IDS), size), "float32")
    decoder_inputs = DECODER_INPUTS if config.application == "seq2seq" else {}
    x = transformer(IDS, condition=condition, **INPUTS, **decoder_inputs)
    results = [x]
    if "pooler" in config.heads:
        results.append(transformer.pool(x))
    if "nsp" in config.heads:
        results.append(transformer.nsp(transformer.pool(x)))
    if "mlm" in config.heads:
        results.append(transformer.mlm(x, condition))
    if "discriminator" in config.heads:
        results.append(transformer.discriminator(x))
    return [ops.convert_to_numpy(y) for y in results]


def assert_same(first, second):
    """Identical weights, and outputs that are equal up to rounding."""
    assert_same_weights(first, second)
    assert_close(first, second)


def assert_same_weights(first, second):
    weights = [named_variables(transformer) for transformer in (first, second)]
    assert list(weights[0]) == list(weights[1])
    for path, variable in weights[0].items():
        values = (ops.convert_to_numpy(v.value) for v in (variable, weights[1][path]))
        np.testing.assert_array_equal(*values, err_msg=path)


def assert_close(first, second):
    for pair in zip(outputs(first), outputs(second), strict=True):
        np.testing.assert_allclose(*pair, atol=1e-5, rtol=1e-5)


@pytest.mark.only_on("jax")
@pytest.mark.parametrize(("name", "layout"), TABLES)
def test_every_parameter_is_named_in_every_table_exactly_once(make, name, layout):
    family = FAMILIES[name]
    variables = named_variables(make(family, layout))
    rows = rows_for(family.weights[layout], variables)  # which refuses duplicates
    assert sorted(path for row in rows for path in row.ours) == sorted(variables)
    if name != "albert-unshared":
        names = [row.foreign[0].name for row in rows]
        others = [foreign.name for row in rows for foreign in row.foreign[1:]]
        names += [name for name in others if name != TIED_HEAD]
        assert len(set(names)) == len(names)


@pytest.mark.only_on("jax")
@pytest.mark.parametrize(("name", "layout"), TABLES)
def test_every_row_of_a_table_has_a_parameter(make, name, layout):
    family = FAMILIES[name]
    variables = named_variables(make(family, layout))
    assert names_of_absent_rows(family.weights[layout], variables).pattern == r"(?!)"


@pytest.mark.only_on("jax")
@pytest.mark.parametrize(("name", "layout"), TABLES)
def test_writing_and_reading_weights_is_exact(make, name, layout):
    family = FAMILIES[name]
    first, second = (make(family, layout, seed=seed) for seed in (1, 2))
    table = family.weights[layout]
    tensors = write_weights(table, named_variables(first))
    read_weights(table, named_variables(second), ArraysCheckpoint(tensors, layout=layout))
    assert_same_weights(first, second)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", elsewhere("bert", "t5"))
def test_saving_and_loading_changes_nothing(make, tmp_path, name, layout):
    family = FAMILIES[name]
    transformer = make(family, condition_size=3)
    if layout != "keras" and layout not in family.weights:
        with pytest.raises(OptionError, match=f"{family.name} has no {layout} layout"):
            Pretrained(transformer, None).save(tmp_path / "model", layout=layout)
        return
    Pretrained(transformer, None).save(tmp_path / "model", layout=layout)
    loaded = load(tmp_path / "model")
    assert loaded.config.replace(extra={}) == transformer.config
    assert_same(transformer, loaded.model)


@pytest.mark.only_on("jax")
def test_a_model_without_a_tokenizer_takes_ids(make, tmp_path):
    transformer = make(FAMILIES["gpt2"])
    Pretrained(transformer, None).save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert_same(transformer, loaded.model)
    with pytest.raises(OptionError, match="takes token ids and no text"):
        loaded.encode(["text"])


@pytest.mark.only_on("jax")
@pytest.mark.parametrize(
    "changes",
    [
        {"norm_kind": "rms", "embedding_size": 8},
        {"hierarchical_positions": 0.3, "residual_attention_scores": True},
        {"condition_size": 3, "condition_hidden_size": 4, "condition_hidden_act": "tanh"},
    ],
)
def test_choices_that_differ_from_the_family_are_saved(tiny_transformer, tmp_path, changes):
    transformer = tiny_transformer(heads=("mlm",), **changes)
    Pretrained(transformer, None).save(tmp_path / "model", layout="keras")
    loaded = load(tmp_path / "model")
    assert loaded.config.replace(extra={}) == transformer.config
    assert_same(transformer, loaded.model)


@pytest.mark.parametrize(("name", "application"), APPLICATIONS)
def test_padding_changes_nothing(make, name, application):
    transformer = make(FAMILIES[name], application=application)
    inputs = {"token_ids": IDS[1:, :3], "segment_ids": SEGMENTS[1:, :3]}
    if application == "seq2seq":
        inputs["decoder_token_ids"] = DECODER_IDS[1:]
    alone = ops.convert_to_numpy(transformer(**inputs))
    rows = []
    for content, dtype in ((0, "int32"), (33, "bool")):
        padded = {name: np.pad(x, ((0, 0), (0, 5))) for name, x in inputs.items()}
        mask = (np.arange(8)[None] < 3).astype(dtype)
        for name in ("token_ids", "decoder_token_ids"):
            if name in padded:
                padded[name] = np.where(mask, padded[name], content)
                padded[name.replace("token_ids", "padding_mask")] = mask
        rows.append(ops.convert_to_numpy(transformer(**padded))[:, :3])
    np.testing.assert_array_equal(*rows)
    np.testing.assert_allclose(alone, rows[0], atol=2e-6, rtol=2e-6)


@pytest.mark.parametrize(
    ("name", "application"), [pair for pair in APPLICATIONS if pair[1] != "encoder"]
)
def test_later_tokens_do_not_change_earlier_outputs(make, name, application):
    transformer = make(FAMILIES[name], application=application)
    argument = "decoder_token_ids" if application == "seq2seq" else "token_ids"
    inputs = {"token_ids": IDS[:1], "segment_ids": np.array([[0, 1, 1, 1]])}
    x = [
        ops.convert_to_numpy(transformer(**{**inputs, argument: np.array([[5, 6, 7, last]])}))
        for last in (8, 20)
    ]
    np.testing.assert_array_equal(x[0][:, :3], x[1][:, :3])
    assert not np.array_equal(x[0][:, 3], x[1][:, 3])


@pytest.mark.only_on("jax")
def test_the_order_of_the_tokens_matters(make, family):
    transformer = make(family, application="encoder")
    forward, reverse = (
        ops.convert_to_numpy(transformer(np.array([ids]))) for ids in ([5, 6, 7], [7, 6, 5])
    )
    assert np.abs(forward - reverse[:, ::-1]).max() > 1e-4  # rounding is 1e-6


@pytest.mark.only_on("jax")
def test_a_new_condition_changes_nothing_until_its_kernels_do(make, family):
    plain, conditional = make(family), make(family, condition_size=3)
    assert_close(plain, conditional)
    random = np.random.default_rng(0)
    for path, variable in named_variables(conditional).items():
        if path.endswith(("gamma_kernel", "beta_kernel")):
            variable.assign(random.normal(size=variable.shape).astype("float32"))
    assert np.abs(outputs(plain)[0] - outputs(conditional)[0]).max() > 1e-2


@pytest.mark.parametrize(
    ("name", "compute_dtype"), [(name, "float16") for name in FAMILIES] + SECOND_TYPE
)
def test_half_precision_has_the_measured_error_and_weights_in_float32(
    make, assert_half_precision, name, compute_dtype
):
    family = FAMILIES[name]
    transformer = make(family, compute_dtype=compute_dtype)
    assert {str(variable.dtype) for variable in transformer.weights} == {"float32"}
    for half, full in zip(outputs(transformer), outputs(make(family)), strict=True):
        assert_half_precision(name, compute_dtype, half, full)


@pytest.mark.only_on("jax")
def test_the_half_precision_errors_of_every_family_are_measured(
    make, half_precision_error, half_precision_errors
):
    """Measures those of a new family, and fails with the line to add."""
    lines = []
    for name in FAMILIES.keys() - half_precision_errors:
        full = outputs(make(FAMILIES[name]))
        float16, bfloat16 = (
            max(map(half_precision_error, outputs(make(FAMILIES[name], compute_dtype=x)), full))
            for x in ("float16", "bfloat16")
        )
        lines.append(f'"{name}": ({float16:.4f}, {bfloat16:.3f}),')
    assert not lines, "Add to HALF_PRECISION_ERRORS in tests/conftest.py: " + "  ".join(lines)


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """A user's own model around a Transformer."""

    def __init__(self, transformer, **kwargs):
        super().__init__(**kwargs)
        self.transformer = transformer
        self.classifier = keras.layers.Dense(2)

    def call(self, ids):
        return self.classifier(self.transformer(ids, **other_inputs(self.transformer, ids))[:, 0])

    def get_config(self):
        layer = keras.saving.serialize_keras_object(self.transformer)
        return {**super().get_config(), "transformer": layer}

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config.pop("transformer"))
        return cls(layer, **config)


def other_inputs(transformer, ids):
    """The arguments besides token IDs that an application needs."""
    return {"decoder_token_ids": ids} if transformer.config.application == "seq2seq" else {}


def functional(transformer, **sizes):
    """A functional model from IDs to logits; the head shares the token embedding."""
    ids = keras.Input(**(sizes or {"shape": (None,)}), dtype="int32")
    x = transformer(ids, padding_mask=ids > 0, **other_inputs(transformer, ids))
    assert x.shape == (*ids.shape, 12)
    return keras.Model(ids, transformer.mlm(x))


def make_trainable(make, family, **changes):
    return make(
        family,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        application="seq2seq" if "seq2seq" in family.applications else "encoder",
        heads=("mlm",),
        num_hidden_layers=1,  # compiling a step is slow
        **changes,
    )


def assert_it_learns(transformer):
    """Trains a functional model of the Transformer, and returns it."""
    model = functional(transformer)
    model.compile(
        keras.optimizers.SGD(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    before, after = model.fit(IDS, IDS, epochs=2, verbose=0).history["loss"]
    assert after < before
    return model


@pytest.mark.parametrize("name", elsewhere("bert", only=kinds_of_block()))
def test_in_a_keras_model_it_can_be_trained_in_half_precision(make, name):
    assert_it_learns(make_trainable(make, FAMILIES[name], compute_dtype="bfloat16"))


@pytest.mark.parametrize("name", elsewhere(*kinds_of_block()))
def test_in_a_keras_model_it_can_be_trained_saved_and_cloned(make, tmp_path, name):
    transformer = make_trainable(make, FAMILIES[name])
    model = assert_it_learns(transformer)
    expected = ops.convert_to_numpy(model(IDS))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for other in (clone, loaded):
        np.testing.assert_array_equal(ops.convert_to_numpy(other(IDS)), expected)
    subclassed = Subclassed(transformer)
    expected = ops.convert_to_numpy(subclassed(IDS))
    subclassed.save(tmp_path / "whole.keras")
    loaded = keras.models.load_model(tmp_path / "whole.keras")
    np.testing.assert_array_equal(ops.convert_to_numpy(loaded(IDS)), expected)


def test_a_model_can_be_exported_for_tensorflow(make, tmp_path):
    """On JAX and TensorFlow; PyTorch exports ONNX, see `training/exporting.py`."""
    if keras.config.backend() == "torch":
        pytest.skip("Keras cannot export a SavedModel from PyTorch")
    tensorflow = pytest.importorskip("tensorflow")
    transformer = make(FAMILIES["bert"], num_hidden_layers=1, heads=("mlm",))
    model = functional(transformer, batch_shape=IDS.shape)
    with warnings.catch_warnings():  # Keras uses deprecated functions of JAX
        warnings.simplefilter("ignore")
        model.export(tmp_path / "model", verbose=False)
    exported = tensorflow.saved_model.load(str(tmp_path / "model"))
    logits = exported.serve(IDS.astype("int32"))
    np.testing.assert_allclose(logits, ops.convert_to_numpy(model(IDS)), atol=1e-5)
