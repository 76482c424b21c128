"""PyTorch on several devices: a process for each, whose gradients are averaged.

One process starts the others, waits for them and reports their errors.  The first of them writes
the files of the run; the others only compute.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from typing import Any

import keras

from hornbook import errors
from hornbook.errors import HornbookError
from hornbook.training.devices.device import Arrays, Devices


class TorchDevices(Devices):
    """This process, as one of a group that trains together."""

    def __init__(self) -> None:
        import torch.distributed

        self._distributed = torch.distributed
        self.count = torch.distributed.get_world_size()
        self._rank = torch.distributed.get_rank()
        self.loss_scale = float(self.count)  # the mean of the gradients is their sum then
        self.is_first = self._rank == 0
        self._device = f"cuda:{self._rank}" if torch.cuda.is_available() else "cpu"
        self._parallel: Any = None

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        with keras.device(self._device):
            yield

    def train(self, model: Any, arrays: Arrays) -> float:
        import torch

        if self._parallel is None or self._parallel.module is not model:
            self._parallel = torch.nn.parallel.DistributedDataParallel(model)
        rows = len(next(iter(arrays.values()))) // self.count
        part = {name: value[self._rank * rows :][:rows] for name, value in arrays.items()}
        model.zero_grad()
        self._parallel(part, training=True)
        loss = sum(model.losses)
        model.optimizer.scale_loss(loss).backward()
        variables = model.trainable_weights[:]
        with torch.no_grad():
            model.optimizer.apply([variable.value.grad for variable in variables], variables)
        mean = loss.detach().clone()
        self._distributed.all_reduce(mean)
        return float(mean) / self.count

    def wait(self) -> None:
        self._distributed.barrier()


def in_a_group() -> bool:
    """Whether this process is one of several that train together."""
    import torch.distributed

    return bool(torch.distributed.is_available() and torch.distributed.is_initialized())


def run_in_processes(count: int, function: Callable[..., Any], *arguments: Any) -> None:
    """Calls `function(*arguments)` in `count` processes of one group, and waits for all.

    A signal to stop is passed to the first process, which saves; then all are ended.

    Args:
        count: Number of processes.
        function: A function of a module, so that a new process can import it.
        arguments: Its arguments, which can be pickled.

    Raises:
        HornbookError: the function raised it in one of them, or one was killed.
    """
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"file://{folder}/meeting"
        pipes = [context.Pipe(duplex=False) for _ in range(count)]
        processes = [
            context.Process(
                target=_work,
                args=(rank, count, meeting, os.getpid(), pipes[rank][1], function, arguments),
            )
            for rank in range(count)
        ]
        try:
            for process in processes:
                process.start()
            with _passing_signals_to(processes[0]):
                _wait_for_all(processes, [reader for reader, _ in pipes])
        finally:
            for process in processes:
                if process.is_alive():
                    process.kill()
                process.join()


def _wait_for_all(processes: list[Any], readers: list[Any]) -> None:
    """Waits until all are finished, or one has failed."""
    waiting = {process.sentinel: number for number, process in enumerate(processes)}
    while waiting:
        for sentinel in wait(list(waiting)):
            number = waiting.pop(sentinel)
            process, reader = processes[number], readers[number]
            process.join()
            if reader.poll():
                kind, message, exit_status = reader.recv()
                error = getattr(errors, kind)(message)
                error.exit_status = exit_status
                raise error
            if process.exitcode:
                raise HornbookError(
                    f"Process {number} of the training ended with status {process.exitcode}.\n"
                    "Its messages are above; --resume continues from the last checkpoint."
                )


@contextlib.contextmanager
def _passing_signals_to(process: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def pass_on(number: int, frame: Any) -> None:
        os.kill(process.pid, number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _work(
    rank: int,
    count: int,
    meeting: str,
    parent: int,
    pipe: Any,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    """Does the work of one process."""
    os.setpgrp()  # a Ctrl-C goes to the parent, which passes it to the first process
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if rank:
        os.environ["HORNBOOK_QUIET"] = "1"
    import torch

    torch.set_num_threads(max(torch.get_num_threads() // count, 1))
    kind = "nccl" if torch.cuda.is_available() else "gloo"
    torch.distributed.init_process_group(kind, init_method=meeting, rank=rank, world_size=count)
    try:
        function(*arguments)
    except HornbookError as error:
        pipe.send((type(error).__name__, str(error), error.exit_status))
        os._exit(error.exit_status)  # the others would wait for it forever
    torch.distributed.destroy_process_group()


def _end_with(parent: int) -> None:
    """Ends this process when its parent is gone, as nothing else would."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
