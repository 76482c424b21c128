"""Interestingness measures of rules, each a formula over whole columns.

The measures of a rule "A -> C" depend on four numbers: the baskets with `A`, with `C`, with both,
and all baskets.  Names and definitions follow mlxtend and Tan, Kumar and Srivastava, Selecting the
Right Objective Measure (2004).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shares:
    """Shares of the baskets, each `(rules,)`: with both sides, with `A`, with `C`."""

    both: Floats
    antecedent: Floats
    consequent: Floats

    @property
    def confidence(self) -> Floats:
        return self.both / self.antecedent

    @property
    def expected(self) -> Floats:
        """The share of baskets with both if the two sides were independent."""
        return self.antecedent * self.consequent


def leverage(s: Shares) -> Floats:
    return s.both - s.expected


def conviction(s: Shares) -> Floats:
    """How much more often the rule would be wrong by chance; infinite if it is never wrong."""
    never = np.full_like(s.both, np.inf)
    return np.divide(1 - s.consequent, 1 - s.confidence, out=never, where=s.both < s.antecedent)


def zhang(s: Shares) -> Floats:
    """Zhang's metric: -1 (never together), 0 (independent), 1 (one never without the other)."""
    scale = np.maximum(s.both * (1 - s.antecedent), s.antecedent * (s.consequent - s.both))
    return np.divide(leverage(s), scale, out=np.zeros_like(scale), where=scale != 0)


def kulczynski(s: Shares) -> Floats:
    """The mean of the confidences of the rule and of its converse."""
    return (s.both / s.antecedent + s.both / s.consequent) / 2


def imbalance(s: Shares) -> Floats:
    """The imbalance ratio: 0 if both sides are equally frequent, near 1 if one is much rarer."""
    return np.abs(s.antecedent - s.consequent) / (s.antecedent + s.consequent - s.both)


def certainty(s: Shares) -> Floats:
    """The certainty factor: how far the rule moves the consequent toward always (1) or never (-1).

    As in Berzal et al. (2002); mlxtend divides by the room above in both cases.
    """
    change = s.confidence - s.consequent
    room = np.where(change > 0, 1 - s.consequent, s.consequent)
    return np.divide(change, room, out=np.zeros_like(change), where=room != 0)


MEASURES: dict[str, Callable[[Shares], Floats]] = {
    "antecedent support": lambda s: s.antecedent,
    "consequent support": lambda s: s.consequent,
    "support": lambda s: s.both,
    "confidence": lambda s: s.confidence,
    "lift": lambda s: s.both / s.expected,
    "leverage": leverage,
    "conviction": conviction,
    "zhang": zhang,
    "jaccard": lambda s: s.both / (s.antecedent + s.consequent - s.both),
    "certainty": certainty,
    "kulczynski": kulczynski,
    "imbalance": imbalance,
}
