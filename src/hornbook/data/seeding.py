"""Random generators that depend on a key and nothing else."""

from __future__ import annotations

import numpy as np


def random_of(*key: int) -> np.random.Generator:
    """Returns a generator that depends only on the key, such as `seed, epoch, sample`."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))
