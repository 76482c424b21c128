from __future__ import annotations

import json

import pytest

pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")

from hornbook.errors import OptionError
from hornbook.text.alignment import align
from hornbook.text.sentencepiece.family_styles import LLAMA, T5
from hornbook.text.sentencepiece.processor import SentencePieceTokenizer
from hornbook.text.tokenizer_folder import tokenizer_from_folder
from hornbook.text.vocabulary_file import VocabularyError


def written(folder, model, **settings):
    (folder / "spiece.model").write_bytes(model)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    return folder


def model_of(tokenizer_folder, kind):
    [path] = tokenizer_folder(kind).glob("*.model")
    return path.read_bytes()


def test_t5s_sentinels_are_numbered_from_the_end(opened):
    tokenizer = opened("t5")
    size = tokenizer.vocabulary_size
    assert tokenizer.tokens([size - 1, size - 2, size - 100]) == [
        *("<extra_id_0>", "<extra_id_1>", "<extra_id_99>"),
    ]
    encoding = tokenizer.encode("<extra_id_0> hello <extra_id_1>")
    assert encoding.tokens[0] == "<extra_id_0>"
    assert encoding.tokens[-2:] == ["<extra_id_1>", "</s>"]
    ids = encoding.token_ids
    assert tokenizer.decode(ids) == "hello"
    assert tokenizer.decode(ids, skip_special_tokens=False) == "<extra_id_0> hello<extra_id_1></s>"


def test_t5_adds_only_an_end_token(opened):
    assert opened("t5").encode("").token_ids == [1]
    assert list(opened("t5").special_ids) == ["pad", "unk", "eos"]


def test_mt5_has_its_sentinels_among_its_pieces(tokenizer_folder):
    from hornbook.text.sentencepiece.model_file import USER_DEFINED, new_piece, with_pieces

    model = model_of(tokenizer_folder, "t5")
    size = SentencePieceTokenizer(model).vocabulary_size - 100
    model = with_pieces(model, [new_piece("▁<extra_id_0>", USER_DEFINED)])
    tokenizer = SentencePieceTokenizer(model)
    assert tokenizer.vocabulary_size == size + 1
    assert tokenizer.encode("a <extra_id_0>").token_ids[-2:] == [size, 1]


def test_kept_pieces_have_new_ids_and_texts_are_split_into_them(opened, tmp_path):
    tokenizer = opened("t5")
    ids = [0, 1, 2, *sorted({*tokenizer.encode("hello 今天").token_ids} - {0, 1, 2})]
    ids.append(tokenizer.vocabulary_size - 1)
    small = tokenizer.keep(ids)
    assert small.vocabulary_size == len(ids)
    for text in ["hello 今天", "hello <extra_id_0>"]:
        old, new = tokenizer.encode(text), small.encode(text)
        assert new.tokens == old.tokens
        assert [ids[token_id] for token_id in new.token_ids] == old.token_ids
    assert small.decode(small.encode("hello 今天").token_ids) == "hello 今天"
    small.save(tmp_path)
    again = tokenizer_from_folder(tmp_path)
    assert again.encode("hello 今天 dog") == small.encode("hello 今天 dog")
    assert again.special_ids == small.special_ids


def test_the_special_tokens_of_a_style_must_be_kept(opened):
    with pytest.raises(VocabularyError, match="no </s>"):
        opened("t5").keep([0, 2, 3, 4, 5])


def test_settings_decide_about_the_special_tokens_of_llama(tokenizer_folder, tmp_path):
    model = model_of(tokenizer_folder, "llama")
    settings = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": False}
    folder = written(tmp_path, model, **settings, add_eos_token=True)
    tokenizer = tokenizer_from_folder(folder)
    encoding = tokenizer.encode("a", "b")
    assert [t for t in encoding.tokens if t[0] == "<"] == ["</s>", "</s>"]
    assert set(encoding.segment_ids) == {0, 1}
    assert encoding.tokens[-1] == "</s>"
    assert encoding.segment_ids[-1] == 1


def test_albert_lowercases_and_strips_accents_and_offsets_stay(opened, tokenizer_folder, tmp_path):
    text = "THÉ ``lazy''"
    encoding = opened("albert").encode(text)
    assert "".join(encoding.tokens).startswith("[CLS]▁the▁")
    assert "".join(align(text, encoding.offsets)).startswith("THÉ")
    assert encoding.offsets[-2] == (10, 12)
    model = model_of(tokenizer_folder, "albert")
    settings = {"tokenizer_class": "AlbertTokenizer", "do_lower_case": False, "keep_accents": True}
    cased = tokenizer_from_folder(written(tmp_path, model, **settings))
    assert cased.encode("The").tokens != cased.encode("the").tokens


def test_a_space_is_no_part_of_a_token(opened):
    text = "the  lazy dog"
    encoding = opened("albert").encode(text)
    parts = [part for part in align(text, encoding.offsets) if part.strip()]
    assert not any(part.startswith(" ") for part in parts)
    assert "".join(parts) == "thelazydog"


def test_every_byte_of_a_character_has_its_offsets(opened):
    encoding = opened("llama").encode("龘", add_special_tokens=False)
    assert encoding.tokens[-3:] == ["<0xE9>", "<0xBE>", "<0x98>"]
    assert encoding.offsets[-3:] == [(0, 1)] * 3


def test_special_tokens_in_a_text_are_text(opened):
    for kind, token in [("t5", "</s>"), ("albert", "[MASK]"), ("xlm-roberta", "<mask>")]:
        tokenizer = opened(kind)
        ids = tokenizer.encode(f"a {token} b", add_special_tokens=False).token_ids
        assert tokenizer.encode(token).tokens.count(token) <= 1  # the one at the end
        assert tokenizer.tokens(ids).count(token) == 0


def test_added_tokens_follow_the_pieces(tokenizer_folder, tmp_path):
    model = model_of(tokenizer_folder, "llama")
    size = SentencePieceTokenizer(model).vocabulary_size
    folder = written(tmp_path, model, tokenizer_class="LlamaTokenizer", pad_token="<pad>")
    (folder / "added_tokens.json").write_text(json.dumps({"<pad>": size}), "utf-8")
    tokenizer = tokenizer_from_folder(folder)
    assert tokenizer.pad_token_id == size
    assert tokenizer.vocabulary_size == size + 1
    (folder / "added_tokens.json").write_text(json.dumps({"<pad>": size + 1}), "utf-8")
    with pytest.raises(VocabularyError, match=f"has the id {size + 1}"):
        tokenizer_from_folder(folder)


def test_a_style_can_be_named(tokenizer_folder):
    model = model_of(tokenizer_folder, "llama")
    tokenizer = SentencePieceTokenizer(model, style=LLAMA._replace(single="$A {eos}"))
    assert tokenizer.encode("a").tokens[-1] == "</s>"
    with pytest.raises(VocabularyError, match="no <pad>"):
        SentencePieceTokenizer(model, style=T5._replace(single="{pad} $A"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tokenizer_class": "PegasusTokenizer"}, "asks for PegasusTokenizer"),
        ({"tokenizer_class": "T5Tokenizer", "eos_token": "<end>"}, "no <end>|no '<end>'"),
        ({"tokenizer_class": "T5Tokenizer", "mask_token": "<none>"}, "no '<none>'"),
        ({"tokenizer_class": "AlbertTokenizer"}, r"no \[CLS\]"),
    ],
)
def test_settings_that_do_not_fit_are_named(tokenizer_folder, tmp_path, settings, message):
    folder = written(tmp_path, model_of(tokenizer_folder, "t5"), **settings)
    with pytest.raises(VocabularyError, match=message):
        tokenizer_from_folder(folder)


def test_a_model_without_special_tokens_asks_for_its_class(tokenizer_folder, tmp_path):
    from hornbook.text.sentencepiece.model_file import kept_pieces

    model = kept_pieces(model_of(tokenizer_folder, "t5"), [2, 3, 4, 5, 6])
    with pytest.raises(VocabularyError, match="Name its tokenizer_class"):
        SentencePieceTokenizer(model)


def test_pre_tokenize_is_refused(tokenizer_folder):
    with pytest.raises(OptionError, match="pre_tokenize is for WordPiece"):
        tokenizer_from_folder(tokenizer_folder("t5"), pre_tokenize=str.split)
    with pytest.raises(OptionError, match="pre_tokenize is for WordPiece"):
        tokenizer_from_folder(tokenizer_folder("gpt2"), pre_tokenize=str.split)


def test_xlm_robertas_file_starts_as_expected(tokenizer_folder, tmp_path):
    (tmp_path / "sentencepiece.bpe.model").write_bytes(model_of(tokenizer_folder, "t5"))
    with pytest.raises(VocabularyError, match="does not start with <unk>, <s> and </s>"):
        tokenizer_from_folder(tmp_path)
