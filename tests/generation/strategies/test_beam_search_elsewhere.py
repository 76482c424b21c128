"""Texts of a small random model, compared with those of `generate` of transformers."""

import numpy as np
import pytest

from hornbook.generation import Request, generate

SIZE = 24
PROMPTS = [[3, 7, 5], [4, 4, 9], [20, 1, 2]]


@pytest.fixture(scope="module")
def gpt2():
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for so small a model more of them only wait for each other
    config = transformers.GPT2Config(
        vocab_size=SIZE,
        n_positions=64,
        n_embd=16,
        n_layer=1,
        n_head=2,
        initializer_range=0.8,
        bos_token_id=None,
        eos_token_id=None,
    )
    yield WholeModel(transformers.GPT2LMHeadModel(config).eval())
    torch.set_num_threads(threads)


class WholeModel:
    """Returns logits computed from the whole prefix; cached, because tests need the same ones."""

    def __init__(self, model):
        self._model = model
        self._known = {}
        self.generate = model.generate

    def __call__(self, prefix):
        import torch

        if prefix not in self._known:
            with torch.no_grad():
                logits = self._model(torch.tensor([prefix])).logits[0, -1]
            self._known[prefix] = logits.numpy()
        return self._known[prefix]


def ours_and_theirs(gpt2, toy_session, n, their_options, **our_options):
    import torch

    # without a configuration of its own, so that no other options apply
    whole = gpt2.generate(
        torch.tensor(PROMPTS),
        attention_mask=torch.ones(3, 3, dtype=torch.int64),
        do_sample=False,
        pad_token_id=SIZE - 1,
        num_return_sequences=n,
        output_scores=True,
        return_dict_in_generate=True,
        **their_options,
    )
    request = Request(prompts=PROMPTS, vocabulary_size=SIZE, n=n, **our_options)
    results = generate(toy_session(gpt2, PROMPTS), request)
    theirs = [row[3:].tolist() for row in whole.sequences]
    ours = [result.token_ids.tolist() for result in results]
    longest = max(map(len, ours))
    padded = [text + [SIZE - 1] * (longest - len(text)) for text in ours]
    return results, padded, theirs, getattr(whole, "sequences_scores", None)


def test_greedy_texts_are_those_of_transformers(gpt2, toy_session):
    options = {"repetition_penalty": 1.2, "max_new_tokens": 15}
    _, ours, theirs, _ = ours_and_theirs(
        gpt2,
        toy_session,
        1,
        {"eos_token_id": [0], "no_repeat_ngram_size": 3, **options},
        stop_ids=[0],
        no_repeat_ngram=3,
        **options,
    )
    assert ours == theirs


@pytest.mark.parametrize(
    ("early_stopping", "length_penalty", "stop_ids"),
    [
        (False, 1.0, [0]),
        (False, 0.0, [0, 6, 11]),
        (False, -0.7, [0]),
        (True, 1.0, [0, 6, 11]),
        (True, -0.7, [0]),
        ("never", 2.0, [0, 6, 11]),
        ("never", 0.0, [0]),
        ("never", -0.7, [0, 6, 11]),
    ],
)
def test_beams_are_those_of_transformers(
    gpt2, toy_session, early_stopping, length_penalty, stop_ids
):
    options = {
        "early_stopping": early_stopping,
        "length_penalty": length_penalty,
        "max_new_tokens": 12,
    }
    results, ours, theirs, scores = ours_and_theirs(
        gpt2,
        toy_session,
        3,
        {"num_beams": 4, "eos_token_id": stop_ids, **options},
        beams=4,
        stop_ids=stop_ids,
        **options,
    )
    assert ours == theirs
    np.testing.assert_allclose([result.score for result in results], scores, rtol=1e-4)


def test_beams_under_constraints_are_those_of_transformers(gpt2, toy_session):
    options = {"repetition_penalty": 1.3, "max_new_tokens": 12, "min_new_tokens": 4}
    results, ours, theirs, scores = ours_and_theirs(
        gpt2,
        toy_session,
        3,
        {
            "num_beams": 3,
            "eos_token_id": [0, 6],
            "no_repeat_ngram_size": 2,
            "bad_words_ids": [[5], [7, 8]],
            **options,
        },
        beams=3,
        stop_ids=[0, 6],
        no_repeat_ngram=2,
        bad_words=[[5], [7, 8]],
        **options,
    )
    assert ours == theirs
    np.testing.assert_allclose([result.score for result in results], scores, rtol=1e-4)
