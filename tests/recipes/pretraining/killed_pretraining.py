"""Pretraining that is killed at given points; `test_recipe.py` runs it in a child process.

    python killed_pretraining.py WORDS POINT...

WORDS is a JSON list: the command without `hornbook`.  Each point (`step:3`, `prepared`, `stop:5` or
`never`) has a process of its own, which resumes where the last one was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import hornbook.cli
from hornbook.recipes.pretraining import Pretraining
from hornbook.training.loop import Loop


def kill_at(point: str) -> None:
    """Makes this process die at the point."""
    kind, _, detail = point.partition(":")
    if kind == "prepared":
        Pretraining.open_run = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
    elif kind in ("step", "stop"):
        step = Loop._step

        def then_end(loop, batch):
            loss = step(loop, batch)
            if loop.state["step"] == int(detail):
                end = signal.SIGKILL if kind == "step" else signal.SIGTERM
                os.kill(os.getpid(), end)
            return loss

        Loop._step = then_end
    else:
        assert kind == "never", kind


def main(words: str, *points: str) -> None:
    # once for all processes: they are forked from this one, which runs nothing
    import keras  # noqa: F401

    for number, point in enumerate(points):
        process = os.fork()
        if process == 0:
            kill_at(point)
            os._exit(hornbook.cli.main(json.loads(words) + ["--resume"] * (number > 0)))
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        print(f"{point} {status}", flush=True)


main(*sys.argv[1:])
