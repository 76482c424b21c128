"""`association_rules`: the confident rules, grown from frequent itemsets."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from hornbook.errors import OptionError
from hornbook.mining.itemset_index import SetIndex, index_of
from hornbook.mining.itemsets import Itemsets
from hornbook.mining.rules.rule_table import Rules
from hornbook.mining.search.item_rows import runs
from hornbook.mining.support import exact

CONSEQUENTS = ("one", "any")
LIMIT = 20_000_000
BYTES_PER_RULE = 256  # while rules are sorted and their measures are written
_PAIRS = 1 << 19  # pairs of a set and one of its items that are processed at a time


def association_rules(
    itemsets: Itemsets,
    min_confidence: float = 0.5,
    *,
    consequents: str = "one",
    min_lift: float = 0.0,
    limit: int = LIMIT,
) -> Rules:
    """Finds all rules between frequent itemsets with a minimum confidence.

    Args:
        itemsets: From `frequent_itemsets` with `kind="all"`.
        min_confidence: Minimum share of the baskets with the antecedent that have the consequent
            too, from 0 to 1; exact on the boundary.
        consequents: `"one"` item in the consequent, or `"any"` number.
        min_lift: Minimum lift: how many times as frequent as by chance a rule must be.
        limit: Maximum number of rules; more stop the search.

    Raises:
        OptionError: an unknown value, itemsets that are not all frequent ones, or too many rules.
    """
    if consequents not in CONSEQUENTS:
        raise OptionError(f"Unknown consequents={consequents!r}.  Known: {', '.join(CONSEQUENTS)}.")
    if not 0 <= min_confidence <= 1:
        raise OptionError(
            f"The minimum confidence is {min_confidence}; it must be a share from 0 to 1."
        )
    if itemsets.kind != "all":
        raise OptionError(
            f"Rules need the supports of all frequent itemsets, not only of the {itemsets.kind} "
            "ones.\nUse kind='all'."
        )
    threshold = exact(min_confidence)
    index = index_of(itemsets)
    blocks: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    number = tested = 0
    for first, matrix in itemsets.by_length:
        step = max(1, _PAIRS // matrix.shape[1])
        for low in range(0, len(matrix) if matrix.shape[1] > 1 else 0, step):
            part = matrix[low : low + step]
            for block in _rules_of(itemsets, index, first + low, part, threshold, consequents):
                blocks.append(block[:3])
                number += len(block[0])
                tested += block[3]
                if number > limit:
                    raise OptionError(
                        f"At this confidence ({min_confidence}) there are more than {limit:,} "
                        "rules.\nTry a higher confidence or support, consequents='one', or more "
                        "memory."
                    )
    if not blocks:
        return Rules.none(itemsets)
    whole, antecedent, consequent = map(np.concatenate, zip(*blocks, strict=True))
    rules = Rules(itemsets, whole, antecedent, consequent, tested)
    if min_lift > 0:
        rules = rules.take(np.flatnonzero(rules.measure("lift") >= min_lift))
    return rules


def _rules_of(
    itemsets: Itemsets,
    index: SetIndex,
    first: int,
    matrix: np.ndarray,
    threshold: Fraction,
    consequents: str,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, int]]:
    """Yields the confident rules of all sets of one length, by growing consequents.

    Moving an item from the antecedent to the consequent can only lower the confidence.  So
    consequents grow from left to right, and only those of confident rules grow.
    """
    length = matrix.shape[1]
    keys = index.item_keys.take(matrix)
    whole = np.repeat(np.arange(len(matrix)), length)
    last = np.tile(np.arange(length), len(matrix))
    antecedent_keys = (index.keys[first : first + len(matrix), None] - keys).ravel()
    for size in range(1, length):
        antecedent = index.find(antecedent_keys)
        both = itemsets.counts.take(first + whole)
        confident = _at_least(both, itemsets.counts.take(antecedent), threshold)
        tested = len(whole)
        rules = np.flatnonzero(confident)
        whole, last = whole.take(rules), last.take(rules)
        antecedent, antecedent_keys = antecedent.take(rules), antecedent_keys.take(rules)
        consequent = index.find(index.keys.take(first + whole) - antecedent_keys)
        yield first + whole, antecedent, consequent, tested
        if consequents == "one" or size + 1 == length:
            return
        grows = np.flatnonzero(last < length - 1)
        if not len(grows):
            return
        last = last.take(grows)
        run, new = runs(last + 1, length - 1 - last)
        source = grows.take(run)
        whole, last = whole.take(source), new
        antecedent_keys = antecedent_keys.take(source) - keys[whole, new]


def _at_least(part: np.ndarray, base: np.ndarray, threshold: Fraction) -> np.ndarray:
    """Returns `part / base >= threshold`, computed in integers wherever they fit."""
    over, under = threshold.numerator, threshold.denominator
    largest = int(base.max(initial=1))
    if largest * max(over, under) < 1 << 62:
        is_enough: np.ndarray = part * under >= base * over
    else:
        is_enough = part / base >= float(threshold)
    return is_enough
