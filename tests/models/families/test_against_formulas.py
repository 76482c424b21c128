"""Families and layouts that no library supports any more, against the papers' formulas in NumPy.

A reference creates its weights by their names in the checkpoint, and so the checkpoint.
"""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from keras import ops

from hornbook.checkpoints import write_safetensors, write_tensor_bundle
from hornbook.pretrained import load

pytestmark = pytest.mark.backend

VOCABULARY_SIZE, HIDDEN, NARROW, HEADS, WIDE, LAYERS = 40, 12, 8, 3, 20, 3
HEAD = HIDDEN // HEADS
CONFIG = {
    "vocab_size": VOCABULARY_SIZE,
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": WIDE,
    "max_position_embeddings": 24,
    "hidden_act": "gelu",
}
IDS = np.array([[5, 6, 7, 8, 9, 12], [9, 10, 11, 0, 0, 0]])
SEGMENTS = np.array([[0, 0, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0]])
MASK = IDS > 0
CAUSAL = np.tril(np.ones((6, 6), "bool"))
erf = np.vectorize(math.erf)


def gelu(x):
    return x * (1 + erf(x / math.sqrt(2))) / 2


def rotated(x):
    """RoFormer: the pair (2i, 2i + 1) as a complex number, times e^(i position frequency)."""
    pairs = x[..., ::2] + 1j * x[..., 1::2]
    size = x.shape[-1]
    frequencies = 10000.0 ** (-np.arange(0, size, 2) / size)
    pairs = pairs * np.exp(1j * np.arange(x.shape[1])[:, None] * frequencies)
    return np.stack([pairs.real, pairs.imag], -1).reshape(x.shape)


def distance_vector(query, key, max_distance):
    """NEZHA: sines and cosines of the clipped distance, counted from `-max_distance`."""
    row = min(max(key - query, -max_distance), max_distance) + max_distance
    frequencies = [10000.0 ** (-(i // 2 * 2) / HEAD) for i in range(HEAD)]
    return [(math.cos if i % 2 else math.sin)(row * f) for i, f in enumerate(frequencies)]


class Reference:
    """Formulas in float64, with weights that are created when they are first used."""

    def __init__(self, layout="google", model="bert"):
        self.layout, self.model = layout, model
        self.tensors: dict[str, np.ndarray] = {}
        self.random = np.random.default_rng(0)
        self.epsilon = 1e-12

    def weight(self, name, *shape, mean=0.0):
        if name not in self.tensors:
            self.tensors[name] = self.random.normal(mean, 0.3, shape).astype("float32")
        assert self.tensors[name].shape == shape
        return self.tensors[name].astype("float64")

    def huggingface_name(self, name):
        """Converts Google's name to Hugging Face's."""
        name = re.sub(r"layer_(\d+)", r"layer/\1", name)
        return re.sub(r"^bert/", f"{self.model}/", name).replace("/", ".")

    def table(self, name, rows, columns=HIDDEN):
        if self.layout == "huggingface":
            name = self.huggingface_name(name) + ".weight"
        return self.weight(name, rows, columns)

    def dense(self, name, x, size, bias=True):
        if self.layout == "huggingface":
            name = self.huggingface_name(name)
            kernel = self.weight(f"{name}.weight", size, x.shape[-1]).T
            return x @ kernel + (self.weight(f"{name}.bias", size) if bias else 0)
        kernel = self.weight(f"{name}/kernel", x.shape[-1], size)
        return x @ kernel + (self.weight(f"{name}/bias", size) if bias else 0)

    def norm(self, name, x):
        suffixes = ("/gamma", "/beta")
        if self.layout == "huggingface":
            name, suffixes = self.huggingface_name(name), (".weight", ".bias")
        size = x.shape[-1]
        centered = x - x.mean(-1, keepdims=True)
        x = centered / np.sqrt((centered**2).mean(-1, keepdims=True) + self.epsilon)
        gamma, beta = (name + suffix for suffix in suffixes)
        return x * self.weight(gamma, size, mean=1.0) + self.weight(beta, size)

    def attention(self, query, key, value, mask, rotate=None, vectors=None):
        """Softmax attention of projected tokens, one head at a time."""
        heads = []
        for head in range(HEADS):
            q, k, v = (x[..., head * HEAD : (head + 1) * HEAD] for x in (query, key, value))
            if rotate is not None:
                q, k = rotate(q), rotate(k)
            scores = q @ k.swapaxes(1, 2)
            if vectors is not None:
                scores = scores + np.einsum("bqd,qkd->bqk", q, vectors)
            scores = np.exp(np.where(mask, scores / math.sqrt(HEAD), -np.inf))
            weights = scores / scores.sum(-1, keepdims=True)
            output = weights @ v
            if vectors is not None:
                output = output + np.einsum("bqk,qkd->bqd", weights, vectors)
            heads.append(output)
        return np.concatenate(heads, -1)

    def self_attention(self, name, x, mask, out="output/dense", bias=True, **positions):
        parts = ("query", "key", "value")
        inputs = (self.dense(f"{name}/self/{part}", x, HIDDEN, bias) for part in parts)
        return self.dense(f"{name}/{out}", self.attention(*inputs, mask, **positions), HIDDEN, bias)

    def embeddings(self, name="bert/embeddings", size=HIDDEN, segments=True, positions=True):
        x = self.table(f"{name}/word_embeddings", VOCABULARY_SIZE, size)[IDS]
        if segments:
            x = x + self.table(f"{name}/token_type_embeddings", 2, size)[SEGMENTS]
        if positions:
            x = x + self.table(f"{name}/position_embeddings", 24, size)[:6]
        return x

    def bert_block(self, name, x, mask, **positions):
        y = self.self_attention(f"{name}/attention", x, mask, **positions)
        x = self.norm(f"{name}/attention/output/LayerNorm", x + y)
        y = gelu(self.dense(f"{name}/intermediate/dense", x, WIDE))
        y = self.dense(f"{name}/output/dense", y, HIDDEN)
        return self.norm(f"{name}/output/LayerNorm", x + y)

    def transform(self, x, dense, norm, size=HIDDEN):
        return self.norm(norm, gelu(self.dense(dense, x, size)))


def albert(reference):
    x = reference.norm("bert/embeddings/LayerNorm", reference.embeddings(size=NARROW))
    x = reference.dense("bert/encoder/embedding_hidden_mapping_in", x, HIDDEN)
    block = "bert/encoder/transformer/group_0/inner_group_0"
    for _ in range(LAYERS):
        x = reference.norm(
            f"{block}/LayerNorm",
            x + reference.self_attention(f"{block}/attention_1", x, MASK[:, None]),
        )
        wide = gelu(reference.dense(f"{block}/ffn_1/intermediate/dense", x, WIDE))
        narrow = reference.dense(f"{block}/ffn_1/intermediate/output/dense", wide, HIDDEN)
        x = reference.norm(f"{block}/LayerNorm_1", x + narrow)
    names = "cls/predictions/transform"
    logits = reference.transform(x, f"{names}/dense", f"{names}/LayerNorm", NARROW)
    logits = logits @ reference.table("bert/embeddings/word_embeddings", VOCABULARY_SIZE, NARROW).T
    return x, logits + reference.weight("cls/predictions/output_bias", VOCABULARY_SIZE)


def electra(reference):
    x = reference.norm(
        "electra/embeddings/LayerNorm", reference.embeddings("electra/embeddings", NARROW)
    )
    x = reference.dense("electra/embeddings_project", x, HIDDEN)
    for i in range(LAYERS):
        x = reference.bert_block(f"electra/encoder/layer_{i}", x, MASK[:, None])
    wide = gelu(reference.dense("discriminator_predictions/dense", x, HIDDEN))
    # the generator is in the same checkpoint
    reference.weight("generator/encoder/layer_0/attention/self/query/kernel", 4, 4)
    reference.weight("generator_predictions/dense/kernel", 4, NARROW)
    return x, reference.dense("discriminator_predictions/dense_1", wide, 1)[..., 0]


def electra_generator(reference):
    x = reference.norm(
        "electra/embeddings/LayerNorm", reference.embeddings("electra/embeddings", NARROW)
    )
    x = reference.dense("generator/embeddings_project", x, HIDDEN)
    for i in range(LAYERS):
        x = reference.bert_block(f"generator/encoder/layer_{i}", x, MASK[:, None])
    names = "generator_predictions"
    logits = reference.transform(x, f"{names}/dense", f"{names}/LayerNorm", NARROW)
    logits = (
        logits @ reference.table("electra/embeddings/word_embeddings", VOCABULARY_SIZE, NARROW).T
    )
    # the discriminator is in the same checkpoint
    reference.weight("electra/encoder/layer_0/attention/self/query/kernel", 16, 16)
    reference.weight("discriminator_predictions/dense/bias", 16)
    return x, logits + reference.weight("generator_predictions/output_bias", VOCABULARY_SIZE)


def masked_language_model(reference, x):
    names = "cls/predictions/transform"
    logits = reference.transform(x, f"{names}/dense", f"{names}/LayerNorm")
    logits = logits @ reference.table("bert/embeddings/word_embeddings", VOCABULARY_SIZE).T
    google = reference.layout == "google"
    return logits + reference.weight(
        "cls/predictions/output_bias" if google else "cls.predictions.bias", VOCABULARY_SIZE
    )


def nezha(reference):
    vectors = np.array(
        [[distance_vector(q, k, max_distance=3) for k in range(6)] for q in range(6)]
    )
    x = reference.norm("bert/embeddings/LayerNorm", reference.embeddings(positions=False))
    for i in range(LAYERS):
        x = reference.bert_block(f"bert/encoder/layer_{i}", x, MASK[:, None], vectors=vectors)
    return x, masked_language_model(reference, x)


def roformer(reference):
    x = reference.norm("bert/embeddings/LayerNorm", reference.embeddings(positions=False))
    for i in range(LAYERS):
        x = reference.bert_block(f"bert/encoder/layer_{i}", x, MASK[:, None], rotate=rotated)
    return x, masked_language_model(reference, x)


def roformer_v2(reference):
    def norm(x):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12)

    x = norm(reference.embeddings(positions=False))
    for i in range(LAYERS):
        name = f"bert/encoder/layer_{i}"
        attended = reference.self_attention(
            f"{name}/attention", x, MASK[:, None], bias=False, rotate=rotated
        )
        x = norm(x + attended)
        wide = gelu(reference.dense(f"{name}/intermediate/dense", x, WIDE, bias=False))
        x = norm(x + reference.dense(f"{name}/output/dense", wide, HIDDEN, bias=False))
    return x, x @ reference.table("bert/embeddings/word_embeddings", VOCABULARY_SIZE).T


def gau_alpha(reference):
    def norm(x):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12)

    x = norm(reference.embeddings(positions=False))
    for i in range(LAYERS):
        name = f"GAU_alpha/encoder/layer_{i}/gau"
        wide = reference.dense(f"{name}/i_dense", x, 2 * WIDE + NARROW, bias=False)
        gate, value, base = np.split(wide / (1 + np.exp(-wide)), [WIDE, 2 * WIDE], axis=-1)
        query, key = (
            rotated(base * reference.weight(f"{name}/{part}_scaleoffset/gamma", NARROW, mean=1.0))
            for part in "qk"
        )
        scores = query @ key.swapaxes(1, 2) / math.sqrt(NARROW)
        scores = scores * math.log(16) / math.log(512)  # texts of 16 tokens or fewer
        scores = np.exp(np.where(MASK[:, None], scores, -np.inf))
        mixed = scores / scores.sum(-1, keepdims=True) @ value
        x = norm(x + reference.dense(f"{name}/o_dense", gate * mixed, HIDDEN, bias=False))
    return x, x @ reference.table("bert/embeddings/word_embeddings", VOCABULARY_SIZE).T


def nezha_gen(reference):
    x = reference.norm("bert/embeddings/LayerNorm", reference.embeddings(segments=False))
    for i in range(LAYERS):
        x = reference.bert_block(f"bert/encoder/layer_{i}", x, CAUSAL & MASK[:, None])
    return x, masked_language_model(reference, x)


def gpt(reference):
    reference.epsilon = 1e-5
    x = reference.embeddings("gpt/embeddings", segments=False)
    for i in range(LAYERS):
        x = reference.bert_block(f"gpt/transformer/layer_{i}", x, CAUSAL & MASK[:, None])
    return x, x @ reference.table("gpt/embeddings/word_embeddings", VOCABULARY_SIZE).T


def cpm(reference):
    reference.epsilon = 1e-5
    x = reference.embeddings("gpt/embeddings", segments=False)
    for i in range(LAYERS):
        name = f"gpt/transformer/layer_{i}"
        normed = reference.norm(f"{name}/attention/input/LayerNorm", x)
        x = x + reference.self_attention(f"{name}/attention", normed, CAUSAL & MASK[:, None])
        normed = reference.norm(f"{name}/input/LayerNorm", x)
        wide = gelu(reference.dense(f"{name}/intermediate/dense", normed, WIDE))
        x = x + reference.dense(f"{name}/output/dense", wide, HIDDEN)
    x = reference.norm("gpt/output/LayerNorm", x)
    return x, x @ reference.table("gpt/embeddings/word_embeddings", VOCABULARY_SIZE).T


def gpt2_ml(reference):
    reference.epsilon = 1e-5
    x = reference.table("newslm/embeddings/word_embed", VOCABULARY_SIZE)[IDS]
    x = x + reference.table("newslm/embeddings/pos_embed", 24)[:6]
    x = reference.norm("newslm/embeddings/LayerNorm_embed_norm", x)
    for i in range(LAYERS):
        name = f"newslm/layer{i:02d}"
        parts = ("query_layer", "key_layer", "value_layer")
        projected = (reference.dense(f"{name}/{part}", x, HIDDEN) for part in parts)
        mixed = reference.attention(*projected, CAUSAL & MASK[:, None])
        x = x + reference.dense(f"{name}/context_projection_layer", mixed, HIDDEN)
        normed = reference.norm(f"{name}/LayerNorm_mlp_ln0", x)
        wide = gelu(reference.dense(f"{name}/intermediate", normed, WIDE))
        x = reference.norm(
            f"{name}/LayerNorm_mlp_ln1", x + reference.dense(f"{name}/output", wide, HIDDEN)
        )
    return x, x @ reference.table("newslm/embeddings/word_embed", VOCABULARY_SIZE).T


NARROW_EMBEDDING = {"embedding_size": NARROW}
# formulas, family (None: from the configuration), layout, and further settings
CASES = {
    "albert": (
        albert,
        None,
        "google",
        {**NARROW_EMBEDDING, "num_hidden_groups": 1, "inner_group_num": 1},
    ),
    "albert-unshared": (
        albert,
        "albert-unshared",
        "google",
        {**NARROW_EMBEDDING, "num_hidden_groups": 1},
    ),
    "electra": (electra, "electra", "google", NARROW_EMBEDDING),
    "electra-generator": (electra_generator, "electra-generator", "google", NARROW_EMBEDDING),
    "nezha": (nezha, None, "google", {"use_relative_position": True, "max_relative_position": 3}),
    "nezha-huggingface": (
        *(nezha, None, "huggingface"),
        {"model_type": "nezha", "max_relative_position": 3},
    ),
    "roformer": (roformer, "roformer", "google", {}),
    "roformer-v2": (roformer_v2, "roformer-v2", "google", {}),
    "roformer-v2-huggingface": (
        *(roformer_v2, None, "huggingface"),
        {"model_type": "roformer", "norm_type": "rms_norm", "use_bias": False},
    ),
    "gau-alpha": (
        *(gau_alpha, None, "google"),
        {"attention_key_size": NARROW, "num_attention_heads": 1, "hidden_act": "swish"},
    ),
    "nezha-gen": (nezha_gen, "nezha-gen", "google", {"type_vocab_size": 16}),
    "cdial-gpt": (gpt, "gpt", "google", {}),
    "cpm": (cpm, "gpt2", "google", {}),
    "gpt2-ml": (gpt2_ml, "gpt2-ml", "google", {}),
}


@pytest.fixture(params=CASES)
def case(request, tmp_path):
    """The reference, its outputs, and the model read from its checkpoint."""
    formulas, family, layout, settings = CASES[request.param]
    reference = Reference(layout, settings.get("model_type", "bert"))
    expected = formulas(reference)
    if layout == "google":
        (tmp_path / "bert_config.json").write_text(json.dumps({**CONFIG, **settings}))
        write_tensor_bundle(tmp_path / "bert_model.ckpt", reference.tensors)
    else:
        (tmp_path / "config.json").write_text(json.dumps({**CONFIG, **settings}))
        write_safetensors(tmp_path / "model.safetensors", reference.tensors)
    return reference, expected, load(tmp_path, family=family)


def test_it_computes_the_formulas(case):
    _, (hidden, logits), loaded = case
    x = loaded(IDS, segment_ids=SEGMENTS, padding_mask=MASK)
    head = loaded.model.discriminator or loaded.model.mlm
    for ours, expected in ((x, hidden), (head(x), logits)):
        difference = np.abs(ops.convert_to_numpy(ours)[MASK] - expected[MASK]).max()
        assert difference < 1e-5 * np.abs(expected[MASK]).max()


@pytest.mark.only_on("jax")
def test_a_saved_checkpoint_equals_the_one_that_was_read(case, tmp_path):
    from hornbook.checkpoints import find_checkpoint

    reference, _, loaded = case
    loaded.save(
        tmp_path / "again", layout="google" if reference.layout == "google" else "huggingface"
    )
    saved = find_checkpoint(tmp_path / "again")
    # only one of ELECTRA's two models is written
    names = {
        name for name in reference.tensors if saved.layout != "google" or name in saved.names()
    }
    other = set(reference.tensors) - names
    assert set(saved.names()) == names
    assert not other or loaded.config.family.startswith("electra")
    for name in names:
        np.testing.assert_array_equal(saved.read(name), reference.tensors[name])
