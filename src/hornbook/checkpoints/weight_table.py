"""Weight tables: our attribute paths and the names that others gave the same tensors.

A table is a dict, one row for each kind of weight, read in both directions:

    {
        "token_embedding.embeddings": "bert/embeddings/word_embeddings",
        # {i} repeats for every block; {i:02d} and the like are understood on the right
        "blocks.{i}.attention.query.bias": "bert/encoder/layer_{i}/attention/self/query/bias",
        # stored side by side, on the last axis of our layout
        "blocks.{i}.attention.{query,key,value}.kernel": "h.{i}.attn.c_attn.weight",
        # rows and columns exchanged
        "nsp_head.kernel": transposed("cls/seq_relationship/output_weights"),
        # a vector that is stored as a matrix of one row
        "mlm.bias": one_row("final_logits_bias"),
        # any of these is read, the first is written
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
    """A name in somebody else's file, and how the array there differs from ours.

    Attributes:
        name: In the file.
        transposed: Whether the last two axes are exchanged.
        one_row: Whether our vector is the only row of a matrix.
    """

    name: str
    transposed: bool = False
    one_row: bool = False

    def exchange(self, array: np.ndarray) -> np.ndarray:
        """An array of theirs in our layout, or of ours in theirs."""
        if self.one_row:
            return array[0] if array.ndim == 2 else array[None]
        return np.swapaxes(array, -1, -2) if self.transposed else array

    def exchanged_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that `exchange` gives."""
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
    """One tensor of a file and what it is to us.

    Attributes:
        ours: The path of our variable, or of several that are stored side by side.
        foreign: The names it may have; the first is the one to write.
    """

    ours: tuple[str, ...]
    foreign: tuple[Foreign, ...]

    def shape(self, variables: Mapping[str, Any]) -> tuple[int, ...]:
        """The shape of our variables, together, in our layout.

        Raises:
            ValueError: they cannot stand side by side on the last axis.
        """
        shapes = [tuple(variables[path].shape) for path in self.ours]
        if len(shapes) == 1:
            return shapes[0]
        if len({shape[:-1] for shape in shapes}) != 1 or not shapes[0]:
            raise ValueError(f"{self.ours} cannot stand side by side: their shapes are {shapes}")
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


def rows_for(table: Table, paths: Iterable[str]) -> list[Row]:
    """The rows of `table`, repeated for every block that `paths` has.

    Rows of which `paths` has nothing (an absent head) are left out.

    Raises:
        ValueError: the table itself is wrong: braces that cannot be filled, a path named
            twice, or only some of the weights that are stored side by side are there.
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
            if named & set(ours):
                raise ValueError(f"{left!r} names {min(named & set(ours))!r}, as another row does")
            named.update(ours)
            filled = (replace(name, name=_fill(name.name, numbers)) for name in _names(right))
            rows.append(Row(ours, tuple(filled)))
    return rows


def names_of_absent_rows(
    table: Table, paths: Iterable[str], *, blocks: Sequence[int] | None = None
) -> re.Pattern[str]:
    """Matches the foreign names of rows of which `paths` has nothing, such as absent heads.

    With `blocks` it also matches what is repeated for every block, of all other blocks.
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
    """Whether one of the regular expressions is found anywhere in `name`."""
    return any(re.search(pattern, name) for pattern in patterns)


def _names(right: str | Foreign | tuple[str | Foreign, ...]) -> tuple[Foreign, ...]:
    several = right if isinstance(right, tuple) else (right,)
    return tuple(name if isinstance(name, Foreign) else Foreign(name) for name in several)


def _side_by_side(left: str) -> list[str]:
    """`a.{b,c}.d` as `a.b.d`, `a.c.d`; numbers stay in their braces."""
    for match in _BRACES.finditer(left):
        if "," in match[1]:
            return [
                left[: match.start()] + choice.strip() + left[match.end() :]
                for choice in match[1].split(",")
            ]
    return [left]


def _numbers_in(left: str, paths: set[str]) -> list[dict[str, int]]:
    """The numbers for which `paths` has (at least a part of) this row, in order."""
    found = {}
    for part in _side_by_side(left):
        pattern = re.compile(_as_pattern(part, groups=True))
        for path in paths:
            match = pattern.fullmatch(path)
            if match:
                numbers = {name: int(value) for name, value in match.groupdict().items()}
                if _fill(part, numbers) == path:
                    found[tuple(numbers.values())] = numbers
    return [found[key] for key in sorted(found)]


def _as_pattern(name: str, *, groups: bool = False, number: str = r"\d+") -> str:
    """A regular expression for `name`, with any number in place of `{i}`, or what is given."""
    pattern, end, seen = "", 0, set()
    for match in _BRACES.finditer(name):
        letter = _letter(match[1], name)
        pattern += re.escape(name[end : match.start()])
        if not groups:
            pattern += number
        elif letter in seen:
            pattern += f"(?:(?P={letter}))"
        else:
            pattern += rf"(?P<{letter}>\d+)"
        seen.add(letter)
        end = match.end()
    return pattern + re.escape(name[end:])


def _fill(name: str, numbers: Mapping[str, int]) -> str:
    for match in _BRACES.finditer(name):
        if _letter(match[1], name) not in numbers:
            raise ValueError(f"{name!r} has {match[0]}, which its row's left side does not")
    return name.format(**numbers)


def _letter(inside: str, name: str) -> str:
    """What is repeated: the `i` of `{i}` or `{i:02d}`."""
    letter = inside.partition(":")[0]
    if not letter.isidentifier():
        raise ValueError(f"{name!r} has braces that are neither {{i}} nor a list of parts")
    return letter
