"""Mistakes of earlier libraries that must not come back, one test each."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.errors import CheckpointError
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
    **dict.fromkeys(("roberta", "modernbert", "gpt", "gpt2", "gpt2-ml"), 1e-5),
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3"), 1e-6),
}


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def test_the_epsilon_of_every_norm_is_the_papers(tiny_transformer, family):
    """They drifted to 1e-7 in ALBERT, NEZHA and RoFormer, and to 1e-12 in GPT."""
    config = family.read_config({**SIZES}, "bert_config.json")  # Google's files do not say
    expected = EPSILONS.get(family.name, 1e-12)
    assert config.layer_norm_eps == expected
    transformer = tiny_transformer(**{"family": family.name, **family.choices})
    norms = [transformer.embedding_norm, transformer.final_norm]
    for block in transformer.blocks:
        norms += [block.attention_norm, block.feed_forward_norm]
    if transformer.config.language_head == "transform":
        norms.append(transformer.mlm.norm)
    assert {norm.epsilon for norm in norms if norm is not None} == {expected}


def test_a_frozen_layer_is_saved_and_loaded_like_any_other(tiny_transformer, family, tmp_path):
    """Only trainable weights were paired with names, so frozen layers kept random values."""
    from hornbook.checkpoints import ArraysCheckpoint, read_weights, write_weights

    of_family = {"family": family.name, **family.choices, "num_hidden_layers": 1, "heads": ()}
    first, second = (tiny_transformer(**of_family, seed=seed) for seed in (1, 2))
    for transformer in (first, second):
        transformer.blocks[0].trainable = False
        transformer.token_embedding.trainable = False
    layout, table = next(iter(family.weights.items()))
    tensors = write_weights(table, named_variables(first))
    read_weights(table, named_variables(second), ArraysCheckpoint(tensors, layout=layout))
    for path, variable in named_variables(second).items():
        expected = ops.convert_to_numpy(named_variables(first)[path].value)
        np.testing.assert_array_equal(ops.convert_to_numpy(variable.value), expected)


@pytest.mark.parametrize("key", ["hiden_act", "rope_theta", "sliding_window", "logit_scale"])
def test_a_config_key_that_nobody_reads_is_named(family, key):
    """Unknown keys vanished, and with them what they would have changed."""
    if key in family.words or (key == "sliding_window" and "attention_window" in family.words):
        pytest.skip("which this family reads")
    with pytest.raises(CheckpointError, match=f"unknown key '{key}'"):
        family.read_config({**SIZES, key: 1}, "config.json")


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
    ],
)
def test_a_config_value_that_we_do_not_compute_is_named(name, key, value):
    with pytest.raises(CheckpointError, match=f"{key} is {value!r}; {name} computes"):
        FAMILIES[name].read_config({**SIZES, key: value}, "config.json")


def test_neighbouring_ids_and_positions_stay_apart_in_half_precision(tiny_transformer, family):
    """Ids were floats, and bfloat16 has no 301: it became 300 or 302."""
    changes = {"application": "encoder", "heads": (), "compute_dtype": "bfloat16"}
    changes |= {"vocab_size": 310, "max_position_embeddings": 320, "num_hidden_layers": 1}
    transformer = tiny_transformer(**{"family": family.name, **family.choices, **changes})
    one, other = (
        ops.convert_to_numpy(ops.cast(transformer(np.array([[300, token]])), "float32"))
        for token in (300, 301)
    )
    assert not np.array_equal(one, other)
    one, other = (
        ops.convert_to_numpy(ops.cast(transformer(np.array([[5, 6]]), position_ids=ids), "float32"))
        for ids in (np.array([[300, 300]]), np.array([[300, 301]]))
    )
    assert not np.array_equal(one, other)


def test_gpt2_ml_has_no_attention_dropout_whatever_its_config_says():
    """Its training had commented the dropout out, and fine-tuning elsewhere put it back."""
    config = FAMILIES["gpt2-ml"].read_config({**SIZES, "attention_probs_dropout_prob": 0.1}, "")
    assert config.attention_probs_dropout_prob == 0


def test_a_roberta_reads_as_many_tokens_as_it_has_positions(tiny_transformer, tmp_path):
    """Its first positions are padding's, so 514 of them are for 512 tokens."""
    family = FAMILIES["roberta"]
    transformer = tiny_transformer(
        **{"family": "roberta", **family.choices, "max_position_embeddings": 10}
    )
    assert transformer.config.max_length == 8
    x = transformer(np.full((1, 8), 5))
    assert not np.array_equal(*ops.convert_to_numpy(x)[0, -2:])
    Pretrained(transformer, None).save(tmp_path / "model")
    assert load(tmp_path / "model").config.max_length == 8
