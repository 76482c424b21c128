"""P-values of all rules at once, with corrections for multiple testing."""

from __future__ import annotations

import math

import numpy as np

TESTS = ("fisher", "chi2")
CORRECTIONS = ("none", "bonferroni", "holm", "benjamini-hochberg")


def fisher(
    both: np.ndarray, antecedent: np.ndarray, consequent: np.ndarray, total: int
) -> np.ndarray:
    """Returns the one-sided p-value of Fisher's exact test: this many joint baskets, or more.

    With both margins fixed the number of baskets with both sides is hypergeometric.  Its upper tail
    is summed term by term from the shorter end, each term computed from the previous one by the
    ratio of neighbors, until terms no longer contribute.

    Args:
        both, antecedent, consequent: `(rules,)` counts of baskets.
        total: The number of baskets.

    Returns:
        `(rules,)` float64.
    """
    low = np.maximum(0, antecedent + consequent - total)
    high = np.minimum(antecedent, consequent)
    upper = both > antecedent * (consequent / total)  # right of the middle: sum upward
    start = np.where(upper, both, both - 1)
    nothing = start < low
    step = np.where(upper, 1, -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        term = np.exp(_log_probability(np.maximum(start, low), antecedent, consequent, total))
    tail = np.where(nothing, 0.0, term)
    term = tail.copy()
    at = start.astype(np.float64)
    active = np.flatnonzero(~nothing)
    a, c = antecedent.astype(np.float64), consequent.astype(np.float64)
    while len(active):
        x, up = at[active], step[active] > 0
        rising = (
            (a[active] - x) * (c[active] - x) / ((x + 1) * (total - a[active] - c[active] + x + 1))
        )
        falling = (
            x * (total - a[active] - c[active] + x) / (a[active] - x + 1) / (c[active] - x + 1)
        )
        term[active] *= np.where(up, rising, falling)
        tail[active] += term[active]
        at[active] += step[active]
        continues = (term[active] > tail[active] * 1e-17) & np.where(
            up, at[active] < high[active], at[active] > low[active]
        )
        active = active[continues]
    return np.clip(np.where(upper, tail, 1 - tail), 0, 1)


def chi2(
    both: np.ndarray, antecedent: np.ndarray, consequent: np.ndarray, total: int
) -> np.ndarray:
    """Returns the p-value of Pearson's chi-square test of independence, one degree of freedom.

    Arguments and result are those of `fisher`.  It is 1 where a side is in every basket.
    """
    a, c, n = antecedent / total, consequent / total, float(total)
    spread = a * (1 - a) * c * (1 - c)
    deviation = both / n - a * c
    statistic = np.divide(n * deviation**2, spread, out=np.zeros(len(both)), where=spread > 0)
    erfc = np.frompyfunc(math.erfc, 1, 1)
    return np.asarray(erfc(np.sqrt(statistic / 2)), np.float64)


def correct(p_values: np.ndarray, correction: str, tests: int | None = None) -> np.ndarray:
    """Returns p-values corrected for multiple testing.

    Args:
        p_values: `(rules,)`.
        correction: One of `CORRECTIONS`.  "bonferroni" and "holm" control the probability of any
            false rule, "benjamini-hochberg" the expected share of false rules.
        tests: Number of tests.  Defaults to the number of rules.
    """
    n = len(p_values) if tests is None else tests
    if correction == "none" or not len(p_values):
        return p_values
    if correction == "bonferroni":
        bounded: np.ndarray = np.minimum(1, p_values * n)
        return bounded
    order = np.argsort(p_values)
    rank = np.arange(len(order))
    if correction == "holm":
        adjusted = np.maximum.accumulate(p_values[order] * (n - rank))
    else:
        adjusted = np.minimum.accumulate((p_values[order] * n / (rank + 1))[::-1])[::-1]
    result = np.empty_like(p_values)
    result[order] = np.minimum(1, adjusted)
    return result


def _log_probability(
    x: np.ndarray, antecedent: np.ndarray, consequent: np.ndarray, total: int
) -> np.ndarray:
    """Returns the log of the hypergeometric probability of `x` baskets with both sides."""
    probability: np.ndarray = (
        _log_choose(antecedent, x)
        + _log_choose(total - antecedent, consequent - x)
        - _log_choose(np.asarray(total), consequent)
    )
    return probability


def _log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Returns the log of the number of ways to choose `k` of `n`."""
    from scipy.special import gammaln

    logarithms: np.ndarray = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return logarithms
