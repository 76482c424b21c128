"""What a prepared corpus was made of, and what the tokens of it mean."""

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
# Cut apart by every vocabulary, and by words first where a tokenizer does that.
_SAMPLE = "今天天气不错，Horn-books were used in 1750. Ünïcode 😀"
_SHOWN = 5


def new_index(fingerprint: Mapping[str, Any], tokenizer: CutsTexts) -> dict[str, Any]:
    """The index of a corpus of which nothing is prepared yet."""
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
    """Ids of `<extra_id_0>`, `<extra_id_1>` and so on; where there are none, of `[unused1]` ..."""
    kinds: tuple[dict[int, int], ...] = ({}, {})
    for token_id, token in enumerate(tokenizer.tokens(range(tokenizer.vocabulary_size))):
        found = _SENTINEL.fullmatch(token)
        if found:
            kind = found[1] is None
            kinds[kind][int(found[1] or found[2])] = token_id
    chosen = kinds[0] or kinds[1]
    return [chosen[number] for number in sorted(chosen)]


def tokenizer_digest(tokenizer: CutsTexts) -> str:
    """The SHA-256 of all that a tokenizer is: its files, and how it cuts a sentence."""
    digest = hashlib.sha256(repr(tokenizer.pieces([_SAMPLE])).encode())
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(folder)
        for file in sorted(Path(folder).rglob("*")):
            digest.update(file.name.encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def check_same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Makes sure that a folder was prepared from what is to be prepared now.

    Raises:
        DataError: naming what changed.
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
