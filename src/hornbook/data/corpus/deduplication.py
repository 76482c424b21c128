"""Finds duplicate and near-duplicate documents of a corpus.

Near duplicates share most of their runs of five words (or five Chinese characters).  MinHash
estimates the shared fraction from 128 numbers per document, and locality-sensitive hashing finds
the documents to compare, so that only similar pairs are compared.  Both come from `datasketch`.  It
takes about 2 kB of memory per document.

Reference: Broder, "On the resemblance and containment of documents", 1997.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from hornbook.data.corpus.boundaries import word_starts_of
from hornbook.data.processes import in_processes
from hornbook.errors import OptionError, did_you_mean, require
from hornbook.progress import Progress

KINDS = ("exact", "near")
SIMILAR = 0.8  # minimum share of common runs of near duplicates
PERMUTATIONS = 128
RUN = 5  # words
Mark = tuple[bytes, np.ndarray | None]  # digest, and the MinHash for near duplicates


class Duplicates(NamedTuple):
    """Repeated documents.

    Attributes:
        numbers: Indices of documents that repeat an earlier one, increasing, int64.
        exact: Number of exact repetitions, white space aside.
        near: Number of near duplicates.
    """

    numbers: np.ndarray
    exact: int
    near: int


def check_kind(kind: str) -> None:
    """Checks that duplicates of this kind can be found here.

    Raises:
        OptionError: unknown kind.
        MissingExtraError: datasketch is not installed.
    """
    if kind not in KINDS:
        raise OptionError(f"Unknown deduplicate={kind!r}.  {did_you_mean(kind, KINDS)}")
    if kind == "near":
        require("datasketch", extra="pretraining")


def find_duplicates(
    chunks: Iterable[list[str]], kind: str, *, workers: int, quiet: bool | None = None
) -> Duplicates:
    """Finds documents that repeat an earlier one.

    Args:
        chunks: Texts of the documents, in chunks.
        kind: `"exact"` or `"near"`.
        workers: Number of processes for near duplicates; 0 works in this one.
        quiet: See `Progress`.
    """
    finder = Finder(kind)
    marks_of = near_marks if kind == "near" else exact_marks
    with Progress("duplicates", unit="documents", quiet=quiet) as bar:
        for marks in in_processes(marks_of, chunks, workers=workers if kind == "near" else 0):
            finder.add(marks)
            bar.advance(len(marks), found=len(finder.numbers))
    return Duplicates(np.array(finder.numbers, np.int64), finder.exact, finder.near)


class Finder:
    """Compares documents with earlier ones; the first of its kind is never a duplicate.

    Args:
        kind: `"exact"` or `"near"`.
    """

    def __init__(self, kind: str) -> None:
        check_kind(kind)
        self._seen: set[bytes] = set()
        self._near: Any = None
        if kind == "near":
            library = require("datasketch", extra="pretraining")
            self._near = library.MinHashLSH(threshold=SIMILAR, num_perm=PERMUTATIONS)
            self._like = library.MinHash(num_perm=PERMUTATIONS)
            self._hashes: dict[int, np.ndarray] = {}
        self._count = self.exact = self.near = 0
        self.numbers: list[int] = []

    def add(self, marks: Sequence[Mark]) -> None:
        """Adds the marks of the next documents."""
        for digest, hashes in marks:
            if digest in self._seen:
                self.exact += 1
                self.numbers.append(self._count)
            elif hashes is not None and self._is_near(hashes):
                self.near += 1
                self.numbers.append(self._count)
            self._seen.add(digest)
            self._count += 1

    def _is_near(self, hashes: np.ndarray) -> bool:
        document = self._like.copy()
        document.hashvalues = hashes
        for number in self._near.query(document):
            if (self._hashes[number] == hashes).mean() >= SIMILAR:
                return True
        self._near.insert(self._count, document, check_duplication=False)
        self._hashes[self._count] = hashes
        return False


def exact_marks(texts: Iterable[str]) -> list[Mark]:
    """Returns a digest of each text, equal for texts that differ only in white space."""
    return [(_digest(text), None) for text in texts]


def near_marks(texts: Iterable[str]) -> list[Mark]:
    """Returns a digest and the MinHash of each text, `(128,)` uint32."""
    empty = require("datasketch", extra="pretraining").MinHash(num_perm=PERMUTATIONS, hashfunc=int)
    marks: list[Mark] = []
    for text in texts:
        document = empty.copy()
        document.update_batch(sorted(set(_runs(text))))
        marks.append((_digest(text), document.hashvalues))
    return marks


def _digest(text: str) -> bytes:
    plain = "".join(text.split()).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(plain, digest_size=16).digest()


def _runs(text: str) -> Iterator[int]:
    """Yields a 32-bit hash of each run of words."""
    places = np.flatnonzero(word_starts_of("whitespace")(text)).tolist()
    words = [text[a:b].strip() for a, b in zip(places, [*places[1:], len(text)], strict=True)]
    for begin in range(max(len(words) - RUN, 0) + 1):
        run = "\0".join(words[begin : begin + RUN]).lower().encode("utf-8", "surrogatepass")
        yield int.from_bytes(hashlib.blake2b(run, digest_size=4).digest(), "little")
