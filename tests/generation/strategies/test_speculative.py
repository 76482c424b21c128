"""Speculative decoding, compared with the large model alone."""

import numpy as np
import pytest

from hornbook.errors import OptionError
from hornbook.generation import Request, generate, generate_speculatively
from hornbook.generation.constraints import OnlyFrom
from hornbook.generation.sampling import distribution


def make_request(model, prompts, **options):
    return Request(prompts=prompts, vocabulary_size=model.vocabulary_size, **options)


class Blend:
    """A small model that is similar to a large one."""

    def __init__(self, model, other, share):
        self._model, self._other, self._share = model, other, share

    def __call__(self, prefix):
        return self._share * self._model(prefix) + (1 - self._share) * self._other(prefix)


PROMPTS = [[1], [2, 3], [4, 0, 1]]


@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("draft_tokens", [1, 4])
def test_greedy_texts_are_those_of_the_large_model(random_model, toy_session, share, draft_tokens):
    model = random_model(7, spread=1.0)
    small = Blend(model, random_model(7, seed=9), share)
    options = {"stop_ids": [0], "max_new_tokens": 23, "repetition_penalty": 1.2}
    plain = generate(model.session(PROMPTS), make_request(model, PROMPTS, **options))
    session, draft = model.session(PROMPTS), toy_session(small, PROMPTS)
    request = make_request(model, PROMPTS, draft_tokens=draft_tokens, **options)
    ahead = generate_speculatively(session, draft, request)
    for one, other in zip(plain, ahead, strict=True):
        assert one.token_ids.tolist() == other.token_ids.tolist()
        assert one.finish_reason == other.finish_reason
        np.testing.assert_allclose(one.log_probabilities, other.log_probabilities, atol=1e-5)
    shapes = {shape for name, shape in session.calls if name == "advance"}
    assert shapes == {(3, draft_tokens + 1)}  # one shape: nothing to compile anew
    if share == 1.0:  # every drafted token is accepted
        longest = max(len(result.token_ids) for result in plain)
        steps = len([call for call in session.calls if call[0] == "advance"])
        assert steps == -(-(longest - 1) // (draft_tokens + 1))


@pytest.mark.parametrize("share", [0.0, 0.6])
@pytest.mark.parametrize("filters", [{"temperature": 0.9}, {"top_p": 0.8}])
def test_samples_have_the_distribution_of_the_large_model(
    random_model, toy_session, share, filters
):
    size, draws = 3, 1500
    model = random_model(size, spread=1.0)
    small = Blend(model, random_model(size, seed=5), share)
    request = make_request(model, [[1]], n=draws, max_new_tokens=3, draft_tokens=2, **filters)
    counts = np.zeros((size,) * 3)
    drafts = toy_session(small, [[1]])
    for result in generate_speculatively(model.session([[1]]), drafts, request):
        counts[tuple(result.token_ids)] += 1
    expected = np.zeros((size,) * 3)
    for text in np.ndindex(expected.shape):
        expected[text] = draws * np.prod(
            [distribution(model((1, *text[:i])), **filters).probability(text[i]) for i in range(3)]
        )
    possible = expected > 0
    assert counts[~possible].sum() == 0
    common = expected >= 5  # chi-square needs some of each; the rare ones count together
    observed = np.append(counts[common], counts[possible & ~common].sum())
    expected_counts = np.append(expected[common], expected[possible & ~common].sum())
    observed, expected_counts = observed[expected_counts > 0], expected_counts[expected_counts > 0]
    chi_square = ((observed - expected_counts) ** 2 / expected_counts).sum()
    freedom = len(expected_counts) - 1
    # 1 in 1000 by the approximation of Wilson and Hilferty; the seed is fixed
    assert chi_square < freedom * (1 - 2 / (9 * freedom) + 3.09 * (2 / (9 * freedom)) ** 0.5) ** 3


def test_a_text_does_not_depend_on_the_batch(random_model, toy_session):
    model = random_model(12, spread=1.5)
    small = Blend(model, random_model(12, seed=5), 0.7)
    options = {"temperature": 1.0, "seed": 4, "stop_ids": [0], "max_new_tokens": 15}

    def texts(prompts, **more):
        request = make_request(model, prompts, **options, **more)
        found = generate_speculatively(model.session(prompts), toy_session(small, prompts), request)
        return [result.token_ids.tolist() for result in found]

    together = texts(PROMPTS)
    assert together == [
        text
        for number, prompt in enumerate(PROMPTS)
        for text in texts([prompt], first_prompt=number)
    ]


def test_both_models_may_run_out_of_positions(random_model, toy_session):
    model = random_model(9)
    options = {"max_new_tokens": 40, "draft_tokens": 3}
    for positions, draft_positions in ((12, 30), (30, 12), (30, 30), (30, 3)):
        plain = generate(
            model.session(PROMPTS, positions=positions), make_request(model, PROMPTS, **options)
        )
        found = generate_speculatively(
            model.session(PROMPTS, positions=positions),
            toy_session(Blend(model, random_model(9, seed=3), 0.7), PROMPTS, draft_positions),
            make_request(model, PROMPTS, **options),
        )
        for one, other in zip(plain, found, strict=True):
            assert one.token_ids.tolist() == other.token_ids.tolist()
            assert one.finish_reason == other.finish_reason == "positions"


def test_constraints_hold_and_may_end_a_text(random_model, toy_session):
    model = random_model(12)
    passages = [[5, 6, 7, 8, 9, 10], [6, 5, 7]]
    options = {"max_new_tokens": 20, "constraints": [OnlyFrom(passages)]}
    plain = generate(model.session(PROMPTS), make_request(model, PROMPTS, **options))
    found = generate_speculatively(
        model.session(PROMPTS),
        toy_session(random_model(12, seed=8), PROMPTS),
        make_request(model, PROMPTS, **options),
    )
    for one, other in zip(plain, found, strict=True):
        assert one.token_ids.tolist() == other.token_ids.tolist()
        assert one.finish_reason == other.finish_reason == "constraints"


def test_a_search_cannot_be_speculative(random_model):
    model = random_model(5)
    with pytest.raises(OptionError, match="Beam search cannot be combined with a draft model"):
        generate_speculatively(
            model.session([[1]]), model.session([[1]]), make_request(model, [[1]], beams=2)
        )


def test_a_draft_of_another_vocabulary_is_refused(random_model):
    model, small = random_model(5), random_model(4)
    with pytest.raises(ValueError, match=r"shape \(1, 4\), the session \(1, 5\)"):
        generate_speculatively(
            model.session([[1]]), small.session([[1]]), make_request(model, [[1]])
        )
