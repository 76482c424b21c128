"""Every constraint, compared with its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.generation import Request, generate
from hornbook.generation.constraints import (
    BannedSequences,
    ForcedPrefix,
    FrequencyPenalty,
    LogitBias,
    MinimumLength,
    NoRepeatedNgrams,
    OneOf,
    OnlyFrom,
    RepetitionPenalty,
    constrained,
    constraints_of,
)
from hornbook.generation.texts import Texts

SIZE = 6
TOKENS = st.lists(st.integers(0, SIZE - 1), max_size=12)
ROWS = st.lists(st.tuples(TOKENS.filter(bool), TOKENS), min_size=1, max_size=3)


def texts_of(rows):
    texts = Texts([prompt for prompt, _ in rows], 12)
    for row, (_, written) in enumerate(rows):
        for token_id in written:
            texts.append(row, token_id, 0.0)
    return texts


def logits_for(rows):
    return np.random.default_rng(len(rows)).normal(0, 2, (len(rows), SIZE)).astype(np.float32)


def allowed(constraint, rows):
    """Returns the tokens that a constraint allows in each row; their logits must be unchanged."""
    logits = logits_for(rows)
    changed = constraint(logits.copy(), texts_of(rows))
    assert ((changed == logits) | (changed == -np.inf)).all()
    return [set(np.flatnonzero(row > -np.inf).tolist()) for row in changed]


EVERY = set(range(SIZE))


@given(ROWS, st.floats(0.5, 2))
def test_a_repetition_penalty_counts_prompt_and_text_once(rows, penalty):
    logits = logits_for(rows)
    changed = RepetitionPenalty(penalty)(logits.copy(), texts_of(rows))
    for (prompt, written), before, after in zip(rows, logits, changed, strict=True):
        for token_id in range(SIZE):
            value = before[token_id]
            if token_id in prompt + written:
                value = value * penalty if value < 0 else value / penalty
            assert after[token_id] == pytest.approx(value, rel=1e-5)


@given(ROWS, st.floats(-2, 2), st.floats(-2, 2))
def test_a_frequency_penalty_counts_each_time_in_the_text(rows, frequency, presence):
    logits = logits_for(rows)
    changed = FrequencyPenalty(frequency, presence)(logits.copy(), texts_of(rows))
    for (_, written), before, after in zip(rows, logits, changed, strict=True):
        for token_id in range(SIZE):
            count = written.count(token_id)
            expected = before[token_id] - count * frequency - (count > 0) * presence
            assert after[token_id] == pytest.approx(expected, abs=1e-4)


@given(ROWS, st.integers(1, 4))
def test_no_ngram_is_completed_twice(rows, n):
    choices = allowed(NoRepeatedNgrams(n), rows)
    for (prompt, written), possible in zip(rows, choices, strict=True):
        whole = prompt + written
        ngrams = {tuple(whole[i : i + n]) for i in range(len(whole) - n + 1)}
        begun = tuple(whole[len(whole) - n + 1 :]) if len(whole) >= n - 1 else None
        assert possible == {
            token_id for token_id in EVERY if begun is None or (*begun, token_id) not in ngrams
        }


@given(ROWS, st.lists(TOKENS.filter(bool), min_size=1, max_size=4))
def test_banned_sequences_are_never_completed(rows, sequences):
    choices = allowed(BannedSequences(sequences), rows)
    for (prompt, written), possible in zip(rows, choices, strict=True):
        whole = prompt + written
        assert possible == {
            token_id
            for token_id in EVERY
            if not any([*whole, token_id][-len(sequence) :] == sequence for sequence in sequences)
        }


def test_stop_tokens_wait_for_the_minimum_length():
    choices = allowed(MinimumLength(2, [0, 3]), [([3], []), ([3], [1]), ([3], [1, 1])])
    assert choices == [{1, 2, 4, 5}, {1, 2, 4, 5}, EVERY]


def test_a_bias_is_added():
    changed = LogitBias({2: 1.5, 4: -np.inf})(
        np.zeros((2, SIZE), np.float32), texts_of([([1], [])])
    )
    assert changed.tolist() == [[0, 0, 1.5, 0, -np.inf, 0]] * 2


def test_a_forced_prefix_is_generated_whatever_the_logits():
    logits = np.full((3, SIZE), 5, np.float32)
    logits[:, 2] = -np.inf
    changed = ForcedPrefix([2, 4])(logits, texts_of([([1], []), ([1], [2]), ([1], [2, 4])]))
    assert [row.argmax() for row in changed[:2]] == [2, 4]
    assert (changed[:2] > -np.inf).sum() == 2
    assert (changed[2] == logits[2]).all()


@given(st.lists(TOKENS, min_size=1, max_size=5), ROWS)
def test_one_of_the_sequences_is_generated_and_then_a_stop_token(sequences, rows):
    choices = allowed(OneOf(sequences, stop_ids=[5]), rows)
    for (_, written), possible in zip(rows, choices, strict=True):
        n = len(written)
        following = {s[n] for s in sequences if len(s) > n and s[:n] == written}
        ends = {5} if written in sequences else set()
        assert possible == following | ends


@given(st.lists(TOKENS, max_size=3), ROWS, st.integers(1, 4))
def test_each_run_of_n_tokens_is_one_of_the_passages(passages, rows, n):
    choices = allowed(OnlyFrom(passages, n, stop_ids=[0]), rows)
    for (_, written), possible in zip(rows, choices, strict=True):
        begun = written[-(n - 1) :] if n > 1 else []
        assert possible == {0} | {
            passage[i + len(begun)]
            for passage in passages
            for i in range(len(passage) - len(begun))
            if passage[i : i + len(begun)] == begun
        }


def test_only_parts_of_the_prompts_own_passages_are_generated(random_model):
    model = random_model(30)
    passages = [[[7, 8, 9, 7, 5], [6, 7, 9]], [[20, 21, 22]]]
    request = Request(
        prompts=[[1], [2]],
        vocabulary_size=30,
        stop_ids=[0],
        n=10,
        temperature=3.0,
        constraints=[OnlyFrom(passages, stop_ids=[0], per_prompt=True)],
    )
    written = set()
    for result in generate(model.session([[1], [2]]), request):
        answer = result.token_ids.tolist()
        assert answer.pop() == 0
        written.add(tuple(answer))
        runs = [
            passage[i : i + len(answer)]
            for passage in passages[result.prompt]
            for i in range(len(passage))
        ]
        assert answer in runs
    assert len(written) > 6


def test_a_text_ends_where_constraints_allow_nothing(random_model):
    model = random_model(30)
    request = Request(
        prompts=[[1], [2]], vocabulary_size=30, constraints=[OneOf([[4, 5], [4, 6, 7]])]
    )
    for result in generate(model.session([[1], [2]]), request):
        assert result.token_ids.tolist() in ([4, 5], [4, 6, 7])
        assert result.finish_reason == "constraints"


def test_all_constraints_of_a_request_apply_and_the_session_is_unchanged(random_model):
    model = random_model(SIZE)
    calls = []

    def own(logits, texts):
        calls.append(logits.copy())
        return np.where(np.arange(SIZE) == 3, -np.inf, logits)

    request = Request(
        prompts=[[1]],
        vocabulary_size=SIZE,
        logit_bias={2: 1.0},
        repetition_penalty=1.5,
        frequency_penalty=0.5,
        no_repeat_ngram=3,
        bad_words=[[4]],
        stop_ids=[0],
        min_new_tokens=2,
        forced_prefix=[5],
        constraints=[own],
    )
    assert len(constraints_of(request)) == 8
    (result,) = generate(model.session([[1]]), request)
    assert result.token_ids[0] == 5
    assert not {3, 4} & set(result.token_ids.tolist())
    assert len(result.token_ids) >= 2
    assert np.isfinite(calls[0]).sum() == 1  # only the forced token was allowed
    # likelihoods are the model's own, whatever was forced
    assert result.log_probabilities[0] == pytest.approx(model.log_probabilities((1,))[5])


def test_a_request_without_options_has_no_constraints():
    request = Request(prompts=[[1]], vocabulary_size=SIZE)
    assert constraints_of(request) == []
    logits = np.zeros((1, SIZE), np.float32)
    assert constrained(logits, texts_of([([1], [])]), []) is logits


@pytest.mark.parametrize(
    ("wrong", "what"), [(lambda logits, texts: None, "nothing"), (lambda logits, texts: 3.0, "()")]
)
def test_a_constraint_that_returns_no_logits_is_named(wrong, what):
    with pytest.raises(TypeError, match=r"lambda.*must return logits of shape \(1, 6\), not") as e:
        constrained(np.zeros((1, SIZE), np.float32), texts_of([([1], [])]), [wrong])
    assert what in str(e.value)
