"""Maps a function over items in forked processes, in any order, for functions of a script.

`processes.py` is for hornbook's own work: it starts new processes, which need a function of a
module, and never forks one with threads.
"""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any

import numpy as np

_functions: list[Any] = []  # of a worker process


def _begin(function: Callable[[Any], Any], seeds: Any) -> None:
    _functions[:] = [function]  # inherited by the process, so it may be nested or a lambda
    if not seeds.empty():
        np.random.seed(seeds.get())


def _in_process(i: int, item: Any) -> tuple[int, Any]:
    return i, _functions[0](item)


def in_forked_processes(
    func: Callable[[Any], Any],
    iterable: Iterable[Any],
    workers: int,
    max_queue_size: int,
    dummy: bool = False,
    random_seeds: Any = True,
) -> Iterator[tuple[int, Any]]:
    """Yields the index and the result of each item as they are ready.

    Args:
        func: Any function, also a lambda: the processes inherit it.
        iterable: The items.
        workers: Number of processes.
        max_queue_size: Number of items that wait for a worker at most.
        dummy: Whether to use threads instead; so does a system that cannot fork.
        random_seeds: Seeds of the workers' NumPy; True for a random one each, False for none.
    """
    pool: futures.Executor
    if dummy or "fork" not in multiprocessing.get_all_start_methods():
        pool = futures.ThreadPoolExecutor(workers)
        call: Callable[..., Any] = lambda i, item: (i, func(item))  # noqa: E731
    else:
        context, call = multiprocessing.get_context("fork"), _in_process
        seeds = context.SimpleQueue()
        for seed in [None] * workers if random_seeds is True else random_seeds or []:
            seeds.put(seed)
        pool = futures.ProcessPoolExecutor(workers, context, _begin, (func, seeds))
    pending: set[futures.Future[Any]] = set()
    with pool:
        for i, item in enumerate(iterable):
            while len(pending) >= max_queue_size + workers:
                done, pending = futures.wait(pending, return_when=futures.FIRST_COMPLETED)
                yield from (future.result() for future in done)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*fork")  # the workers call no backend
                pending.add(pool.submit(call, i, item))
        yield from (future.result() for future in futures.as_completed(pending))
