"""Pretrainings that are killed at chosen moments; `test_pretraining.py` runs it in a child process.

    python killed_pretraining.py WORDS MOMENT...

WORDS is a JSON list: the command without `hornbook`.  Each moment has a process of its own, which
goes on where the last one was killed: `step:3`, `prepared`, `stop:5` or `never`.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import hornbook.cli
from hornbook.recipes.pretraining import Pretraining
from hornbook.training.loop import Loop


def arrange(moment: str) -> None:
    """Sees to it that this process dies then."""
    kind, _, detail = moment.partition(":")
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


def main(words: str, *moments: str) -> None:
    # once for all processes: they begin with what this one has imported; nothing has run in it
    import keras  # noqa: F401

    for number, moment in enumerate(moments):
        process = os.fork()
        if process == 0:
            arrange(moment)
            os._exit(hornbook.cli.main(json.loads(words) + ["--resume"] * (number > 0)))
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        print(f"{moment} {status}", flush=True)


main(*sys.argv[1:])
