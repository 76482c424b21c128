"""What `hornbook mine --memory N` really takes: asked, peak, time, and if the answer is the same.

    python benchmarks/mining_memory.py [--sets retail,T10I4D1000K] [--asked 50MB,200MB] [--keep]

Each cell is a process of its own, whose largest resident memory the system reports.  The base
is what a file of three baskets takes: Python, NumPy and the program.  `--keep` puts the table
into RESULTS.md.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from mining import materialize

# Name: the set of `mining.py` with its support, or how to make it and the options.
SETS = {
    "retail": ("retail:0.001", ["--min-support", "0.001"]),
    "T10I4D1000K": ("T10I4D1000K:0.002", ["--min-support", "0.002"]),
    "explosion, dense": ((20_000, 60, 30), ["--min-support", "200"]),
    "explosion, many items": ((100_000, 2_000, 60), ["--min-support", "12"]),
}
ASKED = ("50MB", "100MB", "200MB", "500MB", "2GB")


def explosion(path: Path, baskets: int, items: int, size: int) -> Path:
    """Baskets of random items, some far more popular: sets without end at a low support."""
    rng = np.random.default_rng(0)
    weight = 1 / np.arange(1, items + 1) ** 0.5
    weight /= weight.sum()
    with open(path, "w") as file:
        for _ in range(baskets):
            row = np.unique(rng.choice(items, size, p=weight))
            file.write(" ".join(map(str, row.tolist())) + "\n")
    return path


def measured(path: Path, options: list[str], folder: Path) -> tuple[float, float, str]:
    """Peak in MB, wall seconds, and a word for the answer: the hash of what was written."""
    itemsets, rules = folder / "itemsets.csv", folder / "rules.csv"
    for old in (itemsets, rules):
        old.unlink(missing_ok=True)
    command = [sys.executable, "-m", "hornbook", "mine", str(path), *options]
    command += ["--itemsets", str(itemsets), "--rules", str(rules)]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode("utf-8", "replace").strip()
    seconds = time.perf_counter() - start
    peak = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    if process.returncode:
        return peak, seconds, text.splitlines()[-2 if "\n" in text else -1][:70]
    number = sum(1 for _ in itemsets.open()) - 1
    digest = hashlib.sha256(itemsets.read_bytes() + rules.read_bytes()).hexdigest()[:8]
    return peak, seconds, f"{number:,} itemsets, {digest}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--asked", default=",".join(ASKED))
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--folder", help="where the files are made and kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        tiny = folder / "tiny.dat"
        tiny.write_text("1 2\n1 2 3\n2 3\n")
        base = measured(tiny, ["--min-support", "2"], folder)[0]
        lines = [
            f"Base (a file of three baskets): {base:.0f} MB.",
            "",
            "| set | asked | peak | beyond the base | seconds | answer |",
            "|---|---:|---:|---:|---:|---|",
        ]
        print("\n".join(lines), flush=True)
        for name in [
            name for name in SETS if any(name.startswith(s) for s in options.sets.split(","))
        ]:
            source, flags = SETS[name]
            if isinstance(source, str):
                path = materialize(source, folder)[0]
            else:
                path = folder / f"{'-'.join(map(str, source))}.dat"
                path = path if path.exists() else explosion(path, *source)
            for asked in options.asked.split(","):
                peak, seconds, answer = measured(path, [*flags, "--memory", asked], folder)
                sizes = f"{peak:.0f} MB | {peak - base:.0f} MB"
                line = f"| {name} | {asked} | {sizes} | {seconds:.1f} | {answer} |"
                print(line, flush=True)
                lines.append(line)
    if options.keep:
        from mining import keep

        keep("Memory of `hornbook mine`", lines)


if __name__ == "__main__":
    main()
