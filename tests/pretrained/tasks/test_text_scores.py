"""Log-probabilities of texts, compared with transformers and with the model itself."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

import hornbook
from hornbook.errors import OptionError
from hornbook.generation import perplexity
from hornbook.pretrained import Pretrained
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

pytestmark = pytest.mark.backend

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"今天气很好不坏我们去公园。，"]
LONG = list(range(10, 28))
TEXTS = [[5, 6, 7, 8, 9, 30, 31], [11, 12], LONG]
PROMPTS = [[3, 4, 5], [6], [7, 8, 9, 10]]
DECODER = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.4,
}
KINDS = {
    "GPT2LMHeadModel": {
        "vocab_size": 60,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "n_positions": 64,
        "initializer_range": 0.4,
    },
    "LlamaForCausalLM": DECODER,
    "T5ForConditionalGeneration": {
        "vocab_size": 60,
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 40,
        "num_layers": 2,
        "num_heads": 4,
        "initializer_factor": 2.0,
        "decoder_start_token_id": 0,
    },
}


@pytest.mark.only_on("jax", "torch")
@pytest.mark.parametrize("name", KINDS)
def test_texts_are_as_likely_as_transformers_finds_them(tmp_path, name):
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    kind = getattr(transformers, name)
    reference = kind(kind.config_class(**KINDS[name])).eval()
    reference.save_pretrained(tmp_path)
    loaded = hornbook.load(tmp_path)

    def of_transformers(prompt, text):
        """Of each token of `text`, by a model that gets this one text only."""
        whole, length = torch.tensor([[*prompt, *text]]), len(text)
        with torch.inference_mode():
            if reference.config.is_encoder_decoder:
                before = torch.tensor([[0, *text[:-1]]])
                logits = reference(whole[:, : len(prompt)], decoder_input_ids=before).logits
            else:
                logits = reference(whole).logits[:, -length - 1 : -1]
        return logits[0].log_softmax(-1)[range(length), text].numpy()

    for text, prompt, score in zip(
        TEXTS, PROMPTS, loaded.score(TEXTS, prompts=PROMPTS), strict=True
    ):
        assert score.token_ids.tolist() == text
        expected = of_transformers(prompt, text)
        np.testing.assert_allclose(score.log_probabilities, expected, atol=2e-4, rtol=1e-5)
    if reference.config.is_encoder_decoder:
        return
    scores = loaded.score(TEXTS)
    for text, score in zip(TEXTS, scores, strict=True):
        expected = of_transformers(text[:1], text[1:])
        np.testing.assert_allclose(score.log_probabilities, expected, atol=2e-4, rtol=1e-5)
    total = sum(score.total for score in scores) / sum(len(text) - 1 for text in TEXTS)
    assert perplexity(scores) == pytest.approx(np.exp(-total))
    windows = loaded.score(LONG, window=8, stride=3).log_probabilities
    np.testing.assert_allclose(windows[:7], scores[2].log_probabilities[:7], atol=2e-4)
    # window 8 at stride 3: the second begins at token 3, and 8, 9 and 10 count in it
    expected = of_transformers(LONG[3:8], LONG[8:11])
    np.testing.assert_allclose(windows[7:10], expected, atol=2e-4)


@pytest.mark.only_on("jax")
def test_a_text_that_fits_the_positions_is_read_in_one_window(model, monkeypatch):
    from hornbook.pretrained.tasks import text_scores

    monkeypatch.setattr(text_scores, "LONGEST_WINDOW", 8)
    loaded = model("causal_lm")  # of 24 positions
    fits, longer = [5, 6, 7, 8] * 5, [5, 6, 7] * 9
    whole, parts = loaded.score([fits, longer])
    np.testing.assert_allclose(
        whole.log_probabilities, loaded.score(fits, window=24).log_probabilities, atol=1e-5
    )
    np.testing.assert_allclose(
        parts.log_probabilities, loaded.score(longer, window=8).log_probabilities, atol=1e-5
    )


@pytest.fixture
def model(tiny_transformer):
    def make(application, tokenizer=True, **changes):
        fields = {"vocab_size": len(VOCABULARY), "application": application, "heads": ("mlm",)}
        words = WordPieceTokenizer(VOCABULARY) if tokenizer else None
        return Pretrained(tiny_transformer(**fields, **changes), words)

    return make


def logits_of(loaded, *inputs, **others):
    x = loaded.model.mlm(loaded(*map(np.array, inputs), **others), *others.values())
    return ops.convert_to_numpy(ops.log_softmax(x))[0]


def test_a_prefix_model_scores_what_it_writes_and_its_end(model):
    loaded = model("prefix_lm", condition_size=2)
    condition = np.array([[0.5, -1.0]], "float32")
    score = loaded.score("很好。", prompts="今天天气", condition=condition)
    ids = loaded.tokenizer.encode("今天天气", "很好。")
    written = [loaded.tokenizer.vocabulary.index(token) for token in "很好。"] + [3]
    assert score.token_ids.tolist() == written
    logits = logits_of(loaded, [ids.token_ids], [ids.segment_ids], condition=condition)
    expected = logits[range(len(logits) - 5, len(logits) - 1), written]
    np.testing.assert_allclose(score.log_probabilities, expected, atol=1e-5)
    # what it writes greedily is as likely as it says while it writes
    result = loaded.generate("今天", max_new_tokens=4, details=True, condition=condition[0])
    again = loaded.score(
        [result.token_ids],
        prompts=[loaded.tokenizer.encode("今天").token_ids],
        condition=condition,
    )[0]
    np.testing.assert_allclose(again.log_probabilities, result.log_probabilities, atol=1e-5)


def test_a_masked_model_hides_each_token_once(model):
    loaded = model("encoder")
    text = "今天很好"
    score = loaded.score(text)
    ids = loaded.tokenizer.encode(text).token_ids
    for place in range(1, 5):
        hidden = [*ids[:place], 4, *ids[place + 1 :]]
        expected = logits_of(loaded, [hidden])[place, ids[place]]
        assert score.log_probabilities[place - 1] == pytest.approx(expected, abs=1e-5)
    assert score.token_ids.tolist() == ids[1:-1]


@pytest.mark.only_on("jax")
@pytest.mark.parametrize(
    ("application", "texts", "options", "message"),
    [
        ("causal_lm", [[5, 6], []], {}, "Text 2 is empty"),
        ("causal_lm", [[5, 6]], {"window": 30}, "window is 30; this model has 24 positions"),
        ("causal_lm", [[5] * 20], {"prompts": [[5] * 9]}, "Prompt and text 1 has 29 tokens"),
        ("causal_lm", [[5]], {"prompts": [[5], [6]]}, "There are 1 texts, but 2 prompts"),
        (
            "causal_lm",
            [[5]],
            {"prompts": [[5]], "window": 4},
            "window and stride need",
        ),
        ("prefix_lm", [[5]], {}, "give prompts="),
        ("encoder", [[5]], {"prompts": [[5]]}, "leave out prompts"),
        ("encoder", [[5] * 30], {}, "Text 1 has 30 tokens, but the model has 24 positions"),
        ("causal_lm", [[5], "今天"], {}, "texts or token ids, not both"),
        ("causal_lm", [[5, 999]], {}, "Text 1 has token 999"),
    ],
)
def test_texts_that_cannot_be_scored_are_named(model, application, texts, options, message):
    with pytest.raises(OptionError, match=message):
        model(application).score(texts, **options)


@pytest.mark.only_on("jax")
def test_a_model_without_words_says_so(model, tiny_transformer):
    with pytest.raises(OptionError, match="The mask token is unknown"):
        model("encoder", tokenizer=False).score([[5, 6]])
    with pytest.raises(OptionError, match="heads=\\['mlm'\\]"):
        Pretrained(tiny_transformer(heads=()), None).score([[5, 6]])
