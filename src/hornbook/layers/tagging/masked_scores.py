"""The score of what is masked: what a layer returns says by itself what is no token or no span."""

from __future__ import annotations

from typing import Any

# finite, for -inf - -inf is NaN in a backward pass, and far below any score of a model
MASKED = -1e9


def is_masked(scores: Any) -> Any:
    """Whether scores, an array or a tensor, are `MASKED`; after half precision, -inf, too."""
    return scores < MASKED / 2
