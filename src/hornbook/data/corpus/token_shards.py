"""A corpus as token ids on disk: memory-mapped, checksummed shards.

A folder holds `index.json`, with the token settings and the SHA-256 of each shard, and
`shard-00000.safetensors` etc., each with a few million tokens and the positions where documents,
words and sentences begin.  Shards are memory-mapped: later epochs read no text, and only the pages
in use are in memory.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hornbook.data.corpus.shard_index import INDEX, damaged, read_index
from hornbook.errors import DataError
from hornbook.files import atomic_file, sha256_of

_DTYPES = {"U8": np.uint8, "U16": np.uint16, "I32": np.int32, "I64": np.int64}
_LARGEST_HEADER = 10_000  # bytes; ours has a few hundred


class Shard(NamedTuple):
    """A few million tokens of whole, consecutive documents.

    Attributes:
        token_ids: `(tokens,)` uint16, or int32 for a vocabulary that needs it; no special tokens.
        document_starts: `(documents,)` int64: index of the first token; no document is empty.
        word_starts: One bit per token: whether a word begins with it.
        sentence_starts: The same for sentences.
    """

    token_ids: np.ndarray
    document_starts: np.ndarray
    word_starts: np.ndarray
    sentence_starts: np.ndarray

    @classmethod
    def of_bits(
        cls, token_ids: Any, document_starts: Any, words: np.ndarray, sentences: np.ndarray
    ) -> Shard:
        """Makes a shard from booleans `(tokens,)` for the starts of words and sentences."""
        bits = (np.packbits(starts, bitorder="little") for starts in (words, sentences))
        return cls(np.asarray(token_ids), np.asarray(document_starts, np.int64), *bits)


def bits_between(packed: np.ndarray, begin: int, end: int) -> np.ndarray:
    """Returns the bits `begin` to `end`, the end excluded, as booleans."""
    octets = np.unpackbits(packed[begin // 8 : -(-end // 8)], bitorder="little")
    return octets[begin % 8 : begin % 8 + end - begin].view(bool)


def token_dtype(vocabulary_size: int) -> type[np.integer]:
    """Returns the smallest integer type for the ids of a vocabulary."""
    return np.uint16 if vocabulary_size <= 2**16 else np.int32


@dataclass(frozen=True)
class TokenShards:
    """A prepared corpus.

    Attributes:
        shards: In the order of the corpus.
        vocabulary_size: Every id is below it.
        special_ids: Ids of special tokens by what they are for: `"pad"`, `"mask"`, `"eos"` ...
        before: Tokens that the tokenizer puts before a text, such as [CLS].
        after: Tokens that it puts after a text, such as [SEP].
        sentinels: Ids of the sentinels of span corruption, `<extra_id_0>` etc.
        statistics: Counts of the preparation.
    """

    shards: Sequence[Shard]
    vocabulary_size: int
    special_ids: Mapping[str, int]
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    sentinels: tuple[int, ...] = ()
    statistics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def num_tokens(self) -> int:
        return sum(len(shard.token_ids) for shard in self.shards)

    @property
    def num_documents(self) -> int:
        return sum(len(shard.document_starts) for shard in self.shards)

    @classmethod
    def of_documents(
        cls, documents: Sequence[Sequence[Sequence[int]]], **options: Any
    ) -> TokenShards:
        """Makes a corpus in memory, in which each token is a word.

        Args:
            documents: Documents of sentences of token ids, none of them empty.
            options: The other attributes.  `before` and `after` default to [CLS] and [SEP] if
                the special ids have them.
        """
        ids: list[int] = []
        starts, sentences = [], []
        for document in documents:
            starts.append(len(ids))
            for sentence in document:
                sentences.append(len(ids))
                ids += list(sentence)
        begins = np.zeros(len(ids), bool)
        begins[sentences] = True
        array = np.array(ids, token_dtype(options["vocabulary_size"]))
        shard = Shard.of_bits(array, starts, np.ones(len(ids), bool), begins)
        special = options["special_ids"]
        if {"cls", "sep"} <= set(special):
            options = {"before": (special["cls"],), "after": (special["sep"],), **options}
        return cls([shard], **options)

    @classmethod
    def open(cls, folder: str | Path, *, verify: bool = True) -> TokenShards:
        """Opens a folder written by `prepare_shards`.

        Args:
            folder: The folder of `index.json`.
            verify: Whether to check the SHA-256 of every shard, about a second per gigabyte, or
                only the size.

        Raises:
            DataError: it is missing, unfinished, or damaged.
        """
        folder = Path(folder)
        index = read_index(folder)
        if index is None:
            raise DataError(f"{folder} has no prepared corpus: there is no {INDEX}.")
        if not index["finished"]:
            raise DataError(
                f"The corpus in {folder} is not finished.\n"
                "Prepare it again: it resumes where it stopped."
            )
        return cls(
            [read_shard(folder, entry, verify=verify) for entry in index["shards"]],
            vocabulary_size=index["vocabulary_size"],
            special_ids=index["special_ids"],
            before=tuple(index["before"]),
            after=tuple(index["after"]),
            sentinels=tuple(index["sentinels"]),
            statistics=index["statistics"],
        )


def write_shard(path: Path, shard: Shard) -> dict[str, Any]:
    """Writes a shard, atomically, and returns its entry for the index."""
    from safetensors.numpy import save

    content = save({name: np.ascontiguousarray(a) for name, a in shard._asdict().items()})
    with atomic_file(path) as file:
        file.write(content)
    return {
        "file": path.name,
        "bytes": len(content),
        "sha256": sha256_of(path),
        "documents": len(shard.document_starts),
        "tokens": len(shard.token_ids),
    }


def read_shard(folder: Path, entry: Mapping[str, Any], *, verify: bool = True) -> Shard:
    """Maps a shard into memory, after checking it against its index entry.

    Raises:
        DataError: it is missing or damaged.
    """
    path = folder / entry["file"]
    try:
        with open(path, "rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # ValueError: an empty file
        raise damaged(path) from None
    if len(content) != entry["bytes"] or (verify and sha256_of(path) != entry["sha256"]):
        raise damaged(path)
    try:
        shard = _arrays(content)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise damaged(path) from None
    if (len(shard.token_ids), len(shard.document_starts)) != (entry["tokens"], entry["documents"]):
        raise damaged(path)
    return shard


def _arrays(content: mmap.mmap) -> Shard:
    """Returns views of the arrays in a safetensors file."""
    size = int.from_bytes(content[:8], "little")
    if size > min(_LARGEST_HEADER, len(content) - 8):
        raise ValueError("invalid header size")
    header = json.loads(content[8 : 8 + size])
    arrays = {}
    for name in Shard._fields:
        begin, end = header[name]["data_offsets"]
        dtype = np.dtype(_DTYPES[header[name]["dtype"]])
        if not 0 <= begin <= end <= len(content) - 8 - size:
            raise ValueError(name)
        count, offset = (end - begin) // dtype.itemsize, 8 + size + begin
        arrays[name] = np.frombuffer(content, dtype, count, offset)
    return Shard(**arrays)
