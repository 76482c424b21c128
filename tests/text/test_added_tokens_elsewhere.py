"""Added tokens of every kind of vocabulary, compared with Hugging Face's transformers."""

from __future__ import annotations

import json

import pytest

from hornbook.text.tokenizer_folder import tokenizer_from_folder
from hornbook.text.vocabulary_file import VocabularyError

CLASSES = {
    "bert": "BertTokenizer",
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
PLAIN = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False}
TOKENS = [
    {"content": "[E1]", **PLAIN, "special": False, "normalized": True},
    {"content": "<User>", **PLAIN, "special": True},
    {"content": "Zq", **PLAIN, "special": False, "normalized": True},
    {"content": "word", **PLAIN, "special": False, "single_word": True},
    {"content": "<l>", **PLAIN, "special": True, "lstrip": True},
    {"content": "<r>", **PLAIN, "special": False, "rstrip": True},
    {"content": "<lr>", **PLAIN, "special": False, "lstrip": True, "rstrip": True},
    {"content": "龘气", **PLAIN, "special": False},
]
TEXTS = [
    "[E1] abc",
    "<User>ab",
    "a[E1]b",
    "[e1] <user> ZQ zq Zq xZqx",
    "word a word, wordy sword word",
    "hello <l> world <r> the  <lr>  lazy<l>dog<r>x",
    "今天龘气很好[E1]今天",
    "[E1][E1]<User>",
    " [E1] ",
    "hello[E1] [E1]hello world[E1]",
    "[E1",
    "<User> <User>",
    "hello  <User>  world",
]


every_kind = pytest.mark.parametrize("kind", CLASSES)


@pytest.fixture
def folder(kind, tokenizer_folder, tmp_path):
    for path in tokenizer_folder(kind).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture
def theirs(kind):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    return getattr(transformers, CLASSES[kind]).from_pretrained


def change(folder, **settings):
    path = folder / "tokenizer_config.json"
    old = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    path.write_text(json.dumps({**old, **settings}), "utf-8")


def assert_same(mine, other):
    for text in TEXTS:
        if mine.kind == "SentencePiece" and mine.style.tokenizer_class == "LlamaTokenizer":
            text = text.lstrip()  # of spaces in front, ours keeps one more, as SentencePiece does
        encoding = mine.encode(text)
        assert encoding.token_ids == other(text)["input_ids"], text
        for (start, end), token in zip(
            [span for span in encoding.offsets if span], encoding.tokens, strict=False
        ):
            assert 0 <= start <= end <= len(text), token


def with_decoder(folder):
    size = tokenizer_from_folder(folder).vocabulary_size
    decoder = {str(size + number): token for number, token in enumerate(TOKENS)}
    change(folder, added_tokens_decoder=decoder)
    return size


@every_kind
def test_tokens_of_added_tokens_decoder_are_matched(folder, theirs):
    size = with_decoder(folder)
    mine, other = tokenizer_from_folder(folder), theirs(str(folder))
    assert mine.vocabulary_size == size + len(TOKENS) == len(other)
    assert_same(mine, other)


@every_kind
def test_tokens_of_added_tokens_json_and_of_the_map_are_matched(folder, theirs):
    size = tokenizer_from_folder(folder).vocabulary_size
    added = {token["content"]: size + number for number, token in enumerate(TOKENS)}
    (folder / "added_tokens.json").write_text(json.dumps(added), "utf-8")
    special = {"additional_special_tokens": ["<User>", "<new>"]}
    (folder / "special_tokens_map.json").write_text(json.dumps(special), "utf-8")
    mine, other = tokenizer_from_folder(folder), theirs(str(folder))
    assert mine.vocabulary_size == size + len(TOKENS) + 1
    assert_same(mine, other)
    if len(other) == mine.vocabulary_size:  # theirs forgets it where the vocabulary is a *.model
        assert mine.encode("a<new>b").token_ids == other("a<new>b")["input_ids"]


@every_kind
def test_a_saved_folder_has_the_added_tokens_for_transformers(folder, theirs, tmp_path_factory):
    with_decoder(folder)
    mine = tokenizer_from_folder(folder)
    again = tmp_path_factory.mktemp("again")
    mine.save(again)
    assert_same(mine, theirs(str(again)))
    assert_same(tokenizer_from_folder(again), theirs(str(folder)))


@every_kind
def test_a_folder_that_transformers_saved_has_them(folder, theirs, tmp_path_factory):
    with_decoder(folder)
    again = tmp_path_factory.mktemp("again")
    other = theirs(str(folder))
    other.save_pretrained(again)
    assert_same(tokenizer_from_folder(again), other)


@every_kind
def test_decoding_keeps_added_tokens_and_skips_special_ones_as_transformers_does(
    folder, theirs, kind
):
    with_decoder(folder)
    mine, other = tokenizer_from_folder(folder), theirs(str(folder))
    for text in ["hello [E1] world <User> the", "a<User>b Zq word<l>", "[E1]hello"]:
        ids = mine.encode(text, add_special_tokens=False).token_ids
        for skip in (True, False):
            decoded = mine.decode(ids, skip_special_tokens=skip)
            expected = other.decode(ids, skip_special_tokens=skip)
            if kind == "bert":  # whose spaces are our own
                decoded, expected = decoded.replace(" ", ""), expected.replace(" ", "")
            if kind in ("bert", "albert"):  # theirs are lower-cased, too
                assert "[E1]" in decoded or "[E1]" not in text
                decoded, expected = decoded.lower(), expected.lower()
            if mine.special_ids.get("unk") in ids:
                continue
            assert decoded == expected
            stream = mine.text_stream(skip_special_tokens=skip)
            assert "".join(map(stream.add, ids)) + stream.finish() == mine.decode(
                ids, skip_special_tokens=skip
            )


@pytest.mark.parametrize("kind", ["bert", "t5", "albert", "xlnet", "xlm-roberta"])
def test_a_tokenizer_of_kept_tokens_is_opened_by_transformers(folder, theirs, tmp_path_factory):
    with_decoder(folder)
    whole = tokenizer_from_folder(folder)
    middle = whole.vocabulary_size // 2
    left_out = {*range(middle, middle + 5)} - {*whole.special_ids.values()}
    old_ids = [number for number in range(whole.vocabulary_size) if number not in left_out]
    small = whole.keep(old_ids)
    small.save(again := tmp_path_factory.mktemp("again"))
    assert_same(small, theirs(str(again)))
    assert_same(tokenizer_from_folder(again), theirs(str(again)))
    for text in TEXTS:
        ids = whole.encode(text).token_ids
        if not left_out & {*ids}:
            assert [old_ids[new] for new in small.encode(text).token_ids] == ids


@pytest.mark.parametrize("kind", ["xlm-roberta"])
def test_fairseqs_ids_need_their_first_and_last_tokens(folder):
    tokenizer = tokenizer_from_folder(folder)
    mask = tokenizer.mask_token_id
    assert tokenizer.keep([0, 1, 2, 3, 7, mask]).mask_token_id == 5
    for wrong in ([0, 2, 1, 3, 7, mask], [0, 1, 2, 3, 7], [0, 1, 2, 3, mask, 7]):
        with pytest.raises(VocabularyError, match="keep them there"):
            tokenizer.keep(wrong)
