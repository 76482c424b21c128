"""Damaged files of every kind against every reader: refused in one message, or read; never else.

    python benchmarks/fuzzing.py                        # 100,000 files over all readers
    python benchmarks/fuzzing.py config torch --files 500 --seed 7

Each reader gets its sound files with one to six small changes.  What counts as a failure: an
exception that is no `HornbookError` (a crash), more than ten seconds for a file (a hang), an
address space beyond what the process had plus twice the files and 200 MB (memory), and a process
that dies.  The files of the first failures of each kind are kept in `--keep FOLDER`.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from fuzz_mutations import Files, mutate
from fuzz_readers import READERS, Reader

from hornbook.errors import HornbookError

HANG = 10  # seconds
SPARE = 200 * 2**20  # bytes beyond what the process had and twice the files
AT_ONCE = 250  # files per process
OUTCOMES = ("same", "other", "refused", "crash", "hang", "memory", "died")


def fuzz(name: str, reader: Reader, count: int, seed: int, keep: Path | None) -> dict[str, Any]:
    """Counts of outcomes, and descriptions of failures."""
    with tempfile.TemporaryDirectory() as work:
        sound = Path(work) / "sound"
        sound.mkdir()
        try:
            reader.make(sound)
        except ImportError as error:
            return {"skipped": str(error)}
        files = {file.name: file.read_bytes() for file in sorted(sound.iterdir())}
        place(Path(work) / "first", files)
        expected = reader.read(Path(work) / "first")
        counts: collections.Counter[str] = collections.Counter()
        failures: dict[str, str] = {}
        number = 0
        while number < count:
            rows = _in_process(name, reader, files, expected, number, count, seed, Path(work))
            for done, outcome, what in rows:
                counts[outcome] += 1
                if outcome not in ("same", "other", "refused") and what not in failures:
                    failures[what] = f"{name} --seed {seed}, file {done}: {outcome}: {what}"
                    if keep is not None:
                        draw = random.Random(f"{name}-{seed}-{done}")
                        place(keep / f"{name}-{outcome}-{done}", mutate(files, draw))
            number = rows[-1][0] + 1
        return {"counts": counts, "failures": list(failures.values())}


def place(folder: Path, files: Files) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _in_process(name, reader, files, expected, start, count, seed, work) -> list[tuple]:
    """The outcomes of some files, read by a process of their own that may die."""
    log = work / "log"
    log.write_text("")
    child = os.fork()
    if child == 0:
        try:
            _child(name, reader, files, expected, start, min(start + AT_ONCE, count), seed, log)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    rows = []
    for line in log.read_text("utf-8", "replace").splitlines():
        number, outcome, what = line.split("\t", 2)
        rows.append((int(number), outcome, what))
    if rows and rows[-1][1] == "begun":
        number = rows[-1][0]
        outcome = "hang" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM else ""
        rows[-1] = (number, outcome or "died", f"status {status}")
    rows = [row for i, row in enumerate(rows) if row[1] != "begun" or i == len(rows) - 1]
    return rows or [(start, "died", f"status {status}")]


def _child(name, reader, files, expected, start, stop, seed, log) -> None:
    limit = _address_space() + 2 * sum(map(len, files.values())) + SPARE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(null, stream)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with open(log, "a", encoding="utf-8") as lines:
        for number in range(start, stop):
            changed = mutate(files, random.Random(f"{name}-{seed}-{number}"))
            folder = log.with_name("changed")
            place(folder, changed)
            print(number, "begun", "", sep="\t", file=lines, flush=True)
            signal.alarm(HANG)
            outcome, what = _outcome(reader, folder, expected)
            signal.alarm(0)
            print(number, outcome, what, sep="\t", file=lines, flush=True)


def _outcome(reader: Reader, folder: Path, expected: Any) -> tuple[str, str]:
    try:
        return ("same" if reader.read(folder) == expected else "other"), ""
    except HornbookError as error:
        message = str(error)
        if not message.strip() or len(message) > 20_000:
            return "crash", f"a message of {len(message)} characters"
        return "refused", ""
    except MemoryError:
        return "memory", _place(sys.exc_info()[2])
    except BaseException as error:  # also what is no Exception, such as a panic of Rust
        return "crash", f"{type(error).__name__} at {_place(error.__traceback__)}: {error!s:.80}"


def _place(trace: Any) -> str:
    steps = traceback.extract_tb(trace)
    ours = [step for step in steps if "hornbook" in step.filename] or steps
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}".replace("\t", " ")


def _address_space() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmSize"):
            return int(line.split()[1]) * 1024
    raise SystemExit("This needs Linux, for /proc.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", choices=[*READERS, []], help="default: all")
    parser.add_argument("--files", type=int, help="per reader (default: 100,000 over all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the files of failures")
    options = parser.parse_args()
    names = options.readers or list(READERS)
    count = options.files or -(-100_000 // len(READERS))
    failed, total = 0, collections.Counter()
    print("| reader | files | " + " | ".join(OUTCOMES) + " | seconds |")
    print("|---|" + "---:|" * (len(OUTCOMES) + 2))
    for name in names:
        start = time.monotonic()
        result = fuzz(name, READERS[name], count, options.seed, options.keep)
        if "skipped" in result:
            print(f"| {name} | skipped: {result['skipped']} |")
            continue
        counts = result["counts"]
        total += counts
        failed += len(result["failures"])
        cells = " | ".join(f"{counts[outcome]:,}" for outcome in OUTCOMES)
        seconds = time.monotonic() - start
        print(f"| {name} | {sum(counts.values()):,} | {cells} | {seconds:.0f} |", flush=True)
        for failure in result["failures"][:20]:
            print(f"  {failure}", file=sys.stderr, flush=True)
    cells = " | ".join(f"{total[outcome]:,}" for outcome in OUTCOMES)
    print(f"| all | {sum(total.values()):,} | {cells} | |")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
