"""Tokenizes a corpus into shards, in one process per core, and resumes after interruptions.

Documents are read sequentially and distributed in chunks; the tokens come back in the order of the
corpus, whatever the number of processes.  The index is written after each shard: a killed run
resumes with the unfinished shard, and a finished corpus is opened right away the next time, as long
as sources, tokenizer and options are the same.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hornbook.data.corpus.boundaries import is_chinese_text
from hornbook.data.corpus.deduplication import check_kind, find_duplicates
from hornbook.data.corpus.documents import PACKED, PARQUET, corpus_files, documents
from hornbook.data.corpus.fingerprint import check_same, new_index, tokenizer_digest
from hornbook.data.corpus.shard_index import damaged, read_index, write_index
from hornbook.data.corpus.token_shards import Shard, TokenShards, write_shard
from hornbook.data.corpus.tokenizing import CutsTexts, Tokenized, begin, tokenize
from hornbook.data.processes import in_processes
from hornbook.errors import DataError, OptionError
from hornbook.files import atomic_file, locked_folder
from hornbook.progress import Progress, note

CHUNK_CHARACTERS = 2**18  # per task of a process
SHARD_TOKENS = 2**22
SMALL = 8 * 2**20  # bytes of a corpus that is not worth starting processes


def prepare_shards(
    sources: str | Path | Sequence[str | Path],
    tokenizer: CutsTexts,
    folder: str | Path,
    *,
    words: str | None = None,
    workers: int | None = None,
    text_field: str = "text",
    lines: bool = False,
    skip_bad: bool = False,
    deduplicate: str | None = None,
    part: tuple[int, int] = (0, 1),
    quiet: bool | None = None,
) -> TokenShards:
    """Tokenizes a corpus into shards, or opens existing ones.

    Args:
        sources, text_field, lines, skip_bad: See `documents`.
        tokenizer: The tokenizer of the future model.
        folder: Folder of the shards.
        words: Kind of words, see `word_starts_of`.  Defaults to `"chinese"` if a tenth of the
            beginning of the corpus is Chinese and rjieba is installed, else to `"whitespace"`.
        workers: Number of processes; 0 works in this one.  Defaults to one per core, or 0 for a
            small corpus.
        deduplicate: `"exact"` or `"near"` to drop repeated documents, see `find_duplicates`.
            Defaults to no deduplication.
        part: Index of this host and number of hosts; each prepares its share of the documents in
            a folder of its own.
        quiet: Whether to show no progress.  Defaults to `HORNBOOK_QUIET`.

    Raises:
        DataError: a source cannot be read, or the folder holds another corpus; lists what changed.
        HornbookError: a process was killed, or the disk is full; finished shards remain.
        LockedError: another process prepares the same folder.
    """
    folder = Path(folder)
    if not 0 <= part[0] < part[1]:
        raise OptionError(
            f"part={part} is impossible; for two hosts the parts are (0, 2) and (1, 2)."
        )
    if deduplicate is not None:
        check_kind(deduplicate)
    files = corpus_files(sources)
    reading = {"text_field": text_field, "lines": lines, "skip_bad": skip_bad}
    options = {"words": words, "deduplicate": deduplicate, "part": list(part)}
    index = read_index(folder)
    if index is not None and index["finished"]:
        check_same(
            folder, index["fingerprint"], _fingerprint(files, tokenizer, reading, options, index)
        )
        shards = TokenShards.open(folder)
        note(f"{folder}: already prepared, {shards.num_tokens:,} tokens.", quiet=quiet)
        return shards
    with locked_folder(folder, what=f"The corpus that is prepared in {folder}"):
        _prepare(folder, files, tokenizer, reading, options, workers=workers, quiet=quiet)
    return TokenShards.open(folder)


def _fingerprint(
    files: Sequence[Path],
    tokenizer: CutsTexts,
    reading: Mapping[str, Any],
    options: Mapping[str, Any],
    index: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Returns everything the tokens depend on; the default of `words` is taken from `index`."""
    words = options["words"]
    if words is None:
        before = {} if index is None else index["fingerprint"]["options"]
        words = before.get("words") or _usual_words(files, reading)
    return {
        "sources": {str(file.resolve()): _state_of(file) for file in files},
        "tokenizer": tokenizer_digest(tokenizer),
        "options": {**reading, **options, "words": words},
        "sizes": [CHUNK_CHARACTERS, SHARD_TOKENS],
    }


def _prepare(
    folder: Path,
    files: Sequence[Path],
    tokenizer: CutsTexts,
    reading: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    workers: int | None,
    quiet: bool | None,
) -> None:
    """Makes the missing shards; the caller holds the lock of the folder."""
    index = read_index(folder)  # another process may just have finished it
    fingerprint = _fingerprint(files, tokenizer, reading, options, index)
    if index is None:
        index = new_index(fingerprint, tokenizer)
    else:
        check_same(folder, index["fingerprint"], fingerprint)
    if index["finished"]:
        return
    start = time.monotonic()
    if workers is None:
        small = sum(file.stat().st_size for file in files) < SMALL
        workers = 0 if small else os.cpu_count() or 1
    dropped = np.zeros(0, np.int64)
    if options["deduplicate"] is not None:
        chunks = _chunks(files, reading, (0, 1), dropped)
        dropped = _dropped(folder, index, chunks, options["deduplicate"], workers, quiet)
    work = _Work(folder, index, total=_total(files), quiet=quiet)
    chunks = islice(_chunks(files, reading, options["part"], dropped), index["chunks"], None)
    words = fingerprint["options"]["words"]
    tokenized = in_processes(
        tokenize, chunks, workers=workers, begin=begin, arguments=(tokenizer, words)
    )
    work.do(tokenized)
    _report(index["statistics"], time.monotonic() - start, quiet)


def _dropped(
    folder: Path,
    index: dict[str, Any],
    chunks: Iterable[list[str]],
    kind: str,
    workers: int,
    quiet: bool | None,
) -> np.ndarray:
    """Returns the indices of documents to drop, which are cached in the folder."""
    path = folder / "duplicates.npy"
    if "duplicates" in index["statistics"]:
        try:
            indices: np.ndarray = np.load(path, allow_pickle=False)
            return indices
        except (OSError, ValueError):
            raise damaged(path) from None
    duplicates = find_duplicates(chunks, kind, workers=workers, quiet=quiet)
    with atomic_file(path) as file:
        np.save(file, duplicates.numbers, allow_pickle=False)
    index["statistics"] |= {"duplicates": duplicates.exact, "near_duplicates": duplicates.near}
    write_index(folder, index)
    return duplicates.numbers


def _chunks(
    files: Sequence[Path], reading: Mapping[str, Any], part: Sequence[int], dropped: np.ndarray
) -> Iterator[list[str]]:
    """Yields chunks of texts that depend on nothing but the corpus."""
    left_out = set(dropped.tolist())
    chunk: list[str] = []
    size = number = 0
    for count, document in enumerate(documents(files, **reading)):
        if count in left_out:
            continue
        chunk.append(document.text)
        size += len(document.text)
        if size >= CHUNK_CHARACTERS:
            if number % part[1] == part[0]:
                yield chunk
            chunk, size, number = [], 0, number + 1
    if chunk and number % part[1] == part[0]:
        yield chunk


class _Work:
    """Collects tokens into shards and updates the index.

    Args:
        folder: Folder of the shards.
        index: The index so far.
        total: Bytes of text, if known.
        quiet: See `Progress`.
    """

    def __init__(
        self, folder: Path, index: dict[str, Any], *, total: int | None, quiet: bool | None
    ) -> None:
        self.folder, self.index, self.total, self.quiet = folder, index, total, quiet
        self.waiting: list[Tokenized] = []
        self.waiting_tokens = 0

    def do(self, tokenized: Iterator[Tokenized]) -> None:
        """Writes all shards and completes the index."""
        total = None if self.total is None else self.total // 1000
        with Progress("preparing", total=total, unit="kB", quiet=self.quiet) as bar:
            bar.advance(self.index["statistics"].get("bytes", 0) // 1000)
            for chunk in tokenized:
                self.waiting.append(chunk)
                self.waiting_tokens += len(chunk.token_ids)
                bar.advance(chunk.counts["bytes"] // 1000, tokens=self.tokens)
                if self.waiting_tokens >= SHARD_TOKENS:
                    self._write()
            bar.total = bar.done
        if self.waiting:
            self._write()
        if not self.index["shards"]:
            raise DataError("The corpus has no text that gives any tokens.")
        self.index["finished"] = True
        write_index(self.folder, self.index)

    @property
    def tokens(self) -> int:
        return int(self.index["statistics"].get("tokens", 0)) + self.waiting_tokens

    def _write(self) -> None:
        index, waiting = self.index, self.waiting
        if self.waiting_tokens:
            lengths = [len(chunk.token_ids) for chunk in waiting]
            begins = np.cumsum(lengths) - lengths
            starts = [chunk.document_starts + at for chunk, at in zip(waiting, begins, strict=True)]
            shard = Shard.of_bits(
                np.concatenate([chunk.token_ids for chunk in waiting]),
                np.concatenate(starts),
                np.concatenate([chunk.word_starts for chunk in waiting]),
                np.concatenate([chunk.sentence_starts for chunk in waiting]),
            )
            path = self.folder / f"shard-{len(index['shards']):05}.safetensors"
            index["shards"].append(write_shard(path, shard))
        statistics = Counter(index["statistics"])
        statistics["documents"] += sum(len(chunk.document_starts) for chunk in waiting)
        statistics["tokens"] += self.waiting_tokens
        for chunk in waiting:
            statistics.update(chunk.counts)
        index["statistics"] = dict(statistics)
        index["chunks"] += len(waiting)
        write_index(self.folder, index)
        self.waiting, self.waiting_tokens = [], 0


def _usual_words(files: Sequence[Path], reading: Mapping[str, Any]) -> str:
    """Chooses the default kind of words by the first documents."""
    texts = islice(documents(files, **reading), 1000)
    beginning = "".join(document.text[:1000] for document in texts)
    if not is_chinese_text(beginning):
        return "whitespace"
    if find_spec("rjieba") is None:
        note(
            "Each Chinese character counts as a word, since rjieba is not installed.\n"
            "For jieba's words:  pip install 'hornbook[chinese]'"
        )
        return "whitespace"
    return "chinese"


def _state_of(file: Path) -> list[int]:
    state = file.stat()
    return [state.st_size, state.st_mtime_ns]


def _total(files: Sequence[Path]) -> int | None:
    """Returns the bytes of text, or None if a file is compressed."""
    plain = all(file.suffix.lower() not in (*PACKED, *PARQUET) for file in files)
    return sum(file.stat().st_size for file in files) if plain else None


def _report(statistics: Mapping[str, int], seconds: float, quiet: bool | None) -> None:
    """Prints one line of statistics."""
    summary = (
        f"{statistics['documents']:,} documents, {statistics['characters']:,} characters, "
        f"{statistics['tokens']:,} tokens, {statistics['unknown']:,} of them unknown"
    )
    if "duplicates" in statistics:
        exact, near = statistics["duplicates"], statistics["near_duplicates"]
        summary += f"; dropped {exact:,} duplicate and {near:,} near-duplicate documents"
    speed = statistics["bytes"] / 1e6 / max(seconds, 1e-9)
    note(f"{summary}; {speed:.1f} MB/s", quiet=quiet)
