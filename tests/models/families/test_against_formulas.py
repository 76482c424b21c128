"""Families and layouts that no library computes any more, against the papers' formulas in NumPy.

A reference asks for its weights by the names of the checkpoint, and so makes the checkpoint.
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

WORDS, HIDDEN, NARROW, HEADS, WIDE, LAYERS = 40, 12, 8, 3, 20, 3
HEAD = HIDDEN // HEADS
CONFIG = {
    "vocab_size": WORDS,
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": WIDE,
    "max_position_embeddings": 24,
    "hidden_act": "gelu",
}
IDS = np.array([[5, 6, 7, 8, 9, 12], [9, 10, 11, 0, 0, 0]])
SEGMENTS = np.array([[0, 0, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0]])
REAL = IDS > 0
CAUSAL = np.tril(np.ones((6, 6), "bool"))
erf = np.vectorize(math.erf)


def gelu(x):
    return x * (1 + erf(x / math.sqrt(2))) / 2


def turned(x):
    """RoFormer: the pair (2i, 2i + 1) as a complex number, times e^(i position angle)."""
    pairs = x[..., ::2] + 1j * x[..., 1::2]
    size = x.shape[-1]
    speeds = 10000.0 ** (-np.arange(0, size, 2) / size)
    pairs = pairs * np.exp(1j * np.arange(x.shape[1])[:, None] * speeds)
    return np.stack([pairs.real, pairs.imag], -1).reshape(x.shape)


def distance_vector(query, key, farthest):
    """NEZHA: sines and cosines of the clipped distance, counted from the farthest before."""
    row = min(max(key - query, -farthest), farthest) + farthest
    speeds = [10000.0 ** (-(i // 2 * 2) / HEAD) for i in range(HEAD)]
    return [(math.cos if i % 2 else math.sin)(row * speed) for i, speed in enumerate(speeds)]


class Reference:
    """Formulas in float64 over weights that are made when they are first asked for."""

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

    def theirs(self, name):
        """Google's name as Hugging Face spells it."""
        name = re.sub(r"layer_(\d+)", r"layer/\1", name)
        return re.sub(r"^bert/", f"{self.model}/", name).replace("/", ".")

    def table(self, name, rows, columns=HIDDEN):
        if self.layout == "huggingface":
            name = self.theirs(name) + ".weight"
        return self.weight(name, rows, columns)

    def dense(self, name, x, size, bias=True):
        if self.layout == "huggingface":
            name = self.theirs(name)
            kernel = self.weight(f"{name}.weight", size, x.shape[-1]).T
            return x @ kernel + (self.weight(f"{name}.bias", size) if bias else 0)
        kernel = self.weight(f"{name}/kernel", x.shape[-1], size)
        return x @ kernel + (self.weight(f"{name}/bias", size) if bias else 0)

    def norm(self, name, x):
        words = ("/gamma", "/beta")
        if self.layout == "huggingface":
            name, words = self.theirs(name), (".weight", ".bias")
        size = x.shape[-1]
        centred = x - x.mean(-1, keepdims=True)
        x = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + self.epsilon)
        return x * self.weight(name + words[0], size, mean=1.0) + self.weight(name + words[1], size)

    def attention(self, query, key, value, mask, turn=None, vectors=None):
        """Softmax attention of projected tokens, one head at a time."""
        mixed = []
        for head in range(HEADS):
            q, k, v = (x[..., head * HEAD : (head + 1) * HEAD] for x in (query, key, value))
            if turn is not None:
                q, k = turn(q), turn(k)
            scores = q @ k.swapaxes(1, 2)
            if vectors is not None:
                scores = scores + np.einsum("bqd,qkd->bqk", q, vectors)
            scores = np.exp(np.where(mask, scores / math.sqrt(HEAD), -np.inf))
            weights = scores / scores.sum(-1, keepdims=True)
            out = weights @ v
            if vectors is not None:
                out = out + np.einsum("bqk,qkd->bqd", weights, vectors)
            mixed.append(out)
        return np.concatenate(mixed, -1)

    def self_attention(self, name, x, mask, out="output/dense", bias=True, **positions):
        projected = (
            self.dense(f"{name}/self/{part}", x, HIDDEN, bias) for part in ("query", "key", "value")
        )
        return self.dense(
            f"{name}/{out}", self.attention(*projected, mask, **positions), HIDDEN, bias
        )

    def embeddings(self, name="bert/embeddings", size=HIDDEN, segments=True, positions=True):
        x = self.table(f"{name}/word_embeddings", WORDS, size)[IDS]
        if segments:
            x = x + self.table(f"{name}/token_type_embeddings", 2, size)[SEGMENTS]
        if positions:
            x = x + self.table(f"{name}/position_embeddings", 24, size)[:6]
        return x

    def bert_block(self, name, x, mask, **positions):
        attended = self.self_attention(f"{name}/attention", x, mask, **positions)
        x = self.norm(f"{name}/attention/output/LayerNorm", x + attended)
        wide = gelu(self.dense(f"{name}/intermediate/dense", x, WIDE))
        return self.norm(
            f"{name}/output/LayerNorm", x + self.dense(f"{name}/output/dense", wide, HIDDEN)
        )

    def transform(self, x, dense, norm, size=HIDDEN):
        return self.norm(norm, gelu(self.dense(dense, x, size)))


def albert(its):
    x = its.norm("bert/embeddings/LayerNorm", its.embeddings(size=NARROW))
    x = its.dense("bert/encoder/embedding_hidden_mapping_in", x, HIDDEN)
    block = "bert/encoder/transformer/group_0/inner_group_0"
    for _ in range(LAYERS):
        x = its.norm(
            f"{block}/LayerNorm",
            x + its.self_attention(f"{block}/attention_1", x, REAL[:, None]),
        )
        wide = gelu(its.dense(f"{block}/ffn_1/intermediate/dense", x, WIDE))
        narrow = its.dense(f"{block}/ffn_1/intermediate/output/dense", wide, HIDDEN)
        x = its.norm(f"{block}/LayerNorm_1", x + narrow)
    names = "cls/predictions/transform"
    logits = its.transform(x, f"{names}/dense", f"{names}/LayerNorm", NARROW)
    logits = logits @ its.table("bert/embeddings/word_embeddings", WORDS, NARROW).T
    return x, logits + its.weight("cls/predictions/output_bias", WORDS)


def electra(its):
    x = its.norm("electra/embeddings/LayerNorm", its.embeddings("electra/embeddings", NARROW))
    x = its.dense("electra/embeddings_project", x, HIDDEN)
    for i in range(LAYERS):
        x = its.bert_block(f"electra/encoder/layer_{i}", x, REAL[:, None])
    wide = gelu(its.dense("discriminator_predictions/dense", x, HIDDEN))
    # the generator lies in the same checkpoint
    its.weight("generator/encoder/layer_0/attention/self/query/kernel", 4, 4)
    its.weight("generator_predictions/dense/kernel", 4, NARROW)
    return x, its.dense("discriminator_predictions/dense_1", wide, 1)[..., 0]


def electra_generator(its):
    x = its.norm("electra/embeddings/LayerNorm", its.embeddings("electra/embeddings", NARROW))
    x = its.dense("generator/embeddings_project", x, HIDDEN)
    for i in range(LAYERS):
        x = its.bert_block(f"generator/encoder/layer_{i}", x, REAL[:, None])
    names = "generator_predictions"
    logits = its.transform(x, f"{names}/dense", f"{names}/LayerNorm", NARROW)
    logits = logits @ its.table("electra/embeddings/word_embeddings", WORDS, NARROW).T
    # the discriminator lies in the same checkpoint
    its.weight("electra/encoder/layer_0/attention/self/query/kernel", 16, 16)
    its.weight("discriminator_predictions/dense/bias", 16)
    return x, logits + its.weight("generator_predictions/output_bias", WORDS)


def masked_language_model(its, x):
    names = "cls/predictions/transform"
    logits = its.transform(x, f"{names}/dense", f"{names}/LayerNorm")
    logits = logits @ its.table("bert/embeddings/word_embeddings", WORDS).T
    google = its.layout == "google"
    return logits + its.weight(
        "cls/predictions/output_bias" if google else "cls.predictions.bias", WORDS
    )


def nezha(its):
    vectors = np.array([[distance_vector(q, k, farthest=3) for k in range(6)] for q in range(6)])
    x = its.norm("bert/embeddings/LayerNorm", its.embeddings(positions=False))
    for i in range(LAYERS):
        x = its.bert_block(f"bert/encoder/layer_{i}", x, REAL[:, None], vectors=vectors)
    return x, masked_language_model(its, x)


def roformer(its):
    x = its.norm("bert/embeddings/LayerNorm", its.embeddings(positions=False))
    for i in range(LAYERS):
        x = its.bert_block(f"bert/encoder/layer_{i}", x, REAL[:, None], turn=turned)
    return x, masked_language_model(its, x)


def roformer_v2(its):
    def norm(x):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12)

    x = norm(its.embeddings(positions=False))
    for i in range(LAYERS):
        name = f"bert/encoder/layer_{i}"
        attended = its.self_attention(
            f"{name}/attention", x, REAL[:, None], bias=False, turn=turned
        )
        x = norm(x + attended)
        wide = gelu(its.dense(f"{name}/intermediate/dense", x, WIDE, bias=False))
        x = norm(x + its.dense(f"{name}/output/dense", wide, HIDDEN, bias=False))
    return x, x @ its.table("bert/embeddings/word_embeddings", WORDS).T


def gau_alpha(its):
    def norm(x):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12)

    x = norm(its.embeddings(positions=False))
    for i in range(LAYERS):
        name = f"GAU_alpha/encoder/layer_{i}/gau"
        wide = its.dense(f"{name}/i_dense", x, 2 * WIDE + NARROW, bias=False)
        gate, value, base = np.split(wide / (1 + np.exp(-wide)), [WIDE, 2 * WIDE], axis=-1)
        query, key = (
            turned(base * its.weight(f"{name}/{part}_scaleoffset/gamma", NARROW, mean=1.0))
            for part in "qk"
        )
        scores = query @ key.swapaxes(1, 2) / math.sqrt(NARROW)
        scores = scores * math.log(16) / math.log(512)  # texts of 16 tokens or fewer
        scores = np.exp(np.where(REAL[:, None], scores, -np.inf))
        mixed = scores / scores.sum(-1, keepdims=True) @ value
        x = norm(x + its.dense(f"{name}/o_dense", gate * mixed, HIDDEN, bias=False))
    return x, x @ its.table("bert/embeddings/word_embeddings", WORDS).T


def nezha_gen(its):
    x = its.norm("bert/embeddings/LayerNorm", its.embeddings(segments=False))
    for i in range(LAYERS):
        x = its.bert_block(f"bert/encoder/layer_{i}", x, CAUSAL & REAL[:, None])
    return x, masked_language_model(its, x)


def gpt(its):
    its.epsilon = 1e-5
    x = its.embeddings("gpt/embeddings", segments=False)
    for i in range(LAYERS):
        x = its.bert_block(f"gpt/transformer/layer_{i}", x, CAUSAL & REAL[:, None])
    return x, x @ its.table("gpt/embeddings/word_embeddings", WORDS).T


def cpm(its):
    its.epsilon = 1e-5
    x = its.embeddings("gpt/embeddings", segments=False)
    for i in range(LAYERS):
        name = f"gpt/transformer/layer_{i}"
        normed = its.norm(f"{name}/attention/input/LayerNorm", x)
        x = x + its.self_attention(f"{name}/attention", normed, CAUSAL & REAL[:, None])
        normed = its.norm(f"{name}/input/LayerNorm", x)
        wide = gelu(its.dense(f"{name}/intermediate/dense", normed, WIDE))
        x = x + its.dense(f"{name}/output/dense", wide, HIDDEN)
    x = its.norm("gpt/output/LayerNorm", x)
    return x, x @ its.table("gpt/embeddings/word_embeddings", WORDS).T


def gpt2_ml(its):
    its.epsilon = 1e-5
    x = its.table("newslm/embeddings/word_embed", WORDS)[IDS]
    x = x + its.table("newslm/embeddings/pos_embed", 24)[:6]
    x = its.norm("newslm/embeddings/LayerNorm_embed_norm", x)
    for i in range(LAYERS):
        name = f"newslm/layer{i:02d}"
        parts = ("query_layer", "key_layer", "value_layer")
        projected = (its.dense(f"{name}/{part}", x, HIDDEN) for part in parts)
        mixed = its.attention(*projected, CAUSAL & REAL[:, None])
        x = x + its.dense(f"{name}/context_projection_layer", mixed, HIDDEN)
        normed = its.norm(f"{name}/LayerNorm_mlp_ln0", x)
        wide = gelu(its.dense(f"{name}/intermediate", normed, WIDE))
        x = its.norm(f"{name}/LayerNorm_mlp_ln1", x + its.dense(f"{name}/output", wide, HIDDEN))
    return x, x @ its.table("newslm/embeddings/word_embed", WORDS).T


NARROWED = {"embedding_size": NARROW}
# formulas, family (None: the configuration says), layout, and what else the configuration says
CASES = {
    "albert": (albert, None, "google", {**NARROWED, "num_hidden_groups": 1, "inner_group_num": 1}),
    "albert-unshared": (albert, "albert-unshared", "google", {**NARROWED, "num_hidden_groups": 1}),
    "electra": (electra, "electra", "google", NARROWED),
    "electra-generator": (electra_generator, "electra-generator", "google", NARROWED),
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
    """What the formulas compute, and the model read from the checkpoint they made."""
    formulas, family, layout, more = CASES[request.param]
    its = Reference(layout, more.get("model_type", "bert"))
    expected = formulas(its)
    if layout == "google":
        (tmp_path / "bert_config.json").write_text(json.dumps({**CONFIG, **more}))
        write_tensor_bundle(tmp_path / "bert_model.ckpt", its.tensors)
    else:
        (tmp_path / "config.json").write_text(json.dumps({**CONFIG, **more}))
        write_safetensors(tmp_path / "model.safetensors", its.tensors)
    return its, expected, load(tmp_path, family=family)


def test_it_computes_the_formulas(case):
    _, (hidden, logits), loaded = case
    x = loaded(IDS, segment_ids=SEGMENTS, padding_mask=REAL)
    head = loaded.model.discriminator or loaded.model.mlm
    for ours, expected in ((x, hidden), (head(x), logits)):
        difference = np.abs(ops.convert_to_numpy(ours)[REAL] - expected[REAL]).max()
        assert difference < 1e-5 * np.abs(expected[REAL]).max()


def test_the_checkpoint_is_written_as_it_was_read(case, tmp_path):
    from hornbook.checkpoints import find_checkpoint

    its, _, loaded = case
    loaded.save(tmp_path / "again", layout="google" if its.layout == "google" else "huggingface")
    again = find_checkpoint(tmp_path / "again")
    # the other of ELECTRA's two models is not ours to write
    names = {name for name in its.tensors if again.layout != "google" or name in again.names()}
    other = set(its.tensors) - names
    assert set(again.names()) == names
    assert not other or loaded.config.family.startswith("electra")
    for name in names:
        np.testing.assert_array_equal(again.read(name), its.tensors[name])
