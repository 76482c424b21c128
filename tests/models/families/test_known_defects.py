"""Regression tests for defects of earlier libraries."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.errors import CheckpointError
from hornbook.layers import ConditionalLayerNormalization
from hornbook.models.families import FAMILIES
from hornbook.models.variables import named_variables
from hornbook.pretrained import Pretrained, load

pytestmark = pytest.mark.backend

SIZES = {
    "vocab_size": 40,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 24,
}


EPSILONS = {
    **dict.fromkeys(("roberta", "modernbert", "gpt", "gpt2", "gpt2-ml", "bart"), 1e-5),
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3"), 1e-6),
    **dict.fromkeys(("t5", "t5.1.1", "mt5", "t5-pegasus"), 1e-6),
}


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


@pytest.mark.only_on("jax")
def test_every_norm_has_the_epsilon_of_the_paper(tiny_transformer, family):
    """It had become 1e-7 in ALBERT, NEZHA and RoFormer, and 1e-12 in GPT."""
    config = family.read_config({**SIZES}, "bert_config.json")  # Google's files have no epsilon
    expected = EPSILONS.get(family.name, 1e-12)
    assert config.layer_norm_eps == expected
    model = tiny_transformer(**{"family": family.name, **family.choices, "heads": ("mlm",)})
    norms = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, ConditionalLayerNormalization)
    ]
    assert len(norms) > 2
    assert {norm.epsilon for norm in norms} == {expected}


@pytest.mark.only_on("jax")
def test_a_frozen_layer_is_saved_and_loaded_like_any_other(tiny_transformer, family, tmp_path):
    """Only trainable weights were mapped to names, so frozen layers kept random values."""
    from hornbook.checkpoints import ArraysCheckpoint, read_weights, write_weights

    fields = {"family": family.name, **family.choices, "num_hidden_layers": 1, "heads": ()}
    first, second = (tiny_transformer(**fields, seed=seed) for seed in (1, 2))
    for transformer in (first, second):
        stack = transformer.encoder if transformer.config.encoder_decoder else transformer
        stack.blocks[0].trainable = False
        transformer.token_embedding.trainable = False
    layout, table = next(iter(family.weights.items()))
    tensors = write_weights(table, named_variables(first))
    read_weights(table, named_variables(second), ArraysCheckpoint(tensors, layout=layout))
    for path, variable in named_variables(second).items():
        expected = ops.convert_to_numpy(named_variables(first)[path].value)
        np.testing.assert_array_equal(ops.convert_to_numpy(variable.value), expected)


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("key", ["hiden_act", "rope_theta", "sliding_window", "logit_scale"])
def test_an_unknown_config_key_is_refused(family, key):
    """Unknown keys were ignored, although they may change the model."""
    known = family.config_keys
    if key in known or (key == "sliding_window" and "attention_window" in known):
        pytest.skip("a key of this family")
    with pytest.raises(CheckpointError, match=f"unknown key '{key}'"):
        family.read_config({**SIZES, key: 1}, "config.json")


@pytest.mark.only_on("jax")
@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("albert", "inner_group_num", 2),
        ("albert-unshared", "num_hidden_groups", 2),
        ("nezha", "use_relative_position", False),
        ("roformer", "rotary_value", True),
        ("roformer-v2", "norm_type", "layer_norm"),
        ("gpt", "afn", "relu"),
        ("gpt2", "scale_attn_by_inverse_layer_idx", True),
        ("gpt2", "scale_attn_weights", False),
        ("t5", "scale_decoder_outputs", False),
        ("t5.1.1", "gated_feed_forward", False),
        ("bart", "scale_embedding", True),
    ],
)
def test_an_unsupported_config_value_is_refused(name, key, value):
    with pytest.raises(CheckpointError, match=f"{key} is {value!r}; {name} computes"):
        FAMILIES[name].read_config({**SIZES, key: value}, "config.json")


@pytest.mark.one_of_each_kind
def test_neighboring_ids_and_positions_are_distinct_in_half_precision(tiny_transformer, family):
    """IDs were floats, and bfloat16 has no 301: it became 300 or 302."""
    changes = {"application": "encoder", "heads": (), "compute_dtype": "bfloat16"}
    changes |= {"vocab_size": 310, "max_position_embeddings": 320, "num_hidden_layers": 1}
    transformer = tiny_transformer(**{"family": family.name, **family.choices, **changes})
    if transformer.config.encoder_decoder:
        transformer = transformer.encoder
    first, second = (
        ops.convert_to_numpy(ops.cast(transformer(np.array([[300, token]])), "float32"))
        for token in (300, 301)
    )
    assert not np.array_equal(first, second)
    first, second = (
        ops.convert_to_numpy(ops.cast(transformer(np.array([[5, 6]]), position_ids=ids), "float32"))
        for ids in (np.array([[300, 300]]), np.array([[300, 301]]))
    )
    assert not np.array_equal(first, second)


@pytest.mark.only_on("jax")
def test_gpt2_ml_has_no_attention_dropout_whatever_its_config_says():
    """Its training code had commented it out, but other libraries used it in fine-tuning."""
    config = FAMILIES["gpt2-ml"].read_config({**SIZES, "attention_probs_dropout_prob": 0.1}, "")
    assert config.attention_probs_dropout_prob == 0


@pytest.mark.only_on("jax")
def test_the_maximum_length_of_roberta_excludes_the_positions_of_padding(
    tiny_transformer, tmp_path
):
    """The first two rows are for padding, so 514 rows are for 512 tokens."""
    family = FAMILIES["roberta"]
    transformer = tiny_transformer(
        **{"family": "roberta", **family.choices, "max_position_embeddings": 10}
    )
    assert transformer.config.max_length == 8
    x = transformer(np.full((1, 8), 5))
    assert not np.array_equal(*ops.convert_to_numpy(x)[0, -2:])
    Pretrained(transformer, None).save(tmp_path / "model")
    assert load(tmp_path / "model").config.max_length == 8


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("name", ["t5", "t5.1.1", "mt5", "t5-pegasus", "bart"])
def test_only_the_first_t5_scales_the_input_of_its_head(tiny_transformer, name):
    """Version 1.1 was scaled too, which flattened its probabilities."""
    choices = FAMILIES[name].choices
    model = tiny_transformer(**{"family": name, **choices, "heads": ("mlm",)})
    x = np.random.default_rng(0).normal(size=(1, 2, 12)).astype("float32")
    if choices["language_head"] == "untied":
        kernel = ops.convert_to_numpy(model.mlm.kernel.value)
    else:
        kernel = ops.convert_to_numpy(model.token_embedding.embeddings.value).T
    expected = x @ kernel
    if name == "t5":
        expected = expected / np.sqrt(12)
    if name == "bart":
        expected = expected + ops.convert_to_numpy(model.mlm.bias.value)
    np.testing.assert_allclose(ops.convert_to_numpy(model.mlm(x)), expected, atol=1e-5)


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("name", ["t5", "t5.1.1", "mt5", "t5-pegasus"])
def test_cross_attention_does_not_depend_on_the_order_of_the_encoder_output(tiny_transformer, name):
    """The bias of its own positions was added to cross-attention as well."""
    model = tiny_transformer(**{"family": name, **FAMILIES[name].choices, "heads": ()})
    encoded = np.random.default_rng(0).normal(size=(1, 6, 12)).astype("float32")
    ids = np.array([[0, 5, 6]])
    forward, reverse = (
        ops.convert_to_numpy(model.decoder(ids, encoded=x)) for x in (encoded, encoded[:, ::-1])
    )
    np.testing.assert_allclose(forward, reverse, atol=1e-5)
    other = ops.convert_to_numpy(model.decoder(ids, encoded=-encoded))
    assert np.abs(forward - other).max() > 1e-2


@pytest.mark.only_on("jax")
@pytest.mark.parametrize("name", ["t5", "t5.1.1", "mt5", "t5-pegasus"])
def test_the_table_of_distances_is_initialized_in_encoder_and_decoder(name):
    """Its initializer was lost, so every training from scratch started with zeros."""
    from hornbook.models.building import make_model

    model = make_model(FAMILIES[name].configure(**SIZES, initializer_range=0.5))
    model.build()
    for stack in (model.encoder, model.decoder):
        table = ops.convert_to_numpy(stack.positions.embeddings.value)
        assert table.shape == (32, 3)
        assert 0.3 < table.std() < 0.7
