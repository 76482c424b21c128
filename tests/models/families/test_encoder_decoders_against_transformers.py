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

pytestmark = pytest.mark.backend

T5 = {
    "vocab_size": 40,
    "d_model": 12,
    "d_kv": 5,  # not what the heads share
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
WRITTEN = np.array([[0, 3, 4, 5, 6], [0, 6, 7, 0, 0]])
REAL = IDS > 0
REAL_WRITTEN = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]) > 0


def make(transformers, architecture, values):
    """A model of theirs, every weight of it random and none tied but the embeddings."""
    import torch

    theirs = getattr(transformers, architecture)
    torch.manual_seed(0)
    model = theirs(theirs.config_class(**values)).eval()
    if values.get("tie_word_embeddings") is False and hasattr(model, "lm_head"):
        # transformers 5 ties it all the same, unless a file has two tables that differ
        model.lm_head.weight = torch.nn.Parameter(torch.empty(40, 12))
    with torch.no_grad():
        for weight in (*model.parameters(), *model.buffers()):
            weight.copy_(torch.randn_like(weight) * 0.3 + (0.5 if weight.ndim == 1 else 0))
    return model


@pytest.fixture(params=MODELS)
def pair(request, transformers, tmp_path):
    """Their model, ours read from the files they wrote, and the family."""
    family, architecture, values = MODELS[request.param]
    model = make(transformers, architecture, values)
    model.save_pretrained(tmp_path / "theirs")
    return model, load(tmp_path / "theirs"), family


def theirs(model):
    """What Hugging Face computes: `encoder`, `decoder` and `logits`, as far as there are."""
    import torch

    inputs = {"attention_mask": torch.tensor(REAL.astype("int64"))}
    with torch.no_grad():
        if type(model).__name__.endswith("EncoderModel"):
            return {"encoder": model(torch.tensor(IDS), **inputs)[0].numpy()[REAL]}
        inputs["decoder_input_ids"] = torch.tensor(WRITTEN)
        inputs["decoder_attention_mask"] = torch.tensor(REAL_WRITTEN.astype("int64"))
        found = model(torch.tensor(IDS), output_hidden_states=True, **inputs)
    computed = {
        "encoder": found.encoder_last_hidden_state.numpy()[REAL],
        "decoder": found.decoder_hidden_states[-1].numpy()[REAL_WRITTEN],
    }
    if "logits" in found:
        computed["logits"] = found.logits.numpy()[REAL_WRITTEN]
    return computed


def ours(loaded):
    """The same of ours."""
    computed = {"encoder": loaded.model.encoder(IDS, padding_mask=REAL)}
    if loaded.model.decoder is not None:
        x = loaded(IDS, WRITTEN, padding_mask=REAL, decoder_padding_mask=REAL_WRITTEN)
        computed |= {"decoder": x, "logits": loaded.model.mlm(x)}
    return {
        name: ops.convert_to_numpy(x)[REAL if name == "encoder" else REAL_WRITTEN]
        for name, x in computed.items()
    }


def assert_equal(computed, expected):
    """Each within 1e-5 of its largest number, where tokens are real."""
    for name, array in expected.items():
        assert np.abs(array).max() > 0.1
        assert np.abs(computed[name] - array).max() < 1e-5 * np.abs(array).max(), name


def test_what_they_write_computes_the_same_here(pair):
    model, loaded, family = pair
    assert loaded.config.family == family
    expected = theirs(model)
    assert ("decoder" in expected) == (loaded.config.application == "seq2seq")
    assert_equal(ours(loaded), expected)


def test_what_we_write_computes_the_same_there(pair, tmp_path):
    model, loaded, _ = pair
    loaded.save(tmp_path / "ours")
    again, report = type(model).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not report["missing_keys"]
    assert set(report["unexpected_keys"]) <= {"final_logits_bias"}  # of a bare model
    assert not report["mismatched_keys"]
    expected = theirs(model)
    for name, array in theirs(again.eval()).items():
        np.testing.assert_array_equal(array, expected[name])


def test_the_encoder_can_be_had_alone(pair, tmp_path):
    model, loaded, _ = pair
    loaded.save(tmp_path / "both")
    alone = load(tmp_path / "both", application="encoder")
    assert alone.config.heads == ()
    assert alone.model.decoder is None
    computed = ops.convert_to_numpy(alone(IDS, padding_mask=REAL))[REAL]
    assert_equal({"encoder": computed}, {"encoder": theirs(model)["encoder"]})
    alone.save(tmp_path / "alone")
    again = load(tmp_path / "alone")
    assert again.config.application == "encoder"
    again = ops.convert_to_numpy(again(IDS, padding_mask=REAL))[REAL]
    np.testing.assert_array_equal(again, computed)


def test_a_head_that_transformers_ties_is_read_from_the_embeddings(transformers, tmp_path):
    model = make(
        transformers, "MT5ForConditionalGeneration", {**GATED, "tie_word_embeddings": True}
    )
    model.save_pretrained(tmp_path)
    assert_equal(ours(load(tmp_path)), theirs(model))


def test_tied_copies_in_older_files_are_known(transformers, tmp_path):
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


# Mesh TensorFlow's names in words of their own: what Hugging Face's become
TO_MESH = (
    (r"\.block\.(\d)\.layer\.(\d)\.", r"/block_00\1/layer_00\2/"),
    (r"^shared\.weight$", "shared/embedding"),
    (r"^lm_head\.weight$", "decoder/logits/kernel"),
    (r"(DenseReluDense)\.(w\w+)\.weight$", r"\1/\2/kernel"),
    (r"(\w+Attention)\.([qkvo]|relative_attention_bias)\.weight$", r"\1/\2"),
    (r"layer_norm\.weight$", "layer_norm/scale"),
    (r"^(encoder|decoder)\.final", r"\1/final"),
)
# what people write by hand for such a checkpoint
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
    ("family", "activation", "norm", "of_theirs"),
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
    transformers, tmp_path, family, activation, norm, of_theirs
):
    gated = family != "t5"
    values = {**T5, "d_kv": 4, "num_decoder_layers": 2, "feed_forward_proj": of_theirs}
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
    if family == "mt5":  # the names it was published with are the names it gets
        names = find_checkpoint(tmp_path / "again").names()
        assert "encoder/rms_norm/scale" in names
        assert "decoder/block_001/layer_002/rms_norm/scale" in names


def test_words_of_the_vocabulary_can_be_chosen_in_both_of_its_tables(transformers, tmp_path):
    keep = [0, 7, 3, 9, 10, 11]
    for name in ("t5.1.1", "bart"):
        _, architecture, values = MODELS[name]
        model = make(transformers, architecture, values)
        model.save_pretrained(tmp_path / name)
        loaded = load(tmp_path / name, keep_tokens=keep)
        chosen = np.array([[1, 2, 5]])
        x = loaded(chosen, chosen[:, :2])
        whole = load(tmp_path / name)
        expected = np.array(keep)[chosen]
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
def test_a_neighbouring_mathematics_is_refused(transformers, tmp_path, name, key, value):
    _, architecture, values = MODELS[name]
    make(transformers, architecture, values).save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    with pytest.raises(CheckpointError, match=f"{key} is {value}; {name} computes"):
        load(tmp_path)


@pytest.mark.parametrize("application", ["seq2seq", "encoder"])
@pytest.mark.parametrize("family", ["t5", "bart"])
def test_a_text_becomes_the_mean_of_what_the_encoder_makes_of_it(
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


# the words of t5-small and of fnlp/bart-base-chinese
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


def test_every_word_of_published_configurations_is_known():
    config = FAMILIES["t5"].read_config(json.loads(T5_SMALL), "config.json")
    assert (config.head_size, config.max_length, config.hidden_act) == (64, 512, "relu")
    assert config.hidden_dropout_prob == config.attention_probs_dropout_prob == 0.1
    config = FAMILIES["bart"].read_config(json.loads(CHINESE_BART), "config.json")
    assert (config.max_length, config.position_rows, config.num_decoder_layers) == (512, 514, None)
    assert config.decoder_start_token_id == 102
