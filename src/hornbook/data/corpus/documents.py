"""Documents of a corpus, one after the other: text, JSON lines, Parquet, packed or not.

A corpus is files, folders and patterns such as `wiki/*.jsonl.zst`.  The order of the documents is
that of the sources, and within folders and patterns that of the names; so a document has the same
number on every machine and in every run.  One document is in memory at a time.
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
LONGEST_BLOCK = 2**20  # characters; a longer block goes on as another document
LONGEST_TEXT_LINE = 16 * MAX_LINE_BYTES  # some corpora are one line; not of a packed file
SHOWN = 5  # skipped documents that are named


class Document(NamedTuple):
    """One document.

    Attributes:
        text: Not empty, and more than white space.
        file: Where it came from.
        line: The line it begins in, or the row of a Parquet file, from 1.
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
    """The documents of a corpus.

    In a text file each block between blank lines is a document, or each line.  No character of
    it is lost but the line ends and blank lines between documents.  White space alone is no
    document.

    Args:
        sources: Files, folders, patterns.  A file is Parquet, JSON lines or text by its name, and
            text when the name says nothing.
        text_field: Where the text is in a JSON object or a Parquet row.
        lines: Whether each line of a text file is a document of its own.
        encoding: Python's name of it; None finds it out, file by file.
        skip_bad: Whether documents that cannot be read are left out, counted, and the first ones
            named.  Defaults to an error at the first.

    Raises:
        DataError: with file and line: not text, no JSON, no such field, no text in it, a damaged
            file; or there is nothing to read.
        MissingExtraError: Parquet or `.zst`, and pyarrow is not installed.
    """
    problems = Problems(stop_at_first=not skip_bad, shown=SHOWN)
    good = 0
    for file in corpus_files(sources):
        for document in _documents_of(file, text_field, lines, encoding, problems):
            good += 1
            yield document
    if problems.count:
        share = f"{problems.count:,} of {problems.count + good:,}"
        note_once(f"Skipped {share} documents, which cannot be read:\n{problems.listing()}")


def sample_texts(
    sources: str | Path | Sequence[str | Path],
    characters: int,
    text_field: str = "text",
    *,
    lines: bool = False,
    skip_bad: bool = False,
) -> Iterator[str]:
    """Texts of about so many characters, every n-th document of the whole corpus.

    Raises:
        DataError: See `documents`.
    """
    step = max(1, _characters_about(corpus_files(sources)) // characters)
    found = documents(sources, text_field, lines=lines, skip_bad=skip_bad)
    return (document.text for document in islice(found, 0, None, step))


def _characters_about(files: Iterable[Path]) -> int:
    """Half the bytes of text, those of packed files four times: between Chinese and English."""
    packed = (*PACKED, *PARQUET)
    return (
        sum(file.stat().st_size * (4 if file.suffix.lower() in packed else 1) for file in files)
        // 2
    )


def corpus_files(sources: str | Path | Sequence[str | Path]) -> list[Path]:
    """The files of a corpus in the order they are read, each once.

    Raises:
        DataError: a source is not there, or a folder or pattern has no file to read.
    """
    if isinstance(sources, str | Path):
        sources = [sources]
    found = [file for source in sources for file in _files_of(source)]
    if not found:
        raise DataError("There is no corpus: name files, folders or patterns such as data/*.txt.")
    first: dict[Path, Path] = {}
    for file in found:
        first.setdefault(file.resolve(), file)
    return list(first.values())


def _files_of(source: str | Path) -> list[Path]:
    if str(source) == STANDARD_INPUT:
        raise DataError(
            "A corpus is read more than once, so standard input will not do.\nSave it in a file."
        )
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [file for file in _files_below(path) if _is_readable(file.relative_to(path))]
    else:
        found = [Path(name) for name in glob.glob(str(source), recursive=True)]
        if not found:
            raise DataError(
                f"There is no {source}.\n"
                "Expected a file, a folder, or a pattern such as data/*.txt."
            )
    found = sorted(file for file in found if file.is_file())
    if not found:
        kinds = ", ".join((*TEXT, *JSON_LINES, *PARQUET))
        raise DataError(f"{source} has no file to read: {kinds}, or one of them as .gz or .zst.")
    return found


def _files_below(folder: Path) -> Iterator[Path]:
    """All files in a folder and those in it; one that cannot be opened is not passed over."""

    def refuse(error: OSError) -> None:
        raise unreadable(error.filename, error)

    for name, _, files in os.walk(folder, onerror=refuse):
        yield from (Path(name, file) for file in files)


def _is_readable(name: Path) -> bool:
    """Whether a file of a folder is part of the corpus: by its name, and not hidden."""
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
    """The rows of a file that holds a text per row."""
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
        return f"{text_field!r} is not text in UTF-8."
    kind = "empty" if value is None else type(value).__name__
    return f"{text_field!r} must be a text, and is {kind}."


def _text_documents(
    file: Path, lines: bool, encoding: str | None, problems: Problems
) -> Iterator[Document]:
    block: list[str] = []
    first, size, bad = 1, 0, False
    most = MAX_LINE_BYTES if file.suffix.lower() in PACKED else LONGEST_TEXT_LINE
    numbered = text_lines(
        file, problems, encoding=encoding, max_line_bytes=most, fallback=_fallback(problems)
    )
    count = problems.count
    for number, line in numbered:
        if line.endswith("\r\n"):
            line = line[:-2] + "\n"
        blank = not line.strip()
        if problems.count > count:  # lines before this one, which are not given
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
    """Where documents may be skipped, a file of no sure encoding is UTF-8 with broken lines."""
    return None if problems.stop_at_first else "utf-8"
