"""The index of a prepared corpus: its sources and the meaning of its tokens."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hornbook.data.corpus.shard_index import FORMAT
from hornbook.data.corpus.tokenizing import CutsTexts
from hornbook.errors import DataError

_SENTINEL = re.compile(r"<extra_id_(\d+)>|\[unused(\d+)\]")
# tokenized differently by every vocabulary, and by tokenizers that split into words first
_SAMPLE = "今天天气不错，Horn-books were used in 1750. Ünïcode 😀"
_SHOWN = 5


def new_index(fingerprint: Mapping[str, Any], tokenizer: CutsTexts) -> dict[str, Any]:
    """Returns the index of a corpus with nothing prepared yet."""
    ids = tokenizer.encode("a")
    around = [span is None for span in ids.offsets]
    first = around.index(False) if False in around else len(around)
    last = len(around) - around[::-1].index(False) if False in around else len(around)
    return {
        "format": FORMAT,
        "finished": False,
        "fingerprint": fingerprint,
        "vocabulary_size": tokenizer.vocabulary_size,
        "special_ids": tokenizer.special_ids,
        "before": ids.token_ids[:first],
        "after": ids.token_ids[last:],
        "sentinels": _sentinels(tokenizer),
        "chunks": 0,
        "statistics": {},
        "shards": [],
    }


def _sentinels(tokenizer: CutsTexts) -> list[int]:
    """Returns the ids of `<extra_id_0>`, `<extra_id_1>` ..., or else of `[unused1]` ..."""
    kinds: tuple[dict[int, int], ...] = ({}, {})
    for token_id, token in enumerate(tokenizer.tokens(range(tokenizer.vocabulary_size))):
        match = _SENTINEL.fullmatch(token)
        if match:
            kind = match[1] is None
            kinds[kind][int(match[1] or match[2])] = token_id
    sentinels = kinds[0] or kinds[1]
    return [sentinels[number] for number in sorted(sentinels)]


def tokenizer_digest(tokenizer: CutsTexts) -> str:
    """Returns a SHA-256 of a tokenizer: its files, and how it tokenizes a sample."""
    digest = hashlib.sha256(repr(tokenizer.pieces([_SAMPLE])).encode())
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(folder)
        for file in sorted(Path(folder).rglob("*")):
            digest.update(file.name.encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def check_same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Checks that a folder was prepared from the same sources, tokenizer and options.

    Raises:
        DataError: lists what changed.
    """
    changes = [
        *_changed_sources(before["sources"], now["sources"]),
        *(["another tokenizer"] if before["tokenizer"] != now["tokenizer"] else []),
        *(
            f"{name}: {before['options'].get(name)!r} before, {value!r} now"
            for name, value in now["options"].items()
            if before["options"].get(name) != value
        ),
        *(["another version of hornbook"] if before["sizes"] != now["sizes"] else []),
    ]
    if changes:
        shown = changes[:_SHOWN] + ["..."] * (len(changes) > _SHOWN)
        raise DataError(
            f"{folder} holds a corpus prepared from something else:\n"
            + "\n".join(f"  {change}" for change in shown)
            + "\nRemove it, or name another folder."
        )


def _changed_sources(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    if list(before) != list(now) and before.keys() == now.keys():
        return ["the sources in another order"]
    return [
        *(f"without {name}" for name in before.keys() - now.keys()),
        *(f"with {name}" for name in now.keys() - before.keys()),
        *(f"changed: {name}" for name in before.keys() & now.keys() if before[name] != now[name]),
    ]
