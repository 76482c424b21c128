"""Heads of fine-tuned checkpoints and untied language heads, against transformers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from keras import ops

from hornbook.pretrained import load

# on TensorFlow too, families are held against formulas; importing transformers takes 10 s there
pytestmark = [pytest.mark.backend, pytest.mark.only_on("jax", "torch")]

SIZES = {
    "vocab_size": 40,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 24,
    "num_labels": 5,
    "pad_token_id": 0,
}
NARROW = {**SIZES, "embedding_size": 8}
ROBERTA = {**SIZES, "pad_token_id": 1, "type_vocab_size": 1}
GPT2 = {
    "vocab_size": 40,
    "n_embd": 12,
    "n_layer": 2,
    "n_head": 3,
    "n_positions": 24,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "num_labels": 5,
}
LLAMA = {**SIZES, "hidden_size": 24, "num_attention_heads": 6, "num_key_value_heads": 2}
T5 = {
    "vocab_size": 40,
    "d_model": 12,
    "d_kv": 4,
    "d_ff": 20,
    "num_layers": 2,
    "num_heads": 3,
    "feed_forward_proj": "relu",
    "decoder_start_token_id": 0,
}
BART = {
    "vocab_size": 40,
    "d_model": 12,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 3,
    "decoder_attention_heads": 3,
    "encoder_ffn_dim": 20,
    "decoder_ffn_dim": 20,
    "max_position_embeddings": 24,
    "init_std": 0.5,
}
SEQUENCE, TOKEN, ANSWER = "SequenceClassification", "TokenClassification", "QuestionAnswering"
HEADS = {
    SEQUENCE: "classification",
    TOKEN: "token_classification",
    ANSWER: "question_answering",
}
MEAN = {**SIZES, "classifier_pooling": "mean"}
FINE_TUNED = [
    *(("Bert", SIZES, task) for task in HEADS),
    *(("Roberta", ROBERTA, task) for task in HEADS),
    *(("Albert", NARROW, task) for task in HEADS),
    *(("Electra", NARROW, task) for task in HEADS),
    *(("RoFormer", {**NARROW, "hidden_act": "relu"}, task) for task in HEADS),
    *(("ModernBert", SIZES, task) for task in HEADS),
    ("ModernBert", MEAN, SEQUENCE),
    *(("GPT2", GPT2, task) for task in HEADS),
    *(("Llama", LLAMA, task) for task in (SEQUENCE, TOKEN)),
    ("Qwen2", LLAMA, SEQUENCE),
]
UNTIED = [
    ("BertForMaskedLM", SIZES, "cls.predictions.decoder.weight"),
    ("RobertaForMaskedLM", ROBERTA, "lm_head.decoder.weight"),
    ("AlbertForMaskedLM", NARROW, "predictions.decoder.weight"),
    ("ElectraForMaskedLM", NARROW, "generator_lm_head.weight"),
    ("RoFormerForMaskedLM", NARROW, "cls.predictions.decoder.weight"),
    ("ModernBertForMaskedLM", SIZES, "decoder.weight"),
    ("OpenAIGPTLMHeadModel", GPT2, "lm_head.weight"),
    ("GPT2LMHeadModel", GPT2, "lm_head.weight"),
    ("LlamaForCausalLM", {**LLAMA, "tie_word_embeddings": True}, "lm_head.weight"),
    ("Qwen3ForCausalLM", {**LLAMA, "tie_word_embeddings": True}, "lm_head.weight"),
    ("T5ForConditionalGeneration", T5, "lm_head.weight"),
    ("BartForConditionalGeneration", BART, "lm_head.weight"),
]
IDS = np.array([[5, 6, 7, 8, 9, 12], [9, 10, 11, 0, 0, 0]])
MASK = IDS > 0


def make(transformers, name, values, folder):
    """Saves a model of transformers with random weights, and returns it."""
    import torch

    torch.manual_seed(0)
    theirs = getattr(transformers, name)
    model = theirs(theirs.config_class(**values)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.copy_(torch.randn_like(weight) * 0.3 + (0.5 if weight.ndim == 1 else 0))
    model.save_pretrained(folder)
    return model


def outputs_of(model, ids, **others):
    """All outputs of a transformers model, as arrays."""
    import torch

    with torch.no_grad():
        outputs = model(
            torch.tensor(ids),
            attention_mask=torch.tensor(MASK.astype("int64")),
            **{name: torch.tensor(value) for name, value in others.items()},
        )
    return {name: value.numpy() for name, value in outputs.items() if hasattr(value, "numpy")}


def ids_for(name):
    return np.where(MASK, IDS, 1) if name.startswith("Roberta") else IDS


def assert_close(ours, theirs):
    ours = ops.convert_to_numpy(ours)
    assert np.abs(theirs).max() > 0.01
    assert np.abs(ours - theirs).max() < 2e-5 * max(1, np.abs(theirs).max())


@pytest.mark.parametrize(("name", "values", "task"), FINE_TUNED)
def test_a_fine_tuned_head_computes_the_same_as_transformers(
    transformers, tmp_path, capsys, name, values, task
):
    if task == ANSWER:
        values = {**values, "num_labels": 2}  # start and end of the answer
    model = make(transformers, f"{name}For{task}", values, tmp_path / "theirs")
    ids, head = ids_for(name), HEADS[task]
    theirs = outputs_of(model, ids)
    loaded = load(tmp_path / "theirs", heads=[head])
    x = loaded(ids, padding_mask=MASK)
    ours = ops.convert_to_numpy(loaded.model.task_logits(head, x, MASK))
    if task == ANSWER:
        for index, part in enumerate(("start_logits", "end_logits")):
            assert_close(ours[..., index][MASK], theirs[part][MASK])
    else:
        assert ours.shape[-1] == 5
        rows = MASK if task == TOKEN else slice(None)
        assert_close(ours[rows], theirs["logits"][rows])

    # without `heads`, the model alone is loaded, with a note about the head
    capsys.readouterr()
    body = load(tmp_path / "theirs")
    assert f"heads=['{head}']) loads the head" in capsys.readouterr().err
    expected = outputs_of(getattr(model, model.base_model_prefix), ids)["last_hidden_state"]
    assert_close(ops.convert_to_numpy(body(ids, padding_mask=MASK))[MASK], expected[MASK])

    # our files compute the same there
    loaded.save(tmp_path / "ours")
    reloaded, report = type(model).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not set(report["missing_keys"]) - {"roformer.encoder.embed_positions.weight"}
    for part, value in outputs_of(reloaded.eval(), ids).items():
        np.testing.assert_array_equal(value, theirs[part])
    reopened = load(tmp_path / "ours")
    assert head in reopened.config.heads


@pytest.mark.parametrize(("name", "values", "table"), UNTIED)
def test_a_head_that_is_untied_in_the_file_is_untied_here(
    transformers, tmp_path, capsys, name, values, table
):
    from safetensors.numpy import load_file, save_file

    make(transformers, name, values, tmp_path / "tied")
    folder = tmp_path / "tied"
    loaded = load(folder)
    assert not capsys.readouterr().err.count("differs from")
    config_before = loaded.config
    tensors = load_file(folder / "model.safetensors")
    width = loaded.model.mlm._shared[0].output_dim if hasattr(loaded.model.mlm, "_shared") else 24
    tensors[table] = np.random.default_rng(1).normal(size=(40, width)).astype("float32")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    config = json.loads((folder / "config.json").read_text())
    assert config.get("tie_word_embeddings", True)
    theirs = getattr(transformers, name).from_pretrained(folder).eval()
    ids = ids_for(name)
    decoder_inputs = {"decoder_input_ids": ids} if config_before.encoder_decoder else {}
    expected = outputs_of(theirs, ids, **decoder_inputs)["logits"]
    decoder_ids = {"decoder_token_ids": ids} if decoder_inputs else {}

    def logits(model):
        x = model(ids, padding_mask=MASK, **decoder_ids)
        return ops.convert_to_numpy(model.model.mlm(x))

    untied = load(folder)
    assert f"{table} differs from" in capsys.readouterr().err
    rows = MASK if not decoder_inputs else np.ones_like(MASK)
    assert_close(logits(untied)[rows], expected[rows])
    untied.save(tmp_path / "ours")
    capsys.readouterr()
    np.testing.assert_array_equal(logits(load(tmp_path / "ours")), logits(untied))
    assert "differs" not in capsys.readouterr().err
    reloaded = getattr(transformers, name).from_pretrained(tmp_path / "ours").eval()
    np.testing.assert_array_equal(outputs_of(reloaded, ids, **decoder_inputs)["logits"], expected)
