"""Changes the pieces of a SentencePiece model file, and opens it.

The file is a protocol buffer; its field 1, repeated, is the pieces in the order of their ids.
Each has its text (field 1), its score (2) and its kind (3).

Reference: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hornbook.errors import require
from hornbook.text.vocabulary_file import VocabularyError

CONTROL = 3  # a special token: never found in a text
USER_DEFINED = 4  # found in a text before anything else

_PIECE = 0x0A  # field 1, length-delimited
_NORMALIZER = 0x1A  # field 3; in it:
_CHARACTER_TABLE, _ADD_PREFIX = 0x12, 0x18  # field 2, length-delimited, and field 3, a number
_VARINT, _EIGHT_BYTES, _DELIMITED, _FOUR_BYTES = 0, 1, 2, 5  # how long a field is


def open_model(model: bytes, where: str) -> Any:
    """A `SentencePieceProcessor`.

    Raises:
        VocabularyError: this is no model, or one that cannot work.
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
    """A piece as the file has it, with score 0."""
    content = text.encode()
    fields = _delimited(_PIECE, content) + b"\x15" + struct.pack("<f", 0) + bytes((0x18, kind))
    return _delimited(_PIECE, fields)


def with_pieces(model: bytes, pieces: Iterable[bytes]) -> bytes:
    """The model with more pieces behind its own."""
    return model + b"".join(pieces)  # repeated fields may stand anywhere


def kept_pieces(model: bytes, piece_ids: Sequence[int]) -> bytes:
    """The model with these of its pieces only, in this order.

    Raises:
        VocabularyError: it has no such piece, one is named twice, or the file is damaged.
    """
    pieces, rest = split_pieces(model)
    if wrong := [number for number in piece_ids if not 0 <= number < len(pieces)]:
        raise VocabularyError(f"There is no piece {wrong[0]}: the ids are 0 to {len(pieces) - 1}.")
    if len(set(piece_ids)) < len(piece_ids):
        raise VocabularyError("A piece can be kept only once.")
    return with_pieces(rest, (pieces[number] for number in piece_ids))


def in_fairseq_order(model: bytes) -> bytes:
    """The model as fairseq numbers it: `<s> <pad> </s> <unk>`, the others, and `<mask>`.

    XLM-RoBERTa's file has `<unk> <s> </s>`, and neither padding nor mask.
    """
    (unknown, start, end, *others), rest = split_pieces(model)
    padding, mask = new_piece("<pad>", CONTROL), new_piece("<mask>", CONTROL)
    return with_pieces(rest, [start, padding, end, unknown, *others, mask])


def split_pieces(model: bytes) -> tuple[list[bytes], bytes]:
    """The pieces, and whatever else the file has.

    Raises:
        VocabularyError: the file is damaged.
    """
    pieces: list[bytes] = []
    others: list[bytes] = []
    for tag, content, whole in _fields(model):
        (pieces if tag == _PIECE and content is not None else others).append(whole)
    return pieces, b"".join(others)


def normalization_of(model: bytes) -> bytes:
    """The table of characters that the model reads as others, empty where there is none.

    Raises:
        VocabularyError: the file is damaged.
    """
    table = b""
    for tag, content, _ in _fields(split_pieces(model)[1]):
        if tag == _NORMALIZER:
            for inner, value, _ in _fields(content or b""):
                table = value or b"" if inner == _CHARACTER_TABLE else table
    return table


def without_prefix(model: bytes) -> bytes:
    """The model that puts no space in front of a text."""
    # a message that stands there twice is put together, and the later number counts
    return model + _delimited(_NORMALIZER, bytes((_ADD_PREFIX, 0)))


def _fields(message: bytes) -> Iterator[tuple[int, bytes | None, bytes]]:
    """Each field's tag, its content where that is bytes, and the field as it stands there."""
    position = 0
    while position < len(message):
        start = position
        tag, position = _varint(message, position)
        length = {_VARINT: 0, _EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(tag & 7)
        if tag & 7 == _VARINT:
            _, position = _varint(message, position)
        elif tag & 7 == _DELIMITED:
            length, position = _varint(message, position)
        if length is None or position + length > len(message):
            raise VocabularyError(f"The SentencePiece model is damaged at byte {start}.")
        content = message[position : position + length] if tag & 7 == _DELIMITED else None
        position += length
        yield tag, content, message[start:position]


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """The number at a position, 7 bits a byte, and the position behind it."""
    number = 0
    for shift in range(0, 70, 7):
        if position >= len(content):
            break
        byte = content[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise VocabularyError(f"The SentencePiece model is damaged at byte {position}.")


def _delimited(tag: int, content: bytes) -> bytes:
    length, number = b"", len(content)
    while number >= 0x80:
        length += bytes((number & 0x7F | 0x80,))
        number >>= 7
    return bytes((tag,)) + length + bytes((number,)) + content
