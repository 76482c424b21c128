"""Edits the pieces of a SentencePiece model file, and opens it.

The file is a protocol buffer; its field 1, repeated, is the pieces in the order of their ids.
Each has its text (field 1), its score (2) and its kind (3).

Reference: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hornbook.errors import require
from hornbook.files.protobuf import (
    FIXED32,
    VARINT,
    Field,
    bytes_field,
    fields_in_place,
    number_field,
    varint,
)
from hornbook.text.vocabulary_file import VocabularyError

CONTROL = 3  # a special token: never found in a text
USER_DEFINED = 4  # found in a text before anything else

_PIECE, _NORMALIZER = 1, 3  # fields of the model
_TEXT, _SCORE, _KIND = 1, 2, 3  # fields of a piece
_CHARACTER_TABLE, _ADD_PREFIX = 2, 3  # fields of the normalizer


def open_model(model: bytes, where: str) -> Any:
    """Opens a `SentencePieceProcessor`.

    Raises:
        VocabularyError: not a model, or an unusable one.
        MissingExtraError: the package is not installed.
    """
    sentencepiece = require("sentencepiece", extra="sentencepiece")
    if not model:
        raise VocabularyError(f"{where} is empty.")
    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise VocabularyError(
            f"{where} cannot be used as a SentencePiece model: {reason}."
        ) from None
    if not processor.get_piece_size():
        raise VocabularyError(f"{where} has no pieces.")
    return processor


def has_piece(processor: Any, piece: str) -> bool:
    """Whether an open model has a piece; an unknown one has the id of `<unk>`."""
    return bool(processor.id_to_piece(processor.piece_to_id(piece)) == piece)


def new_piece(text: str, kind: int) -> bytes:
    """Serializes a piece with score 0."""
    zero = varint(_SCORE << 3 | FIXED32) + struct.pack("<f", 0)
    return bytes_field(_PIECE, bytes_field(_TEXT, text.encode()) + zero + number_field(_KIND, kind))


def with_pieces(model: bytes, pieces: Iterable[bytes]) -> bytes:
    """Returns the model with more pieces after its own."""
    return model + b"".join(pieces)  # repeated fields may stand anywhere


def kept_pieces(model: bytes, piece_ids: Sequence[int]) -> bytes:
    """Returns the model with only these pieces, in this order.

    Raises:
        VocabularyError: no such piece, a repeated piece, or a damaged file.
    """
    pieces, rest = split_pieces(model)
    if wrong := [number for number in piece_ids if not 0 <= number < len(pieces)]:
        raise VocabularyError(f"There is no piece {wrong[0]}: the ids are 0 to {len(pieces) - 1}.")
    if len(set(piece_ids)) < len(piece_ids):
        raise VocabularyError("A piece can be kept only once.")
    return with_pieces(rest, (pieces[number] for number in piece_ids))


def in_fairseq_order(model: bytes) -> bytes:
    """Reorders pieces as in fairseq: `<s> <pad> </s> <unk>`, the others, and `<mask>`.

    XLM-RoBERTa's file has `<unk> <s> </s>`, and neither padding nor mask.
    """
    (unknown, start, end, *others), rest = split_pieces(model)
    padding, mask = new_piece("<pad>", CONTROL), new_piece("<mask>", CONTROL)
    return with_pieces(rest, [start, padding, end, unknown, *others, mask])


def split_pieces(model: bytes) -> tuple[list[bytes], bytes]:
    """Splits a model into its pieces and the rest of the file.

    Raises:
        VocabularyError: the file is damaged.
    """
    pieces: list[bytes] = []
    others: list[bytes] = []
    for field in _fields(model):
        is_piece = field.number == _PIECE and isinstance(field.value, bytes)
        (pieces if is_piece else others).append(model[field.start : field.end])
    return pieces, b"".join(others)


def normalization_of(model: bytes) -> bytes:
    """Returns the character normalization table of the model, empty if there is none.

    Raises:
        VocabularyError: the file is damaged.
    """
    table = b""
    for field in _fields(split_pieces(model)[1]):
        if field.number == _NORMALIZER and isinstance(field.value, bytes):
            for inner in _fields(field.value):
                if inner.number == _CHARACTER_TABLE and isinstance(inner.value, bytes):
                    table = inner.value
    return table


def without_prefix(model: bytes) -> bytes:
    """Returns the model without a space before the text."""
    # repeated messages are merged, and the last value counts
    return model + bytes_field(_NORMALIZER, varint(_ADD_PREFIX << 3 | VARINT) + varint(0))


def _fields(message: bytes) -> Iterator[Field]:
    end = 0
    try:
        for field in fields_in_place(message):
            yield field
            end = field.end
    except ValueError:
        raise VocabularyError(f"The SentencePiece model is damaged at byte {end}.") from None
