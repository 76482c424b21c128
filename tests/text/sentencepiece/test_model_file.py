from __future__ import annotations

import random

import pytest

pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")

from hornbook.text.sentencepiece.model_file import (
    CONTROL,
    USER_DEFINED,
    has_piece,
    in_fairseq_order,
    kept_pieces,
    new_piece,
    open_model,
    split_pieces,
    with_pieces,
)
from hornbook.text.sentencepiece.processor import SentencePieceTokenizer
from hornbook.text.vocabulary_file import VocabularyError


@pytest.fixture
def model(tokenizer_folder):
    return (tokenizer_folder("t5") / "spiece.model").read_bytes()


def pieces_of(model):
    processor = open_model(model, "here")
    return [processor.id_to_piece(number) for number in range(processor.get_piece_size())]


def test_a_model_split_and_joined_is_unchanged(model):
    pieces, rest = split_pieces(model)
    assert len(pieces) == open_model(model, "here").get_piece_size()
    assert pieces_of(with_pieces(rest, pieces)) == pieces_of(model)


def test_new_pieces_are_at_the_end(model):
    long = "长" * 100  # more than 127 bytes: the length takes two
    more = with_pieces(model, [new_piece("<new>", CONTROL), new_piece(long, USER_DEFINED)])
    assert pieces_of(more) == [*pieces_of(model), "<new>", long]
    processor = open_model(more, "here")
    assert processor.is_control(processor.piece_to_id("<new>"))
    assert long in processor.encode(f"a{long}", return_type=str)
    assert "<new>" not in processor.encode("a <new>", return_type=str)
    assert has_piece(processor, "<new>")
    assert not has_piece(processor, "<none>")


def test_kept_pieces_are_in_their_new_order(model):
    names = pieces_of(model)
    order = [2, 0, 1, *range(len(names) - 1, 5, -1)]
    assert pieces_of(kept_pieces(model, order)) == [names[number] for number in order]
    with pytest.raises(VocabularyError, match="There is no piece 999"):
        kept_pieces(model, [0, 999])
    with pytest.raises(VocabularyError, match="only once"):
        kept_pieces(model, [0, 1, 0])
    with pytest.raises(VocabularyError, match="cannot be used"):
        open_model(kept_pieces(model, [0, 1]), "here")  # without <unk>


def test_fairseqs_order_starts_with_four_special_tokens(tokenizer_folder):
    model = (tokenizer_folder("xlm-roberta") / "sentencepiece.bpe.model").read_bytes()
    first = ["<s>", "<pad>", "</s>", "<unk>"]
    assert pieces_of(in_fairseq_order(model)) == [*first, *pieces_of(model)[3:], "<mask>"]


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"no model",
        b"\x0a\xff\xff\xff\xff\x07",
        b"\x0a\x05ab",
        b"\x0b",
        b"\xff" * 30,
        bytes(99),
    ],
)
def test_an_invalid_model_is_named(damaged, tmp_path):
    with pytest.raises(VocabularyError, match="here"):
        open_model(damaged, "here")
    (tmp_path / "spiece.model").write_bytes(damaged)
    with pytest.raises(VocabularyError, match=r"spiece\.model"):
        SentencePieceTokenizer(tmp_path / "spiece.model")


@pytest.mark.parametrize(
    "damaged",
    [b"\x0a\xff\xff\xff\xff\x07", b"\x0a\x05ab", b"\x0b", b"\xff" * 30, b"\x08", b"\x0d\x01"],
)
def test_a_field_beyond_the_file_is_an_error(damaged):
    with pytest.raises(VocabularyError, match="damaged at byte"):
        split_pieces(damaged)


def test_a_damaged_model_is_an_error_or_works(model):
    random_bytes = random.Random(7)
    for _ in range(150):
        damaged = bytearray(model)
        for _ in range(random_bytes.choice([1, 3])):
            damaged[random_bytes.randrange(len(damaged))] = random_bytes.randrange(256)
        del damaged[random_bytes.randrange(len(damaged)) + 200 :]
        try:
            tokenizer = SentencePieceTokenizer(bytes(damaged))
        except VocabularyError:
            continue
        assert tokenizer.decode(tokenizer.encode("hello 今天").token_ids) is not None


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(VocabularyError, match="Could not read"):
        SentencePieceTokenizer(tmp_path / "none.model")
