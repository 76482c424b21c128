import json
import runpy
from pathlib import Path

import pytest

import hornbook
from hornbook.compat.bert4keras import tokenizers
from hornbook.text.vocabulary_file import VocabularyError

CASES = runpy.run_path(str(Path(__file__).with_name("bert4keras_cases.py")))
VOCABULARY = Path(hornbook.__file__).parent / "pretrained" / "hornbook-tiny" / "vocab.txt"
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##b", "b", "你", "好", "i", "##s", "."]


@pytest.fixture(scope="module")
def tokenizer():
    ids = {token: token_id for token_id, token in enumerate(TOKENS)}
    return tokenizers.Tokenizer(ids, do_lower_case=True)


def test_tokens_ids_rematch_and_decode_are_those_of_bert4keras():
    theirs = json.loads(CASES["ANSWERS"].read_text(encoding="utf-8"))["tokenizers"]
    ours = CASES["tokenizer_answers"](tokenizers, VOCABULARY)
    for one, other in zip(ours, theirs, strict=True):
        assert json.loads(json.dumps(one)) == other


def test_rematch_gives_characters_of_the_original_text(tokenizer):
    text = "İs 你İ"  # lowercased, İ is two characters
    tokens = tokenizer.tokenize(text)
    assert tokens == ["[CLS]", "i", "##s", "你", "i", "[SEP]"]
    assert tokenizer.rematch(text, tokens) == [[], [0], [1], [3], [4], []]
    with pytest.raises(ValueError, match="'好' does not occur after 2"):
        tokenizer.rematch("你a", ["你", "a", "好"])


def test_rematch_follows_translated_tokens():
    ids = {token: token_id for token_id, token in enumerate(TOKENS)}
    tokenizer = tokenizers.Tokenizer(ids, token_translate={"a": "你"})
    assert tokenizer.rematch("ba", tokenizer.tokenize("b a")[1:-1]) == [[0], [1]]


def test_a_list_of_tokens_is_not_modified(tokenizer):
    tokens = ["[CLS]", "a", "b", "a", "[SEP]"]
    ids, segments = tokenizer.encode(tokens, "好", maxlen=5)
    assert tokens == ["[CLS]", "a", "b", "a", "[SEP]"]
    assert ids == [2, 4, 3, 8, 3]
    assert segments == [0, 0, 0, 1, 1]


def test_the_old_name_of_maxlen_is_accepted(tokenizer):
    assert tokenizer.encode("a b a b", max_length=4) == tokenizer.encode("a b a b", maxlen=4)
    assert tokenizer.tokenize("a b a b", max_length=3) == ["[CLS]", "a", "[SEP]"]


def test_special_tokens_have_their_ids_if_the_vocabulary_has_them(tokenizer):
    assert (tokenizer._token_start_id, tokenizer._token_end_id) == (2, 3)
    assert (tokenizer._token_pad_id, tokenizer._token_unk_id) == (0, 1)
    assert not hasattr(tokenizer, "_token_mask_id")
    assert tokenizer._vocab_size == len(TOKENS)


def test_ids_may_have_gaps():
    ids = {"[PAD]": 0, "[UNK]": 5, "[CLS]": 6, "[SEP]": 7, "a": 20}
    assert tokenizers.Tokenizer(ids).encode("a b") == ([6, 20, 5, 7], [0, 0, 0, 0])


def test_a_vocabulary_is_written_and_read(tmp_path):
    path = tmp_path / "vocab.txt"
    ids = {token: token_id for token_id, token in enumerate([*TOKENS, "\u2028"])}
    tokenizers.save_vocab(path, ids)
    assert tokenizers.load_vocab(path) == ids
    path.write_text("\n".join([*TOKENS, "a"]), encoding="utf-8")
    with pytest.raises(VocabularyError, match="'a' is already on line 5"):
        tokenizers.load_vocab(path)
    with pytest.raises(VocabularyError, match="only UTF-8"):
        tokenizers.load_vocab(path, encoding="gbk")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    sentencepiece = pytest.importorskip("sentencepiece")
    path = tmp_path_factory.mktemp("sp") / "sp.model"
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["今天 天气 很好", "hello world", "hello 今天"] * 10),
            model_writer=file,
            vocab_size=40,
            hard_vocab_limit=False,
            pad_id=0,
            unk_id=1,
            bos_id=-1,
            eos_id=2,
            minloglevel=2,
        )
    return path


def test_a_sentencepiece_model_has_the_same_methods(model):
    sentencepiece = pytest.importorskip("sentencepiece")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    tokenizer = tokenizers.SpTokenizer(model, token_start=None, token_end="</s>")
    ids, segments = tokenizer.encode("hello 今天")
    assert ids == [*processor.encode("hello 今天"), 2]
    assert segments == [0] * len(ids)
    assert tokenizer.decode(ids) == tokenizer.decode([*ids, 999]) == "hello 今天"
    assert (tokenizer._token_pad_id, tokenizer._token_end_id) == (0, 2)
    assert not hasattr(tokenizer, "_token_mask_id")
    assert [tokenizer._is_decodable(i) for i in (ids[0], 2, 999)] == [True, False, False]
    assert len(tokenizer.encode("hello 今天", maxlen=3)[0]) == 3


def test_words_of_a_sentencepiece_model_may_be_cut_and_translated_before(model):
    plain = tokenizers.SpTokenizer(model, token_start=None, token_end=None)
    first, *others = plain.tokenize("hello")
    tokenizer = tokenizers.SpTokenizer(
        model,
        token_start=None,
        token_end=None,
        pre_tokenize=lambda text: [text[:2], text[2:]],
        token_translate={first: "</s>"},
    )
    tokens = tokenizer.tokenize("今天hello")
    assert tokens == [*plain.tokenize("今天"), "</s>", *others]
    assert tokenizer.decode(tokenizer.tokens_to_ids(tokens)) == "今天 hello"
