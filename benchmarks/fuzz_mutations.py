"""Small changes to files of known formats, for `fuzzing.py`: to bytes, and to JSON."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Iterator
from typing import Any

Files = dict[str, bytes]
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2, 1e308, -0.5, 1.5, 10**18, 10**30, 2**63, -(2**31), float("nan"),
    float("inf"), "", "x", "\0", "../../x", "/x", [], {}, [[]], [None], ["a", "b"], {"a": 1},
    "A" * 2000, "9" * 5000, "9" * 400, "\ud800", [0] * 50, "[CLS]", "<unk>", "(a+)+$", "\\p{L}+",
]  # fmt: skip
KEYS = ["x", "\0", "A" * 500, "9" * 5000, "type", "added_tokens_decoder", "padding", "truncation"]
SIZES = [0, 1, 2**16, 2**31, 2**32 - 1, 2**32, 2**40, 2**63, 2**64 - 1]
NUMBERS = [-1, 0, 1, 2**31, 2**32, 2**40, 2**63, 2**64, 10**20, -(2**40)]


def mutate(files: Files, draw: random.Random) -> Files:
    """The same files, one or two of them changed in one to six places."""
    changed = dict(files)
    for _ in range(draw.choice([1, 1, 1, 2])):
        name = draw.choice(sorted(changed))
        changed[name] = _change(name, changed[name], draw)
    return changed


def _change(name: str, data: bytes, draw: random.Random) -> bytes:
    if name.endswith(".jsonl"):
        lines = data.split(b"\n")
        place = draw.randrange(len(lines))
        change = change_json if draw.random() < 0.7 else change_bytes
        lines[place] = change(lines[place], draw)
        return b"\n".join(lines)
    if name.endswith(".json") and draw.random() < 0.75:
        return change_json(data, draw)
    if name.endswith(".safetensors") and draw.random() < 0.6:
        return _change_header(data, draw)
    return change_bytes(data, draw)


def change_bytes(data: bytes, draw: random.Random) -> bytes:
    """Bits flipped, parts cut, repeated, swapped, or made great numbers."""
    content = bytearray(data)
    for _ in range(draw.choice([1, 1, 1, 2, 3, 6])):
        kind, place = draw.randrange(9), draw.randrange(len(content) + 1)
        if kind == 0 and place < len(content):
            content[place] ^= 1 << draw.randrange(8)
        elif kind == 1:
            content[place : place + 1] = bytes([draw.choice([0, 1, 127, 128, 255])])
        elif kind == 2:
            del content[place:]
        elif kind == 3:
            del content[place : place + draw.randrange(1, 64)]
        elif kind == 4:
            other = draw.randrange(len(content) + 1)
            content[place:place] = content[other : other + draw.randrange(1, 200)]
        elif kind == 5:
            content[place : place + 8] = struct.pack("<Q", draw.choice(SIZES))
        elif kind == 6:
            content[place : place + 4] = struct.pack("<I", draw.choice(SIZES) % 2**32)
        elif kind == 7:
            other, size = draw.randrange(len(content) + 1), draw.randrange(1, 64)
            content[place : place + size], content[other : other + size] = (
                content[other : other + size],
                content[place : place + size],
            )
        else:
            content[place:place] = draw.randbytes(draw.randrange(1, 20))
    return bytes(content)


def change_json(data: bytes, draw: random.Random) -> bytes:
    """JSON with values of other types, missing or strange keys, and parts in other places."""
    try:
        tree = json.loads(data)
    except ValueError:
        return change_bytes(data, draw)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        paths = [path for path in _paths(tree) if path]
        if not paths:
            break
        shallow = [path for path in paths if len(path) <= 3]
        path = draw.choice(shallow if shallow and draw.random() < 0.6 else paths)
        _replace(tree, path, paths, draw)
    text = json.dumps(tree, ensure_ascii=draw.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")


def _paths(tree: Any, path: tuple = ()) -> Iterator[tuple]:
    yield path
    if isinstance(tree, dict):
        for key in tree:
            yield from _paths(tree[key], (*path, key))
    elif isinstance(tree, list):
        for number in range(min(len(tree), 40)):
            yield from _paths(tree[number], (*path, number))


def _at(tree: Any, path: tuple) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _replace(tree: Any, path: tuple, paths: list[tuple], draw: random.Random) -> None:
    *above, key = path
    parent, kind = _at(tree, tuple(above)), draw.random()
    if kind < 0.55:
        parent[key] = copy.deepcopy(draw.choice(VALUES))
    elif kind < 0.7:
        del parent[key]
    elif kind < 0.8:
        parent[key] = copy.deepcopy(_at(tree, draw.choice(paths)))
    elif kind < 0.9 and isinstance(parent, dict):
        parent[draw.choice([*parent, *KEYS])] = copy.deepcopy(draw.choice(VALUES))
    elif isinstance(parent, list):
        parent.insert(draw.randrange(len(parent) + 1), copy.deepcopy(draw.choice(VALUES)))
    elif isinstance(parent[key], int | float):
        parent[key] = draw.choice(NUMBERS)


def _change_header(data: bytes, draw: random.Random) -> bytes:
    """A safetensors file whose header is other JSON, with the right length before it."""
    size = int.from_bytes(data[:8], "little")
    header = change_json(data[8 : 8 + size], draw)
    if draw.random() < 0.7:  # an earlier change may have put any number there
        header = header.ljust(min(size, len(data)))
    return len(header).to_bytes(8, "little") + header + data[8 + size :]
