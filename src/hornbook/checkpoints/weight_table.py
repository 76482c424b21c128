"""Weight tables: our attribute paths, and the names of the same tensors in other formats.

A table is a dict with one row per kind of weight, read in both directions:

    {
        "token_embedding.embeddings": "bert/embeddings/word_embeddings",
        # {i} repeats for every block; formats like {i:02d} are accepted on the right
        "blocks.{i}.attention.query.bias": "bert/encoder/layer_{i}/attention/self/query/bias",
        # stored side by side, on the last axis of our layout
        "blocks.{i}.attention.{query,key,value}.kernel": "h.{i}.attn.c_attn.weight",
        # rows and columns exchanged
        "nsp_head.kernel": transposed("cls/seq_relationship/output_weights"),
        # a vector that is stored as a matrix with one row
        "mlm.bias": one_row("final_logits_bias"),
        # any of these is read; the first is written
        "embedding_norm.gamma": ("LayerNorm.weight", "LayerNorm.gamma"),
    }
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

_BRACES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Foreign:
    """A name in another format, and how its array differs from ours.

    Attributes:
        name: Name in the file.
        transposed: Whether the last two axes are exchanged.
        one_row: Whether our vector is the only row of a matrix.
    """

    name: str
    transposed: bool = False
    one_row: bool = False

    def exchange(self, array: np.ndarray) -> np.ndarray:
        """Converts an array from their layout to ours, or back."""
        if self.one_row:
            return array[0] if array.ndim == 2 else array[None]
        return np.swapaxes(array, -1, -2) if self.transposed else array

    def exchanged_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the shape of the result of `exchange`."""
        if self.one_row:
            return shape[1:] if len(shape) == 2 else (1, *shape)
        if self.transposed and len(shape) >= 2:
            return (*shape[:-2], shape[-1], shape[-2])
        return shape


Table = Mapping[str, "str | Foreign | tuple[str | Foreign, ...]"]


def transposed(name: str) -> Foreign:
    """Marks a tensor whose rows are our columns."""
    return Foreign(name, transposed=True)


def one_row(name: str) -> Foreign:
    """Marks a matrix whose only row is our vector."""
    return Foreign(name, one_row=True)


@dataclass(frozen=True)
class Row:
    """One tensor of a file, and our variables in it.

    Attributes:
        ours: The path of our variable, or of several that are stored side by side.
        foreign: The names it may have; the first is written.
    """

    ours: tuple[str, ...]
    foreign: tuple[Foreign, ...]

    def shape(self, variables: Mapping[str, Any]) -> tuple[int, ...]:
        """Returns the shape of our variables, concatenated, in our layout.

        Raises:
            ValueError: they cannot be concatenated along the last axis.
        """
        shapes = [tuple(variables[path].shape) for path in self.ours]
        if len(shapes) == 1:
            return shapes[0]
        if len({shape[:-1] for shape in shapes}) != 1 or not shapes[0]:
            raise ValueError(f"{self.ours} cannot be concatenated: their shapes are {shapes}")
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


def rows_for(table: Table, paths: Iterable[str]) -> list[Row]:
    """Returns the rows of `table`, repeated for every block in `paths`.

    Rows without any path in `paths` (an absent head) are left out.

    Raises:
        ValueError: the table itself is wrong: braces that cannot be filled, a path named
            twice, or some but not all of the weights stored side by side.
    """
    paths = set(paths)
    rows = []
    named: set[str] = set()
    for left, right in table.items():
        for numbers in _numbers_in(left, paths):
            ours = tuple(_fill(part, numbers) for part in _side_by_side(left))
            absent = [path for path in ours if path not in paths]
            if absent:
                raise ValueError(f"{left!r} is stored side by side, but there is no {absent[0]!r}")
            if duplicates := named & set(ours):
                raise ValueError(f"{left!r} names {min(duplicates)!r}, as another row does")
            named.update(ours)
            filled = (replace(name, name=_fill(name.name, numbers)) for name in _names(right))
            rows.append(Row(ours, tuple(filled)))
    return rows


def names_of_absent_rows(
    table: Table, paths: Iterable[str], *, blocks: Sequence[int] | None = None
) -> re.Pattern[str]:
    """Returns a pattern of the foreign names of rows without any path, such as absent heads.

    With `blocks` it also matches the names of all other blocks.
    """
    paths = set(paths)
    absent = [
        _as_pattern(foreign.name)
        for left, right in table.items()
        if not _numbers_in(left, paths)
        for foreign in _names(right)
    ]
    if blocks is not None:
        other = "".join(rf"(?!0*{number}(?!\d))" for number in blocks) + r"\d+"
        repeated = [f.name for right in table.values() for f in _names(right) if "{" in f.name]
        absent += [_as_pattern(name, number=other) for name in repeated]
    return re.compile("|".join(f"(?:{pattern})" for pattern in absent) or r"(?!)")


def found_in(name: str, patterns: Iterable[str]) -> bool:
    """Returns whether any of the regular expressions matches a part of `name`."""
    return any(re.search(pattern, name) for pattern in patterns)


def _names(right: str | Foreign | tuple[str | Foreign, ...]) -> tuple[Foreign, ...]:
    names = right if isinstance(right, tuple) else (right,)
    return tuple(name if isinstance(name, Foreign) else Foreign(name) for name in names)


def _side_by_side(left: str) -> list[str]:
    """Expands `a.{b,c}.d` to `a.b.d`, `a.c.d`; braces of numbers stay."""
    for match in _BRACES.finditer(left):
        if "," in match[1]:
            return [
                left[: match.start()] + choice.strip() + left[match.end() :]
                for choice in match[1].split(",")
            ]
    return [left]


def _numbers_in(left: str, paths: set[str]) -> list[dict[str, int]]:
    """Returns the numbers for which `paths` has (at least a part of) this row, in order."""
    existing = {}
    for part in _side_by_side(left):
        pattern = re.compile(_as_pattern(part, groups=True))
        for path in paths:
            match = pattern.fullmatch(path)
            if match:
                numbers = {name: int(value) for name, value in match.groupdict().items()}
                if _fill(part, numbers) == path:
                    existing[tuple(numbers.values())] = numbers
    return [existing[key] for key in sorted(existing)]


def _as_pattern(name: str, *, groups: bool = False, number: str = r"\d+") -> str:
    """Returns a regular expression for `name`, with `number` in place of `{i}`."""
    pattern, end, letters = "", 0, set()
    for match in _BRACES.finditer(name):
        letter = _letter(match[1], name)
        pattern += re.escape(name[end : match.start()])
        if not groups:
            pattern += number
        elif letter in letters:
            pattern += f"(?:(?P={letter}))"
        else:
            pattern += rf"(?P<{letter}>\d+)"
        letters.add(letter)
        end = match.end()
    return pattern + re.escape(name[end:])


def _fill(name: str, numbers: Mapping[str, int]) -> str:
    for match in _BRACES.finditer(name):
        if _letter(match[1], name) not in numbers:
            raise ValueError(f"{name!r} has {match[0]}, which its row's left side does not")
    return name.format(**numbers)


def _letter(inside: str, name: str) -> str:
    """Returns the variable of braces: the `i` of `{i}` or `{i:02d}`."""
    letter = inside.partition(":")[0]
    if not letter.isidentifier():
        raise ValueError(f"{name!r} has braces that are neither {{i}} nor a list of parts")
    return letter
