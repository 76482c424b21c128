"""Constraints on what may be generated: functions on logits.

A constraint is called before each token with its logits, `(rows, vocabulary)` float32, and with
the `Texts` generated so far.  It returns the logits, changed in place or not: `-inf` forbids a
token.  Any function of this form is a constraint.
"""

from hornbook.generation.constraints.allowed import ForcedEnd, ForcedPrefix, OneOf, OnlyFrom
from hornbook.generation.constraints.applying import Constraint, constrained, constraints_of
from hornbook.generation.constraints.banned import (
    BannedSequences,
    MinimumLength,
    NoRepeatedNgrams,
)
from hornbook.generation.constraints.penalties import (
    FrequencyPenalty,
    LogitBias,
    RepetitionPenalty,
)

__all__ = [
    "BannedSequences",
    "Constraint",
    "ForcedEnd",
    "ForcedPrefix",
    "FrequencyPenalty",
    "LogitBias",
    "MinimumLength",
    "NoRepeatedNgrams",
    "OneOf",
    "OnlyFrom",
    "RepetitionPenalty",
    "constrained",
    "constraints_of",
]
