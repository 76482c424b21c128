"""T5 and BART against Hugging Face's implementations, on the same weights, in both directions."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from keras import ops

from hornbook.checkpoints import find_checkpoint, write_safetensors, write_tensor_bundle
from hornbook.errors import CheckpointError
from hornbook.models.families import FAMILIES
from hornbook.pretrained import Pretrained, load
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

# on TensorFlow too, families are held against formulas; importing transformers takes 10 s there
pytestmark = [pytest.mark.backend, pytest.mark.only_on("jax", "torch")]

T5 = {
    "vocab_size": 40,
    "d_model": 12,
    "d_kv": 5,  # not d_model / num_heads
    "d_ff": 20,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "num_heads": 3,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 10,
}
GATED = {**T5, "d_kv": 4, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
SILU = {**GATED, "feed_forward_proj": "gated-silu", "num_decoder_layers": 2}
BART = {
    "vocab_size": 40,
    "d_model": 12,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 3,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 20,
    "decoder_ffn_dim": 16,
    "max_position_embeddings": 24,
}
# family, architecture, configuration
MODELS = {
    "t5": ("t5", "T5ForConditionalGeneration", T5),
    "t5-encoder": ("t5", "T5EncoderModel", T5),
    "t5.1.1": ("t5.1.1", "T5ForConditionalGeneration", GATED),
    "mt5": ("mt5", "MT5ForConditionalGeneration", SILU),
    "mt5-encoder": ("mt5", "MT5EncoderModel", GATED),
    "bart": ("bart", "BartForConditionalGeneration", BART),
    "bart-bare": ("bart", "BartModel", {**BART, "activation_function": "relu"}),
}
IDS = np.array([[5, 6, 7, 8, 9, 12, 13, 4, 3, 2, 6, 7], [9, 10, 11] + [0] * 9])
DECODER_IDS = np.array([[0, 3, 4, 5, 6], [0, 6, 7, 0, 0]])
MASK = IDS > 0
DECODER_MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]) > 0


def make(transformers, architecture, values):
    """A model of transformers with random weights, and an untied head if it has one."""
    import torch

    theirs = getattr(transformers, architecture)
    torch.manual_seed(0)
    model = theirs(theirs.config_class(**values)).eval()
    if values.get("tie_word_embeddings") is False and hasattr(model, "lm_head"):
        # transformers 5 ties it anyway, unless a file has two different tables
        model.lm_head.weight = torch.nn.Parameter(torch.empty(40, 12))
    with torch.no_grad():
        for weight in (*model.parameters(), *model.buffers()):
            weight.copy_(torch.randn_like(weight) * 0.3 + (0.5 if weight.ndim == 1 else 0))
    return model


@pytest.fixture(params=MODELS)
def pair(request, transformers, tmp_path):
    """Their model, ours loaded from their files, and the family."""
    family, architecture, values = MODELS[request.param]
    model = make(transformers, architecture, values)
    model.save_pretrained(tmp_path / "theirs")
    return model, load(tmp_path / "theirs"), family


def theirs(model):
    """The outputs of transformers: `encoder`, `decoder` and `logits`, if they exist."""
    import torch

    inputs = {"attention_mask": torch.tensor(MASK.astype("int64"))}
    with torch.no_grad():
        if type(model).__name__.endswith("EncoderModel"):
            return {"encoder": model(torch.tensor(IDS), **inputs)[0].numpy()[MASK]}
        inputs["decoder_input_ids"] = torch.tensor(DECODER_IDS)
        inputs["decoder_attention_mask"] = torch.tensor(DECODER_MASK.astype("int64"))
        outputs = model(torch.tensor(IDS), output_hidden_states=True, **inputs)
    computed = {
        "encoder": outputs.encoder_last_hidden_state.numpy()[MASK],
        "decoder": outputs.decoder_hidden_states[-1].numpy()[DECODER_MASK],
    }
    if "logits" in outputs:
        computed["logits"] = outputs.logits.numpy()[DECODER_MASK]
    return computed


def ours(loaded):
    """Our outputs, with the same names."""
    computed = {"encoder": loaded.model.encoder(IDS, padding_mask=MASK)}
    if loaded.model.decoder is not None:
        x = loaded(IDS, DECODER_IDS, padding_mask=MASK, decoder_padding_mask=DECODER_MASK)
        computed |= {"decoder": x, "logits": loaded.model.mlm(x)}
    return {
        name: ops.convert_to_numpy(x)[MASK if name == "encoder" else DECODER_MASK]
        for name, x in computed.items()
    }


def assert_equal(computed, expected):
    """Each equal within 1e-5 of its largest value, without padding."""
    for name, array in expected.items():
        assert np.abs(array).max() > 0.1
        assert np.abs(computed[name] - array).max() < 1e-5 * np.abs(array).max(), name


def test_their_files_compute_the_same_here(pair):
    model, loaded, family = pair
    assert loaded.config.family == family
    expected = theirs(model)
    assert ("decoder" in expected) == (loaded.config.application == "seq2seq")
    assert_equal(ours(loaded), expected)


def test_our_files_compute_the_same_there(pair, tmp_path):
    model, loaded, _ = pair
    loaded.save(tmp_path / "ours")
    reloaded, report = type(model).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not report["missing_keys"]
    assert set(report["unexpected_keys"]) <= {"final_logits_bias"}  # of a bare model
    assert not report["mismatched_keys"]
    expected = theirs(model)
    for name, array in theirs(reloaded.eval()).items():
        np.testing.assert_array_equal(array, expected[name])


def test_the_encoder_can_be_loaded_alone(pair, tmp_path):
    model, loaded, _ = pair
    loaded.save(tmp_path / "both")
    encoder = load(tmp_path / "both", application="encoder")
    assert encoder.config.heads == ()
    assert encoder.model.decoder is None
    computed = ops.convert_to_numpy(encoder(IDS, padding_mask=MASK))[MASK]
    assert_equal({"encoder": computed}, {"encoder": theirs(model)["encoder"]})
    encoder.save(tmp_path / "alone")
    reloaded = load(tmp_path / "alone")
    assert reloaded.config.application == "encoder"
    reloaded = ops.convert_to_numpy(reloaded(IDS, padding_mask=MASK))[MASK]
    np.testing.assert_array_equal(reloaded, computed)


def test_a_head_that_is_not_in_the_file_is_read_from_the_embeddings(transformers, tmp_path):
    model = make(
        transformers, "MT5ForConditionalGeneration", {**GATED, "tie_word_embeddings": True}
    )
    model.save_pretrained(tmp_path)
    assert_equal(ours(load(tmp_path)), theirs(model))


def test_copies_of_tied_tables_in_older_files_are_accepted(transformers, tmp_path):
    for name in ("t5", "t5.1.1", "bart", "bart-bare"):
        _, architecture, values = MODELS[name]
        model = make(transformers, architecture, values)
        model.save_pretrained(tmp_path / name)
        copies = {key: tensor.numpy() for key, tensor in model.state_dict().items()}
        assert any("embed_tokens" in key for key in copies)
        if name.startswith("t5"):
            copies["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = (
                np.ones((8, 3), "float32")
            )
        write_safetensors(tmp_path / name / "model.safetensors", copies)
        assert_equal(ours(load(tmp_path / name)), theirs(model))


# from Hugging Face's names to those of Mesh TensorFlow
TO_MESH = (
    (r"\.block\.(\d)\.layer\.(\d)\.", r"/block_00\1/layer_00\2/"),
    (r"^shared\.weight$", "shared/embedding"),
    (r"^lm_head\.weight$", "decoder/logits/kernel"),
    (r"(DenseReluDense)\.(w\w+)\.weight$", r"\1/\2/kernel"),
    (r"(\w+Attention)\.([qkvo]|relative_attention_bias)\.weight$", r"\1/\2"),
    (r"layer_norm\.weight$", "layer_norm/scale"),
    (r"^(encoder|decoder)\.final", r"\1/final"),
)
# a configuration that users write for such a checkpoint
BY_HAND = {
    "vocab_size": 40,
    "hidden_size": 12,
    "attention_head_size": 4,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 10,
}


def to_mesh(model, norm, *, untied):
    tensors = {}
    for name, tensor in model.state_dict().items():
        if "embed_tokens" in name or (name == "lm_head.weight" and not untied):
            continue
        array = tensor.numpy()
        for pattern, replacement in TO_MESH:
            name = re.sub(pattern, replacement, name)
        if norm == "rms_norm":
            name = name.replace("final_layer_norm", norm).replace("layer_norm", norm)
        assert "." not in name
        tensors[name] = array.T.copy() if array.ndim == 2 and name != "shared/embedding" else array
    tensors["global_step"] = np.array(1000000)
    tensors["encoder/block_000/layer_000/SelfAttention/q_slot_vr"] = np.ones(12, "float32")
    return tensors


@pytest.mark.parametrize(
    ("family", "activation", "norm", "their_activation"),
    [
        ("t5", "relu", "layer_norm", "relu"),
        ("t5.1.1", ["gelu", "linear"], "layer_norm", "gated-gelu"),
        ("t5.1.1", ["gelu", "linear"], "rms_norm", "gated-gelu"),
        ("mt5", ["gelu", "linear"], "rms_norm", "gated-gelu"),
        ("mt5", ["gelu", "linear"], "layer_norm", "gated-gelu"),
        ("t5-pegasus", ["gelu", "linear"], "rms_norm", "gated-gelu_python"),
    ],
)
def test_googles_files_compute_the_same(
    transformers, tmp_path, family, activation, norm, their_activation
):
    gated = family != "t5"
    values = {**T5, "d_kv": 4, "num_decoder_layers": 2, "feed_forward_proj": their_activation}
    if gated:
        values["tie_word_embeddings"] = False
    model = make(transformers, "T5ForConditionalGeneration", values)
    folder = tmp_path / "mesh"
    folder.mkdir()
    write_tensor_bundle(folder / "model.ckpt-1000000", to_mesh(model, norm, untied=gated))
    (folder / "config.json").write_text(json.dumps({**BY_HAND, "hidden_act": activation}))
    loaded = load(folder, family=family)
    assert_equal(ours(loaded), theirs(model))
    loaded.save(tmp_path / "again", layout="google")
    assert_equal(ours(load(tmp_path / "again")), theirs(model))
    if family == "mt5":  # saved with the names of its publication
        names = find_checkpoint(tmp_path / "again").names()
        assert "encoder/rms_norm/scale" in names
        assert "decoder/block_001/layer_002/rms_norm/scale" in names


def test_the_vocabulary_can_be_pruned_in_both_tables(transformers, tmp_path):
    keep = [0, 7, 3, 9, 10, 11]
    for name in ("t5.1.1", "bart"):
        _, architecture, values = MODELS[name]
        model = make(transformers, architecture, values)
        model.save_pretrained(tmp_path / name)
        loaded = load(tmp_path / name, keep_tokens=keep)
        ids = np.array([[1, 2, 5]])
        x = loaded(ids, ids[:, :2])
        whole = load(tmp_path / name)
        expected = np.array(keep)[ids]
        expected = whole.model.mlm(whole(expected, expected[:, :2]))
        np.testing.assert_allclose(
            ops.convert_to_numpy(loaded.model.mlm(x)),
            ops.convert_to_numpy(expected)[..., keep],
            atol=1e-5,
        )


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("t5", "scale_decoder_outputs", False),
        ("t5.1.1", "scale_decoder_outputs", True),
        ("bart", "scale_embedding", True),
        ("bart", "normalize_before", True),
    ],
)
def test_variants_that_are_not_supported_are_refused(transformers, tmp_path, name, key, value):
    _, architecture, values = MODELS[name]
    make(transformers, architecture, values).save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    with pytest.raises(CheckpointError, match=f"{key} is {value}; {name} computes"):
        load(tmp_path)


@pytest.mark.parametrize("application", ["seq2seq", "encoder"])
@pytest.mark.parametrize("family", ["t5", "bart"])
def test_the_vector_of_a_text_is_the_mean_of_the_encoder_outputs(
    tiny_transformer, tmp_path, family, application
):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = WordPieceTokenizer([*special, *"abcdefgh"])
    choices = {**FAMILIES[family].choices, "application": application, "heads": ()}
    model = Pretrained(tiny_transformer(family=family, **choices), tokenizer)
    model.save(tmp_path)
    vectors = load(tmp_path).encode(["a b c", "d"], batch_tokens=16)
    encoder = model.model.encoder
    for text, vector in zip(["a b c", "d"], vectors, strict=True):
        x = ops.convert_to_numpy(encoder(np.array([tokenizer.encode(text).token_ids])))
        np.testing.assert_allclose(vector, x[0].mean(0), atol=1e-5)


# the configurations of t5-small and of fnlp/bart-base-chinese
T5_SMALL = """{
    "d_ff": 2048, "d_kv": 64, "d_model": 512, "num_heads": 8, "num_layers": 6,
    "vocab_size": 32128, "n_positions": 512, "relative_attention_num_buckets": 32,
    "dropout_rate": 0.1, "layer_norm_epsilon": 1e-06, "initializer_factor": 1.0,
    "decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0,
    "is_encoder_decoder": true, "output_past": true, "task_specific_params": {}
}"""
CHINESE_BART = """{
    "d_model": 768, "encoder_layers": 6, "decoder_layers": 6, "num_hidden_layers": 6,
    "encoder_attention_heads": 12, "decoder_attention_heads": 12,
    "encoder_ffn_dim": 3072, "decoder_ffn_dim": 3072, "max_position_embeddings": 512,
    "vocab_size": 51271, "activation_function": "gelu", "init_std": 0.02,
    "dropout": 0.1, "attention_dropout": 0.1, "activation_dropout": 0.1,
    "add_bias_logits": false, "add_final_layer_norm": false, "scale_embedding": false,
    "normalize_before": false, "normalize_embedding": true, "is_encoder_decoder": true,
    "bos_token_id": 101, "eos_token_id": 102, "decoder_start_token_id": 102,
    "pad_token_id": 0, "forced_eos_token_id": 102, "tokenizer_class": "BertTokenizer",
    "early_stopping": true, "no_repeat_ngram_size": 3, "num_beams": 4,
    "classif_dropout": 0.1, "encoder_layerdrop": 0.0, "decoder_layerdrop": 0.0
}"""


def test_published_configurations_have_no_unknown_keys():
    config = FAMILIES["t5"].read_config(json.loads(T5_SMALL), "config.json")
    assert (config.head_size, config.max_length, config.hidden_act) == (64, 512, "relu")
    assert config.hidden_dropout_prob == config.attention_probs_dropout_prob == 0.1
    config = FAMILIES["bart"].read_config(json.loads(CHINESE_BART), "config.json")
    assert (config.max_length, config.position_rows, config.num_decoder_layers) == (512, 514, None)
    assert config.decoder_start_token_id == 102
