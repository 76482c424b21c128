"""What may be written, as functions on logits.

A constraint is called before every token with the logits of it, `(rows, vocabulary)` float32,
and with the `Texts` written so far.  It gives the logits back, changed in place or not: `-inf`
forbids a token.  Any function of this form is one.
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
