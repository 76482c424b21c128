"""Maps a function over items in processes, ahead of the consumer and in order."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

from hornbook.data.ahead import in_order
from hornbook.errors import HornbookError

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    begin: Callable[..., None] | None = None,
    arguments: tuple[Any, ...] = (),
) -> Generator[Result, None, None]:
    """Yields `map(function, items)`, computed by processes ahead; see `in_order`.

    Args:
        function: A module-level function, so that it can be pickled.
        items: Consumed a few ahead.
        workers: Number of processes; 0 computes everything in this one.
        begin: Initializer that each process, or this one, calls first.
        arguments: Arguments of `begin`.

    Raises:
        HornbookError: a process was killed, or none can be started.
    """

    def pool(count: int) -> Executor:
        context = get_context("spawn")  # forking a process with threads hangs
        try:
            return ProcessPoolExecutor(count, context, _begin, (begin, arguments))
        except OSError as error:  # no semaphores: /dev/shm is missing or cannot be written
            raise HornbookError(
                f"Worker processes cannot be started here: {error.strerror or error}.\n"
                "They need a writable /dev/shm.  With 0 workers, this process does all the work."
            ) from None

    if begin is not None and not workers:
        begin(*arguments)
    try:
        yield from in_order(function, items, workers=workers, pool=pool)
    except BrokenProcessPool:
        raise HornbookError(
            "A worker process was killed, perhaps because memory ran out.\n"
            "Run it again with fewer workers: finished parts are kept."
        ) from None


def _begin(begin: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    """Initializes a worker, which exits when its parent is gone, however that ended."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # there is one process per core already
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    if begin is not None:
        begin(*arguments)


def _leave_with(parent: Any) -> None:
    parent.join()
    os._exit(1)
