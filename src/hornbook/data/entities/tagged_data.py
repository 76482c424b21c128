"""Texts with entities or words, for training, validation and test.

A folder with `train` and optionally `valid` and `test` files, or one file, in any of the formats
of `tag_columns`, `entity_rows` and `word_lines`, which is recognized.  Without validation data a
tenth of the training texts is held out, with equal texts on one side.

Several corpora, each with its own guidelines, are a folder per corpus with these files, or rows
with a `corpus`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from hornbook.data.entities.entity_rows import is_row, read_rows, text_of
from hornbook.data.entities.tag_columns import looks_like_columns, read_columns
from hornbook.data.entities.tagged_text import TaggedText
from hornbook.data.entities.word_lines import EXAMINED, looks_like_words, read_words
from hornbook.data.readers.in_memory_rows import (
    MemoryRows,
    plain_row,
)
from hornbook.data.readers.json_lines import MAX_ARRAY_BYTES, parse_json_lines
from hornbook.data.readers.named_places import named_places
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.row_files import (
    fingerprint_of,
    place_of,
    rows_of,
    split_by_content,
    suffix_of,
)
from hornbook.data.readers.text_lines import (
    STANDARD_INPUT,
    name_of,
    note_once,
    text_lines,
)
from hornbook.data.texts.labels import Trimming, trimmed
from hornbook.data.texts.splits import TextData
from hornbook.data.texts.summary import Reading

SUFFIXES = (
    *(".bio", ".bioes", ".bmes", ".bmeso", ".iob", ".iob2", ".conll", ".tags", ".seg"),
    *(".train", ".dev", ".valid", ".test"),
)
ADVICE = (
    "Expected a token and its tag per line, words with spaces between them, or rows such as "
    '{"text": "...", "entities": [[0, 2, "person"]]}.'
)


def _entities_in_words(text: TaggedText) -> list[str]:
    """Describes the entities with their places in the text without white space around it."""
    before = len(text.text) - len(text.text.lstrip())
    return [
        f"{kind} {text.text[start:end]!r} at {start - before}"
        for start, end, kind in text.entities or ()
    ]


READING: Reading[TaggedText] = Reading(
    unit="texts",
    where=lambda text: text.where,
    labels=lambda text: sorted({entity.type for entity in text.entities or ()}),
    content=lambda text: (text.corpus, text.text.strip()),
    same=lambda text: (text.corpus, text.text.strip()),
    details=_entities_in_words,
)


def tagged_texts(
    path: Any, *, seed: int = 0, valid_fraction: float = 0.1, corpus: str = ""
) -> TextData[TaggedText]:
    """Finds the files of each split.

    Args:
        path: A folder or a file, see the module; or rows in memory, as in `entity_rows`.
        seed: Seed of the split, if there is no validation file.
        valid_fraction: Share that is held out then.
        corpus: Corpus of texts that name none, if there are no folders of corpora.

    Raises:
        DataError: no such folder.
    """
    path, places, corpora, unused = named_places(path, SUFFIXES)

    def read(file: Any, place: Any, problems: Problems, _: Trimming) -> Iterator[TaggedText]:
        folder = corpora.get(place.folder)
        for text in _read(file, problems):
            yield replace(text, corpus=folder or corpus_of(text, problems) or corpus)

    return TextData(
        path,
        places,
        read,
        lambda texts: _split(texts, seed, valid_fraction),
        fingerprint,
        READING,
        ADVICE,
        "Expected train.jsonl, train.bio or train.txt in it, a folder per corpus with one of them "
        "in each, or a file.",
        unused,
        several="corpora",
    )


def corpus_of(text: TaggedText, problems: Problems) -> str:
    """Returns the corpus that the row of a text names; "" if it names none."""
    value = text.extra.get("corpus")
    if isinstance(value, str | int) and not isinstance(value, bool):
        return trimmed(str(value))
    if value is not None:
        problems.add(text.where, f"'corpus' is {value!r:.40}, not a name")
    return ""


def _read(source: Path | MemoryRows, problems: Problems) -> Iterator[TaggedText]:
    """Yields the texts of a file or of rows in memory, in the format it is in."""
    if isinstance(source, MemoryRows):
        rows = rows_of(source, problems, (), values=("text", "entities"))
        yield from read_rows(
            ((place_of(source, number), row) for number, row in rows), str(source), problems
        )
        return
    name = name_of(source)
    lines = text_lines(source, problems, max_array_bytes=MAX_ARRAY_BYTES)
    first = list(islice(lines, EXAMINED))
    texts = [line for _, line in first if line.strip()]
    lines = chain(first, lines)
    if suffix_of(source) in (".jsonl", ".json", ".ndjson") or _is_json(texts):
        numbered = parse_json_lines(lines, name, problems, is_row)
        yield from read_rows(((f"{name}:{line}", row) for line, row in numbered), name, problems)
    elif looks_like_columns(texts):
        yield from read_columns(lines, name, problems)
    elif looks_like_words(texts):
        yield from read_words(lines, name, problems)
    elif texts:
        problems.add(
            name,
            "neither a token and its tag per line, nor JSON rows with entities, nor Chinese text "
            "with spaces between its words",
        )


def _is_json(texts: list[str]) -> bool:
    return bool(texts) and texts[0].lstrip().startswith(("{", "["))


def read_texts_to_tag(source: str | Path) -> Iterator[TaggedText]:
    """Yields texts without entities: of rows with a `text`, of each line of a text file, or of a
    file with tags or segmented words, which are joined.

    Raises:
        DataError: at the first row without a text, with its line.
    """
    problems = Problems(stop_at_first=True)
    name = name_of(source)
    if suffix_of(Path(source)) in (".csv", ".tsv"):
        for number, row in rows_of(source, problems, ()):
            yield text_to_tag(row, f"{name}:{number}")
        return
    lines: Iterator[tuple[int, str]] = text_lines(source, problems, max_array_bytes=MAX_ARRAY_BYTES)
    # who types lines into standard input waits for the answer to each
    first = list(islice(lines, 1 if str(source) == STANDARD_INPUT else EXAMINED))
    texts = [line for _, line in first if line.strip()]
    lines = chain(first, lines)
    if _is_json(texts):
        for number, row in parse_json_lines(lines, name, problems, is_row):
            yield text_to_tag(row, f"{name}:{number}")
        return
    tagged: Iterable[TaggedText]
    if looks_like_columns(texts):
        tagged = read_columns(lines, name, problems)
    elif looks_like_words(texts):
        note_once(f"{name}: the words are joined, since the file is segmented")
        tagged = read_words(lines, name, problems)
    else:
        tagged = (
            TaggedText(text, None, f"{name}:{number}")
            for number, line in lines
            if (text := line.strip("\r\n"))
        )
    for one in tagged:
        yield replace(one, entities=None)


def text_to_tag(row: Mapping[Any, Any], where: str) -> TaggedText:
    """Reads the text of a row, in any form of `entity_rows`; its entities are ignored.

    Raises:
        DataError: it has no text.
    """
    row = plain_row(row)
    text = text_of(row, where, Problems(stop_at_first=True))
    assert text is not None  # the first problem raises
    extra = {key: value for key, value in row.items() if key != "text"}
    return TaggedText(text, None, where, extra)


def _split(
    texts: list[TaggedText], seed: int, fraction: float
) -> tuple[list[TaggedText], list[TaggedText]]:
    return split_by_content(
        texts,
        lambda text: text.text.strip(),
        lambda text: text.corpus,
        seed=seed,
        fraction=fraction,
    )


def fingerprint(texts: Iterable[TaggedText]) -> str:
    """Returns a SHA-256 of everything a model sees, to recognize the same data."""
    texts = list(texts)
    several = len({text.corpus for text in texts}) > 1  # a single one is not seen
    return fingerprint_of(
        (text.text, text.entities, text.corpus) if several else (text.text, text.entities)
        for text in texts
    )
