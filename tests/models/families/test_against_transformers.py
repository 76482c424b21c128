"""Families against Hugging Face's implementations, on the same weights, in both directions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from keras import ops

from hornbook.errors import CheckpointError
from hornbook.models.families import FAMILIES
from hornbook.pretrained import load

# on TensorFlow too, families are held against formulas; importing transformers takes 10 s there
pytestmark = [pytest.mark.backend, pytest.mark.only_on("jax", "torch")]

SIZES = {
    "vocab_size": 40,
    "hidden_size": 12,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 24,
    "initializer_range": 0.5,
}
NARROW = {**SIZES, "embedding_size": 8}
GPT = {
    "vocab_size": 40,
    "n_embd": 12,
    "n_layer": 2,
    "n_head": 3,
    "n_positions": 24,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
MODERN = {
    **SIZES,
    "local_attention": 4,
    "pad_token_id": 0,
    "classifier_activation": "silu",
    "rope_parameters": {
        "full_attention": {"rope_type": "default", "rope_theta": 50.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 9.0},
    },
}
LLAMA = {
    **SIZES,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "hidden_size": 24,
    "num_key_value_heads": 2,
    "attention_dropout": 0.0,
}
SLIDING = {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 24,
    "rope_theta": 500.0,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 30.0}
# family, architecture, configuration, the head whose logits come first
MODELS = {
    "bert": ("bert", "BertForPreTraining", SIZES, "mlm"),
    "roberta": ("roberta", "RobertaForMaskedLM", {**SIZES, "type_vocab_size": 1}, "mlm"),
    "roberta-bare": ("roberta", "RobertaModel", {**SIZES, "type_vocab_size": 1}, None),
    "albert": ("albert", "AlbertForPreTraining", NARROW, "mlm"),
    "albert-groups": ("albert", "AlbertModel", {**NARROW, "num_hidden_groups": 2}, None),
    "albert-wide": ("albert", "AlbertForPreTraining", {**SIZES, "embedding_size": 12}, "mlm"),
    "albert-unshared": ("albert-unshared", "AlbertForPreTraining", NARROW, "mlm"),
    "electra": ("electra", "ElectraForPreTraining", NARROW, "discriminator"),
    "electra-wide": ("electra", "ElectraModel", {**SIZES, "embedding_size": 12}, None),
    "electra-generator": ("electra-generator", "ElectraForMaskedLM", NARROW, "mlm"),
    "electra-generator-relu": (
        *("electra-generator", "ElectraForMaskedLM"),
        {**NARROW, "hidden_act": "relu"},
        "mlm",
    ),
    "roformer": ("roformer", "RoFormerForMaskedLM", NARROW, "mlm"),
    "modernbert": ("modernbert", "ModernBertForMaskedLM", MODERN, "mlm"),
    "modernbert-bare": (
        *("modernbert", "ModernBertModel"),
        {**MODERN, "layer_types": [*("sliding_attention",) * 3, "full_attention"]},
        None,
    ),
    "gpt": ("gpt", "OpenAIGPTLMHeadModel", GPT, "mlm"),
    "gpt2": ("gpt2", "GPT2LMHeadModel", GPT, "mlm"),
    "gpt2-wide": ("gpt2", "GPT2LMHeadModel", {**GPT, "n_inner": 20}, "mlm"),
    "llama": ("llama", "LlamaForCausalLM", LLAMA, "mlm"),
    "llama-bare": ("llama", "LlamaModel", {**LLAMA, "rope_parameters": YARN}, None),
    "llama-tied": (
        *("llama", "LlamaForCausalLM"),
        {**LLAMA, "tie_word_embeddings": True, "head_dim": 6, "attention_bias": True},
        "mlm",
    ),
    "llama-3": (
        *("llama", "LlamaForCausalLM"),
        {**LLAMA, "rope_parameters": LLAMA3, "attention_bias": True, "mlp_bias": True},
        "mlm",
    ),
    "mistral": ("mistral", "MistralForCausalLM", {**LLAMA, "sliding_window": 3}, "mlm"),
    "mistral-everywhere": (
        *("mistral", "MistralForCausalLM"),
        {**LLAMA, "sliding_window": None, "rope_parameters": {"rope_theta": 99.0}},
        "mlm",
    ),
    "qwen2": ("qwen2", "Qwen2ForCausalLM", {**LLAMA, "tie_word_embeddings": True}, "mlm"),
    "qwen2-sliding": ("qwen2", "Qwen2ForCausalLM", {**LLAMA, **SLIDING}, "mlm"),
    "qwen3": ("qwen3", "Qwen3ForCausalLM", {**LLAMA, "head_dim": 6}, "mlm"),
    "qwen3-bias": (
        *("qwen3", "Qwen3ForCausalLM"),
        {**LLAMA, **SLIDING, "head_dim": 4, "attention_bias": True},
        "mlm",
    ),
}
NO_SEGMENTS = ("roberta", "modernbert", "gpt", "gpt2", "llama", "mistral", "qwen2", "qwen3")
IDS = np.array([[5, 6, 7, 8, 9, 12], [9, 10, 11, 0, 0, 0]])
SEGMENTS = np.array([[0, 0, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0]])
MASK = IDS > 0


@pytest.fixture(params=MODELS)
def pair(request, transformers, tmp_path):
    """Their model, ours loaded from their files, the family and the head."""
    import torch

    family, architecture, values, head = MODELS[request.param]
    theirs = getattr(transformers, architecture)
    torch.manual_seed(0)
    model = theirs(theirs.config_class(**values)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:  # not a computed table
                weight.copy_(torch.randn_like(weight) * 0.3 + (0.5 if weight.ndim == 1 else 0))
    model.save_pretrained(tmp_path / "theirs")
    return model, load(tmp_path / "theirs", family=family), family, head


def logits_of(model, family, ids):
    """The first output of a transformers model: logits, or the last hidden state."""
    import torch

    inputs = {"attention_mask": torch.tensor(MASK.astype("int64"))}
    if family not in NO_SEGMENTS:
        inputs["token_type_ids"] = torch.tensor(SEGMENTS)
    with torch.no_grad():
        return model(torch.tensor(ids), **inputs)[0].numpy()


def ids_for(family):
    return np.where(MASK, IDS, 1) if family == "roberta" else IDS  # whose padding is 1


def assert_equal(ours, theirs):
    """Equal within 1e-5 of the largest value, without padding."""
    ours, theirs = ops.convert_to_numpy(ours)[MASK], theirs[MASK]
    assert np.abs(theirs).max() > 0.1
    assert np.abs(ours - theirs).max() < 1e-5 * np.abs(theirs).max()


def test_their_files_compute_the_same_here(pair):
    model, loaded, family, head = pair
    ids = ids_for(family)
    x = loaded(ids, segment_ids=SEGMENTS, padding_mask=MASK)
    assert loaded.config.family == family
    body = getattr(model, model.base_model_prefix, model)
    assert_equal(x, logits_of(body, family, ids))
    if head:
        assert_equal(getattr(loaded.model, head)(x), logits_of(model, family, ids))


def test_our_files_compute_the_same_there(pair, tmp_path):
    model, loaded, family, _ = pair
    loaded.save(tmp_path / "ours")
    reloaded, report = type(model).from_pretrained(tmp_path / "ours", output_loading_info=True)
    missing = set(report["missing_keys"]) - {"roformer.encoder.embed_positions.weight"}  # computed
    assert not missing
    assert not report["unexpected_keys"]
    assert not report["mismatched_keys"]
    ids = ids_for(family)
    expected = logits_of(model, family, ids)
    np.testing.assert_array_equal(logits_of(reloaded.eval(), family, ids), expected)


def test_a_folder_with_sharded_weights_can_be_loaded(transformers, tmp_path):
    import torch

    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA)).eval()
    model.save_pretrained(tmp_path, max_shard_size="10KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    loaded = load(tmp_path)
    x = loaded(IDS, padding_mask=MASK)
    assert_equal(loaded.model.mlm(x), logits_of(model, "llama", IDS))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("Llama", {"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "type 'dynamic'"),
        ("Llama", {"mlp_bias": True}, "mlp_bias is True; llama computes False"),
        (
            "Llama",
            {"quantization_config": {"quant_method": "gptq", "bits": 4}},
            r"quantized \(gptq, 4 bits\), which hornbook does not read",
        ),
        ("Qwen2", {"use_mrope": True}, "use_mrope is True; qwen2 computes False"),
    ],
)
def test_unsupported_settings_are_refused(transformers, tmp_path, name, change, message):
    model = getattr(transformers, f"{name}ForCausalLM")
    model(model.config_class(**LLAMA)).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(CheckpointError, match=message):
        load(tmp_path)


def test_the_keys_of_transformers_4_and_5_mean_the_same():
    values = {**LLAMA, "model_type": "llama", "rope_theta": 500.0}
    scaling = {key: value for key, value in LLAMA3.items() if key != "rope_theta"}
    family = FAMILIES["llama"]
    old = family.read_config({**values, "rope_scaling": scaling}, "config.json")
    del values["rope_theta"]
    new = family.read_config({**values, "rope_parameters": LLAMA3}, "config.json")
    assert old == new
    assert new.rope_theta == 500
    written = family.write_config(new)
    assert written["rope_parameters"] == LLAMA3
    assert (written["rope_theta"], written["rope_scaling"]) == (500, scaling)


def test_pooled_vectors_and_sentence_order_equal_those_of_transformers(transformers, tmp_path):
    import torch

    torch.manual_seed(0)
    for name in ("Bert", "Albert"):
        config = getattr(transformers, f"{name}Config")(**SIZES)
        model = getattr(transformers, f"{name}ForPreTraining")(config).eval()
        model.save_pretrained(tmp_path / name)
        loaded = load(tmp_path / name)
        with torch.no_grad():
            expected = model(torch.tensor(IDS[:1]))[1].numpy()
        ours = loaded.model.nsp(loaded.model.pool(loaded(IDS[:1])))
        np.testing.assert_allclose(ops.convert_to_numpy(ours), expected, rtol=1e-4, atol=1e-5)
