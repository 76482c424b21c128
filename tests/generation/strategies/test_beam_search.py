"""Beam search, compared with an exhaustive search."""

from itertools import pairwise, product

import numpy as np
import pytest

from hornbook.generation import Request, generate

STOP = 0


def make_request(model, prompts=((1,),), **options):
    return Request(
        prompts=prompts, vocabulary_size=model.vocabulary_size, stop_ids=[STOP], **options
    )


def every_text(model, prompt, longest, length_penalty):
    """Returns text -> score of all texts that end with the stop token or have maximum length."""
    scores = {}
    size = model.vocabulary_size
    for length in range(1, longest + 1):
        for text in product(range(size), repeat=length):
            if STOP in text[:-1] or (text[-1] != STOP and length < longest):
                continue
            total = sum(
                model.log_probabilities((*prompt, *text[:i]))[text[i]] for i in range(length)
            )
            if total > -np.inf:
                scores[text] = total / length**length_penalty
    return scores


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.5, -1.0])
@pytest.mark.parametrize("seed", range(4))
def test_with_enough_beams_the_search_is_exhaustive(random_model, length_penalty, seed):
    model = random_model(3, seed)
    prompts = [[1], [2, 1]]
    request = make_request(
        model,
        prompts,
        beams=30,
        n=6,
        max_new_tokens=4,
        length_penalty=length_penalty,
        early_stopping="never",
    )
    results = generate(model.session(prompts), request)
    for number, prompt in enumerate(prompts):
        scores = every_text(model, prompt, 4, length_penalty)
        best = sorted(scores, key=scores.get, reverse=True)[:6]
        own = [result for result in results if result.prompt == number]
        assert [tuple(result.token_ids) for result in own] == best
        for result in own:
            assert result.score == pytest.approx(scores[tuple(result.token_ids)], abs=1e-5)
            total = result.log_probabilities.sum()
            assert result.score == pytest.approx(total / len(result.token_ids) ** length_penalty)
            ended = result.token_ids[-1] == STOP
            assert result.finish_reason == ("stop_id" if ended else "max_new_tokens")


def test_a_finished_text_is_kept_even_if_a_beam_is_better(table_model):
    # the likeliest first token leads nowhere good: ending at once, with 0.45, is best
    model = table_model(
        {(): [0.45, 0.55, 0.0], (1,): [0.42, 0.3, 0.28]},
        [0.34, 0.33, 0.33],
    )
    request = make_request(model, beams=2, n=2, length_penalty=0.0, max_new_tokens=5)
    best, second = generate(model.session([[1]]), request)
    assert best.token_ids.tolist() == [STOP]
    assert np.exp(best.score) == pytest.approx(0.45)
    assert np.exp(second.score) == pytest.approx(0.55 * 0.42)
    assert second.token_ids.tolist() == [1, STOP]


@pytest.mark.parametrize("early_stopping", [True, False, "never"])
@pytest.mark.parametrize("length_penalty", [1.0, 0.0, -0.5, 3.0])
def test_a_text_does_not_depend_on_the_batch(random_model, early_stopping, length_penalty):
    model = random_model(12, spread=1.0)
    prompts = [[1], [2, 3], [4, 5, 6]]
    options = {
        "beams": 4,
        "n": 3,
        "max_new_tokens": 9,
        "early_stopping": early_stopping,
        "length_penalty": length_penalty,
    }
    together = generate(model.session(prompts), make_request(model, prompts, **options))
    alone = [
        result
        for number, prompt in enumerate(prompts)
        for result in generate(
            model.session([prompt]), make_request(model, [prompt], first_prompt=number, **options)
        )
    ]
    assert len(together) == 9
    for one, other in zip(together, alone, strict=True):
        assert one.prompt == other.prompt
        assert one.token_ids.tolist() == other.token_ids.tolist()
        assert one.score == other.score


def test_early_stopping_decides_when_the_search_ends(random_model):
    model = random_model(8, seed=3, spread=1.0)
    steps, scores = {}, {}
    for early_stopping in (True, False, "never"):
        session = model.session([[1]])
        request = make_request(
            model, beams=3, max_new_tokens=30, early_stopping=early_stopping, length_penalty=1.0
        )
        scores[early_stopping] = generate(session, request)[0].score
        steps[early_stopping] = len([call for call in session.calls if call[0] == "advance"])
    assert steps[True] <= steps[False] <= steps["never"]
    assert steps[True] < steps["never"]
    assert scores[True] <= scores[False] <= scores["never"]


def test_never_stopping_early_equals_searching_to_the_end(random_model):
    for seed in range(10):
        model = random_model(5, seed, spread=1.5)
        for length_penalty in (0.0, 1.0, -1.0):
            options = {"beams": 3, "n": 3, "max_new_tokens": 8, "length_penalty": length_penalty}
            results = generate(
                model.session([[1]]), make_request(model, early_stopping="never", **options)
            )
            whole = by_hand(model, (1,), beams=3, longest=8, length_penalty=length_penalty)
            assert [tuple(result.token_ids) for result in results] == whole


def by_hand(model, prompt, beams, longest, length_penalty):
    """Beam search that never ends before the longest text."""
    beginnings, finished = [((), 0.0)], []
    for length in range(1, longest + 1):
        following = sorted(
            (
                ((*text, token_id), total + p)
                for text, total in beginnings
                for token_id, p in enumerate(model.log_probabilities((*prompt, *text)))
            ),
            key=lambda pair: -pair[1],
        )[: 2 * beams]
        ends = [text[-1] == STOP or length == longest for text, _ in following]
        finished += [
            (text, total / length**length_penalty)
            for (text, total), end in zip(following[:beams], ends[:beams], strict=True)
            if end
        ]
        beginnings = [pair for pair, end in zip(following, ends, strict=True) if not end][:beams]
    finished.sort(key=lambda pair: -pair[1])
    return [text for text, _ in finished[:beams]]


def test_several_stop_tokens_and_counts_of_them_end_a_text(random_model):
    model = random_model(6, spread=1.0)
    request = Request(
        prompts=[[1]],
        vocabulary_size=6,
        stop_ids=[0, 5],
        min_ends=2,
        beams=4,
        n=4,
        max_new_tokens=12,
    )
    for result in generate(model.session([[1]]), request):
        ends = np.isin(result.token_ids, [0, 5])
        if result.finish_reason == "stop_id":
            assert ends.sum() == 2
            assert ends[-1]
        else:
            assert ends.sum() < 2


def test_constraints_hold_in_every_beam(random_model):
    model = random_model(6)
    request = make_request(
        model, beams=4, n=4, max_new_tokens=10, no_repeat_ngram=2, bad_words=[[3]]
    )
    results = generate(model.session([[1]]), request)
    assert len(results) == 4
    for result in results:
        whole = [1, *result.token_ids.tolist()]
        pairs = list(pairwise(whole))
        assert len(pairs) == len(set(pairs))
        assert 3 not in result.token_ids


def test_a_beam_without_continuation_is_finished(random_model):
    model = random_model(6)

    def only_rising(logits, texts):
        for row, row_logits in enumerate(logits):
            row_logits[: texts.whole(row)[-1] + 1] = -np.inf
        return logits

    request = Request(prompts=[[2]], vocabulary_size=6, beams=8, n=8, constraints=[only_rising])
    results = generate(model.session([[2]]), request)
    # each rising text ends with 5
    texts = {tuple(result.token_ids) for result in results}
    assert texts == {(3, 4, 5), (3, 5), (4, 5), (5,)}
    assert {result.finish_reason for result in results} == {"constraints"}


def test_a_session_without_room_gives_an_empty_text(random_model):
    model = random_model(6)
    (result,) = generate(model.session([[2]], positions=1), make_request(model, [[2]], beams=3))
    assert result.token_ids.tolist() == []
    assert result.finish_reason == "positions"


def diverse_by_hand(model, prompt, groups, size, longest, penalty):
    """The paper's algorithm without stop tokens, so that every beam is as long as possible."""
    beginnings = [[((), 0.0)] for _ in range(groups)]
    for _ in range(longest):
        chosen = []
        for group in range(groups):
            following = [
                ((*text, token_id), total + p, total + p - penalty * chosen.count(token_id))
                for text, total in beginnings[group]
                for token_id, p in enumerate(model.log_probabilities((*prompt, *text)))
            ]
            following.sort(key=lambda triple: -triple[2])
            beginnings[group] = [(text, total) for text, total, _ in following[:size]]
            chosen += [text[-1] for text, _ in beginnings[group]]
    return {text: total for group in beginnings for text, total in group}


def test_groups_of_beams_avoid_tokens_of_previous_groups(random_model):
    model = random_model(9, spread=1.0)
    request = Request(
        prompts=[[1], [2]],
        vocabulary_size=9,
        beams=6,
        n=6,
        beam_groups=3,
        diversity_penalty=1.5,
        max_new_tokens=4,
        length_penalty=0.0,
    )
    results = generate(model.session([[1], [2]]), request)
    for number, prompt in enumerate([(1,), (2,)]):
        expected = diverse_by_hand(model, prompt, groups=3, size=2, longest=4, penalty=1.5)
        own = [result for result in results if result.prompt == number]
        assert {tuple(result.token_ids) for result in own} == set(expected)
        for result in own:
            assert result.score == pytest.approx(expected[tuple(result.token_ids)], abs=1e-4)
        assert [result.score for result in own] == sorted(
            (result.score for result in own), reverse=True
        )


def test_groups_without_penalty_repeat_the_same_search(random_model):
    model = random_model(9)
    single = generate(model.session([[1]]), make_request(model, beams=2, n=2))
    groups = generate(model.session([[1]]), make_request(model, beams=4, beam_groups=2, n=4))
    texts = [tuple(result.token_ids) for result in groups]
    assert texts[::2] == texts[1::2] == [tuple(result.token_ids) for result in single]


def test_the_session_is_reordered_only_if_beams_change_rows(table_model):
    model = table_model({(): [0.0, 0.6, 0.4]}, [0.0, 1.0, 0.0])
    session = model.session([[1]])
    generate(session, make_request(model, beams=2, max_new_tokens=6))
    assert session.calls.count(("reorder", 2)) == 2  # to begin, and when both came from one
