"""More itemsets than anyone can use: foreseen, and answered with a support that works."""

from __future__ import annotations

import numpy as np

from hornbook.errors import OptionError
from hornbook.mining.baskets import Baskets
from hornbook.mining.search import engine
from hornbook.mining.search.collecting import Collector, TooManyItemsets


class FloodError(OptionError):
    """More itemsets than the limit."""


def refuse_flood(baskets: Baskets, minimum: int, longest: int, limit: int) -> None:
    """Stops early when one large frequent set already proves a flood.

    A frequent set of `n` items has `2 ** n - 1` frequent subsets.  Such a set is looked for
    greedily: keep the baskets with the most frequent item, then among those ...
    """
    size = frequent_clique(baskets, minimum, limit.bit_length())
    if longest >= size and 2**size - 1 > limit:
        raise too_many(baskets, minimum, longest, limit, at_least=2**size - 1)


def frequent_clique(baskets: Baskets, minimum: int, enough: int) -> int:
    """The size of some large frequent set, at most `enough`."""
    weights = np.ones(len(baskets), np.int64) if baskets.weights is None else baskets.weights
    if weights[baskets.lengths >= enough].sum() < minimum:
        return 0  # the usual case: too few baskets are that long
    owners = np.repeat(np.arange(len(baskets)), baskets.lengths)
    codes = baskets.codes
    size = 0
    while size < enough:
        supports = np.bincount(codes, weights.take(owners)) if len(codes) else np.zeros(1)
        best = int(supports.argmax())
        if supports[best] < minimum:
            break
        size += 1
        held = np.zeros(len(baskets), bool)
        held[owners[codes == best]] = True
        keep = held.take(owners) & (codes != best)
        owners, codes = owners[keep], codes[keep]
    return size


def too_many(
    baskets: Baskets,
    minimum: int,
    longest: int,
    limit: int,
    stopped: Collector | None = None,
    entries: int = 1 << 22,
    at_least: int = 0,
) -> FloodError:
    """The message, with a support that was tried and works.

    Args:
        baskets, minimum, longest, limit: see `frequent_itemsets`.
        stopped: What the search had found when it was stopped.
        entries: see `engine.mine`.
        at_least: So many itemsets are known to be there.
    """
    is_full = stopped is not None and stopped.is_full
    limit = stopped.count if stopped is not None and is_full else limit
    larger, works = minimum, False
    while larger < baskets.total and not works:
        larger = min(2 * larger, baskets.total)
        if 2 ** frequent_clique(baskets, larger, limit.bit_length()) <= limit:
            try:
                found = Collector(limit, keep=False)
                engine.mine(
                    baskets.codes,
                    baskets.lengths,
                    baskets.weights,
                    larger,
                    longest,
                    found,
                    entries,
                )
                works = True
            except TooManyItemsets:
                pass
    number = f"{at_least:,} itemsets or more" if at_least else f"more than {limit:,} itemsets"
    number += ", which do not fit into the memory allowed" if is_full else ""
    more = "more memory" if is_full else f"a higher limit than {limit:,}"
    support = f"a minimum support of {larger / baskets.total:.3g} ({larger:,} baskets), "
    return FloodError(
        f"At this support ({minimum:,} of {baskets.total:,} baskets) there are {number}.\n"
        f"Try {support if works else ''}a maximum length, or {more}."
    )
