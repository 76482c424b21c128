"""Finds documents that a corpus has more than once: the same, or nearly so.

Near duplicates share most of their runs of five words (of five Chinese characters).  MinHash
estimates how many from 128 numbers a document, and locality-sensitive hashing finds which
documents to compare, so that no pair is looked at that has little in common.  Both are
`datasketch`'s.  It takes about 2 kB of memory a document.

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
SIMILAR = 0.8  # of the runs of words that two documents have, how many they share
PERMUTATIONS = 128
RUN = 5  # words
Mark = tuple[bytes, np.ndarray | None]  # a digest, and for near duplicates a MinHash


class Duplicates(NamedTuple):
    """What was found.

    Attributes:
        numbers: Of the documents that were there before, rising, int64.
        exact: How many of them are the same as one before, white space aside.
        near: How many are nearly so.
    """

    numbers: np.ndarray
    exact: int
    near: int


def check_kind(kind: str) -> None:
    """Makes sure that duplicates of this kind can be found here.

    Raises:
        OptionError: there is no such kind.
        MissingExtraError: datasketch is not installed.
    """
    if kind not in KINDS:
        raise OptionError(f"Unknown deduplicate={kind!r}.  {did_you_mean(kind, KINDS)}")
    if kind == "near":
        require("datasketch", extra="pretraining")


def find_duplicates(
    chunks: Iterable[list[str]], kind: str, *, workers: int, quiet: bool | None = None
) -> Duplicates:
    """Finds the documents that were there before.

    Args:
        chunks: The texts of the documents, some at a time.
        kind: `"exact"` or `"near"`.
        workers: Processes for near duplicates; 0: this one alone.
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
    """Looks at documents one after the other; the first of its kind is never a duplicate.

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
            self._kept: dict[int, Any] = {}
        self._count = self.exact = self.near = 0
        self.numbers: list[int] = []

    def add(self, marks: Sequence[Mark]) -> None:
        """Looks at the marks of the next documents, of `marks_of`."""
        for digest, hashes in marks:
            if digest in self._seen:
                self.exact += 1
                self.numbers.append(self._count)
            elif hashes is not None and self._was_near(hashes):
                self.near += 1
                self.numbers.append(self._count)
            self._seen.add(digest)
            self._count += 1

    def _was_near(self, hashes: np.ndarray) -> bool:
        document = self._like.copy()
        document.hashvalues = hashes
        for number in self._near.query(document):
            if (self._kept[number] == hashes).mean() >= SIMILAR:
                return True
        self._near.insert(self._count, document, check_duplication=False)
        self._kept[self._count] = hashes
        return False


def exact_marks(texts: Iterable[str]) -> list[Mark]:
    """Of each text a digest, the same for texts that differ in white space only."""
    return [(_digest(text), None) for text in texts]


def near_marks(texts: Iterable[str]) -> list[Mark]:
    """Of each text a digest and its MinHash, `(128,)` uint32."""
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
    """A number of 32 bits for each run of words."""
    places = np.flatnonzero(word_starts_of("whitespace")(text)).tolist()
    words = [text[a:b].strip() for a, b in zip(places, [*places[1:], len(text)], strict=True)]
    for begin in range(max(len(words) - RUN, 0) + 1):
        run = "\0".join(words[begin : begin + RUN]).lower().encode("utf-8", "surrogatepass")
        yield int.from_bytes(hashlib.blake2b(run, digest_size=4).digest(), "little")
