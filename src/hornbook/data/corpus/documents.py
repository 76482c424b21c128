"""Reads the documents of a corpus one by one: text, JSON lines, Parquet, compressed or not.

A corpus is files, folders and patterns such as `wiki/*.jsonl.zst`.  Documents are ordered by
source, and within folders and patterns by name, so a document has the same index on every machine
and in every run.  One document is in memory at a time.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from hornbook.data.readers.json_lines import MAX_ARRAY_BYTES, parse_json_lines
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.text_lines import MAX_LINE_BYTES, STANDARD_INPUT, note_once, text_lines
from hornbook.errors import DataError, did_you_mean
from hornbook.tabular.opening import unreadable
from hornbook.tabular.parquet import parquet_column

PACKED = (".gz", ".zst")
PARQUET = (".parquet", ".pq")
JSON_LINES = (".jsonl", ".ndjson", ".json")
TEXT = (".txt", ".text", ".md")
LONGEST_BLOCK = 2**20  # characters; a longer block is split into several documents
LONGEST_TEXT_LINE = (
    16 * MAX_LINE_BYTES
)  # some corpora are a single line; only for uncompressed files
SHOWN = 5  # skipped documents that are listed


class Document(NamedTuple):
    """One document.

    Attributes:
        text: The text, not blank.
        file: The file it came from.
        line: Its first line, or the row of a Parquet file, from 1.
    """

    text: str
    file: str
    line: int


def documents(
    sources: str | Path | Sequence[str | Path],
    text_field: str = "text",
    *,
    lines: bool = False,
    encoding: str | None = None,
    skip_bad: bool = False,
) -> Iterator[Document]:
    """Yields the documents of a corpus.

    In a text file each block between blank lines is a document, or each line.  Nothing but the
    line ends and blank lines between documents is lost.  White space alone is not a document.

    Args:
        sources: Files, folders or patterns.  The suffix decides between Parquet, JSON lines and
            text, which is the default.
        text_field: Field of the text in a JSON object or a Parquet row.
        lines: Whether each line of a text file is a document of its own.
        encoding: A Python encoding name.  Defaults to detecting it for each file.
        skip_bad: Whether to skip unreadable documents, count them and list the first ones.
            Defaults to an error at the first.

    Raises:
        DataError: with file and line: not text, not JSON, no such field, no text in it, a damaged
            file; or there is nothing to read.
        MissingExtraError: Parquet or `.zst` without pyarrow installed.
    """
    problems = Problems(stop_at_first=not skip_bad, shown=SHOWN)
    count = 0
    for file in corpus_files(sources):
        for document in _documents_of(file, text_field, lines, encoding, problems):
            count += 1
            yield document
    if problems.count:
        share = f"{problems.count:,} of {problems.count + count:,}"
        note_once(f"Skipped {share} documents, which cannot be read:\n{problems.listing()}")


def sample_texts(
    sources: str | Path | Sequence[str | Path],
    characters: int,
    text_field: str = "text",
    *,
    lines: bool = False,
    skip_bad: bool = False,
) -> Iterator[str]:
    """Yields every n-th document of the corpus, about `characters` in total.

    Raises:
        DataError: see `documents`.
    """
    step = max(1, _characters_about(corpus_files(sources)) // characters)
    every = documents(sources, text_field, lines=lines, skip_bad=skip_bad)
    return (document.text for document in islice(every, 0, None, step))


def _characters_about(files: Iterable[Path]) -> int:
    """Estimates characters as half the bytes (four times those of compressed files)."""
    packed = (*PACKED, *PARQUET)
    return (
        sum(file.stat().st_size * (4 if file.suffix.lower() in packed else 1) for file in files)
        // 2
    )


def corpus_files(sources: str | Path | Sequence[str | Path]) -> list[Path]:
    """Returns the files of a corpus in reading order, each once.

    Raises:
        DataError: a source does not exist, or a folder or pattern has no readable file.
    """
    if isinstance(sources, str | Path):
        sources = [sources]
    files = [file for source in sources for file in _files_of(source)]
    if not files:
        raise DataError("There is no corpus: name files, folders or patterns such as data/*.txt.")
    first: dict[Path, Path] = {}
    for file in files:
        first.setdefault(file.resolve(), file)
    return list(first.values())


def _files_of(source: str | Path) -> list[Path]:
    if str(source) == STANDARD_INPUT:
        raise DataError(
            "A corpus is read more than once, so it cannot be standard input.\nSave it in a file."
        )
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        files = [file for file in _files_below(path) if _is_readable(file.relative_to(path))]
    else:
        files = [Path(name) for name in glob.glob(str(source), recursive=True)]
        if not files:
            raise DataError(
                f"There is no {source}.\n"
                "Expected a file, a folder, or a pattern such as data/*.txt."
            )
    files = sorted(file for file in files if file.is_file())
    if not files:
        kinds = ", ".join((*TEXT, *JSON_LINES, *PARQUET))
        raise DataError(f"{source} has no file to read: {kinds}, or one of them as .gz or .zst.")
    return files


def _files_below(folder: Path) -> Iterator[Path]:
    """Yields all files below a folder; an unreadable folder is an error."""

    def refuse(error: OSError) -> None:
        raise unreadable(error.filename, error)

    for name, _, files in os.walk(folder, onerror=refuse):
        yield from (Path(name, file) for file in files)


def _is_readable(name: Path) -> bool:
    """Whether a file belongs to the corpus, by its suffix, and is not hidden."""
    hidden = any(part.startswith(".") for part in name.parts)
    return not hidden and _suffix_of(name) in (*TEXT, *JSON_LINES, *PARQUET)


def _suffix_of(path: Path) -> str:
    path = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return path.suffix.lower()


def _documents_of(
    file: Path, text_field: str, lines: bool, encoding: str | None, problems: Problems
) -> Iterator[Document]:
    suffix = _suffix_of(file)
    if suffix not in (*PARQUET, *JSON_LINES):
        yield from _text_documents(file, lines, encoding, problems)
        return
    for number, row in _rows_of(file, suffix, text_field, encoding, problems):
        text = row.get(text_field)
        if not isinstance(text, str):
            problems.add(f"{file}:{number}", _no_text(row, text_field))
        elif text.strip():
            yield Document(text, str(file), number)


def _rows_of(
    file: Path, suffix: str, text_field: str, encoding: str | None, problems: Problems
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yields the rows of a file that holds one text per row."""
    if suffix in PARQUET:
        for number, text in parquet_column(file, text_field):
            yield number, {text_field: text}
        return
    numbered = text_lines(
        file,
        problems,
        encoding=encoding,
        max_array_bytes=MAX_ARRAY_BYTES,
        fallback=_fallback(problems),
    )
    yield from parse_json_lines(numbered, str(file), problems)


def _no_text(row: Mapping[str, Any], text_field: str) -> str:
    if text_field not in row:
        return f"there is no {text_field!r}.  {did_you_mean(text_field, row)}"
    value = row[text_field]
    if isinstance(value, bytes):
        return f"{text_field!r} is not UTF-8 text."
    kind = "empty" if value is None else type(value).__name__
    return f"{text_field!r} must be a text, but is {kind}."


def _text_documents(
    file: Path, lines: bool, encoding: str | None, problems: Problems
) -> Iterator[Document]:
    block: list[str] = []
    first, size, bad = 1, 0, False
    limit = MAX_LINE_BYTES if file.suffix.lower() in PACKED else LONGEST_TEXT_LINE
    numbered = text_lines(
        file, problems, encoding=encoding, max_line_bytes=limit, fallback=_fallback(problems)
    )
    count = problems.count
    for number, line in numbered:
        if line.endswith("\r\n"):
            line = line[:-2] + "\n"
        blank = not line.strip()
        if problems.count > count:  # lines before this one were skipped
            bad, count = bad or (not lines and (bool(block) or not blank)), problems.count
        if block and (lines or blank or size + len(line) > LONGEST_BLOCK):
            if not bad:
                yield Document("".join(block).removesuffix("\n"), str(file), first)
            block, size = [], 0
        bad = bad and not blank
        if not blank:
            first = first if block else number
            block.append(line)
            size += len(line)
    if block and not bad and (lines or problems.count == count):
        yield Document("".join(block).removesuffix("\n"), str(file), first)


def _fallback(problems: Problems) -> str | None:
    """If documents may be skipped, a file of unclear encoding is read as damaged UTF-8."""
    return None if problems.stop_at_first else "utf-8"
