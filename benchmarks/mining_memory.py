"""Measures `hornbook mine --memory N`: limit, peak, time, and a hash of the result.

    python benchmarks/mining_memory.py [--sets retail,T10I4D1000K] [--asked 50MB,200MB] [--keep]

Each cell is a process of its own, whose largest resident memory Linux reports.  The base is
the memory for a file of three baskets: Python, NumPy and the program.  The hash is that of all
itemsets and rules in order.  `--keep` adds the table to RESULTS.md.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from results import keep

from mining import materialize

# Name: the set of `mining.py` with its support, or how to make it and the options.
SETS = {
    "retail": ("retail:0.001", ["--min-support", "0.001"]),
    "T10I4D1000K": ("T10I4D1000K:0.002", ["--min-support", "0.002"]),
    "explosion, dense": ((20_000, 60, 30), ["--min-support", "200"]),
    "explosion, many items": ((100_000, 2_000, 60), ["--min-support", "12"]),
}
# Not `ru_maxrss`, which a child inherits from the process that started it.
PEAK = """
import pathlib, sys, time
from hornbook.cli import main
status = main(sys.argv[1:])
peak = pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(flush=True)
print(status or 0, int(peak) / 1024, time.process_time())
"""
ASKED = ("50MB", "100MB", "200MB", "500MB", "2GB")


def explosion(path: Path, baskets: int, items: int, size: int) -> Path:
    """Returns baskets of random items, some far more frequent: too many sets at a low support."""
    rng = np.random.default_rng(0)
    weight = 1 / np.arange(1, items + 1) ** 0.5
    weight /= weight.sum()
    with open(path, "w") as file:
        for _ in range(baskets):
            row = np.unique(rng.choice(items, size, p=weight))
            file.write(" ".join(map(str, row.tolist())) + "\n")
    return path


def measured(path: Path, options: list[str], folder: Path) -> tuple[float, float, str]:
    """Returns the peak in MB, CPU seconds, and the hash of the output."""
    itemsets, rules = folder / "itemsets.csv", folder / "rules.csv"
    for old in (itemsets, rules):
        old.unlink(missing_ok=True)
    command = [sys.executable, "-c", PEAK, "mine", str(path), *options]
    command += ["--itemsets", str(itemsets), "--rules", str(rules)]
    with tempfile.TemporaryFile() as output:
        subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=True)
        output.seek(0)
        *lines, last = output.read().decode("utf-8", "replace").strip().splitlines()
    status, peak, seconds = (float(word) for word in last.split())
    if status:
        return peak, seconds, next(line for line in lines if "hornbook:" in line)[10:]
    number = sum(1 for _ in itemsets.open()) - 1
    digest = hashlib.sha256(itemsets.read_bytes() + rules.read_bytes()).hexdigest()[:8]
    return peak, seconds, f"{number:,} itemsets, {digest}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--asked", default=",".join(ASKED))
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--folder", help="folder of the generated files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        tiny = folder / "tiny.dat"
        tiny.write_text("1 2\n1 2 3\n2 3\n")
        base = measured(tiny, ["--min-support", "2"], folder)[0]
        lines = [
            f"Base (a file of three baskets): {base:.0f} MB.",
            "",
            "| set | asked | peak | beyond the base | CPU seconds | answer |",
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
                sizes = f"{asked} | {peak:.0f} MB | {peak - base:.0f} MB"
                line = f"| {name} | {sizes} | {seconds:.1f} | {answer} |"
                print(line, flush=True)
                lines.append(line)
    if options.keep:
        keep("Memory of mining", "\n".join(lines))


if __name__ == "__main__":
    main()
