"""PyTorch on several devices: one process per device, with averaged gradients.

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


def is_in_group() -> bool:
    """Whether this process is one of a group that trains together."""
    import torch.distributed

    return bool(torch.distributed.is_available() and torch.distributed.is_initialized())


def run_in_processes(count: int, function: Callable[..., Any], *arguments: Any) -> None:
    """Calls `function(*arguments)` in `count` processes of one group, and waits for all.

    A stop signal is forwarded to the first process, which saves a snapshot; then all are killed.

    Args:
        count: Number of processes.
        function: A module-level function, so that a new process can import it.
        arguments: Its arguments; they must be picklable.

    Raises:
        HornbookError: the function raised it in one of the processes, or one was killed.
    """
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        rendezvous = f"file://{folder}/rendezvous"
        pipes = [context.Pipe(duplex=False) for _ in range(count)]
        processes = [
            context.Process(
                target=_run_process,
                args=(rank, count, rendezvous, os.getpid(), pipes[rank][1], function, arguments),
            )
            for rank in range(count)
        ]
        try:
            for process in processes:
                process.start()
            with _forwarded_signals(processes[0]):
                _wait_for_all(processes, [reader for reader, _ in pipes])
        finally:
            for process in processes:
                if process.is_alive():
                    process.kill()
                process.join()


def _wait_for_all(processes: list[Any], readers: list[Any]) -> None:
    """Waits until all are finished, or one has failed."""
    pending = {process.sentinel: rank for rank, process in enumerate(processes)}
    while pending:
        for sentinel in wait(list(pending)):
            rank = pending.pop(sentinel)
            process, reader = processes[rank], readers[rank]
            process.join()
            if reader.poll():
                kind, message, exit_status = reader.recv()
                error = getattr(errors, kind)(message)
                error.exit_status = exit_status
                raise error
            if process.exitcode:
                raise HornbookError(
                    f"Process {rank} of the training ended with status {process.exitcode}.\n"
                    "Its messages are above; --resume continues from the last checkpoint."
                )


@contextlib.contextmanager
def _forwarded_signals(process: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def forward(number: int, frame: Any) -> None:
        os.kill(process.pid, number)

    handlers = {
        number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _run_process(
    rank: int,
    count: int,
    rendezvous: str,
    parent: int,
    pipe: Any,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    """Runs the function in one process of the group."""
    os.setpgrp()  # Ctrl-C goes to the parent, which forwards it to the first process
    threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()
    if rank:
        os.environ["HORNBOOK_QUIET"] = "1"
    import torch

    torch.set_num_threads(max(torch.get_num_threads() // count, 1))
    kind = "nccl" if torch.cuda.is_available() else "gloo"
    torch.distributed.init_process_group(kind, init_method=rendezvous, rank=rank, world_size=count)
    try:
        function(*arguments)
    except HornbookError as error:
        pipe.send((type(error).__name__, str(error), error.exit_status))
        os._exit(error.exit_status)  # the others would wait for it forever
    torch.distributed.destroy_process_group()


def _exit_with(parent: int) -> None:
    """Exits when the parent is gone: nothing else would end this process."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
