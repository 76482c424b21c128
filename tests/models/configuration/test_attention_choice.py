"""Every family with other kinds of attention: each works, or is refused with those that do."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.errors import CheckpointError, OptionError
from hornbook.layers.attention.kinds import KINDS
from hornbook.models.configuration.choices import CHOICES
from hornbook.models.decoding.cache import empty_cache, forget
from hornbook.models.families import FAMILIES
from hornbook.models.variables import named_variables

IDS = np.array([[5, 6, 7, 8, 9, 13], [10, 11, 12, 0, 0, 0]])
MASK = IDS > 0
# windows over the whole text, or one segment per token: exactly full attention
EXACT = {
    "nystrom": {"num_landmarks": 6},
    "window": {"window": 6},
    "window_landmarks": {"num_landmarks": 6, "window": 2},
    "double_softmax": {"num_landmarks": 6},
}
RELATIVE = ("relative", "buckets")


def make(tiny_transformer, family, **changes):
    fields = {"family": family.name, **family.choices, "application": "encoder", "heads": ()}
    if "attention_window" in family.choices and "layer_types" in family.config_keys:
        fields["layer_types"] = ("full_attention", "sliding_attention")
        fields["attention_window"] = 2
    return tiny_transformer(**{**fields, **changes})


def test_the_choices_are_full_and_every_kind():
    assert CHOICES["attention"] == ("full", *KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_old_spellings_of_a_kind_give_the_same_configuration(kind):
    fields = {**SIZES, **EXACT.get(kind, {})}
    old, new = (
        FAMILIES["bert"].configure(**fields, attention=spelling)
        for spelling in (kind.replace("_", "-"), kind)
    )
    assert old == new
    assert old.attention == kind


@pytest.mark.one_of_each_kind
@pytest.mark.parametrize(("index", "name"), list(enumerate(FAMILIES)))
def test_every_family_computes_the_same_with_an_exact_kind(tiny_transformer, index, name):
    family = FAMILIES[name]
    relative = family.choices.get("position_kind") in RELATIVE
    kind = "window" if relative else list(EXACT)[index % len(EXACT)]
    full = make(tiny_transformer, family)
    other = make(tiny_transformer, family, attention=kind, **EXACT[kind])
    assert named_variables(full).keys() == named_variables(other).keys()
    x, y = (ops.convert_to_numpy(model(IDS, padding_mask=MASK)) for model in (full, other))
    np.testing.assert_allclose(x[MASK], y[MASK], atol=1e-4, rtol=1e-4, err_msg=kind)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_a_kind_does_not_support_is_refused_with_kinds_that_do(tiny_transformer, name):
    family = FAMILIES[name]
    relative = family.choices.get("position_kind") in RELATIVE
    for kind, layer in KINDS.items():
        causal = [name for name in ("causal_lm", "prefix_lm") if name in family.applications]
        unsupported = ["prefix_lm"] if "causal" in layer.abilities else causal
        for application in ("encoder", *causal):
            is_refused = application in unsupported or (relative and kind != "window")
            if kind == "linear" and application == "causal_lm" and not relative:
                with pytest.raises(CheckpointError, match="feature_map 'softmax'"):
                    family.configure(
                        **SIZES, application=application, attention=kind, feature_map="softmax"
                    )
            causal_gau = family.choices.get("block") == "gau" and application == "causal_lm"
            if is_refused or causal_gau:  # softmax-plus counts keys
                with pytest.raises(CheckpointError, match=f"attention '{kind}' cannot .*full"):
                    family.configure(**SIZES, application=application, attention=kind)
            else:
                family.configure(**SIZES, application=application, attention=kind)


SIZES = {
    "vocab_size": 40,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
}


@pytest.mark.backend
@pytest.mark.parametrize(
    ("name", "kind", "changes"),
    [
        ("gpt2", "linear", {}),
        ("llama", "linear", {"num_key_value_heads": 1}),
        ("llama", "window", {"num_key_value_heads": 1, "window": 2}),
        ("nezha", "window", {"window": 2}),
        ("mistral", "performer", {"attention_window": 2}),
    ],
)
def test_a_cache_of_fixed_size_equals_the_whole_text(tiny_transformer, name, kind, changes):
    model = make(
        tiny_transformer, FAMILIES[name], application="causal_lm", attention=kind, **changes
    )
    ids = np.array([[0, 0, 7, 8, 9, 13, 5], [10, 11, 12, 4, 6, 3, 2]])
    positions = position_ids(model, ids)
    whole = ops.convert_to_numpy(model(ids, padding_mask=ids > 0, position_ids=positions))
    cache = empty_cache(model.config, 2, 12, "float32")
    large = empty_cache(model.config, 2, 2000, "float32")
    shapes = [{name: x.shape for name, x in block.items()} for block in cache["blocks"]]
    assert shapes == [{name: x.shape for name, x in b.items()} for b in large["blocks"]]
    parts = []
    for first, end in ((0, 4), (4, 5), (5, 6), (6, 7)):
        part = ids[:, first:end]
        x, cache = model(part, padding_mask=part > 0, cache=cache)
        parts.append(ops.convert_to_numpy(x))
    steps = np.concatenate(parts, axis=1)
    np.testing.assert_allclose(steps[ids > 0], whole[ids > 0], atol=1e-4, rtol=1e-4)


def position_ids(model, ids):
    if model.config.position_kind == "relative":
        return None
    return np.maximum(np.cumsum(ids > 0, axis=1) - 1, 0) + model.config.position_offset


def test_tokens_in_sums_cannot_be_removed(tiny_transformer):
    model = make(tiny_transformer, FAMILIES["gpt2"], application="causal_lm", attention="linear")
    cache = empty_cache(model.config, 1, 4, "float32")
    with pytest.raises(OptionError, match="attention='full'"):
        forget(cache, np.array([1]))


@pytest.mark.backend
def test_sums_in_a_cache_stay_exact_in_half_precision(tiny_transformer):
    model = make(
        tiny_transformer,
        FAMILIES["gpt2"],
        application="causal_lm",
        attention="linear",
        compute_dtype="bfloat16",
    )
    cache = empty_cache(model.config, 1, 4, "bfloat16")
    _, cache = model(IDS[:1, :3], cache=cache)
    for block in cache["blocks"]:
        sums = ops.convert_to_numpy(ops.view(block["total"], "float32"))
        assert (sums != ops.convert_to_numpy(ops.cast(ops.cast(sums, "bfloat16"), "float32"))).any()


def test_distances_between_indices_allow_no_position_ids(tiny_transformer):
    model = make(tiny_transformer, FAMILIES["nezha"], attention="window")
    with pytest.raises(ValueError, match="position_ids"):
        model(IDS, position_ids=np.arange(6)[None] * 2)


def test_kinds_without_scores_refuse_a_bias(tiny_transformer):
    model = make(tiny_transformer, FAMILIES["bert"], attention="linear")
    with pytest.raises(ValueError, match="full has"):
        model(IDS, attention_bias=np.zeros((1, 1, 6, 6), "float32"))


def test_tiled_positions_repeat(tiny_transformer):
    model = tiny_transformer(max_position_embeddings=3, tiled_positions=True, heads=())
    assert model.config.max_length == 9
    x = ops.convert_to_numpy(model.embed(np.full((1, 7), 5), None, np.arange(7)[None], None, False))
    np.testing.assert_array_equal(x[0, :4], x[0, 3:])
    assert np.abs(x[0, 0] - x[0, 1]).max() > 1e-3


def test_positions_can_be_extended_in_one_way_only():
    with pytest.raises(CheckpointError, match="either hierarchical_positions or tiled_positions"):
        FAMILIES["bert"].configure(**SIZES, tiled_positions=True, hierarchical_positions=0.4)
    with pytest.raises(CheckpointError, match="tiled_positions is for learned"):
        FAMILIES["nezha"].configure(**SIZES, tiled_positions=True)
