"""Makes token shards of a corpus, with a process a core, and goes on where it was stopped.

Documents are read one after the other and handed out in chunks; the tokens come back in the order
of the corpus, whatever the number of processes.  After each shard the index is written: a run that
is killed goes on with the shard that was not finished, and one that is finished is opened at once
the next time, as long as sources, tokenizer and options are the same.
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
from hornbook.data.corpus.tokenizing import CutsTexts, Tokenised, begin, tokenise
from hornbook.data.processes import in_processes
from hornbook.errors import DataError, OptionError
from hornbook.files import atomic_file, locked_folder
from hornbook.progress import Progress, note

CHUNK_CHARACTERS = 2**18  # that a process is given at a time
SHARD_TOKENS = 2**22
SMALL = 8 * 2**20  # bytes of a corpus that starting processes does not pay for


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
    """Makes token shards of a corpus, or opens those that are there already.

    Args:
        sources, text_field, lines, skip_bad: See `documents`.
        tokenizer: That of the model to be.
        folder: Where the shards go.
        words: What counts as a word, see `word_starts_of`.  Defaults to jieba's words where a
            tenth of the beginning of the corpus is Chinese and rjieba is installed, else to
            letters in a row, of which each Chinese character is one.
        workers: Processes; 0: this one alone; None: one a core, and none for a small corpus.
        deduplicate: `"exact"` or `"near"`: leaves out documents that were there before, see
            `find_duplicates`.
        part: Which host this is of how many; each prepares its share of the documents, into a
            folder of its own.
        quiet: True shows no progress; None asks `HORNBOOK_QUIET`.

    Raises:
        DataError: a source cannot be read, or the folder holds another corpus; the message says
            what changed.
        HornbookError: a process was killed, or the disk is full; what is done stays.
        LockedError: another process prepares the same folder.
    """
    folder = Path(folder)
    if not 0 <= part[0] < part[1]:
        raise OptionError(
            f"part={part} is not possible: (0, 2) and (1, 2) are the parts for two hosts."
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
        note(f"{folder}: prepared already, {shards.num_tokens:,} tokens.", quiet=quiet)
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
    """All that the tokens depend on; `words`, where nobody chose, as in `index`."""
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
    """Makes the shards that are missing; the folder is ours."""
    index = read_index(folder)  # perhaps another process has just left it
    fingerprint = _fingerprint(files, tokenizer, reading, options, index)
    if index is None:
        index = new_index(fingerprint, tokenizer)
    else:
        check_same(folder, index["fingerprint"], fingerprint)
    if index["finished"]:
        return
    begun = time.monotonic()
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
    found = in_processes(
        tokenise, chunks, workers=workers, begin=begin, arguments=(tokenizer, words)
    )
    work.do(found)
    _say(index["statistics"], time.monotonic() - begun, quiet)


def _dropped(
    folder: Path,
    index: dict[str, Any],
    chunks: Iterable[list[str]],
    kind: str,
    workers: int,
    quiet: bool | None,
) -> np.ndarray:
    """The numbers of the documents to leave out, found once and kept in the folder."""
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
    """The texts of some documents at a time; which, nothing but the corpus decides."""
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
    """Puts what was tokenised into shards, and keeps the index up to date.

    Args:
        folder: Of the shards.
        index: What was done before.
        total: Bytes of text, where they are known.
        quiet: See `Progress`.
    """

    def __init__(
        self, folder: Path, index: dict[str, Any], *, total: int | None, quiet: bool | None
    ) -> None:
        self.folder, self.index, self.total, self.quiet = folder, index, total, quiet
        self.waiting: list[Tokenised] = []
        self.waiting_tokens = 0

    def do(self, tokenised: Iterator[Tokenised]) -> None:
        """Takes everything, writes all shards, and finishes the index."""
        total = None if self.total is None else self.total // 1000
        with Progress("preparing", total=total, unit="kB", quiet=self.quiet) as bar:
            bar.advance(self.index["statistics"].get("bytes", 0) // 1000)
            for found in tokenised:
                self.waiting.append(found)
                self.waiting_tokens += len(found.token_ids)
                bar.advance(found.counts["bytes"] // 1000, tokens=self.tokens)
                if self.waiting_tokens >= SHARD_TOKENS:
                    self._write()
            bar.total = bar.done
        if self.waiting:
            self._write()
        if not self.index["shards"]:
            raise DataError("The corpus has no text that the tokenizer makes tokens of.")
        self.index["finished"] = True
        write_index(self.folder, self.index)

    @property
    def tokens(self) -> int:
        return int(self.index["statistics"].get("tokens", 0)) + self.waiting_tokens

    def _write(self) -> None:
        index, waiting = self.index, self.waiting
        if self.waiting_tokens:
            lengths = [len(found.token_ids) for found in waiting]
            begins = np.cumsum(lengths) - lengths
            starts = [found.document_starts + at for found, at in zip(waiting, begins, strict=True)]
            shard = Shard.of_bits(
                np.concatenate([found.token_ids for found in waiting]),
                np.concatenate(starts),
                np.concatenate([found.word_starts for found in waiting]),
                np.concatenate([found.sentence_starts for found in waiting]),
            )
            path = self.folder / f"shard-{len(index['shards']):05}.safetensors"
            index["shards"].append(write_shard(path, shard))
        statistics = Counter(index["statistics"])
        statistics["documents"] += sum(len(found.document_starts) for found in waiting)
        statistics["tokens"] += self.waiting_tokens
        for found in waiting:
            statistics.update(found.counts)
        index["statistics"] = dict(statistics)
        index["chunks"] += len(waiting)
        write_index(self.folder, index)
        self.waiting, self.waiting_tokens = [], 0


def _usual_words(files: Sequence[Path], reading: Mapping[str, Any]) -> str:
    """What counts as a word where nobody said so, by a look at a few documents."""
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
    """Bytes of text to come; None where a file is packed."""
    plain = all(file.suffix.lower() not in (*PACKED, *PARQUET) for file in files)
    return sum(file.stat().st_size for file in files) if plain else None


def _say(statistics: Mapping[str, int], seconds: float, quiet: bool | None) -> None:
    """One line on what was done."""
    counted = (
        f"{statistics['documents']:,} documents, {statistics['characters']:,} characters, "
        f"{statistics['tokens']:,} tokens, {statistics['unknown']:,} of them unknown"
    )
    if "duplicates" in statistics:
        exact, near = statistics["duplicates"], statistics["near_duplicates"]
        counted += f"; left out: {exact:,} documents that were there before, {near:,} nearly so"
    speed = statistics["bytes"] / 1e6 / max(seconds, 1e-9)
    note(f"{counted}; {speed:.1f} MB/s", quiet=quiet)
