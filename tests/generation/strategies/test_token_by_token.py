"""Greedy generation and sampling, compared with a plain loop over the model."""

import gc

import numpy as np
import pytest

from hornbook.errors import HornbookError, OptionError
from hornbook.generation import Request, finish, generate, stream
from hornbook.generation.sampling import distribution

PROMPTS = [[1], [2, 3], [4, 5, 6], [1]]


def make_request(model, prompts=PROMPTS, **options):
    return Request(prompts=prompts, vocabulary_size=model.vocabulary_size, **options)


def texts(results):
    return [result.token_ids.tolist() for result in results]


def test_greedy_generation_chooses_the_best_token_each_time(random_model):
    model = random_model(20)
    results = generate(model.session(PROMPTS), make_request(model, max_new_tokens=9))
    for prompt, result in zip(PROMPTS, results, strict=True):
        prefix, sum_ = tuple(prompt), 0.0
        for token_id, log_probability in zip(
            result.token_ids, result.log_probabilities, strict=True
        ):
            assert token_id == model(prefix).argmax()
            assert log_probability == pytest.approx(model.log_probabilities(prefix)[token_id])
            sum_ += log_probability
            prefix = (*prefix, int(token_id))
        assert result.finish_reason == "max_new_tokens"
        assert len(result.token_ids) == 9
        assert result.score == pytest.approx(sum_)
    assert [result.prompt for result in results] == [0, 1, 2, 3]


def test_the_last_token_needs_no_computation(random_model):
    session = random_model(5).session([[1]])
    generate(session, make_request(random_model(5), [[1]], max_new_tokens=3))
    assert session.calls == [("advance", (1,))] * 2


def test_a_text_does_not_depend_on_the_batch(random_model):
    model = random_model(50)
    options = {"temperature": 1.1, "top_p": 0.9, "seed": 3, "stop_ids": [4]}
    together = texts(generate(model.session(PROMPTS), make_request(model, n=2, **options)))
    for number, prompt in enumerate(PROMPTS):
        alone = make_request(model, [prompt], n=2, first_prompt=number, **options)
        assert (
            texts(generate(model.session([prompt]), alone)) == together[2 * number : 2 * number + 2]
        )
    assert len(set(map(tuple, together))) == 8  # also of the prompt that occurs twice


def test_more_samples_start_with_the_same_ones(random_model):
    model = random_model(50)
    two = generate(model.session(PROMPTS), make_request(model, n=2, temperature=1, seed=5))
    three = generate(model.session(PROMPTS), make_request(model, n=3, temperature=1, seed=5))
    assert texts(two) == [text for row, text in enumerate(texts(three)) if row % 3 < 2]


def test_another_seed_gives_another_text(random_model):
    model = random_model(50)
    written = {
        tuple(
            texts(generate(model.session([[1]]), make_request(model, [[1]], top_k=40, seed=seed)))[
                0
            ]
        )
        for seed in range(5)
    }
    assert len(written) == 5


def test_samples_have_the_distribution_of_the_model(random_model):
    model = random_model(4, spread=1.0)
    draws = 4000
    request = make_request(model, [[1]], n=draws, temperature=0.8, top_k=3, max_new_tokens=2)
    counts = np.zeros((4, 4))
    for result in generate(model.session([[1]]), request):
        counts[tuple(result.token_ids)] += 1
    expected = np.zeros((4, 4))
    first = distribution(model((1,)), temperature=0.8, top_k=3)
    for token_id, p in zip(first.token_ids, first.probabilities, strict=True):
        second = distribution(model((1, int(token_id))), temperature=0.8, top_k=3)
        expected[token_id, second.token_ids] = p * second.probabilities
    possible = expected > 0
    assert counts[~possible].sum() == 0
    chi_square = ((counts - draws * expected)[possible] ** 2 / (draws * expected)[possible]).sum()
    assert chi_square < 26.1  # 8 degrees of freedom, 1 in 1000; the seed is fixed


def test_best_of_keeps_the_most_likely_per_token(random_model):
    model = random_model(9)
    options = {"temperature": 1.5, "stop_ids": [0], "max_new_tokens": 12}
    every = generate(model.session([[1], [2]]), make_request(model, [[1], [2]], n=6, **options))
    best = generate(
        model.session([[1], [2]]), make_request(model, [[1], [2]], n=2, best_of=6, **options)
    )
    for prompt in (0, 1):
        means = [
            (result.log_probabilities.mean(), result.token_ids.tolist())
            for result in every
            if result.prompt == prompt
        ]
        expected = sorted(means, key=lambda pair: -pair[0])[:2]
        pairs = [(result.score, result.token_ids.tolist()) for result in best]
        assert pairs[2 * prompt : 2 * prompt + 2] == expected


def test_a_row_stops_alone_and_the_others_continue(random_model):
    model = random_model(7)
    results = generate(model.session(PROMPTS), make_request(model, stop_ids=[2], max_new_tokens=30))
    assert len({len(result.token_ids) for result in results}) > 1
    for result in results:
        ended = result.finish_reason == "stop_id"
        assert (result.token_ids[-1] == 2) == ended
        assert 2 not in result.token_ids[:-1]


def test_generation_ends_with_the_last_position(random_model):
    model = random_model(20)
    session = model.session(PROMPTS, positions=8)
    results = generate(session, make_request(model))
    assert [len(result.token_ids) for result in results] == [5] * 4
    assert {result.finish_reason for result in results} == {"positions"}
    full = model.session(PROMPTS, positions=3)
    assert texts(generate(full, make_request(model))) == [[]] * 4
    assert full.calls == []


def test_a_stream_yields_tokens_as_they_are_generated(random_model):
    model = random_model(30)
    session = model.session(PROMPTS)
    request = make_request(model, n=2, temperature=1, stop_ids=[7], max_new_tokens=6)
    tokens = stream(session, request)
    first = next(tokens)
    assert first.row == 0
    assert not [call for call in session.calls if call[0] == "advance"]  # nothing ahead of time
    streamed = {row: [] for row in range(8)}
    for row, token_id in (first, *tokens):
        streamed[row].append(token_id)
    assert list(streamed.values()) == texts(generate(model.session(PROMPTS), request))


def test_the_rest_of_a_stream_can_be_finished(random_model):
    model = random_model(30)
    tokens = stream(model.session(PROMPTS), make_request(model, max_new_tokens=6))
    next(tokens)
    assert texts(finish(tokens)) == texts(
        generate(model.session(PROMPTS), make_request(model, max_new_tokens=6))
    )


@pytest.mark.parametrize("way", ["closed", "forgotten", "broken"])
def test_a_closed_stream_leaves_nothing_to_clean_up(random_model, way):
    model = random_model(30)
    request = make_request(model, temperature=1, max_new_tokens=6)
    expected = texts(generate(model.session(PROMPTS), request))
    session = model.session(PROMPTS)
    tokens = stream(session, request)
    for _ in range(6):
        next(tokens)
    calls = list(session.calls)
    if way == "closed":
        tokens.close()
    elif way == "forgotten":
        del tokens
        gc.collect()
    else:
        with pytest.raises(KeyboardInterrupt):
            tokens.throw(KeyboardInterrupt())
    assert session.calls == calls
    assert texts(generate(model.session(PROMPTS), request)) == expected


def test_a_search_cannot_be_streamed(random_model):
    model = random_model(5)
    with pytest.raises(
        OptionError, match="Beam search cannot stream: its result is known only at the end"
    ):
        stream(model.session([[1]]), make_request(model, [[1]], beams=2))


def test_logits_that_are_no_numbers_are_reported(random_model):
    model = random_model(5)
    session = model.session([[1], [2]])
    session.logits = np.array([[0, 1, 2, 3, 4], [0, 1, np.nan, 3, 4]], np.float32)
    with pytest.raises(HornbookError, match="for prompt 2 are nan after 0 new tokens"):
        generate(session, make_request(model, [[1], [2]]))


def test_a_session_of_another_shape_is_refused(random_model):
    model = random_model(5)
    with pytest.raises(ValueError, match=r"shape \(4, 5\), not \(1, 5\)"):
        generate(model.session([[1]]), make_request(model, [[1], [1], [1], [1]]))
