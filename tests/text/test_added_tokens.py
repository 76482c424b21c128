from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.text.added_tokens import Added
from hornbook.text.tokenizer_folder import tokenizer_from_folder
from hornbook.text.vocabulary_file import VocabularyError
from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = [*SPECIALS, *"abcde", *(f"##{letter}" for letter in "abcde"), "[unused1]", *"天气"]
SIZE = len(VOCABULARY)
NO = dict.fromkeys(("special", "lstrip", "rstrip", "single_word", "normalized"), False)
ADDED = {
    SIZE: Added("[E1]", {**NO, "special": True}),
    SIZE + 1: Added("<Ab>", {**NO, "normalized": True}),
    SIZE + 2: Added("abc", {**NO, "single_word": True}),
    SIZE + 3: Added("<l>", {**NO, "lstrip": True}),
    SIZE + 4: Added("<r>", {**NO, "rstrip": True}),
    SIZE + 5: Added("天e", {**NO, "normalized": True, "single_word": True}),
}


def written(folder, **files):
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in VOCABULARY), "utf-8")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
    return folder


def library():
    """Returns a tokenizer of the `tokenizers` library with the same tokens."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

    library = Tokenizer(models.WordPiece(dict(zip(VOCABULARY, range(SIZE), strict=True))))
    library.normalizer = normalizers.BertNormalizer(lowercase=True)
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    for one in ADDED.values():
        library.add_tokens([AddedToken(one.token, **one.options)])
    return library


def test_added_tokens_are_matched_beside_letters_and_at_both_ends(tmp_path):
    files = {"added_tokens": {"[E1]": SIZE, "<user>": SIZE + 1}}
    tokenizer = tokenizer_from_folder(written(tmp_path, **files))
    assert tokenizer.encode("[E1] ab").tokens == ["[CLS]", "[E1]", "a", "##b", "[SEP]"]
    assert tokenizer.encode("<user>ab").token_ids[1] == SIZE + 1
    assert tokenizer.encode("a[E1]b").tokens == ["[CLS]", "a", "[E1]", "b", "[SEP]"]
    assert tokenizer.encode("a[E1]b").offsets[1:-1] == [(0, 1), (1, 5), (5, 6)]
    assert tokenizer.encode("[E1]", "b[E1]").segment_ids == [0, 0, 0, 1, 1, 1]
    assert tokenizer.encode("a [MASK] b").tokens.count("[MASK]") == 0


WORDS = [
    *("[E1]", "[e1]", "<Ab>", "<AB>", "<l>", "<r>", "abc", "ABC", "abcd", " ", "  ", "a", "b"),
    *("天e", "天", "é", "\n", "[E", "1]", "x", "[SEP", "\ud800"),
]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=10).map("".join)


@given(text=TEXTS)
def test_wordpieces_and_added_tokens_are_those_of_the_library(text):
    tokenizer = WordPieceTokenizer(VOCABULARY, added=ADDED)
    reference = library().encode(text.replace("\ud800", "\ufffd"), add_special_tokens=False)
    encoding = tokenizer.encode(text, add_special_tokens=False)
    assert encoding.token_ids == reference.ids
    assert encoding.offsets == [tuple(span) for span in reference.offsets]
    arrays = tokenizer.arrays([text, text])
    assert arrays.token_ids.tolist() == 2 * reference.ids
    assert arrays.spans.tolist() == 2 * [list(span) for span in reference.offsets]


@given(text=TEXTS)
def test_words_are_split_between_added_tokens(text):
    tokenizer = WordPieceTokenizer(VOCABULARY, added=ADDED, pre_tokenize=lambda text: [text])
    assert tokenizer.encode(text) == WordPieceTokenizer(VOCABULARY, added=ADDED).encode(text)


def test_a_segmenters_word_is_never_an_added_token_within_a_word():
    def cutter(text):
        return [text[:3], text[3:]]

    tokenizer = WordPieceTokenizer(VOCABULARY, added=ADDED, pre_tokenize=cutter)
    tokens = tokenizer.encode("abcd", add_special_tokens=False).tokens
    assert tokens == ["a", "##b", "##c", "d"]


def test_saving_keeps_added_tokens_with_their_options(tmp_path):
    tokenizer = WordPieceTokenizer(VOCABULARY, added=ADDED, settings={"chat_template": "x"})
    tokenizer.save(tmp_path)
    again = tokenizer_from_folder(tmp_path)
    for text in ["[E1] <ab>abc abcd", "a  <l>  <r>  b", "天e天E天ee"]:
        assert again.encode(text) == tokenizer.encode(text)
    assert again.vocabulary_size == tokenizer.vocabulary_size == SIZE + len(ADDED)
    added = json.loads((tmp_path / "added_tokens.json").read_text("utf-8"))
    assert added == {one.token: token_id for token_id, one in ADDED.items()}
    config = json.loads((tmp_path / "tokenizer_config.json").read_text("utf-8"))
    assert config["additional_special_tokens"] == ["[E1]"]
    assert config["chat_template"] == "x"


def test_decoding_restores_added_tokens_and_skips_special_ones():
    tokenizer = WordPieceTokenizer(VOCABULARY, added=ADDED)
    ids = tokenizer.encode("a [E1] b <Ab>").token_ids
    assert tokenizer.decode(ids) == "a b<Ab>"
    assert tokenizer.decode(ids, skip_special_tokens=False) == "[CLS] a [E1] b<Ab>[SEP]"
    assert tokenizer.tokens([SIZE]) == ["[E1]"]


def test_a_tokenizer_with_added_tokens_can_be_pickled():
    tokenizer = WordPieceTokenizer(VOCABULARY, added=ADDED)
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.encode("a[E1]<ab>") == tokenizer.encode("a[E1]<ab>")


def test_a_token_of_the_vocabulary_may_be_an_added_one(tmp_path):
    config = {"additional_special_tokens": ["[unused1]", "[new]"]}
    tokenizer = tokenizer_from_folder(written(tmp_path, tokenizer_config=config))
    ids = tokenizer.encode("a[unused1][new]", add_special_tokens=False).token_ids
    assert ids == [VOCABULARY.index("a"), VOCABULARY.index("[unused1]"), SIZE]
    assert tokenizer.decode(ids) == "a"


def test_added_tokens_of_a_tokenizer_json_are_read(tmp_path):
    library().save(str(tmp_path / "tokenizer.json"))
    tokenizer = tokenizer_from_folder(tmp_path)
    assert isinstance(tokenizer, WordPieceTokenizer)
    text = "[E1] <ab>abc abcd <l> <r>  b"
    mine = tokenizer.encode(text, add_special_tokens=False)
    assert mine.token_ids == library().encode(text).ids


def test_kept_tokens_may_be_added_ones():
    tokenizer = WordPieceTokenizer(VOCABULARY, added=ADDED)
    small = tokenizer.keep([0, 1, 2, 3, SIZE + 1, 5, SIZE])
    assert small.encode("<ab>a[E1]d", add_special_tokens=False).token_ids == [4, 5, 6, 1]
    assert small.vocabulary_size == 7


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"added_tokens": {"<x>": SIZE + 1}}, f"id {SIZE + 1}, but its position after .* {SIZE}"),
        ({"added_tokens": {"a": SIZE}}, "'a' has the id"),
        ({"added_tokens": {"": SIZE}}, "is not a token"),
        ({"added_tokens": {"<x>": -1}}, "is not a token"),
        ({"added_tokens": {"<x>": True}}, "is not a token"),
        ({"added_tokens": {"<x>": SIZE, "<y>": SIZE}}, "'<x>' and '<y>' both have"),
        ({"tokenizer_config": {"added_tokens_decoder": {"9" * 5000: "<x>"}}}, r"of 5,000 char"),
        ({"tokenizer_config": {"added_tokens_decoder": {"٣": "<x>"}}}, "is not a token"),
        ({"tokenizer_config": {"added_tokens_decoder": {str(SIZE): 3}}}, "is not a token"),
        (
            {"tokenizer_config": {"added_tokens_decoder": [{"id": SIZE, "content": "<x>"}]}},
            r"tokenizer_config\.json: added_tokens_decoder is a list; expected an object",
        ),
        ({"tokenizer_config": {"additional_special_tokens": "<x>"}}, "expected a list"),
        ({"tokenizer_config": {"additional_special_tokens": [3]}}, "is not a token"),
    ],
)
def test_an_invalid_added_token_is_named(tmp_path, files, message):
    with pytest.raises(VocabularyError, match=message):
        tokenizer_from_folder(written(tmp_path, **files))


def test_t5_has_a_maximum_number_of_sentinels(tokenizer_folder, tmp_path):
    for path in tokenizer_folder("t5").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for token in ("<extra_id_999999999>", f"<extra_id_{'9' * 5000}>"):
        config = {"tokenizer_class": "T5Tokenizer", "added_tokens_decoder": {"5": token}}
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
        with pytest.raises(VocabularyError, match="exceeds the 10,000 supported"):
            tokenizer_from_folder(tmp_path)


def test_cpm_splits_words_between_added_tokens(tokenizer_folder, opened, tmp_path):
    plain = opened("cpm")
    size = plain.vocabulary_size
    for path in tokenizer_folder("cpm").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<人>": size}), "utf-8")
    tokenizer = tokenizer_from_folder(tmp_path)
    parts = [plain.encode(part).token_ids for part in ("今天天气", " 很好")]
    assert tokenizer.encode("今天天气<人> 很好").token_ids == [*parts[0], size, *parts[1]]
    assert tokenizer.decode([*parts[0], size, *parts[1]]) == "今天天气<人> 很好"


def test_llama_adds_a_space_before_the_whole_text_only(tokenizer_folder, tmp_path):
    for path in tokenizer_folder("llama").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    size = tokenizer_from_folder(tmp_path).vocabulary_size
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<user>": size}), "utf-8")
    tokens = tokenizer_from_folder(tmp_path).encode("<user>the", add_special_tokens=False).tokens
    assert tokens[0] == "<user>"
    assert not tokens[1].startswith("▁")
    config = {"tokenizer_class": "LlamaTokenizer", "legacy": True}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    tokens = tokenizer_from_folder(tmp_path).encode("<user>the", add_special_tokens=False).tokens
    assert tokens[1].startswith("▁")
