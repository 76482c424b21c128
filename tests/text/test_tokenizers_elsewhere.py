"""The same files opened by Hugging Face's transformers and by SentencePiece itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PLAIN = [  # characters that no normalization changes: where they are is beyond dispute
    "Hello world",
    "今天天气很好，机器学习。",
    "It isn't the lazy dog, 你好 世界!",
    "the <mask> of <extra_id_0> weather <|im_end|>",
    "龘 𠀀",
]
TEXTS = [
    *PLAIN,
    "two  spaces and ``quotes'' ",
    "é e\u0301 Ａ ﬁ 𠀀龘 😀\n\n\tx",
]
CLASSES = {
    "gpt": "OpenAIGPTTokenizer",
    "gpt2": "GPT2Tokenizer",
    "roberta": "RobertaTokenizer",
    "bart": "BartTokenizer",
    "t5": "T5Tokenizer",
    "albert": "AlbertTokenizer",
    "xlnet": "XLNetTokenizer",
    "llama": "LlamaTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
    **dict.fromkeys(("qwen", "modernbert", "t5-json", "llama-json", "mpnet"), "TokenizersBackend"),
}
# Only these have another idea of what stands in a text: transformers finds the special tokens
# of a SentencePiece model there, and lets RoBERTa's <mask> take no space unless told to.
LEFT_TO_TRANSFORMERS = {"roberta": "<mask>", "xlm-roberta": "<mask>", "xlnet": "<mask>"}
# without brackets, lest they spell a special token, which transformers finds in a text
LETTERS = st.characters(
    max_codepoint=0x24F, exclude_categories=["Cs", "Cc"], exclude_characters="<["
)
WORDS = st.lists(
    st.one_of(
        st.sampled_from(["hello", "Hello", "isn't", "今天", "天气", "，", "9,", "..", "\n", "😀"]),
        st.text(LETTERS, max_size=5),
    ),
    max_size=8,
).map(" ".join)


@pytest.fixture(scope="module")
def theirs(tokenizer_folder):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    opened = {}

    def open_kind(kind):
        if kind not in opened:
            folder = str(tokenizer_folder(kind))
            opened[kind] = getattr(transformers, CLASSES[kind]).from_pretrained(folder)
        return opened[kind]

    return open_kind


def assert_same(mine, other, with_offsets):
    assert mine.token_ids == other["input_ids"]
    assert mine.segment_ids == other["token_type_ids"]
    triples = zip(mine.tokens, mine.offsets, other["offset_mapping"], strict=True)
    for token, span, expected in triples if with_offsets else ():
        if span is None:
            assert expected == (0, 0)
        elif token != "▁":  # a lone space: SentencePiece's is as wide as a text's
            assert span == expected or span == without_space(expected, token)


def assert_same_text(mine, other, ids, skip):
    decoded = mine.decode(ids, skip_special_tokens=skip)
    expected = other.decode(ids, skip_special_tokens=skip)
    if mine.special_ids.get("unk") in ids:  # SentencePiece drops the space in front of it
        decoded, expected = decoded.lstrip(), expected.lstrip()
    assert decoded == expected


def without_space(span, token):
    """Removes the leading space of Llama's offsets, which ours do not have."""
    return (span[0] + 1, span[1]) if token.startswith("▁") else None


@pytest.mark.parametrize("kind", CLASSES)
def test_ids_segments_and_offsets_are_those_of_transformers(opened, theirs, kind):
    for text in TEXTS:
        options = {"return_offsets_mapping": True, "return_token_type_ids": True}
        if LEFT_TO_TRANSFORMERS.get(kind, "\0") in text:
            continue
        mine = opened(kind).encode(text)
        assert_same(mine, theirs(kind)(text, **options), with_offsets=text in PLAIN)
        for skip in (True, False):
            assert_same_text(opened(kind), theirs(kind), mine.token_ids, skip)
        if kind not in ("gpt", "gpt2", "qwen", "llama"):
            other = theirs(kind)(text, "hello 天气", **options)
            assert opened(kind).encode(text, "hello 天气").token_ids == other["input_ids"]
            assert opened(kind).encode(text, "hello 天气").segment_ids == other["token_type_ids"]


@pytest.mark.parametrize("kind", sorted(CLASSES.keys() - {"llama", "gpt"}))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=WORDS)
def test_ids_of_any_words_are_those_of_transformers(opened, theirs, kind, text):
    mine = opened(kind).encode(text)
    assert mine.token_ids == theirs(kind)(text)["input_ids"]
    assert_same_text(opened(kind), theirs(kind), mine.token_ids, skip=True)


@pytest.mark.parametrize("kind", CLASSES)
def test_transformers_has_the_same_special_tokens(opened, theirs, kind):
    for purpose, token_id in opened(kind).special_ids.items():
        other = getattr(theirs(kind), f"{purpose}_token_id")
        # where no file says it, ours is the usual name and theirs nothing
        assert other == token_id or (other is None and kind in ("albert", "modernbert", "mpnet"))


@pytest.mark.parametrize("kind", CLASSES)
def test_a_saved_tokenizer_is_opened_by_transformers(opened, theirs, kind, tmp_path):
    import transformers

    opened(kind).save(tmp_path)
    again = getattr(transformers, CLASSES[kind]).from_pretrained(str(tmp_path))
    for text in TEXTS:
        assert again(text)["input_ids"] == theirs(kind)(text)["input_ids"]


@pytest.mark.parametrize("kind", ["t5", "llama"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_pieces_are_those_of_sentencepiece(opened, tokenizer_folder, kind, text):
    sentencepiece = pytest.importorskip("sentencepiece")
    [path] = tokenizer_folder(kind).glob("*.model")
    reference = sentencepiece.SentencePieceProcessor(model_file=str(path))
    mine = opened(kind).encode(text, add_special_tokens=False)
    assert mine.token_ids == reference.encode(text)
    assert mine.tokens == [reference.id_to_piece(i) for i in mine.token_ids]
    known = [i for i in mine.token_ids if not reference.is_unknown(i)]
    assert opened(kind).decode(mine.token_ids) == reference.decode(known)


def test_cpm_is_sentencepiece_on_words_of_jieba(opened, tokenizer_folder):
    import rjieba
    import sentencepiece

    tokenizer = opened("cpm")
    reference = sentencepiece.SentencePieceProcessor(
        model_file=str(tokenizer_folder("cpm") / "spiece.model")
    )
    for text in ["今天天气很好去公园", "hello world\n你好 世界", " 散步", "吧\n\n"]:
        words = [word.replace(" ", "▂").replace("\n", "▃") for word in rjieba.cut(text, True)]
        mine = tokenizer.encode(text)
        assert mine.token_ids == reference.encode(" ".join(words))
        assert tokenizer.decode(mine.token_ids) == text


def test_gpt2_may_start_with_its_bos_token(tokenizer_folder, tmp_path):
    from hornbook.text.tokenizer_folder import tokenizer_from_folder

    for path in tokenizer_folder("gpt2").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True}
    config["bos_token"] = config["eos_token"] = config["unk_token"] = "<|endoftext|>"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    theirs = transformers.GPT2Tokenizer.from_pretrained(str(tmp_path))
    mine = tokenizer_from_folder(tmp_path).encode("hello world")
    assert mine.tokens[0] == "<|endoftext|>"
    assert mine.token_ids == theirs("hello world")["input_ids"]
