"""Stops a search that would find too many itemsets, and suggests a support that works."""

from __future__ import annotations

import numpy as np

from hornbook.errors import OptionError
from hornbook.mining.baskets import Baskets
from hornbook.mining.search import engine
from hornbook.mining.search.collecting import Collector, SearchStopped


class TooManyItemsetsError(OptionError):
    """More itemsets than the limit, or than fit into memory."""


def refuse_too_many(
    baskets: Baskets, minimum: int, longest: int, limit: int, kind: str = "all"
) -> None:
    """Checks early whether the subsets of one large frequent set already exceed the limit.

    A frequent set of `n` items has `2 ** n - 1` frequent subsets.  Such a set is sought greedily:
    keep the baskets with the most frequent item, and repeat among those.

    Raises:
        TooManyItemsetsError: there is such a set.
    """
    size = frequent_clique(baskets, minimum, limit.bit_length())
    if longest >= size and 2**size - 1 > limit:
        raise too_many(baskets, minimum, longest, limit, at_least=2**size - 1, kind=kind)


def frequent_clique(baskets: Baskets, minimum: int, enough: int) -> int:
    """Returns the size of some large frequent set, at most `enough`."""
    weights = np.ones(len(baskets), np.int64) if baskets.weights is None else baskets.weights
    if weights[baskets.lengths >= enough].sum() < minimum:
        return 0  # the usual case: too few baskets are long enough
    owners = np.repeat(np.arange(len(baskets)), baskets.lengths)
    codes = baskets.codes
    size = 0
    while size < enough:
        supports = np.bincount(codes, weights.take(owners)) if len(codes) else np.zeros(1)
        best = int(supports.argmax())
        if supports[best] < minimum:
            break
        size += 1
        holds_best = np.zeros(len(baskets), bool)
        holds_best[owners[codes == best]] = True
        others = holds_best.take(owners) & (codes != best)
        owners, codes = owners[others], codes[others]
    return size


def too_many(
    baskets: Baskets,
    minimum: int,
    longest: int,
    limit: int,
    collector: Collector | None = None,
    entries: int = 1 << 22,
    at_least: int = 0,
    kind: str = "all",
) -> TooManyItemsetsError:
    """Returns the error, with a support that was tried and works.

    Args:
        baskets, minimum, longest, limit: See `frequent_itemsets`.
        collector: What the search had collected when it stopped.
        entries: See `engine.mine`.
        at_least: Number of itemsets known to be frequent.
        kind: The requested kind, if it is filtered from all itemsets.
    """
    is_full = collector is not None and collector.is_full
    limit = collector.count if collector is not None and is_full else limit
    larger, works = _support_that_works(baskets, minimum, longest, limit, entries)
    number = f"{at_least:,} itemsets or more" if at_least else f"more than {limit:,} itemsets"
    number += ", which do not fit into the memory allowed" if is_full else ""
    support = f"a minimum support of {larger / baskets.total:.3g} ({larger:,} baskets)"
    remedies = [support] if works else []
    if kind == "all":
        remedies.append("a maximum length")
    else:  # the search for this kind alone did not fit either
        number += f", and the {kind} ones alone cannot be searched for in the memory allowed"
        remedies += [] if works else ["a larger minimum support"]
    remedies.append("more memory" if is_full or kind != "all" else f"a higher limit than {limit:,}")
    alternatives = f"{', '.join(remedies[:-1])}, or {remedies[-1]}"
    return TooManyItemsetsError(
        f"At this support ({minimum:,} of {baskets.total:,} baskets) there are {number}.\n"
        f"Try {alternatives}."
    )


def _support_that_works(
    baskets: Baskets, minimum: int, longest: int, limit: int, entries: int
) -> tuple[int, bool]:
    """Returns a larger minimum count with at most `limit` itemsets, and whether one was found."""
    larger = minimum
    while larger < baskets.total:
        larger = min(2 * larger, baskets.total)
        if 2 ** frequent_clique(baskets, larger, limit.bit_length()) > limit:
            continue
        collector = Collector(limit, keep=False)
        columns = baskets.codes, baskets.lengths, baskets.weights
        try:
            engine.mine(*columns, larger, longest, collector, entries)
        except SearchStopped:
            continue
        return larger, True
    return larger, False
