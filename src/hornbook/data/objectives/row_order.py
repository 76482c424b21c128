"""The order in which the rows of a corpus are seen: any step of it can be found again."""

from __future__ import annotations

import numpy as np

from hornbook.data.seeding import random_of


def shuffled(
    count: int, batch: int, seed: int, epoch: int, host: tuple[int, int] = (0, 1)
) -> np.ndarray:
    """The rows of each step of an epoch.

    Every row comes once.  The last batch is filled from the beginning of the order, so that no row
    is left out and all batches have one shape.

    Args:
        count: How many rows there are.
        batch: Rows of a step, those of all hosts together.
        seed, epoch: They settle the order, and nothing else does.
        host: Which host this is of how many; each gets its part of every batch.

    Returns:
        `(steps, batch / hosts)` int64.

    Raises:
        ValueError: there are no rows, or a batch cannot be divided among the hosts.
    """
    number, hosts = host
    if count < 1 or batch < 1:
        raise ValueError(f"{count} rows cannot be put into batches of {batch}.")
    if batch % hosts or not 0 <= number < hosts:
        raise ValueError(f"Host {number} of {hosts} has no part of batches of {batch} rows.")
    order = random_of(seed, epoch).permutation(count)
    steps = -(-count // batch)
    return np.resize(order, (steps, batch))[:, number::hosts]
