"""Work done ahead in threads, its results in the order of the items.

Decoding and resizing leave Python's lock, so threads keep several cores busy while the model
trains; and since a batch is a pure function of seed, epoch and number, nothing depends on which
thread was first.
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
    """`map(function, items)` with threads that work ahead of whoever takes the results.

    Args:
        function: May run in several threads at once.
        items: Taken one by one, `ahead` of them before they are needed, so that they may come
            from a stream.
        workers: Threads; 0 does everything when it is asked for; None: a thread a core, at most 8.
        ahead: Results that may wait; None: four a thread.
        pool: Makes what the workers are, of so many; None: threads.

    Raises:
        Whatever `function` raises, when its item's turn comes.
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
    finally:  # also when whoever took the results stopped in the middle
        executor.shutdown(wait=True, cancel_futures=True)


def _threads(workers: int) -> Executor:
    return ThreadPoolExecutor(workers, thread_name_prefix="hornbook-ahead")
