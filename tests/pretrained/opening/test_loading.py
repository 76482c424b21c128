"""A model folder is loaded completely, or refused with everything that is wrong with it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from keras import ops

import hornbook
from hornbook.checkpoints import find_checkpoint, write_safetensors
from hornbook.errors import CheckpointError, HornbookError, OptionError
from hornbook.files import MANIFEST, write_manifest
from hornbook.models.variables import named_variables
from hornbook.pretrained import LAYOUTS, Pretrained, open_folder, read_model, write_model
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

pytestmark = pytest.mark.backend

IDS = np.array([[5, 6, 7, 8], [9, 10, 11, 12]])
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = [*SPECIAL, *"abcdefghijklmnopqrstuvwxyz", *"，。！"]  # 34 of the model's 40 rows


@pytest.fixture
def make_folder(tiny_transformer, tmp_path):
    """Saves a tiny model and returns its folder; `edit` then changes the configuration."""

    def make(layout="huggingface", *, name="model", edit=None, manifest=True, **changes):
        folder = tmp_path / name
        model = Pretrained(tiny_transformer(**changes), WordPieceTokenizer(VOCABULARY))
        model.save(folder, layout=layout)
        if edit is not None:
            file = folder / ("bert_config.json" if layout == "google" else "config.json")
            values = json.loads(file.read_text())
            edit(values)
            file.write_text(json.dumps(values))
            write_manifest(folder)
        if not manifest:
            (folder / MANIFEST).unlink()
        return folder

    return make


def outputs(model):
    return ops.convert_to_numpy(model(IDS))


def refusal(folder, **options):
    with pytest.raises(HornbookError) as caught:
        hornbook.load(folder, **options)
    return str(caught.value)


def weights_of(transformer):
    return {
        path: np.array(ops.convert_to_numpy(variable.value))
        for path, variable in named_variables(transformer).items()
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_saving_and_loading_changes_no_output(make_folder, layout):
    folder = make_folder(layout)
    model = hornbook.load(folder)
    model.save(folder.with_name("again"), layout=layout)
    again = hornbook.load(folder.with_name("again"))
    texts = ["a b c", ("d e", "f")]
    np.testing.assert_allclose(model.encode(texts), again.encode(texts), atol=1e-6)
    assert model.config == again.config


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("application", ["causal_lm", "prefix_lm"])
def test_every_application_and_condition_is_kept(make_folder, layout, application):
    folder = make_folder(layout, application=application, condition_size=3)
    model = hornbook.load(folder)
    assert model.config.application == application
    assert model.config.condition_size == 3
    inputs = {"segment_ids": IDS % 2, "condition": np.ones((2, 3), "float32")}
    assert model(IDS, **inputs).shape == (2, 4, 12)


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_weights_of_a_trained_condition_are_kept(make_folder, tiny_transformer, layout):
    transformer = tiny_transformer(condition_size=3)
    for path, variable in named_variables(transformer).items():
        if path.endswith("_kernel"):
            value = np.random.default_rng(0).normal(size=variable.shape)
            variable.assign(value.astype("float32"))
    folder = make_folder().with_name("conditional")
    Pretrained(transformer, None).save(folder, layout=layout)
    saved, loaded = weights_of(transformer), weights_of(hornbook.load(folder).model)
    for path, value in saved.items():
        np.testing.assert_array_equal(loaded[path], value)


@pytest.mark.parametrize("hidden", [None, 4])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_condition_can_be_added_while_loading(make_folder, layout, hidden):
    folder = make_folder(layout)
    plain = hornbook.load(folder)
    conditional = hornbook.load(folder, condition_size=3, condition_hidden_size=hidden)
    if hidden:  # else nothing could be learned through it
        assert weights_of(conditional.model)["embedding_norm.hidden_kernel"].any()
    computed = conditional(IDS, condition=np.ones((2, 3), "float32"))
    np.testing.assert_allclose(ops.convert_to_numpy(computed), outputs(plain), atol=1e-6)


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_of_the_vocabulary_can_be_chosen_while_loading(make_folder, layout):
    folder = make_folder(layout)
    before = weights_of(hornbook.load(folder).model)
    options = {"keep_tokens": [0, 3, 2], "compound_tokens": [[5, 6], ([7, 8], [3, 1])]}
    with pytest.raises(
        OptionError, match=r"cannot be adapted(?s:.*)missing: \[UNK\](?s:.*)tokenizer="
    ):
        hornbook.load(folder, **options)
    model = hornbook.load(folder, **options, tokenizer=None)
    after = weights_of(model.model)
    assert model.config.vocab_size == 5
    for path in ("token_embedding.embeddings", "mlm.bias"):
        old = before.pop(path)
        mean, weighted = (old[5] + old[6]) / 2, (3 * old[7] + old[8]) / 4
        expected = np.stack([old[0], old[3], old[2], mean, weighted])
        np.testing.assert_allclose(after.pop(path), expected, atol=1e-6)
    for path, value in before.items():
        np.testing.assert_array_equal(after[path], value)
    with pytest.raises(OptionError, match="came without its vocabulary"):
        model.encode(["a"])
    with pytest.raises(ValueError, match="there is no row 40 among 40"):
        hornbook.load(folder, keep_tokens=[40])


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_heads_can_be_left_out_and_are_named_when_they_are_missing(make_folder, layout):
    folder = make_folder(layout, heads=("pooler",))
    assert hornbook.load(folder).config.heads == ("pooler",)
    assert hornbook.load(folder, heads=()).model.pooler is None
    message = refusal(folder, heads=("pooler", "nsp"))
    assert message.startswith("2 of the tensors 'bert' needs do not fit")
    assert message.count("missing") == 2


@pytest.mark.only_on("jax")
def test_other_layers_are_saved_beside_the_transformer(make_folder, tiny_transformer):
    import keras

    top = keras.layers.Dense(2)
    top.build((None, 12))
    folder = make_folder()
    write_model(folder, tiny_transformer(), None, others={"top": top})
    transformer, _, checkpoint = open_folder_without_manifest(folder)
    again = keras.layers.Dense(2)
    again.build((None, 12))
    read_model(transformer, checkpoint, others={"top": again})
    np.testing.assert_array_equal(
        ops.convert_to_numpy(again.kernel.value), ops.convert_to_numpy(top.kernel.value)
    )
    read_model(transformer, checkpoint)  # the Transformer alone can be read too
    with pytest.raises(ValueError, match="Keras's layout"):
        write_model(folder, transformer, None, layout="keras", others={"top": top})


def open_folder_without_manifest(folder):
    (folder / MANIFEST).unlink()
    return open_folder(folder)


@pytest.mark.parametrize("compute_dtype", ["bfloat16", "float16"])
def test_a_model_can_compute_in_half_precision(make_folder, assert_half_precision, compute_dtype):
    folder = make_folder()
    exact = hornbook.load(folder).encode(["a b c", "d"])
    model = hornbook.load(folder, compute_dtype=compute_dtype)
    vectors = model.encode(["a b c", "d"])
    assert vectors.dtype == "float32"
    assert_half_precision("bert", compute_dtype, vectors, exact)
    assert {str(variable.dtype) for variable in model.model.weights} == {"float32"}


@pytest.mark.parametrize("variable_dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_can_be_kept_in_half_precision(
    make_folder, assert_half_precision, layout, variable_dtype
):
    folder = make_folder(layout)
    exact = hornbook.load(folder)
    model = hornbook.load(folder, variable_dtype=variable_dtype)
    assert {str(variable.dtype) for variable in model.model.weights} == {variable_dtype}
    assert {
        str(variable.value.dtype).removeprefix("torch.") for variable in model.model.weights
    } <= {
        variable_dtype,
        f"<dtype: '{variable_dtype}'>",
    }
    for path, value in weights_of(model.model).items():
        expected = weights_of(exact.model)[path].astype(value.dtype)
        np.testing.assert_array_equal(value, expected, err_msg=path)
    vectors = model.encode(["a b c"])
    assert_half_precision("bert", variable_dtype, vectors, exact.encode(["a b c"]))
    model.save(folder.with_name("half"), layout=layout)
    half = hornbook.load(folder.with_name("half"), variable_dtype=variable_dtype)
    wide = hornbook.load(folder.with_name("half"))
    for path, value in weights_of(model.model).items():
        np.testing.assert_array_equal(weights_of(half.model)[path], value, err_msg=path)
        np.testing.assert_array_equal(weights_of(wide.model)[path], value.astype("float32"))


@pytest.mark.only_on("jax")
def test_types_that_cannot_be_combined_are_named(make_folder):
    folder = make_folder()
    message = refusal(folder, variable_dtype="bfloat16", compute_dtype="float16")
    assert "Weights in bfloat16 can only compute in bfloat16, not in float16" in message
    assert "Did you mean 'bfloat16'" in refusal(folder, variable_dtype="bflot16")
    assert "Unknown compute_dtype 'int8'" in refusal(folder, compute_dtype="int8")


@pytest.mark.only_on("jax")
def test_any_field_of_the_configuration_can_be_changed_and_no_other(make_folder):
    folder = make_folder()
    assert hornbook.load(folder, hidden_dropout_prob=0.3).config.hidden_dropout_prob == 0.3
    message = refusal(folder, hiden_dropout_prob=0.3)
    assert "Unknown option 'hiden_dropout_prob'. Did you mean 'hidden_dropout_prob'?" in message


# Encoding texts


TEXTS = ["a", "b c d e f g h i j k l m n o p q r s t u", ("x y", "z"), "", "a b c", ("k", "l m n")]


@pytest.mark.parametrize("pooling", ["mean", "first", "pooler"])
def test_texts_are_encoded_in_their_order_as_if_one_by_one(make_folder, pooling):
    model = hornbook.load(make_folder())
    together = model.encode(TEXTS, pooling=pooling, batch_tokens=48)
    for text, vector in zip(TEXTS, together, strict=True):
        encoding = model.tokenizer.encode(*(text if isinstance(text, tuple) else (text,)))
        length = len(encoding.token_ids)
        real = np.arange(24)[None] < length  # one shape for all, to compile once
        ids, segments = (
            np.pad([numbers], ((0, 0), (0, 24 - length)))
            for numbers in (encoding.token_ids, encoding.segment_ids)
        )
        x = model(ids, segment_ids=segments, padding_mask=real)
        expected = {
            "mean": lambda x=x, real=real: ops.convert_to_numpy(x)[real].mean(0),
            "first": lambda x=x: ops.convert_to_numpy(x)[0, 0],
            "pooler": lambda x=x: ops.convert_to_numpy(model.model.pool(x))[0],
        }[pooling]()
        np.testing.assert_allclose(vector, expected, atol=2e-6)


@pytest.mark.only_on("jax")
def test_long_texts_are_cut_to_the_models_positions_or_less(make_folder):
    model = hornbook.load(make_folder())
    long = " ".join(["a b c d"] * 20)
    np.testing.assert_allclose(
        model.encode([long]), model.encode([long], max_length=1000), atol=1e-6
    )
    short = model.encode([long, "a b c"], max_length=5)  # [CLS] a b c [SEP]
    np.testing.assert_allclose(short[0], short[1], atol=2e-6)


@pytest.mark.only_on("jax")
def test_no_texts_are_no_vectors(make_folder):
    assert hornbook.load(make_folder()).encode([]).shape == (0, 12)


@pytest.mark.only_on("jax")
def test_one_text_gives_one_vector_and_a_list_of_one_a_list(make_folder):
    model = hornbook.load(make_folder())
    both = model.encode(["a b", ("a b", "c")])
    for one, row in [("a b", both[0]), (("a b", "c"), both[1])]:
        assert model.encode(one).shape == (12,)
        np.testing.assert_allclose(model.encode(one), row, atol=1e-6)
        assert model.encode([one]).shape == (1, 12)
    ids = model.tokenizer.encode("a b").token_ids
    np.testing.assert_allclose(model.encode(ids), both[0], atol=1e-6)
    assert model.encode(np.array([ids, ids])).shape == (2, 12)
    assert model.encode(np.array(["a b", "c"])).shape == (2, 12)
    assert model.encode("").shape == (12,)  # [CLS] and [SEP] are there


@pytest.mark.only_on("jax")
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (None, "texts is None"),
        (b"a", "texts is bytes"),
        (["a", None], r"texts\[1\] is missing"),
        ([[5, 10**6]], r"texts\[0\] has token 1000000"),
        ([[]], r"texts\[0\] is empty"),
        ([[5] * 1000], r"texts\[0\] has 1000 tokens"),
    ],
)
def test_inputs_that_are_no_texts_are_named_before_anything_is_computed(
    make_folder, texts, message
):
    model = hornbook.load(make_folder())
    with pytest.raises(OptionError, match=message):
        model.encode(texts)
    with pytest.raises(OptionError, match="max_length is 0"):
        model.encode("a", max_length=0)


@pytest.mark.only_on("jax")
def test_unknown_and_missing_poolings_and_conditions_are_named(make_folder):
    model = hornbook.load(make_folder(heads=()))
    with pytest.raises(OptionError, match="Did you mean 'mean'"):
        model.encode(["a"], pooling="meen")
    with pytest.raises(OptionError, match="no pooler"):
        model.encode(["a"], pooling="pooler")
    model = hornbook.load(make_folder(name="other", condition_size=2))
    with pytest.raises(OptionError, match="condition"):
        model.encode(["a"])


# What is wrong with a folder


@pytest.mark.only_on("jax")
def test_a_folder_that_does_not_exist_is_named(tmp_path):
    assert "There is no model folder" in refusal(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    assert "is not a weight file" in refusal(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    message = refusal(tmp_path / "empty")
    assert "has no configuration" in message
    assert "config.json or bert_config.json" in message


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("text", ["", "[1]", "{", '"x"', "[" * 100_000, "\xff"])
def test_a_configuration_that_is_no_json_object_is_named(make_folder, text):
    folder = make_folder(manifest=False)
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    assert "config.json" in refusal(folder)


@pytest.mark.only_on("jax")
def test_a_folder_without_weights_says_what_it_looked_for(make_folder):
    folder = make_folder(manifest=False)
    (folder / "model.safetensors").unlink()
    assert "model.safetensors" in refusal(folder)


@pytest.mark.only_on("jax")
def test_an_unknown_model_type_is_refused_unless_a_family_is_named(make_folder):
    def edit(values):
        values["model_type"] = "bloom"
        del values["hornbook"]

    folder = make_folder(edit=edit)
    message = refusal(folder)
    assert "'bloom', which hornbook does not know" in message
    assert "Known types: albert, bart, bert, " in message
    assert hornbook.load(folder, family="macbert").config.family == "bert"
    assert "Unknown model family 'gpt9'" in refusal(folder, family="gpt9")


@pytest.mark.only_on("jax")
def test_keys_that_may_change_the_mathematics_are_refused(make_folder):
    folder = make_folder(
        edit=lambda values: values.update(embedding_size=4, position_embedding_type="relative_key")
    )
    message = refusal(folder)
    assert "unknown key 'embedding_size'" in message
    assert "position_embedding_type is 'relative_key'" in message
    folder = make_folder(name="other", edit=lambda values: values.update(hidden_act="mish"))
    assert "Unknown activation 'mish'" in refusal(folder)


@pytest.mark.only_on("jax")
def test_a_vocabulary_larger_than_the_table_is_refused(make_folder):
    folder = make_folder(manifest=False)
    words = [*VOCABULARY, *(f"w{number}" for number in range(10))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    assert "has 44 tokens, but the model has only 40 rows" in refusal(folder)


@pytest.mark.only_on("jax")
def test_an_unknown_compute_dtype_is_refused(make_folder):
    assert "Did you mean 'bfloat16'?" in refusal(make_folder(), compute_dtype="bfloat")


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_shape_that_does_not_fit_is_named(make_folder, layout):
    folder = make_folder(layout, edit=lambda values: values.update(intermediate_size=19))
    message = refusal(folder)
    if layout == "keras":
        assert "does not fit its configuration" in message
    else:
        assert message.count("shape  ") == 2 * 3  # kernel, bias, kernel of both blocks
        assert "(19,)" in message


@pytest.mark.only_on("jax")
def test_missing_and_unexpected_tensors_are_named_together(make_folder):
    folder = make_folder(manifest=False)
    checkpoint = find_checkpoint(folder)
    tensors = {name: checkpoint.read(name) for name in checkpoint.names()}
    del tensors["bert.embeddings.LayerNorm.bias"]
    tensors["bert.encoder.layer.2.output.dense.bias"] = np.zeros(12, "float32")
    tensors["bert.pooler.dense.bias"] = np.zeros(13, "float32")
    write_safetensors(folder / "model.safetensors", tensors)
    message = refusal(folder)
    assert message.startswith("3 of the tensors 'bert' needs do not fit")
    assert "missing    bert.embeddings.LayerNorm.bias" in message
    assert "unexpected bert.encoder.layer.2.output.dense.bias" in message
    assert "bert.pooler.dense.bias: expected (12,), found (13,)" in message


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("layout", ["huggingface", "google"])
def test_nothing_changes_when_a_checkpoint_does_not_fit(make_folder, tiny_transformer, layout):
    transformer = tiny_transformer(seed=3)
    before = weights_of(transformer)
    other = find_checkpoint(make_folder(layout, intermediate_size=21))
    with pytest.raises(CheckpointError):
        read_model(transformer, other)
    for path, value in weights_of(transformer).items():
        np.testing.assert_array_equal(value, before[path])


WEIGHT_FILES = {
    "huggingface": "model.safetensors",
    "google": "bert_model.ckpt.data-00000-of-00001",
    "keras": "model.weights.h5",
}


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("manifest", [True, False])
def test_truncated_weights_are_refused(make_folder, layout, manifest):
    folder = make_folder(layout, manifest=manifest)
    file = folder / WEIGHT_FILES[layout]
    whole = file.read_bytes()
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        message = refusal(folder)
        assert ("is not as it was written" in message) == manifest


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_flipped_bit_is_noticed_by_the_manifest(make_folder, layout):
    folder = make_folder(layout)
    flip_a_bit(folder / WEIGHT_FILES[layout])
    assert "damaged   " + WEIGHT_FILES[layout] in refusal(folder)


@pytest.mark.only_on("jax")
def test_a_flipped_bit_is_noticed_by_googles_own_checksums(make_folder):
    folder = make_folder("google", manifest=False)
    flip_a_bit(folder / WEIGHT_FILES["google"])
    assert "bytes" in refusal(folder)


def flip_a_bit(file):
    octets = bytearray(file.read_bytes())
    octets[-5] ^= 4
    file.write_bytes(octets)


# Saving


@pytest.mark.only_on("jax")
def test_a_folder_that_is_no_model_is_not_replaced(make_folder, tmp_path):
    model = hornbook.load(make_folder())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(OptionError, match="something other than a model"):
        model.save(tmp_path / "mine")
    with pytest.raises(OptionError, match="something other than a model"):
        model.save(tmp_path / "mine" / "thesis.txt")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    model.save(tmp_path / "empty")
    assert hornbook.load(tmp_path / "empty").config == model.config


@pytest.mark.only_on("jax")
def test_a_model_can_be_saved_over_itself(make_folder):
    folder = make_folder()
    model = hornbook.load(folder)
    model.save(folder)
    np.testing.assert_allclose(outputs(hornbook.load(folder)), outputs(model), atol=1e-6)


@pytest.mark.only_on("jax")
def test_a_failed_save_leaves_the_old_model(make_folder, monkeypatch):
    folder = make_folder()
    before = outputs(hornbook.load(folder))
    model = hornbook.load(folder)
    with pytest.raises(OptionError, match="Did you mean 'google'"):
        model.save(folder, layout="goggle")
    monkeypatch.setattr(
        WordPieceTokenizer, "save", lambda self, folder: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(HornbookError, match="no space left"):
        model.save(folder)
    np.testing.assert_allclose(outputs(hornbook.load(folder)), before, atol=1e-6)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.only_on("jax")
def test_the_current_folder_can_be_opened(make_folder, monkeypatch):
    monkeypatch.chdir(make_folder())
    assert hornbook.load(".").config.vocab_size == 40
