"""Kills training runs, `make captchas` and `label` at random moments and checks what is left.

    python benchmarks/kills.py [--kills 20] [--cases "images,captcha,make captchas"] [--keep]

Each training has tiny settings and a snapshot after every step.  It is killed with SIGKILL at
random moments after its first snapshot and resumed, until it is finished; then another one begins,
until there were enough kills.  Before every second kill another process tries the same run folder
and has to be refused.  A finished run must have the files and the very bytes of one that was never
killed.  `make captchas` must leave nothing or everything, and no process; a killed `label --apply`
must be undone whole.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from results import keep as keep_table

import hornbook.cli  # before Keras: it chooses the backend

COLUMNS = ("what", "kills", "ended", "whole", "refused", "left behind", "s")
LOG = Path(tempfile.gettempdir()) / f"kills-{os.getpid()}.txt"  # of the last process
REFUSED = 2  # the status of a process that is refused


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--kills", type=int, default=20, help="number of kills of each case (default: 20)"
    )
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--keep", action="store_true", help="add the table to RESULTS.md")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    # what one process has compiled the others need not
    cache = tempfile.mkdtemp(prefix="kills-compiled-")
    os.environ |= {
        "HORNBOOK_QUIET": "1",
        "JAX_COMPILATION_CACHE_DIR": cache,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }
    rows = []
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        for name in options.cases.split(","):
            begun = time.monotonic()
            (Path(folder) / name).mkdir()
            chance = random.Random(f"{options.seed} {name}")
            figures = CASES[name](Path(folder) / name, options.kills, chance)
            rows.append((name, *figures, f"{time.monotonic() - begun:.0f}"))
            print(dict(zip(COLUMNS, rows[-1], strict=True)), flush=True)
    shutil.rmtree(cache, ignore_errors=True)
    LOG.unlink(missing_ok=True)
    table = markdown(rows)
    print(table)
    if options.keep:
        keep_table("Kills", f"`python benchmarks/kills.py --kills {options.kills}`\n\n{table}")


def markdown(rows: list[tuple]) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


# Trainings.


def training(recipe: str, data: Callable[[Path], Path], *flags: str) -> Callable[..., tuple]:
    """Returns a case: a recipe trained on some data."""

    def case(folder: Path, kills: int, chance: random.Random) -> tuple:
        import keras  # noqa: F401 - once: each process begins with what this one imported

        from hornbook.recipes import recipe_named

        recipe_named(recipe).snapshot_seconds = 0
        source = data(folder / "data")

        def words(run: Path) -> list[str]:
            return ["train", recipe, str(source), "--out", str(run), *flags, "--resume"]

        def start(run: Path) -> int:
            return forked(lambda: hornbook.cli.main(words(run)))

        must_end(start(folder / "first"))
        begun = time.monotonic()
        must_end(start(folder / "whole"))
        seconds = time.monotonic() - begun
        expected = state(folder / "whole")
        done = ended = same = refused = asked = 0
        left = set()
        while done < kills:
            run = folder / f"run-{ended}"
            while True:
                process = start(run)
                until_snapshot(process, run)
                status = wait(process, chance.uniform(0, 0.7 * seconds))
                if status is not None:
                    must_be_well(status)
                    break
                if done % 2:
                    asked += 1
                    refused += wait(start(run)) == REFUSED
                os.kill(process, signal.SIGKILL)
                done += wait(process) == -signal.SIGKILL
                if done >= kills:
                    must_end(start(run))
                    break
            ended += 1
            same += state(run) == expected
            left |= names(run) - names(folder / "whole")
            shutil.rmtree(run)
        return (done, ended, same, f"{refused} of {asked}", len(left))

    return case


def until_snapshot(process: int, run: Path) -> None:
    while not any(run.glob("checkpoints/step-????????")) and alive(process):
        time.sleep(0.01)


def state(run: Path) -> dict[str, str]:
    """Returns what must be identical: the model and its history."""
    files = [run / "metrics.jsonl", *sorted((run / "model").iterdir())]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def names(run: Path) -> set[str]:
    return {str(path.relative_to(run)) for path in run.rglob("*")}


# Data that is learned in seconds.


def texts(folder: Path) -> Path:
    chance = random.Random(0)
    kinds = {"warm": ["sun", "fire", "tea"], "cold": ["ice", "snow", "frost"]}
    folder.mkdir()
    for split, count in (("train", 64), ("valid", 32)):
        rows = []
        for number in range(count):
            label = list(kinds)[number % 2]
            words = [
                chance.choice(kinds[label]),
                *chance.choices(["and", "or", "of"], k=4),
                str(number),
            ]
            rows.append({"text": " ".join(words), "label": label})
        write_lines(folder / f"{split}.jsonl", rows)
    return folder


def pairs(folder: Path) -> Path:
    from hornbook.data.demo.matching import write_demo_data

    write_demo_data(folder, pairs_per_criterion=10)
    return folder


def captchas(folder: Path) -> Path:
    from hornbook.data.captchas.making import Order, make_captchas

    make_captchas(folder, Order("plain", (40, 16), (), "12ABab", (2, 2), 0), 60, workers=0)
    return folder


def images(folder: Path) -> Path:
    """Draws horizontal and vertical stripes."""
    from PIL import Image

    chance = np.random.default_rng(0)
    for name, axis in (("lying", 0), ("standing", 1)):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            places = np.indices((48, 48))[axis] + chance.integers(9)
            stripes = np.where((places // 4 % 2 == 0)[..., None], *chance.integers(0, 255, (2, 3)))
            Image.fromarray(stripes.astype("uint8")).save(folder / name / f"{number}.png")
    add_tiny_backbone()
    return folder


def add_tiny_backbone() -> None:
    """Adds `keras.applications.Tiny`, a small network for fast runs."""
    import keras

    def tiny(include_top=True, weights=None, input_shape=None, **options):
        inputs = keras.Input(input_shape or (None, None, 3))
        x = keras.layers.Conv2D(8, 3, strides=4, name="first")(inputs)
        x = keras.layers.BatchNormalization(name="norm")(x)
        x = keras.layers.Conv2D(12, 3, activation="relu", name="second")(x)
        return keras.Model(inputs, x)

    module = type(sys)("tiny_application")
    module.preprocess_input = lambda x: x / 127.5 - 1.0
    tiny.__module__ = module.__name__
    sys.modules[module.__name__] = module
    keras.applications.Tiny = tiny


def write_lines(file: Path, rows: list[dict]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


# Files that are made or renamed.


def drawing(folder: Path, kills: int, chance: random.Random) -> tuple:
    """Returns a case: `make captchas` with two workers."""
    count = 500

    def start(target: Path) -> int:
        words = ["make", "captchas", str(target), "--count", str(count), "--workers", "2"]
        return forked(lambda: hornbook.cli.main(words), session=True)

    begun = time.monotonic()
    must_end(start(folder / "whole"))
    seconds = time.monotonic() - begun
    expected = contents(folder / "whole")
    done = ended = whole = left = 0
    while done < kills:
        target = folder / "target"
        process = start(target)
        if wait(process, chance.uniform(0.02, 1.0) * seconds) is None:
            os.kill(process, signal.SIGKILL)
            done += wait(process) == -signal.SIGKILL
        time.sleep(3)  # the workers find out that they are alone
        left += group_lives(process)
        ended += 1
        if not target.exists():
            assert wait(start(target)) == 0  # and the next call makes it
        whole += contents(target) == expected
        shutil.rmtree(target)
        left += len(list(folder.iterdir())) - 1
    return (done, ended, whole, "", left)


def renaming(folder: Path, kills: int, chance: random.Random) -> tuple:
    """Returns a case: `label --apply` and `--undo`, with texts stored in the files themselves."""
    from hornbook.data.images.renaming import named_after, rename, undo

    count, target = 400, folder / "pictures"

    def apply() -> int:
        proposals = [(path, path.read_text()) for path in sorted(target.glob("*.png"))]
        rename(named_after(proposals), target / "undo.csv")
        return 0

    def take_back() -> int:
        undo(target / "undo.csv")
        return 0

    def fill() -> None:
        target.mkdir()
        for number in range(count):
            (target / f"p{number}.png").write_text(f"ab{number % 170}")

    def pairs_of() -> set[tuple[str, str]]:
        return {(path.name, path.read_text()) for path in target.glob("*.png")}

    fill()
    before = pairs_of()
    begun = time.monotonic()
    must_end(forked(apply))
    seconds = time.monotonic() - begun
    shutil.rmtree(target)
    done = ended = whole = left = 0
    while done < kills:
        fill()
        process = forked(apply)
        while not (target / "undo.csv").exists() and alive(process):
            time.sleep(0.001)
        if wait(process, chance.uniform(0, seconds)) is None:
            os.kill(process, signal.SIGKILL)
            done += wait(process) == -signal.SIGKILL
        if (target / "undo.csv").exists():
            if ended % 2:  # undoing is killed too
                process = forked(take_back)
                if wait(process, chance.uniform(0, seconds)) is None:
                    os.kill(process, signal.SIGKILL)
                    done += wait(process) == -signal.SIGKILL
            if (target / "undo.csv").exists():
                must_end(forked(take_back))
        ended += 1
        whole += pairs_of() == before
        left += len([path for path in target.iterdir() if path.suffix not in (".png", ".csv")])
        shutil.rmtree(target)
    return (done, ended, whole, "", left)


def contents(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.suffix == ".png"
    }


# Processes.


def forked(work: Callable[[], int], *, session: bool = False) -> int:
    """Calls a function in a new process, silently, and returns the process id."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        if session:
            os.setsid()
        with open(LOG, "w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        status = work()
    finally:
        os._exit(status)


def wait(process: int, seconds: float | None = None) -> int | None:
    """Returns the exit status; None if the process still runs after the timeout."""
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        number, status = os.waitpid(process, 0 if end is None else os.WNOHANG)
        if number:
            return os.waitstatus_to_exitcode(status)
        if end is not None and time.monotonic() > end:
            return None
        time.sleep(0.002)


def must_end(process: int) -> None:
    must_be_well(wait(process))


def must_be_well(status: int | None) -> None:
    if status != 0:
        raise SystemExit(f"A process ended with status {status}:\n{LOG.read_text()[-2000:]}")


def alive(process: int) -> bool:
    """Whether a child still runs; its status is left for `wait`."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def group_lives(leader: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, 0)
        return True
    return False


SMALL = ("--num-hidden-layers", "1", "--hidden-size", "64", "--vocabulary-size", "200")
CASES: dict[str, Callable[..., tuple]] = {
    "text-classification": training(
        "text-classification", texts, *SMALL, "--max-length", "16", "--batch-size", "16",
        "--epochs", "4",
    ),
    "text-matching": training(
        "text-matching", pairs, *SMALL, "--max-length", "32", "--batch-size", "16",
        "--epochs", "3", "--patience", "0",
    ),
    "captcha": training(
        "captcha", captchas, "--size", "40x16", "--epochs", "4", "--batch-size", "16",
    ),
    "images": training(
        "images", images, "--backbone", "Tiny", "--weights", "none", "--size", "64",
        "--epochs", "4", "--batch-size", "8",
    ),
    "make captchas": drawing,
    "label": renaming,
}  # fmt: skip

if __name__ == "__main__":
    main()
