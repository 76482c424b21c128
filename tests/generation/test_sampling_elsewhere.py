"""Filters and constraints, compared with those of transformers on the same logits."""

import numpy as np
import pytest

from hornbook.generation.constraints import BannedSequences, NoRepeatedNgrams, RepetitionPenalty
from hornbook.generation.sampling import distribution
from hornbook.generation.texts import Texts

ROWS, SIZE = 6, 3000


@pytest.fixture(scope="module")
def torch():
    pytest.importorskip("transformers", reason="transformers is not installed")
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(0, 2.5, (ROWS, SIZE)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "arguments", "filters"),
    [
        ("TopKLogitsWarper", (20,), {"top_k": 20}),
        ("TopPLogitsWarper", (0.9,), {"top_p": 0.9}),
        ("TopPLogitsWarper", (0.2,), {"top_p": 0.2}),
        ("MinPLogitsWarper", (0.05,), {"min_p": 0.05}),
        ("TypicalLogitsWarper", (0.9,), {"typical_p": 0.9}),
        ("TypicalLogitsWarper", (0.2,), {"typical_p": 0.2}),
        ("TemperatureLogitsWarper", (0.7,), {"temperature": 0.7}),
    ],
)
def test_a_filter_keeps_the_same_tokens_as_in_transformers(torch, logits, name, arguments, filters):
    from transformers.generation import logits_process

    warper = getattr(logits_process, name)(*arguments)
    expected = warper(None, torch.from_numpy(logits)).softmax(-1).numpy()
    assert_same(logits, expected, filters)


def test_filters_apply_in_the_order_of_transformers(torch, logits):
    from transformers.generation import logits_process as lp

    warpers = lp.LogitsProcessorList(
        [
            lp.TemperatureLogitsWarper(1.3),
            lp.TopKLogitsWarper(100),
            lp.TopPLogitsWarper(0.9),
            lp.MinPLogitsWarper(0.02),
            lp.TypicalLogitsWarper(0.8),
        ]
    )
    expected = warpers(None, torch.from_numpy(logits)).softmax(-1).numpy()
    filters = {"temperature": 1.3, "top_k": 100, "top_p": 0.9, "min_p": 0.02, "typical_p": 0.8}
    assert_same(logits, expected, filters)


def assert_same(logits, expected, filters):
    for row, row_logits in enumerate(logits):
        result = distribution(row_logits, **filters)
        assert result.token_ids.tolist() == np.flatnonzero(expected[row]).tolist()
        np.testing.assert_allclose(
            result.probabilities, expected[row][result.token_ids], rtol=1e-4, atol=1e-8
        )


@pytest.mark.parametrize("seed", range(3))
def test_constraints_change_logits_as_in_transformers(torch, seed):
    from transformers.generation import logits_process as lp

    random = np.random.default_rng(seed)
    small = random.normal(0, 2.5, (ROWS, 8)).astype(np.float32)
    token_ids = random.integers(0, 8, (ROWS, 20))
    words = [[3], [2, 5], [*token_ids[0, -2:].tolist(), 1], [*token_ids[1, -3:].tolist(), 6]]
    pairs = [
        (RepetitionPenalty(1.3), lp.RepetitionPenaltyLogitsProcessor(1.3)),
        (RepetitionPenalty(0.8), lp.RepetitionPenaltyLogitsProcessor(0.8)),
        (NoRepeatedNgrams(1), lp.NoRepeatNGramLogitsProcessor(1)),
        (NoRepeatedNgrams(2), lp.NoRepeatNGramLogitsProcessor(2)),
        (NoRepeatedNgrams(3), lp.NoRepeatNGramLogitsProcessor(3)),
        (BannedSequences(words), lp.NoBadWordsLogitsProcessor(words)),
    ]
    texts = Texts(token_ids.tolist(), 0)
    for ours, theirs in pairs:
        expected = theirs(torch.from_numpy(token_ids), torch.from_numpy(small.copy())).numpy()
        assert (expected != small).any()
        np.testing.assert_allclose(ours(small.copy(), texts), expected, rtol=1e-6)
