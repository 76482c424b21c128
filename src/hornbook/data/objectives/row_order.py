"""The order of the rows of a corpus, reproducible from any step."""

from __future__ import annotations

import numpy as np

from hornbook.data.seeding import random_of


def shuffled(
    count: int, batch: int, seed: int, epoch: int, host: tuple[int, int] = (0, 1)
) -> np.ndarray:
    """Returns the rows of each step of an epoch.

    Every row occurs once.  The last batch is filled up from the beginning of the order, so that no
    row is dropped and all batches have one shape.

    Args:
        count: Number of rows.
        batch: Rows per step, over all hosts.
        seed, epoch: Determine the order.
        host: Index of this host and number of hosts; each gets its part of every batch.

    Returns:
        `(steps, batch / hosts)` int64.

    Raises:
        ValueError: no rows, or a batch cannot be divided among the hosts.
    """
    number, hosts = host
    if count < 1 or batch < 1:
        raise ValueError(f"{count} rows cannot be put into batches of {batch}.")
    if batch % hosts or not 0 <= number < hosts:
        raise ValueError(f"Host {number} of {hosts} has no part of batches of {batch} rows.")
    order = random_of(seed, epoch).permutation(count)
    steps = -(-count // batch)
    return np.resize(order, (steps, batch))[:, number::hosts]
