"""The five losses against the same thing written down in NumPy, one document at a time."""

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
    put_at_places,
    shared_weights,
)

pytestmark = pytest.mark.backend

WORDS, LENGTH = 40, 12
# two documents and padding in the first row, one in the second
DOCUMENTS = np.array([[1] * 5 + [2] * 4 + [0] * 3, [1] * 12], "int32")
POSITIONS = np.array([[*range(5), *range(4), 0, 0, 0], [*range(12)]], "int32")


def rows(seed=0, **more):
    ids = np.random.default_rng(seed).integers(5, WORDS, (2, LENGTH)).astype("int32")
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


def numbers(found):
    return {name: ops.convert_to_numpy(value) for name, value in found.items()}


def alone(transformer, arrays):
    """The vectors of each token when its document is read by itself."""
    x = np.zeros((2, LENGTH, transformer.config.hidden_size), "float32")
    places = [np.flatnonzero(DOCUMENTS[row] == number) for row, number in ((0, 1), (0, 2), (1, 1))]
    names = [name for name in ("token_ids", "segment_ids") if name in arrays]
    read = {name: np.zeros((3, LENGTH), "int32") for name in (*names, "padding_mask")}
    for number, (row, own) in enumerate(zip((0, 0, 1), places, strict=True)):
        read["padding_mask"][number, : len(own)] = 1
        for name in names:
            read[name][number, : len(own)] = arrays[name][row][own]
    found = ops.convert_to_numpy(transformer(**read))
    for number, (row, own) in enumerate(zip((0, 0, 1), places, strict=True)):
        x[row][own] = found[number, : len(own)]
    return x


def test_masked_words_are_guessed_from_their_own_document_only(tiny_transformer):
    transformer = tiny_transformer(vocab_size=WORDS, heads=("mlm",))
    arrays = masked_rows()
    found = numbers(MaskedLanguage(transformer)(arrays))
    logits = ops.convert_to_numpy(transformer.mlm(alone(transformer, arrays)))
    masked = [(0, 1, 7), (0, 6, 8), (1, 2, 9), (1, 3, 10), (1, 9, 11)]
    for number in (0, 1):
        mine = [(logits[row, place], label) for row, place, label in masked if row == number]
        expected = sum(cross_entropy(*one) for one in mine)
        np.testing.assert_allclose(found["loss"][number], expected, rtol=1e-4)
        assert found["correct"][number] == sum(one.argmax() == label for one, label in mine)
    assert found["weight"].tolist() == [2, 3]


def test_the_next_token_is_guessed_from_what_came_before_in_the_document(tiny_transformer):
    transformer = tiny_transformer(vocab_size=WORDS, heads=("mlm",), application="causal_lm")
    arrays = next_rows()
    found = numbers(NextToken(transformer)(arrays))
    logits = ops.convert_to_numpy(transformer.mlm(alone(transformer, arrays)))
    expected = np.zeros(2)
    for row, place in np.argwhere(arrays["weights"] > 0):
        expected[row] += cross_entropy(logits[row, place], arrays["token_ids"][row, place + 1])
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-4)
    assert found["weight"].tolist() == [7, 11]


def test_of_a_prefix_what_is_read_is_seen_both_ways_and_only_in_its_document(tiny_transformer):
    transformer = tiny_transformer(vocab_size=WORDS, heads=("mlm",), application="prefix_lm")
    segments = np.array([[0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0], [0] * 6 + [1] * 6], "int32")
    arrays = next_rows() | {"segment_ids": segments}
    x = ops.convert_to_numpy(NextToken(transformer).read(transformer, arrays, False))
    expected = alone(transformer, arrays)
    np.testing.assert_allclose(x[DOCUMENTS > 0], expected[DOCUMENTS > 0], atol=2e-5)


def test_spans_are_written_by_the_second_stack_and_padding_of_the_first_is_not_seen(
    tiny_transformer,
):
    transformer = tiny_transformer(
        family="t5.1.1",
        vocab_size=WORDS,
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
    found = numbers(SpanFilling(transformer)(arrays))
    short = transformer(arrays["token_ids"][:1, :9], arrays["decoder_token_ids"][:1])
    logits = ops.convert_to_numpy(transformer.mlm(short))[0]
    expected = sum(cross_entropy(logits[n], arrays["labels"][0, n]) for n in range(4))
    np.testing.assert_allclose(found["loss"][0], expected, rtol=1e-4)
    assert found["weight"].tolist() == [4, 3]


def test_words_are_put_at_used_places_only():
    ids = np.arange(8).reshape(2, 4).astype("int32")
    places = np.array([[1, 0], [3, 2]], "int32")
    used = np.array([[True, False], [True, True]])
    found = put_at_places(*map(ops.convert_to_tensor, (ids, places, places + 90, used)))
    assert ops.convert_to_numpy(found).tolist() == [[0, 91, 2, 3], [4, 5, 92, 93]]


def make_electra(tiny_transformer):
    sizes = {"vocab_size": WORDS, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    discriminator = tiny_transformer(heads=("discriminator",), **sizes)
    generator = tiny_transformer(heads=("mlm",), seed=1, **sizes)
    return ReplacedTokens(discriminator, generator, seed=3)


def test_replaced_tokens_are_those_that_are_not_the_original(tiny_transformer):
    model = make_electra(tiny_transformer)
    drawn = np.array([[7, 5, 30], [9, 10, 12]], "int32")
    model.draw = lambda logits, dtype: ops.convert_to_tensor(drawn)
    arrays = masked_rows()
    original = arrays["token_ids"].copy()
    original[0, [1, 6]], original[1, [2, 3, 9]] = [7, 8], [9, 10, 11]
    arrays = shared_weights(arrays | {"original_ids": original})
    found = numbers(model(arrays))
    corrupted = original.copy()
    corrupted[0, 6], corrupted[1, 9] = 5, 12
    x = model.read(model.transformer, arrays | {"token_ids": corrupted}, False)
    logits = ops.convert_to_numpy(model.transformer.discriminator(x)).astype("float64")
    target = corrupted != original
    assert target.sum() == 2
    losses = np.where(target, np.log1p(np.exp(-logits)), np.log1p(np.exp(logits)))
    losses = np.where(DOCUMENTS > 0, losses, 0) / 21
    np.testing.assert_allclose(found["loss"], losses.sum(axis=1), rtol=1e-4)
    right = ((logits > 0) == target) & (DOCUMENTS > 0)
    np.testing.assert_allclose(found["correct"], right.sum(axis=1) / 21, rtol=1e-5)


def test_words_are_drawn_by_their_probability(tiny_transformer):
    model = make_electra(tiny_transformer)
    logits = ops.convert_to_tensor(np.log(np.tile([0.1, 0.6, 0.3], (4000, 1, 1)).astype("float32")))
    counts = np.bincount(ops.convert_to_numpy(model.draw(logits, "int32"))[:, 0], minlength=3)
    np.testing.assert_allclose(counts / 4000, [0.1, 0.6, 0.3], atol=0.03)


def test_the_weights_of_a_step_add_up_to_1():
    shared = shared_weights(masked_rows() | {"original_ids": rows()["token_ids"]})
    assert shared["weights"].sum() == pytest.approx(1)
    assert shared["real_weights"].sum() == pytest.approx(1)
    assert shared["weights"].dtype == shared["real_weights"].dtype == np.float32


@pytest.mark.parametrize("objective", ["masked", "next", "replaced"])
def test_training_lowers_each_loss(tiny_transformer, objective):
    sizes = {"vocab_size": WORDS, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
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
    arrays = shared_weights(arrays)
    model.compile(keras.optimizers.Adam(1e-2))
    losses = [float(model.train_on_batch(arrays)) for _ in range(6)]
    assert losses[-1] < 0.8 * losses[0]
