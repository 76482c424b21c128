"""Maps a function over items in threads, ahead of the consumer and in order.

Decoding and resizing release the GIL, so threads keep several cores busy while the model trains;
and since a batch is a pure function of seed, epoch and index, results do not depend on thread
timing.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int | None = None,
    ahead: int | None = None,
    pool: Callable[[int], Executor] | None = None,
) -> Generator[Result, None, None]:
    """Yields `map(function, items)`, computed by threads ahead of the consumer.

    Args:
        function: May run in several threads at once.
        items: Consumed one by one, `ahead` of them in advance, so they may be a stream.
        workers: Number of threads; 0 computes each result on demand.  Defaults to one per core,
            at most 8.
        ahead: Maximum number of waiting results.  Defaults to four per worker.
        pool: Makes an executor with a number of workers.  Defaults to threads.

    Raises:
        Whatever `function` raises, at the turn of its item.
    """
    workers = min(os.cpu_count() or 1, 8) if workers is None else workers
    if not workers:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    executor = _threads(workers) if pool is None else pool(workers)
    try:
        for item in items:
            waiting.append(executor.submit(function, item))
            if len(waiting) > (4 * workers if ahead is None else ahead):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # also if the consumer stops midway
        executor.shutdown(wait=True, cancel_futures=True)


def _threads(workers: int) -> Executor:
    return ThreadPoolExecutor(workers, thread_name_prefix="hornbook-ahead")
