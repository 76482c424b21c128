"""Options that are one keyword away, with families of every kind: each works or is refused."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from hornbook.errors import CheckpointError
from hornbook.models.families import FAMILIES
from hornbook.models.variables import named_variables

IDS = np.array([[5, 6, 7, 8, 9], [10, 11, 12, 0, 0]])
MASK = IDS > 0
SEGMENTS = np.array([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]])
IDEAS = {
    "condition": {"condition_size": 3},
    "hidden layer in the condition": {"condition_size": 3, "condition_hidden_size": 4},
    "residual attention scores": {"residual_attention_scores": True},
    "hierarchical positions": {"hierarchical_positions": 0.4},
    "longer rotary positions": {"rope_scaling": {"rope_type": "ntk", "factor": 4.0}},
    "gated feed-forward": {"gated_feed_forward": True},
    "softmax-plus": {"attention_normalization": "softmax_plus"},
    "squared ReLU": {"attention_normalization": "squared_relu"},
    "shared segment embedding": {"share_segment_embedding": True},
}
INITIALLY_WITHOUT_EFFECT = {"condition", "hidden layer in the condition", "hierarchical positions"}
BACKEND_FAMILIES = ("bert", "roformer-v2", "t5", "gau-alpha")  # for the other backends
# one of each kind of block, norm and positions: the other families combine the same parts
KINDS = ("bert", "albert", "nezha", "roformer-v2", "gau-alpha", "modernbert", "gpt2", "qwen3", "t5")
PAIRS = [
    pytest.param(name, idea, marks=[pytest.mark.backend] if name in BACKEND_FAMILIES else [])
    for name in KINDS
    for idea in IDEAS
]


def refusal(family, idea):
    """A part of the message if a family does not support an idea; else None."""
    positions = family.choices.get("position_kind", "learned")
    if idea == "hierarchical positions" and positions != "learned":
        return "hierarchical_positions is for learned positions"
    if idea == "longer rotary positions" and positions != "rotary":
        return "rope_scaling is for rotary positions"
    if idea == "gated feed-forward" and family.choices.get("block") == "gau":
        return "have no feed-forward"
    if idea == "shared segment embedding" and family.choices.get("encoder_decoder"):
        return "has no segments"
    return None


def make(tiny_transformer, family, **changes):
    fields = {"family": family.name, **family.choices, "application": "encoder", "heads": ()}
    if "attention_window" in family.choices and "layer_types" in family.config_keys:
        fields["layer_types"] = ("full_attention", "sliding_attention")
    return tiny_transformer(**{**fields, **changes})


def run(model, ids=IDS, segments=SEGMENTS, mask=MASK):
    condition = None
    if model.config.condition_size is not None:
        condition = np.ones((len(ids), model.config.condition_size), "float32")
    x = model(ids, segment_ids=segments, padding_mask=mask, condition=condition)
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize(("name", "idea"), PAIRS)
def test_every_idea_works_with_every_kind_of_family_or_is_refused(tiny_transformer, name, idea):
    family = FAMILIES[name]
    message = refusal(family, idea)
    if message is not None:
        with pytest.raises(CheckpointError, match=message):
            make(tiny_transformer, family, **IDEAS[idea])
        return
    model = make(tiny_transformer, family, **IDEAS[idea])
    x = run(model)
    assert np.isfinite(x).all()
    # padding has no influence
    other = np.where(MASK, IDS, 33)
    np.testing.assert_array_equal(run(model, other)[MASK], x[MASK])
    plain = make(tiny_transformer, family)
    shared = named_variables(model)
    is_default = model.config == plain.config
    if shared.keys() >= named_variables(plain).keys() and not is_default:
        for path, variable in named_variables(plain).items():
            variable.assign(shared[path].value)
        difference = np.abs(run(plain) - x)[MASK].max()
        assert (difference < 1e-5) == (idea in INITIALLY_WITHOUT_EFFECT)


@pytest.mark.backend
@pytest.mark.parametrize(
    "name", [name for name in KINDS if "seq2seq" not in FAMILIES[name].applications]
)
def test_an_attention_bias_is_added_to_every_score(tiny_transformer, name):
    model = make(tiny_transformer, FAMILIES[name])
    bias = np.zeros((1, 1, 1, 5), "float32")
    bias[..., 3:] = -1e9
    by_bias = model(IDS[:1], segment_ids=SEGMENTS[:1], attention_bias=bias)
    by_mask = run(model, IDS[:1], SEGMENTS[:1], np.array([[1, 1, 1, 0, 0]]))
    if model.config.attention_normalization != "softmax":
        return  # the others count the keys that a mask hides
    np.testing.assert_allclose(
        ops.convert_to_numpy(by_bias)[:, :3], by_mask[:, :3], atol=1e-5, rtol=1e-5
    )


@pytest.mark.backend
def test_hierarchical_positions_square_the_length(tiny_transformer):
    model = tiny_transformer(max_position_embeddings=6, hierarchical_positions=0.4, heads=())
    assert model.config.max_length == 36
    x = ops.convert_to_numpy(model(np.full((1, 36), 5)))
    distances = np.abs(x[0, :, None] - x[0, None]).max(-1) + np.eye(36)
    assert distances.min() > 1e-4


@pytest.mark.backend
def test_scores_of_all_previous_blocks_are_summed(tiny_transformer):
    """RealFormer's cumulative sum: bert4keras added only the scores of the previous block."""
    model = tiny_transformer(num_hidden_layers=3, residual_attention_scores=True, heads=())
    zeros = {"scores": ops.zeros((1, 1, 1, 1))}
    x = model.embed(IDS[:1], None, np.arange(5)[None], None, False)
    memory, own = zeros, []
    for block in model.blocks:
        own.append(block(x, memory=zeros)[1]["scores"])  # without previous blocks
        x, memory = block(x, memory=memory)
    np.testing.assert_allclose(
        ops.convert_to_numpy(memory["scores"]), ops.convert_to_numpy(sum(own)), atol=1e-5
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(model(IDS[:1])), ops.convert_to_numpy(x), atol=1e-5, rtol=1e-5
    )
