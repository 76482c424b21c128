"""Random numbers that depend on a key and nothing else."""

from __future__ import annotations

import numpy as np


def random_of(*key: int) -> np.random.Generator:
    """Random numbers that depend on nothing but the key: `seed, epoch, number of the sample`."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))
