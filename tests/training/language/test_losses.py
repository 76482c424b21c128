"""The losses against NumPy formulas, one document at a time."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.training.language.losses import (
    MaskedLanguage,
    NextToken,
    ReplacedTokens,
    SpanFilling,
    normalized_weights,
    replace_positions,
)

pytestmark = pytest.mark.backend

VOCABULARY_SIZE, LENGTH = 40, 12
# two documents and padding in the first row, one in the second
DOCUMENTS = np.array([[1] * 5 + [2] * 4 + [0] * 3, [1] * 12], "int32")
POSITIONS = np.array([[*range(5), *range(4), 0, 0, 0], [*range(12)]], "int32")


def rows(seed=0, **more):
    ids = np.random.default_rng(seed).integers(5, VOCABULARY_SIZE, (2, LENGTH)).astype("int32")
    ids[DOCUMENTS == 0] = 0
    return {"token_ids": ids, "documents": DOCUMENTS, "positions": POSITIONS, **more}


def masked_rows(seed=0):
    arrays = rows(seed)
    return arrays | {
        "masked_positions": np.array([[1, 6, 0], [2, 3, 9]], "int32"),
        "labels": np.array([[7, 8, 0], [9, 10, 11]], "int32"),
        "weights": np.array([[1, 1, 0], [1, 1, 1]], "float32"),
    }


def next_rows(seed=0):
    arrays = rows(seed)
    labels = np.roll(arrays["token_ids"], -1, axis=1)
    weights = (DOCUMENTS > 0) & (np.roll(DOCUMENTS, -1, axis=1) == DOCUMENTS)
    weights[:, -1] = False
    return arrays | {"labels": labels, "weights": weights.astype("float32")}


def cross_entropy(logits, label):
    logits = np.asarray(logits, "float64")
    return np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[label]


def as_numpy(outputs):
    return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}


def document_vectors(transformer, arrays):
    """The vectors of each token when its document is the whole input."""
    x = np.zeros((2, LENGTH, transformer.config.hidden_size), "float32")
    spans = [(row, np.flatnonzero(DOCUMENTS[row] == n)) for row, n in ((0, 1), (0, 2), (1, 1))]
    names = [name for name in ("token_ids", "segment_ids") if name in arrays]
    inputs = {name: np.zeros((3, LENGTH), "int32") for name in (*names, "padding_mask")}
    for number, (row, positions) in enumerate(spans):
        inputs["padding_mask"][number, : len(positions)] = 1
        for name in names:
            inputs[name][number, : len(positions)] = arrays[name][row][positions]
    vectors = ops.convert_to_numpy(transformer(**inputs))
    for number, (row, positions) in enumerate(spans):
        x[row][positions] = vectors[number, : len(positions)]
    return x


def test_masked_tokens_are_predicted_from_their_own_document_only(tiny_transformer):
    transformer = tiny_transformer(vocab_size=VOCABULARY_SIZE, heads=("mlm",))
    arrays = masked_rows()
    outputs = as_numpy(MaskedLanguage(transformer)(arrays))
    logits = ops.convert_to_numpy(transformer.mlm(document_vectors(transformer, arrays)))
    masks = [(0, 1, 7), (0, 6, 8), (1, 2, 9), (1, 3, 10), (1, 9, 11)]
    for number in (0, 1):
        pairs = [(logits[row, position], label) for row, position, label in masks if row == number]
        expected = sum(cross_entropy(*pair) for pair in pairs)
        np.testing.assert_allclose(outputs["loss"][number], expected, rtol=1e-4)
        assert outputs["correct"][number] == sum(row.argmax() == label for row, label in pairs)
    assert outputs["weight"].tolist() == [2, 3]


def test_the_next_token_is_predicted_from_earlier_tokens_of_its_document(tiny_transformer):
    transformer = tiny_transformer(
        vocab_size=VOCABULARY_SIZE, heads=("mlm",), application="causal_lm"
    )
    arrays = next_rows()
    outputs = as_numpy(NextToken(transformer)(arrays))
    logits = ops.convert_to_numpy(transformer.mlm(document_vectors(transformer, arrays)))
    expected = np.zeros(2)
    for row, position in np.argwhere(arrays["weights"] > 0):
        label = arrays["token_ids"][row, position + 1]
        expected[row] += cross_entropy(logits[row, position], label)
    np.testing.assert_allclose(outputs["loss"], expected, rtol=1e-4)
    assert outputs["weight"].tolist() == [7, 11]


def test_attention_to_a_prefix_is_bidirectional_and_stays_in_its_document(tiny_transformer):
    transformer = tiny_transformer(
        vocab_size=VOCABULARY_SIZE, heads=("mlm",), application="prefix_lm"
    )
    segments = np.array([[0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0], [0] * 6 + [1] * 6], "int32")
    arrays = next_rows() | {"segment_ids": segments}
    x = ops.convert_to_numpy(NextToken(transformer).encode(transformer, arrays, False))
    expected = document_vectors(transformer, arrays)
    np.testing.assert_allclose(x[DOCUMENTS > 0], expected[DOCUMENTS > 0], atol=2e-5)


def test_the_decoder_predicts_the_spans_and_ignores_padding_of_the_encoder(tiny_transformer):
    transformer = tiny_transformer(
        family="t5.1.1",
        vocab_size=VOCABULARY_SIZE,
        heads=("mlm",),
        encoder_decoder=True,
        application="seq2seq",
        position_kind="buckets",
        norm_kind="rms",
        block="pre",
        type_vocab_size=0,
    )
    arrays = {
        "token_ids": rows()["token_ids"],
        "documents": DOCUMENTS,
        "decoder_token_ids": np.array([[0, 30, 7, 8], [0, 30, 9, 0]], "int32"),
        "labels": np.array([[30, 7, 8, 31], [30, 9, 31, 0]], "int32"),
        "weights": np.array([[1, 1, 1, 1], [1, 1, 1, 0]], "float32"),
    }
    outputs = as_numpy(SpanFilling(transformer)(arrays))
    x = transformer(arrays["token_ids"][:1, :9], arrays["decoder_token_ids"][:1])
    logits = ops.convert_to_numpy(transformer.mlm(x))[0]
    expected = sum(cross_entropy(logits[n], arrays["labels"][0, n]) for n in range(4))
    np.testing.assert_allclose(outputs["loss"][0], expected, rtol=1e-4)
    assert outputs["weight"].tolist() == [4, 3]


def test_tokens_are_replaced_only_where_the_mask_is_true():
    ids = np.arange(8).reshape(2, 4).astype("int32")
    positions = np.array([[1, 0], [3, 2]], "int32")
    mask = np.array([[True, False], [True, True]])
    tensors = map(ops.convert_to_tensor, (ids, positions, positions + 90, mask))
    new_ids = ops.convert_to_numpy(replace_positions(*tensors))
    assert new_ids.tolist() == [[0, 91, 2, 3], [4, 5, 92, 93]]


def make_electra(tiny_transformer):
    sizes = {
        "vocab_size": VOCABULARY_SIZE,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    discriminator = tiny_transformer(heads=("discriminator",), **sizes)
    generator = tiny_transformer(heads=("mlm",), seed=1, **sizes)
    return ReplacedTokens(discriminator, generator, seed=3)


def test_replaced_tokens_are_those_that_differ_from_the_original(tiny_transformer):
    model = make_electra(tiny_transformer)
    samples = np.array([[7, 5, 30], [9, 10, 12]], "int32")
    model.sample = lambda logits, dtype: ops.convert_to_tensor(samples)
    arrays = masked_rows()
    original = arrays["token_ids"].copy()
    original[0, [1, 6]], original[1, [2, 3, 9]] = [7, 8], [9, 10, 11]
    arrays = normalized_weights(arrays | {"original_ids": original})
    outputs = as_numpy(model(arrays))
    corrupted = original.copy()
    corrupted[0, 6], corrupted[1, 9] = 5, 12
    x = model.encode(model.transformer, arrays | {"token_ids": corrupted}, False)
    logits = ops.convert_to_numpy(model.transformer.discriminator(x)).astype("float64")
    target = corrupted != original
    assert target.sum() == 2
    losses = np.where(target, np.log1p(np.exp(-logits)), np.log1p(np.exp(logits)))
    losses = np.where(DOCUMENTS > 0, losses, 0) / 21
    np.testing.assert_allclose(outputs["loss"], losses.sum(axis=1), rtol=1e-4)
    correct = ((logits > 0) == target) & (DOCUMENTS > 0)
    np.testing.assert_allclose(outputs["correct"], correct.sum(axis=1) / 21, rtol=1e-5)


def test_tokens_are_sampled_by_their_probability(tiny_transformer):
    model = make_electra(tiny_transformer)
    logits = ops.convert_to_tensor(np.log(np.tile([0.1, 0.6, 0.3], (4000, 1, 1)).astype("float32")))
    counts = np.bincount(ops.convert_to_numpy(model.sample(logits, "int32"))[:, 0], minlength=3)
    np.testing.assert_allclose(counts / 4000, [0.1, 0.6, 0.3], atol=0.03)


def test_the_weights_of_a_step_add_up_to_1():
    arrays = normalized_weights(masked_rows() | {"original_ids": rows()["token_ids"]})
    assert arrays["weights"].sum() == pytest.approx(1)
    assert arrays["real_weights"].sum() == pytest.approx(1)
    assert arrays["weights"].dtype == arrays["real_weights"].dtype == np.float32


@pytest.mark.parametrize("objective", ["masked", "next", "replaced"])
def test_training_lowers_each_loss(tiny_transformer, objective):
    sizes = {
        "vocab_size": VOCABULARY_SIZE,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    if objective == "masked":
        transformer = tiny_transformer(heads=("mlm", "nsp"), **sizes)
        model, arrays = MaskedLanguage(transformer), masked_rows()
        arrays |= {"segment_ids": DOCUMENTS * 0, "order_label": np.array([0, 1], "int32")}
        arrays |= {"order_weight": np.array([1, 0], "float32")}
    elif objective == "next":
        causal = tiny_transformer(heads=("mlm",), application="causal_lm", **sizes)
        model, arrays = NextToken(causal), next_rows()
    else:
        model, arrays = make_electra(tiny_transformer), masked_rows()
        arrays |= {"original_ids": arrays["token_ids"]}
    arrays = normalized_weights(arrays)
    model.compile(keras.optimizers.Adam(1e-2))
    losses = [float(model.train_on_batch(arrays)) for _ in range(6)]
    assert losses[-1] < 0.8 * losses[0]
