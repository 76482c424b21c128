import pytest

from hornbook.errors import HornbookError, OptionError
from hornbook.text.learning import KINDS, learn_vocabulary, lines_of, measure_fit
from hornbook.text.tokenizer_folder import tokenizer_from_folder
from hornbook.text.vocabulary_file import VocabularyError

TEXTS = [
    "今天天气很好，我们去公园散步吧。",
    "机器学习和语言模型是今天的天气。",
    "The quick brown fox jumps over the lazy dog, and the dog sleeps.",
    "Hello world, it isn't the weather; hello 你好 世界!\nAnother line of the text.",
] * 5
SIZES = {"wordpiece": 150, "bpe": 300, "unigram": 120}
ENDS = {"wordpiece": ("[CLS]", "[SEP]"), "bpe": (), "unigram": ("[CLS]", "[SEP]")}


@pytest.fixture(params=sorted(KINDS))
def way(request):
    if request.param == "unigram":
        pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")
    return request.param


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_learned_vocabulary_is_the_folder_of_a_tokenizer(way, tmp_path):
    learned = learn_vocabulary(iter(TEXTS), SIZES[way], tmp_path / "v", kind=way)
    opened = tokenizer_from_folder(tmp_path / "v")
    assert opened.vocabulary_size == learned.vocabulary_size <= SIZES[way]
    assert opened.encode_batch(TEXTS) == learned.encode_batch(TEXTS)
    tokens = opened.encode(TEXTS[0]).tokens
    assert tuple(token for token in (tokens[0], tokens[-1]) if "[" in token) == ENDS[way]
    assert opened.special_ids["pad"] < 3
    assert opened.mask_token_id < 7
    fit = measure_fit(opened, TEXTS)
    assert fit.covered == 1
    assert fit.tokens == sum(
        len(opened.encode(text, add_special_tokens=False)[0]) for text in TEXTS
    )
    assert fit.characters == sum(len("".join(text.split())) for text in TEXTS)
    assert "天|" in fit.samples[0] + fit.samples[1]


def test_the_same_texts_give_the_same_bytes(way, tmp_path):
    for name in ("a", "b"):
        learn_vocabulary(TEXTS, SIZES[way], tmp_path / name, kind=way)
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.parametrize("lowercase", [True, False])
def test_lowercasing_is_optional(way, tmp_path, lowercase):
    if way == "bpe" and lowercase:
        with pytest.raises(OptionError, match="Byte pairs keep the case"):
            learn_vocabulary(TEXTS, 300, tmp_path / "v", kind=way, lowercase=True)
        return
    tokenizer = learn_vocabulary(TEXTS, SIZES[way], tmp_path / "v", kind=way, lowercase=lowercase)
    same = tokenizer.encode("The dog").token_ids == tokenizer.encode("the dog").token_ids
    assert same == lowercase


def test_sentinels_are_tokens_that_no_text_has(way, tmp_path):
    tokenizer = learn_vocabulary(TEXTS, SIZES[way], tmp_path / "v", kind=way, sentinels=5)
    assert tokenizer.vocabulary_size <= SIZES[way]
    names = tokenizer.tokens(range(tokenizer.vocabulary_size))
    written = "[unused{}]" if way == "wordpiece" else "<extra_id_{}>"
    first = 1 if way == "wordpiece" else 0
    ids = {names.index(written.format(number + first)) for number in range(5)}
    assert len(ids) == 5
    if way != "unigram":  # T5's prompts are written with them
        assert not ids & set(tokenizer.encode(written.format(1)).token_ids)
    else:
        assert tokenizer.encode("a").tokens[-1] == "</s>"


def test_the_bytes_of_a_text_are_never_unknown(tmp_path):
    tokenizer = learn_vocabulary(TEXTS, 300, tmp_path / "v", kind="bpe")
    text = "龘 😀 <|endoftext|> \n\t é"
    assert tokenizer.decode(tokenizer.encode("龘 😀\n\té").token_ids) == "龘 😀\n\té"
    assert measure_fit(tokenizer, [text.replace("<|endoftext|>", "")]).covered == 1


def test_unknown_characters_are_not_covered(tmp_path):
    tokenizer = learn_vocabulary(TEXTS, 150, tmp_path / "v")
    assert measure_fit(tokenizer, ["今天龘 x\x01"]).covered == 0.6


def test_vocabularies_that_cannot_be_learned_are_named(way, tmp_path):
    with pytest.raises(VocabularyError, match=r"hold no words|cannot learn"):
        learn_vocabulary([" ", ""], SIZES[way], tmp_path / "v", kind=way)
    with pytest.raises(OptionError, match=r"size is 3; .* at least \d+\."):
        learn_vocabulary(TEXTS, 3, tmp_path / "v", kind=way)
    assert not (tmp_path / "v").exists()
    (tmp_path / "mine").write_text("x")
    with pytest.raises(HornbookError, match="exists already"):
        learn_vocabulary(TEXTS, 300, tmp_path, kind=way)
    with pytest.raises(OptionError, match="Did you mean 'bpe'"):
        learn_vocabulary(TEXTS, 300, tmp_path / "v", kind="bpee")


def test_sentencepieces_reason_is_in_the_message(tmp_path):
    pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")
    with pytest.raises(VocabularyError, match="SentencePiece cannot learn from these texts"):
        learn_vocabulary(TEXTS, 10, tmp_path / "v", kind="unigram")
    assert not (tmp_path / "v").exists()


def test_too_small_a_size_names_the_users_option(tmp_path):
    message = "--vocabulary-size is 120; byte pairs need at least 259."
    with pytest.raises(OptionError, match=message):
        learn_vocabulary(TEXTS, 120, tmp_path / "v", kind="bpe", named="--vocabulary-size")


def test_only_line_feeds_and_carriage_returns_end_a_line():
    assert lines_of("a\u2028b\x0bc\x85d\r\ne\rf\ng") == ["a\u2028b\x0bc\x85d", "e", "f", "g"]
