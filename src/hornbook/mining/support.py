"""Converts a minimum support into an exact count: 7 % of 100 baskets are 7."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Rational, Real

from hornbook.errors import OptionError


def exact(number: float) -> Fraction:
    """Returns the decimal number that was written, not the binary one nearest to it.

    `0.07` is stored as 0.07000000000000000666; times 100 that is more than 7, and a set in
    7 of 100 baskets would be lost.
    """
    if isinstance(number, Rational | Decimal):
        return Fraction(number)
    # the shortest text that means this number, in single precision too
    return Fraction(str(number))


def minimum_count(min_support: float, total: int, items: int) -> int:
    """Returns the smallest number of baskets that satisfies `min_support`.

    Args:
        min_support: A share of the baskets (a float, `0 < share <= 1`) or a number of
            baskets (an int).
        total: Number of baskets, by weight.
        items: Number of distinct items, for the message; 0 if unknown.

    Raises:
        OptionError: 0 or less, a share above 1, a count above `total`, or not a number.
    """
    if not isinstance(min_support, Real | Decimal):
        raise OptionError(
            f"The minimum support is {min_support!r}; it must be a number: a share of the baskets "
            "like 0.01, or a number of baskets like 50."
        )
    whole = isinstance(min_support, Integral)
    if not whole and not math.isfinite(min_support):
        raise OptionError(f"The minimum support is {min_support}; it must be a number.")
    if min_support <= 0:
        number = f"2^{items} - 1" + (f" = {2**items - 1:,}" if items <= 60 else "")
        every = f"one of the {number} sets of the {items:,} items" if items else "set of items"
        raise OptionError(
            f"The minimum support is {min_support}: every {every} would count as frequent.\n"
            "Give a share of the baskets above 0, or a number of baskets of at least 1."
        )
    if not whole and min_support > 1:
        raise OptionError(
            f"The minimum support is {min_support}, but a share of the baskets cannot exceed 1.\n"
            f"For a number of baskets give a whole number: {math.ceil(min_support)}."
        )
    count = int(min_support) if whole else math.ceil(exact(min_support) * total)
    if count > total:
        raise OptionError(
            f"The minimum support is {count:,} baskets, but there are only {total:,}.\n"
            "Give fewer, or a share between 0 and 1."
        )
    return max(1, count)
