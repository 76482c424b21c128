"""A training that kills itself at a chosen moment; `test_resume.py` runs it in a child process.

    python killed_training.py DATA RUN FIELDS MOMENT...

Each moment has a process of its own, which resumes where the last one was killed.  The last
moment is `never`.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path

import hornbook.cli
from hornbook import files
from hornbook.recipes.text_matching import TextMatching
from hornbook.training import snapshots
from hornbook.training.loop import Loop
from hornbook.training.run_folder import RunFolder

TextMatching.snapshot_seconds = 0  # one after each step


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arrange(moment: str) -> None:
    """Makes this process die at that moment."""
    kind, _, detail = moment.partition(":")
    if kind == "step":  # computed, but in no snapshot yet
        step = Loop._step

        def step_and_die(loop, batch):
            step(loop, batch)
            if loop.state["step"] == int(detail):
                die()

        Loop._step = step_and_die
    elif kind == "writing":  # a file of this snapshot is half-written
        save_file = snapshots.save_file

        def save_half(values, path):
            save_file(values, path)
            if f"{int(detail):08d}" in str(path):
                os.truncate(path, os.path.getsize(path) // 2)
                die()

        snapshots.save_file = save_half
    elif kind == "replacing":  # the old folder is moved aside, the new one is not in place yet
        rename = os.rename

        def rename_and_die(source, target):
            rename(source, target)
            if Path(source).name == detail and str(target).endswith(files.REPLACED):
                die()

        os.rename = rename_and_die
    elif kind == "report":
        RunFolder.write_report = lambda run, html: die()
    elif kind == "stop":  # on a signal of the system
        step = Loop._step

        def step_and_signal(loop, batch):
            step(loop, batch)
            if loop.state["step"] == int(detail):
                signal.raise_signal(signal.SIGTERM)

        Loop._step = step_and_signal
    elif kind == "full":  # the disk is full but for a few bytes
        step = Loop._step

        def fill_and_step(loop, batch):
            if loop.state["step"] == int(detail):
                resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
            return step(loop, batch)

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        Loop._step = fill_and_step
    else:
        assert kind == "never", kind


def main(data: str, run: str, fields: str, *moments: str) -> None:
    # imported once: the forked processes inherit it; nothing has run in this one
    import keras  # noqa: F401

    flags = []
    for name, value in json.loads(fields).items():
        flags += [f"--{name.replace('_', '-')}", str(value)]
    for number, moment in enumerate(moments):
        process = os.fork()
        if process == 0:
            arrange(moment)
            words = ["train", "text-matching", data, "--out", run, *flags]
            os._exit(hornbook.cli.main(words + ["--resume"] * (number > 0)))
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        print(f"{moment} {status}", flush=True)


main(*sys.argv[1:])
