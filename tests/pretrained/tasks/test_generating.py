"""Generated texts, compared with transformers and with loops without a cache."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.errors import OptionError
from hornbook.models.families import FAMILIES
from hornbook.pretrained import Pretrained
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

pytestmark = pytest.mark.backend

VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"今天气很好不坏我们去公园。，abcdefghijklmnop",
]
PROMPTS = ["今天天气", "我", "公园很"]


@pytest.fixture(scope="module")
def make_model(tiny_transformer):
    """Returns a function that makes a generating model with a small WordPiece vocabulary.

    The tests share models, which compile a step once for each shape.
    """

    @functools.cache
    def make(name="gpt2-ml", **changes):
        family = FAMILIES[name]
        fields = {"family": name, **family.choices, "heads": ("mlm",), **changes}
        tokenizer = WordPieceTokenizer(VOCABULARY, add_special_tokens=family.special_tokens)
        sizes = {"vocab_size": len(VOCABULARY), "max_position_embeddings": 64}
        return Pretrained(tiny_transformer(**{**fields, **sizes}), tokenizer)

    return make


def greedy(model, prompt, count, stop):
    """Generates greedily, computing the whole text again for every token.

    The tokens after the text are not attended to, and save a compilation per length.
    """
    ids, segments = np.zeros((2, 1, 16), "int32")
    ids[0, : len(prompt)] = prompt
    segments[0, len(prompt) :] = 1
    end = len(prompt)
    while end < len(prompt) + count and not (end > len(prompt) and ids[0, end - 1] == stop):
        logits = model.mlm(model(ids, segment_ids=segments))
        ids[0, end] = ops.convert_to_numpy(logits)[0, end - 1].argmax()
        end += 1
    return ids[0, len(prompt) : end].tolist()


@pytest.mark.parametrize(
    ("name", "changes"),
    [("gpt2-ml", {}), ("bert", {"application": "prefix_lm"}), ("gpt", {})],
)
def test_generation_equals_a_loop_without_a_cache(make_model, name, changes):
    loaded = make_model(name, **changes)
    texts = loaded.generate(PROMPTS, max_new_tokens=8, batch_size=2)
    for prompt, text in zip(PROMPTS, texts, strict=True):
        ids = loaded.tokenizer.encode(prompt).token_ids
        if name == "gpt":
            ids = ids[:-1]  # without [SEP], which would end the text before it starts
        expected = greedy(loaded.model, ids, 8, stop=VOCABULARY.index("[SEP]"))
        assert text == loaded.tokenizer.decode(expected)


@pytest.mark.only_on("jax")
def test_texts_do_not_depend_on_the_batch(make_model):
    loaded = make_model()
    options = {"max_new_tokens": 6, "top_p": 0.9, "temperature": 1.5, "seed": 3, "n": 2}
    together = loaded.generate(PROMPTS, batch_size=3, **options)
    alone = loaded.generate(PROMPTS, batch_size=1, **options)
    assert together == alone
    assert len({text for texts in together for text in texts}) > 1


@pytest.mark.only_on("jax")
def test_a_stream_is_the_same_text_in_pieces(make_model):
    loaded = make_model()
    options = {"max_new_tokens": 10, "temperature": 1.0, "seed": 5}
    pieces = list(loaded.stream(PROMPTS[0], **options))
    assert "".join(pieces) == loaded.generate(PROMPTS[0], **options)
    assert len(pieces) > 2


@pytest.mark.only_on("jax")
def test_a_stream_can_be_closed_early(make_model):
    loaded = make_model()
    stream = loaded.stream(PROMPTS[0], max_new_tokens=50)
    first = next(stream)
    stream.close()
    assert loaded.generate(PROMPTS[0], max_new_tokens=50).startswith(first)


@pytest.mark.only_on("jax")
def test_one_prompt_gets_one_answer_and_several_a_list(make_model):
    loaded = make_model()
    assert isinstance(loaded.generate("今天", max_new_tokens=3), str)
    assert len(loaded.generate(["今天"], max_new_tokens=3)) == 1
    assert len(loaded.generate([5, 6], max_new_tokens=3)) == 3  # ids of one prompt: its ids
    assert [len(ids) for ids in loaded.generate([[5, 6], [7]], max_new_tokens=3)] == [3, 3]
    results = loaded.generate("今天", max_new_tokens=3, beams=3, n=2, details=True)
    assert results[0].score >= results[1].score
    assert results[0].finish_reason in ("max_new_tokens", "stop_id")


@pytest.mark.only_on("jax")
def test_contrastive_search_differs_from_greedy_search(make_model):
    loaded = make_model()
    plain = loaded.generate("今天天气", max_new_tokens=12)
    other = loaded.generate("今天天气", max_new_tokens=12, top_k=4, degeneration_penalty=0.9)
    assert plain != other


@pytest.mark.only_on("jax")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_q": 0.5}, "Unknown option 'top_q'.  Did you mean 'top_p'"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"stop_ids": [999]}, "stop_ids has token 999"),
    ],
)
def test_options_that_cannot_work_are_named(make_model, options, message):
    with pytest.raises(OptionError, match=message):
        make_model().generate("今天", **options)


@pytest.mark.only_on("jax")
def test_an_encoder_says_how_it_could_generate(tiny_transformer):
    with pytest.raises(OptionError, match="is an encoder and cannot generate text"):
        Pretrained(tiny_transformer(), None).generate([5, 6])
    with pytest.raises(OptionError, match="heads=\\['mlm'\\]"):
        Pretrained(tiny_transformer(application="causal_lm", heads=()), None).generate([5, 6])
    with pytest.raises(OptionError, match="prompts must be token ids"):
        Pretrained(tiny_transformer(application="causal_lm"), None).generate("text")


@pytest.mark.parametrize("variable_dtype", ["int8", "int4"])
def test_a_quantized_model_generates_and_scores_nearly_as_in_floats(
    tiny_transformer, tmp_path, variable_dtype
):
    from hornbook.pretrained import load

    # so wide that JAX stores it in two parts
    sizes = {"hidden_size": 64, "intermediate_size": 4000, "num_attention_heads": 4}
    fields = {"family": "gpt2", **FAMILIES["gpt2"].choices, "heads": ("mlm",), **sizes}
    whole = Pretrained(tiny_transformer(**fields), None)
    whole.save(tmp_path / "model")
    rounded = load(tmp_path / "model", variable_dtype=variable_dtype)
    ids = np.arange(5, 29).reshape(2, 12)
    expected, logits = (
        ops.convert_to_numpy(loaded.model.mlm(loaded.model(ids))) for loaded in (whole, rounded)
    )
    error = np.sqrt(np.mean((logits - expected) ** 2)) / expected.std()
    assert error < (0.03 if variable_dtype == "int8" else 0.4)
    same = (logits.argmax(-1) == expected.argmax(-1)).mean()
    assert same >= (0.9 if variable_dtype == "int8" else 0.5)
    prompts = [[5, 6, 7], [9, 10]]
    together = rounded.generate(prompts, max_new_tokens=6)
    alone = [rounded.generate(prompt, max_new_tokens=6) for prompt in prompts]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(OptionError, match=f"weights in {variable_dtype}"):
        rounded.save(tmp_path / "again")
    assert not (tmp_path / "again").exists()
    with pytest.raises(OptionError, match="LoRA needs floating-point weights"):
        load(tmp_path / "model", variable_dtype=variable_dtype, lora="query")


@pytest.mark.parametrize("layout", ["huggingface", "google"])
def test_a_frozen_model_generates_the_same_and_is_neither_saved_nor_trained(
    tiny_transformer, tmp_path, layout
):
    from hornbook.pretrained import load

    name = "gpt2-ml" if layout == "google" else "gpt2"
    fields = {"family": name, **FAMILIES[name].choices, "heads": ("mlm",)}
    wide = {"intermediate_size": 4000}  # JAX stores it in two parts
    whole = Pretrained(tiny_transformer(**fields | wide), None)
    whole.save(tmp_path / "model", layout=layout)
    frozen = load(tmp_path / "model", frozen=True)
    prompts = [[5, 6, 7], [9, 10]]
    for some in (prompts, prompts[:1]):
        options = {"max_new_tokens": 6, "stop_ids": ()}
        expected, texts = (model.generate(some, **options) for model in (whole, frozen))
        np.testing.assert_array_equal(texts, expected)
    if keras.config.backend() == "jax":
        with pytest.raises(OptionError, match="frozen weights in float32"):
            frozen.save(tmp_path / "again")
        assert not (tmp_path / "again").exists()
    with pytest.raises(OptionError, match="LoRA needs trainable weights"):
        load(tmp_path / "model", frozen=True, lora="query")


SEARCHES = {
    "greedy": ({}, {}),
    "beams": ({"beams": 4, "n": 2}, {"num_beams": 4, "num_return_sequences": 2}),
    "penalties": (
        {"repetition_penalty": 1.3, "no_repeat_ngram": 2},
        {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    ),
    "short beams": (
        {"beams": 3, "length_penalty": 0.0, "early_stopping": True},
        {"num_beams": 3, "length_penalty": 0.0, "early_stopping": True},
    ),
}


@pytest.mark.only_on("jax", "torch")
@pytest.mark.parametrize("search", SEARCHES)
def test_generation_equals_that_of_transformers(tmp_path, search):
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    from hornbook.pretrained import load

    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=60,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=64,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.6,
    )
    reference = transformers.GPT2LMHeadModel(config).eval()
    reference.save_pretrained(tmp_path)
    ours, theirs = SEARCHES[search]
    loaded = load(tmp_path)
    prompts = [[5, 6, 7], [9, 10, 11, 12, 13]]
    together = loaded.generate(prompts, max_new_tokens=12, **ours)
    for prompt, texts in zip(prompts, together, strict=True):
        expected = reference.generate(
            torch.tensor([prompt]), max_new_tokens=12, do_sample=False, pad_token_id=2, **theirs
        )[:, len(prompt) :].tolist()
        texts = [texts] if ours.get("n", 1) == 1 else texts
        for one, other in zip(texts, expected, strict=True):
            assert list(one) == other[: len(one)]
            assert set(other[len(one) :]) <= {2}


SIZES = {"vocab_size": 60, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2}
GROUPS = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}
DECODER = {**SIZES, **GROUPS, "initializer_range": 0.6, "bos_token_id": 1, "eos_token_id": 2}
BART = {
    f"{stack}_{name}": size
    for stack in ("encoder", "decoder")
    for name, size in {"layers": 2, "attention_heads": 4, "ffn_dim": 40}.items()
}
OTHERS = {
    "LlamaForCausalLM": DECODER,
    "Qwen3ForCausalLM": {**DECODER, "head_dim": 8},
    "T5ForConditionalGeneration": {
        "vocab_size": 60,
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 40,
        "num_layers": 2,
        "num_heads": 4,
        "initializer_factor": 8.0,
        "decoder_start_token_id": 0,
    },
    "BartForConditionalGeneration": {
        "vocab_size": 60,
        "d_model": 32,
        "max_position_embeddings": 64,
        "init_std": 0.6,
        "decoder_start_token_id": 2,
        "forced_eos_token_id": None,
        **BART,
    },
}


@pytest.mark.only_on("jax", "torch")
@pytest.mark.parametrize("name", OTHERS)
def test_every_kind_of_model_generates_as_in_transformers(tmp_path, name):
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    from hornbook.pretrained import load

    torch.manual_seed(0)
    kind = getattr(transformers, name)
    reference = kind(kind.config_class(**OTHERS[name])).eval()
    reference.save_pretrained(tmp_path)
    loaded = load(tmp_path)
    prompts = [[5, 6, 7, 8], [9, 10, 11, 12, 13]]
    for ours, theirs in (({}, {}), ({"beams": 3}, {"num_beams": 3})):
        together = loaded.generate(prompts, max_new_tokens=8, **ours)
        for prompt, ids in zip(prompts, together, strict=True):
            expected = reference.generate(
                torch.tensor([prompt]), max_new_tokens=8, do_sample=False, pad_token_id=0, **theirs
            )[0].tolist()
            start = 1 if reference.config.is_encoder_decoder else len(prompt)
            assert list(ids) == expected[start:][: len(ids)]


@pytest.mark.parametrize("name", ["gpt2-ml", "bert", "bart"])
def test_a_model_generates_with_a_condition(make_model, name):
    from hornbook.models.variables import named_variables

    application = {"bert": "prefix_lm"}.get(name, FAMILIES[name].applications[0])
    loaded = make_model(name, application=application, condition_size=3)
    random = np.random.default_rng(0)
    for path, variable in named_variables(loaded.model).items():
        if path.endswith(("gamma_kernel", "beta_kernel")):  # which start without effect
            variable.assign(random.normal(0, 0.5, variable.shape).astype("float32"))
    prompts, conditions = [[5, 6, 7], [8, 9]], np.array([[1, 0, -1], [0, 2, 1]], "float32")
    texts = loaded.generate(prompts, condition=conditions, max_new_tokens=5, stop_ids=[])
    for prompt, condition, tokens in zip(prompts, conditions, texts, strict=True):
        if name == "bart":
            first = loaded.config.decoder_start_token_id
            inputs = {"decoder_token_ids": np.array([[first or 0, *tokens[:-1]]])}
            inputs["token_ids"] = np.array([prompt])
        else:
            ids = np.array([[*prompt, *tokens[:-1]]])
            inputs = {"token_ids": ids, "segment_ids": np.arange(ids.shape[1])[None] // len(prompt)}
            inputs["segment_ids"] = np.minimum(inputs["segment_ids"], 1)
        x = loaded.model(**inputs, condition=condition[None])
        logits = ops.convert_to_numpy(loaded.model.mlm(x, condition[None]))[0, -5:]
        assert logits.argmax(axis=-1).tolist() == tokens
    if name == "gpt2-ml":  # reordered rows keep their condition
        beams = {"max_new_tokens": 5, "stop_ids": [], "beams": 2, "condition": conditions}
        best = loaded.generate(prompts, **beams)
        swapped = loaded.generate(prompts[::-1], **{**beams, "condition": conditions[::-1]})
        assert best == swapped[::-1]


@pytest.mark.only_on("jax")
def test_a_condition_that_is_missing_or_does_not_fit_is_named(make_model):
    with pytest.raises(OptionError, match=r"give condition=\.\.\., 3 numbers"):
        make_model(condition_size=3).generate("今天")
    with pytest.raises(OptionError, match=r"shape \(2,\); expected \(3,\) or \(1, 3\)"):
        make_model(condition_size=3).generate("今天", condition=[1, 2])
    with pytest.raises(OptionError, match="takes no condition"):
        make_model().generate("今天", condition=[1, 2])


@pytest.fixture
def draft(tiny_transformer):
    """Returns a smaller model with the vocabulary of `make_model`."""
    fields = {"family": "gpt2-ml", **FAMILIES["gpt2-ml"].choices, "num_hidden_layers": 1}
    sizes = {"vocab_size": len(VOCABULARY), "max_position_embeddings": 40, "heads": ("mlm",)}
    return Pretrained(tiny_transformer(seed=5, **fields, **sizes), None)


def test_a_draft_changes_no_text(make_model, draft):
    loaded = make_model()
    options = {"max_new_tokens": 20, "repetition_penalty": 1.3, "stop_ids": []}
    plain = loaded.generate(PROMPTS, **options)
    assert loaded.generate(PROMPTS, draft=draft, draft_tokens=3, **options) == plain
    # texts accept different numbers of drafted tokens, and the draft runs out of positions
    sampled = {"temperature": 1.0, "n": 3, "max_new_tokens": 45, "details": True, "stop_ids": []}
    results = loaded.generate(PROMPTS[1], draft=draft, draft_tokens=3, **sampled)
    for result in results:
        prompt = loaded.tokenizer.encode(PROMPTS[1]).token_ids
        score = loaded.score(result.token_ids.tolist(), prompts=prompt)
        np.testing.assert_allclose(score.log_probabilities, result.log_probabilities, atol=1e-4)
    alone = loaded.generate(PROMPTS[1], draft=draft, draft_tokens=3, **{**sampled, "n": 2})
    assert [one.text for one in alone] == [one.text for one in results[:2]]


@pytest.mark.only_on("jax")
def test_samples_with_a_draft_have_the_distribution_of_the_model(make_model, draft):
    loaded, draws = make_model(), 600
    options = {"n": draws, "max_new_tokens": 2, "temperature": 0.3, "stop_ids": []}
    drafted = loaded.generate([5], draft=draft, draft_tokens=1, **options)
    plain = loaded.generate([5], seed=9, **options)
    counts = np.zeros((2, len(VOCABULARY)))  # the second token is the first that is drafted
    for row, texts in zip(counts, (drafted, plain), strict=True):
        np.add.at(row, [ids[1] for ids in texts], 1)
    common = counts.sum(axis=0) >= 20
    chi_square = ((counts[0] - counts[1])[common] ** 2 / counts.sum(axis=0)[common]).sum()
    freedom = int(common.sum())
    assert freedom >= 3
    # 1 in 1000 by the approximation of Wilson and Hilferty; the seeds are fixed
    assert chi_square < freedom * (1 - 2 / (9 * freedom) + 3.09 * (2 / (9 * freedom)) ** 0.5) ** 3


@pytest.mark.only_on("jax")
def test_a_draft_of_another_vocabulary_is_named(make_model, draft, tiny_transformer):
    other = Pretrained(tiny_transformer(application="causal_lm"), None)
    with pytest.raises(OptionError, match=r"vocabulary \(40 tokens\) differs"):
        make_model().generate(PROMPTS, draft=other)
    words = [*VOCABULARY[:-2], *VOCABULARY[:-3:-1]]  # as many, but with other ids
    with pytest.raises(OptionError, match="same vocabulary file"):
        make_model().generate(PROMPTS, draft=Pretrained(draft.model, WordPieceTokenizer(words)))


@pytest.mark.only_on("jax")
def test_texts_are_chosen_or_extracted_from_passages(make_model):
    loaded = make_model()
    choices = ["很好", "不好不坏", "很坏"]
    texts = loaded.generate(PROMPTS, one_of=choices)
    assert set(texts) <= set(choices)
    best = loaded.generate(PROMPTS[0], one_of=choices, beams=3, n=3, details=True)
    assert sorted(result.text for result in best) == sorted(choices)
    ids = [result.token_ids.tolist() for result in best]
    assert len({len(one) for one in ids}) > 1
    prompt = loaded.tokenizer.encode(PROMPTS[0]).token_ids
    for result, score in zip(best, loaded.score(ids, prompts=[prompt] * 3), strict=True):
        assert result.score == pytest.approx(score.total / len(score.token_ids), abs=1e-4)

    passages = [["公园很好，我们去"], ["天气不坏", "今天很好"], ["去公园。"]]
    options = {"min_new_tokens": 2, "batch_size": 2}
    cut = loaded.generate(PROMPTS, only_from=passages, **options)
    for text, own in zip(cut, passages, strict=True):
        assert text
        assert any(text in passage for passage in own)
    bags = loaded.generate(PROMPTS, only_from=["今天公园"], only_from_ngram=1, max_new_tokens=6)
    assert all(set(text) <= set("今天公园") for text in bags)
    ended = loaded.generate(PROMPTS[0], stop_ids=["。"], forced_prefix="我们。", details=True)
    assert (ended.text, ended.finish_reason) == ("我们。", "stop_id")
    with pytest.raises(OptionError, match="passages of 2 prompts, but there are 3"):
        loaded.generate(PROMPTS, only_from=passages[:2])
    with pytest.raises(OptionError, match="bad_words is a list"):
        loaded.generate(PROMPTS, bad_words="很")


@pytest.mark.only_on("jax")
def test_results_are_yielded_per_batch_and_all_prompts_are_checked_first(make_model):
    loaded = make_model()
    each = loaded.generate_each(PROMPTS, batch_size=1, max_new_tokens=4)
    first = next(each)
    assert [first, *each] == loaded.generate(PROMPTS, max_new_tokens=4)
    assert loaded.generate([]) == []
    for prompts, message in (
        ([*PROMPTS, ""], "Prompt 4 is empty"),
        ([[5], [6], [7] * 70], "Prompt 3 has 70 tokens"),
        ([[5], [6, 99]], "Prompt 2 has token 99, but the vocabulary has ids 0 to"),
    ):
        with pytest.raises(OptionError, match=message):
            loaded.generate_each(prompts, batch_size=1)
