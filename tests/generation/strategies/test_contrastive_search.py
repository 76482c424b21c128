"""Contrastive search, compared with its formula computed for every prefix."""

import numpy as np
import pytest

from hornbook.generation import Request, generate
from hornbook.generation.constraints import OneOf

PROMPTS = [[1], [2, 3, 1]]


def by_hand(model, prompt, top_k, weight, longest, stop_id):
    def cosine(first, second):
        return first @ second / np.linalg.norm(first) / np.linalg.norm(second)

    prefix = tuple(prompt)
    while len(prefix) < len(prompt) + longest and (
        len(prefix) == len(prompt) or prefix[-1] != stop_id
    ):
        probabilities = np.exp(model.log_probabilities(prefix))
        before = [model.features(prefix[: end + 1]) for end in range(len(prefix))]
        worth = {}
        for token_id in np.argsort(-probabilities)[:top_k].tolist():
            own = model.features((*prefix, token_id))
            similarity = max(cosine(own, other) for other in before)
            worth[token_id] = (1 - weight) * probabilities[token_id] - weight * similarity
        prefix = (*prefix, max(worth, key=worth.get))
    return list(prefix[len(prompt) :])


def make_request(model, **options):
    return Request(prompts=PROMPTS, vocabulary_size=model.vocabulary_size, **options)


@pytest.mark.parametrize("weight", [0.3, 0.6, 1.0])
def test_texts_follow_the_formula(random_model, weight):
    model = random_model(15)
    request = make_request(
        model, top_k=4, degeneration_penalty=weight, max_new_tokens=12, stop_ids=[0]
    )
    session = model.session(PROMPTS, features=model.features)
    results = generate(session, request)
    for prompt, result in zip(PROMPTS, results, strict=True):
        assert result.token_ids.tolist() == by_hand(model, prompt, 4, weight, 12, 0)
        prefix = (*prompt, *result.token_ids.tolist())
        for place, log_probability in enumerate(result.log_probabilities, len(prompt)):
            expected = model.log_probabilities(prefix[:place])[prefix[place]]
            assert log_probability == pytest.approx(expected, abs=1e-5)


def test_constraints_may_leave_fewer_candidates_or_none(random_model):
    model = random_model(15)
    request = make_request(
        model,
        top_k=4,
        degeneration_penalty=0.6,
        constraints=[OneOf([[5, 6], [7, 8, 9], [7, 9]])],
    )
    for result in generate(model.session(PROMPTS, features=model.features), request):
        assert result.token_ids.tolist() in ([5, 6], [7, 8, 9], [7, 9])
        assert result.finish_reason == "constraints"


def test_a_session_without_hidden_states_is_refused(random_model):
    model = random_model(15)
    request = make_request(model, top_k=4, degeneration_penalty=0.6)
    with pytest.raises(TypeError, match="hidden and prompt_hidden"):
        generate(model.session(PROMPTS), request)
