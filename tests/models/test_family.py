"""A config.json is understood completely, or refused."""

from __future__ import annotations

import dataclasses

import pytest

from hornbook.errors import CheckpointError
from hornbook.models.configuration.transformer_config import FILE_FIELDS, TransformerConfig
from hornbook.models.families import BERT, FAMILIES, family_named
from hornbook.models.family import Family

GOOGLE = {
    "attention_probs_dropout_prob": 0.0,
    "directionality": "bidi",
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.25,
    "hidden_size": 8,
    "initializer_range": 0.02,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 3,
    "pooler_fc_size": 768,
    "pooler_type": "first_token_transform",
    "type_vocab_size": 2,
    "vocab_size": 100,
}


def test_every_value_of_the_file_is_in_the_configuration():
    config = BERT.read_config(GOOGLE, "bert_config.json")
    for name, value in GOOGLE.items():
        if name in FILE_FIELDS:
            assert getattr(config, name) == value
        else:
            assert config.extra[name] == value


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_written_configuration_reads_back_equal(family):
    file_fields = {name: value for name, value in GOOGLE.items() if name in FILE_FIELDS}
    names = family.applications
    application = "prefix_lm" if "prefix_lm" in names else names[0]
    own = {"application": application, "heads": ("mlm",), "condition_size": 4}
    sizes = {"embedding_size": 4, "num_hidden_groups": 3, "max_relative_position": 5}
    sizes = {name: value for name, value in sizes.items() if name in family.config_keys}
    if "language_head" in family.choices:
        sizes = {}
    config = TransformerConfig(
        **{"family": family.name, **family.choices, **file_fields, **sizes, **own}
    )
    reread = family.read_config(family.write_config(config), "config.json")
    assert dataclasses.replace(reread, extra={}) == config


def test_an_unknown_key_is_refused_unless_it_is_ignored():
    values = GOOGLE | {"embedding_size": 4, "hiden_act": "relu"}
    with pytest.raises(CheckpointError) as info:
        BERT.read_config(values, "some/config.json")
    message = str(info.value)
    assert message.startswith("some/config.json does not describe a bert")
    assert "unknown key 'embedding_size'" in message
    assert "unknown key 'hiden_act'. Did you mean 'hidden_act'?" in message
    config = BERT.read_config(values, "", ignore=("embedding_size", "hiden_act"))
    assert config.hidden_act == "gelu"
    assert config.extra["embedding_size"] == 4


@pytest.mark.parametrize(
    ("key", "value", "computed"),
    [
        ("position_embedding_type", "relative_key", "'absolute'"),
        ("is_decoder", True, "False"),
        ("pruned_heads", {"0": [1]}, "{}"),
        ("tie_encoder_decoder", True, "False"),
        ("add_cross_attention", True, "False"),
    ],
)
def test_a_known_key_with_an_unsupported_value_is_refused(key, value, computed):
    with pytest.raises(CheckpointError, match=f"{key} is .*; bert computes {computed}"):
        BERT.read_config(GOOGLE | {key: value}, "")


def test_missing_and_unknown_keys_are_listed_together():
    values = {name: value for name, value in GOOGLE.items() if name != "vocab_size"}
    with pytest.raises(CheckpointError) as info:
        BERT.read_config(values | {"rope_theta": 1}, "")
    assert "missing key 'vocab_size'" in str(info.value)
    assert "unknown key 'rope_theta'" in str(info.value)


@pytest.mark.parametrize("own", [None, [], "x", {"extra": {}}, {"secret": 1}])
def test_an_invalid_hornbook_key_is_refused(own):
    with pytest.raises(CheckpointError, match="The key 'hornbook'"):
        BERT.read_config(GOOGLE | {"hornbook": own}, "")


@pytest.mark.parametrize("heads", [None, "mlm", [["mlm"]], {"mlm": 1}, 3])
def test_heads_that_are_not_a_list_of_names_are_refused(heads):
    with pytest.raises(CheckpointError, match="heads is"):
        BERT.read_config(GOOGLE | {"hornbook": {"heads": heads}}, "")


def test_the_configuration_has_the_family_that_reads_it():
    config = BERT.read_config(GOOGLE | {"hornbook": {"family": "another"}}, "")
    assert config.family == "bert"


def test_a_family_has_its_own_choices_and_keys():
    family = Family(
        name="other",
        paper="",
        choices={"type_vocab_size": 0},
        rename={"n_embd": "hidden_size"},
        weights={},
        model_type="other",
    )
    values = {name: value for name, value in GOOGLE.items() if name in FILE_FIELDS}
    values["n_embd"] = values.pop("hidden_size")
    del values["type_vocab_size"]
    config = family.read_config(values, "")
    assert (config.hidden_size, config.type_vocab_size) == (8, 0)
    assert family.write_config(config)["n_embd"] == 8


def test_the_dtype_of_the_file_is_not_written():
    config = BERT.read_config(GOOGLE | {"torch_dtype": "float16", "dtype": "bfloat16"}, "")
    assert not {"dtype", "torch_dtype"} & set(BERT.write_config(config))


def test_aliases_are_unique_and_find_their_family():
    assert family_named("RoBERTa_wwm_ext") is BERT
    with pytest.raises(CheckpointError, match=r"Unknown model family .brt"):
        family_named("brt")
    names = [name for family in FAMILIES.values() for name in (family.name, *family.aliases)]
    assert len(names) == len(set(names))
