"""A configuration that cannot be built is refused with all its problems."""

from __future__ import annotations

import pytest

from hornbook.errors import CheckpointError
from hornbook.models.configuration.choices import APPLICATIONS, CHOICES, HEADS
from hornbook.models.configuration.transformer_config import TransformerConfig

SIZES = {
    "vocab_size": 10,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}


@pytest.mark.parametrize("application", APPLICATIONS)
def test_a_valid_configuration_is_accepted(application):
    encoder_decoder = application == "seq2seq"
    config = TransformerConfig(
        **SIZES,
        application=application,
        encoder_decoder=encoder_decoder,
        heads=("mlm",) if encoder_decoder else HEADS,
        condition_size=3,
    )
    assert config.replace(hidden_size=4).hidden_size == 4
    assert config.hidden_size == 8


@pytest.mark.parametrize(
    ("application", "head"), [("seq2seq", "pooler"), ("seq2seq", "nsp"), ("encoder", "mlm")]
)
def test_heads_that_an_encoder_decoder_does_not_have_are_refused(application, head):
    options = {"family": "t5", "encoder_decoder": True, "application": application}
    with pytest.raises(CheckpointError, match=f"t5 as {application} has no head {head}"):
        TransformerConfig(**SIZES, **options, heads=(head,))


def test_sizes_of_the_decoder_default_to_those_of_the_encoder():
    options = {"encoder_decoder": True, "application": "seq2seq"}
    config = TransformerConfig(**SIZES, **options, num_decoder_layers=1)
    assert config == TransformerConfig(**SIZES, **options)
    sizes = {"decoder_num_attention_heads": 4, "decoder_intermediate_size": 5}
    config = TransformerConfig(**SIZES, **options, num_decoder_layers=3, **sizes)
    decoder = config.decoder_config
    assert (decoder.num_hidden_layers, decoder.num_attention_heads) == (3, 4)
    assert (decoder.intermediate_size, decoder.head_size) == (5, 2)
    encoder = config.encoder_config
    assert (encoder.num_hidden_layers, encoder.num_attention_heads) == (1, 2)
    assert (encoder.intermediate_size, encoder.head_size) == (16, 4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vocab_size", 0),
        ("vocab_size", "10"),
        ("hidden_size", 7),
        ("num_hidden_layers", True),
        ("num_attention_heads", None),
        ("intermediate_size", 2.0),
        ("max_position_embeddings", -1),
        ("type_vocab_size", -1),
        ("hidden_dropout_prob", 1),
        ("attention_probs_dropout_prob", "0.1"),
        ("layer_norm_eps", "1e-12"),
        ("condition_size", 0),
        ("application", "decoder"),
        ("heads", ("mlm", "span")),
        ("heads", "mlm"),
        ("heads", ([],)),
    ],
)
def test_an_invalid_value_is_named(name, value):
    with pytest.raises(CheckpointError, match=f"{name} ") as info:
        TransformerConfig(**{**SIZES, name: value})
    assert len(str(info.value).splitlines()) == 2


def test_all_problems_are_in_one_message():
    with pytest.raises(CheckpointError) as info:
        TransformerConfig(**{**SIZES, "vocab_size": 0, "application": "x", "heads": ("y",)})
    assert len(str(info.value).splitlines()) == 4


@pytest.mark.parametrize("name", CHOICES)
def test_an_unknown_choice_is_refused_with_the_allowed_ones(name):
    with pytest.raises(CheckpointError, match=f"{name} is 'odd', expected {CHOICES[name][0]!r}"):
        TransformerConfig(**SIZES, **{name: "odd"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 6, "position_kind": "rotary"}, "an even number of features in a head"),
        ({"num_hidden_groups": 2}, "num_hidden_groups is 2, but there are only 1 layers"),
        ({"embedding_size": 4, "language_head": "tied"}, "head needs hidden_size, 8"),
        ({"layer_types": ["sliding_attention"]}, "there is no attention_window"),
        ({"first_attention_norm": False}, "post blocks all need this norm"),
        ({"pad_token_id": None, "first_position": "after_pad"}, "pad_token_id is None"),
    ],
)
def test_contradictions_are_refused(changes, message):
    with pytest.raises(CheckpointError, match=message):
        TransformerConfig(**{**SIZES, **changes})


def test_values_that_equal_their_defaults_become_none():
    config = TransformerConfig(**{**SIZES, "intermediate_size": None, "embedding_size": 8})
    assert (config.intermediate_size, config.embedding_size) == (32, None)
    values = {"num_key_value_heads": 2, "attention_head_size": 4, "attention_window": 3}
    config = TransformerConfig(**SIZES, **values, layer_types=["sliding_attention"])
    assert config == TransformerConfig(**SIZES, attention_window=3)
