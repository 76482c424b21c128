"""What to search for, the same for baskets in memory, in a file and on Spark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Integral

from hornbook.errors import OptionError
from hornbook.mining.changes import Changes
from hornbook.mining.condensed import KINDS

MIN_SUPPORT = 0.01
METHODS = ("projection", "apriori")
LIMIT = 50_000_000
MEMORY = "2GB"
UNBOUNDED = 2**31  # longer than any set: no maximum length
# The itemsets may take 1/3 of the memory; the rest is for what is computed from the baskets, and
# later from the itemsets.
SHARE_OF_SETS = 3


@dataclass
class Question:
    """Which itemsets to search for, and within which bounds; see `frequent_itemsets`.

    Attributes:
        min_support: A share of the baskets or a number of baskets.
        max_length: Maximum number of items in a set.
        kind: `"all"`, `"closed"` or `"maximal"`.
        method: `"projection"` or `"apriori"`.
        memory: Maximum memory in bytes.
        limit: Maximum number of itemsets.
        changes: Changes to apply to the baskets first.
    """

    min_support: float
    max_length: int = UNBOUNDED
    kind: str = "all"
    method: str = "projection"
    memory: int = 2 << 30
    limit: int = LIMIT
    changes: Changes = field(default_factory=Changes)

    @property
    def room(self) -> int:
        """Maximum bytes for the itemsets while they are collected."""
        return self.memory // SHARE_OF_SETS


def checked_question(
    min_support: float,
    max_length: int | None,
    kind: str,
    method: str,
    memory: str | int,
    limit: int,
    changes: Changes,
    name_of: Callable[[str], str] = str,
) -> Question:
    """Makes a question, and checks everything that can be checked without the baskets.

    Args:
        min_support, max_length, kind, method, memory, limit: See `frequent_itemsets`.
        changes: Changes to apply to the baskets first.
        name_of: Returns the name of an argument as the user knows it, such as its flag.

    Raises:
        OptionError: the kind or method is unknown, a length or limit is below 1, a maximum length
            is combined with closed or maximal sets, or `memory` is not an amount of memory.
    """
    for value, allowed, name in ((kind, KINDS, "kind"), (method, METHODS, "method")):
        if value not in allowed:
            known = ", ".join(allowed)
            raise OptionError(f"Unknown {name_of(name)} {value!r}.  Known: {known}.")
    for number, name in ((max_length, "max_length"), (limit, "limit")):
        if number is not None and (not isinstance(number, Integral) or number < 1):
            raise OptionError(
                f"{name_of(name)} is {number!r}; it must be an integer of at least 1."
            )
    if kind != "all" and max_length is not None:
        raise OptionError(
            f"{kind.capitalize()} sets may have any length: omit {name_of('max_length')}."
        )
    longest = UNBOUNDED if max_length is None else int(max_length)
    size = bytes_of(memory, name_of("memory"))
    return Question(min_support, longest, kind, method, size, int(limit), changes)


def bytes_of(memory: str | int, name: str = "memory") -> int:
    """Returns `"2GB"` as a number of bytes.

    Raises:
        OptionError: it is not an amount of memory; names the option, `name`.
    """
    if isinstance(memory, Integral) and memory > 0:
        return int(memory)
    units = {"TB": 1 << 40, "GB": 1 << 30, "MB": 1 << 20, "KB": 1 << 10, "B": 1}
    text = str(memory).strip().upper().replace(" ", "")
    unit = next((unit for unit in units if text.endswith(unit)), None)
    if unit is not None:
        try:
            size = int(float(text.removesuffix(unit)) * units[unit])
        except (ValueError, OverflowError):
            size = 0
        if size > 0:
            return size
    raise OptionError(
        f"{name} is {memory!r}, which is not an amount of memory.  Expected 500MB or 2GB."
    )
