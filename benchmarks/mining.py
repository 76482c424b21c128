"""CPU seconds of frequent itemset mining: hornbook and its peers on the same baskets.

    python benchmarks/mining.py [--sets chess,retail] [--peers pyfim,rusket] [--limit 60]
    python benchmarks/mining.py --kind closed [--sets mushroom:0.01,chess:0.5]  # or maximal
    python benchmarks/mining.py --growth [MOST]  # 10^4 to 10^7 baskets
    python benchmarks/mining.py --rules        # a million rules
    python benchmarks/mining.py --spark        # against Spark MLlib on the same rows

`--sets NAME:SUPPORT` sets another support; `--keep` adds the table to RESULTS.md.

Real sets are read from the folder in HORNBOOK_DATA (default: `../shared/data`); the others
are generated.  Every peer runs in a process of its own, with one thread if possible
and a limit on CPU seconds, up to three times, and the best counts: from a text file to
the finished table, and from a list of tuples of integers to the finished table.  A tiny
warm-up run excludes imports and compilation.  A peer that does not
finish from memory is not tried from the file, and counts as having taken the limit.  Peers
that are not installed are listed below the tables.  Peers whose minimum is a share get half a
basket less, so that rounding does not matter.  Everything installs in one environment
(Python 3.11):

    pip install pyfim rusket mlxtend efficient-apriori Orange3-Associate PAMI pyspark hornbook
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from mining_peers import KINDS, as_lists

DATA = Path(os.environ.get("HORNBOOK_DATA", Path(__file__).parents[2] / "shared" / "data"))
THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
# Name: the file, or how to generate it; the minimum count, or share, of the hard support.
SETS: dict[str, tuple[str | dict, float]] = {
    "Groceries": ("Groceries", 0.0005),
    "chess": ("chess", 0.60),
    "mushroom": ("mushroom", 0.05),
    "accidents": ("accidents_part", 0.40),
    "retail": ("retail", 0.0005),
    "T10I4D100K": ("T10I4D100K", 0.0005),
    "T40I10D100K": ({"baskets": 100_000, "size": 40, "pattern": 10}, 0.01),
    "T10I4D1000K": ({"baskets": 1_000_000, "size": 10, "pattern": 4}, 0.001),
}
CONDENSED_SETS = "chess:0.6,chess:0.5,mushroom:0.05,mushroom:0.01,retail,T10I4D100K"


def quest(baskets: int, size: int, pattern: int, items: int = 1000, seed: int = 0):
    """Baskets in the manner of IBM's Quest generator, as (codes, lengths).

    A basket is filled with patterns of items that were drawn beforehand, some more popular
    than others, each losing some of its items on the way.
    """
    rng = np.random.default_rng(seed)
    number = 2000
    sizes = np.maximum(1, rng.poisson(pattern, number))
    popularity = rng.exponential(size=number)
    popularity /= popularity.sum()
    weight = rng.exponential(size=items)
    weight /= weight.sum()
    patterns = [rng.choice(items, min(n, items), replace=False, p=weight) for n in sizes]
    starts = np.cumsum(sizes) - sizes
    flat = np.concatenate(patterns)
    loss = rng.normal(0.5, 0.1, number).clip(0, 1)
    codes, lengths = [], []
    for first in range(0, baskets, 50_000):
        here = min(50_000, baskets - first)
        draws = max(1, rng.poisson(size / (pattern * 0.5)))
        picks = rng.choice(number, (here, draws), p=popularity).ravel()
        wanted = rng.poisson(size / (pattern * 0.5), here)
        used = (np.arange(draws) < np.maximum(1, wanted)[:, None]).ravel()
        owner = np.repeat(np.arange(here), draws)[used]
        picks = picks[used]
        run = np.repeat(np.arange(len(picks)), sizes[picks])
        turn = np.arange(len(run)) - np.repeat(np.cumsum(sizes[picks]) - sizes[picks], sizes[picks])
        kept = rng.random(len(run)) >= loss[picks][run]
        keys = owner[run][kept] * items + flat[starts[picks][run][kept] + turn[kept]]
        keys = np.unique(keys)
        codes.append(keys % items)
        lengths.append(np.bincount(keys // items, minlength=here))
    return np.concatenate(codes), np.concatenate(lengths)


def materialize(name: str, folder: Path) -> tuple[Path, int, int]:
    """Returns the text file of a set (`NAME` or `NAME:SUPPORT`), its baskets and minimum count."""
    name, _, other = name.partition(":")
    source, share = SETS[name]
    share = float(other or share)
    path = folder / f"{name}.dat"
    if isinstance(source, str):
        packed = DATA / "baskets" / f"{source}.dat.gz"
        if not path.exists():
            path.write_bytes(gzip.decompress(packed.read_bytes()))
    elif not path.exists():
        codes, lengths = quest(**source)
        words = [str(code) for code in codes.tolist()]
        ends = np.cumsum(lengths).tolist()
        with open(path, "w") as file:
            start = 0
            for end in ends:
                if end > start:
                    file.write(" ".join(words[start:end]) + "\n")
                start = end
    with open(path, "rb") as file:
        baskets = sum(1 for line in file if line.strip())
    return path, baskets, math.ceil(share * baskets - 1e-9)


def child(kind: str, peer: str, mode: str, path: str, minimum: int) -> None:
    """Runs one peer up to three times and prints time and memory as JSON."""
    source = Path(path) if mode == "file" else as_lists(Path(path))
    run = KINDS[kind][peer]
    tiny = [(1, 2, 3), (1, 2), (2, 3)]
    with tempfile.NamedTemporaryFile("w", suffix=".dat") as file:
        file.write("".join(" ".join(map(str, basket)) + "\n" for basket in tiny))
        file.flush()
        try:
            run(tiny if mode == "memory" else Path(file.name), 2)
        except ImportError as error:
            print(json.dumps({"missing": str(error)}))
            return
    before = peak_memory()
    best, number = math.inf, 0
    spent = time.process_time()
    for _ in range(3):
        start = time.process_time()
        number = run(source, minimum)
        best = min(best, time.process_time() - start)
        if time.process_time() - spent > 8:
            break
    peak = peak_memory()
    result = {
        "seconds": best,
        "itemsets": number,
        "peak": peak / 1024,
        "grown": (peak - before) / 1024,
    }
    print(json.dumps(result))


def peak_memory() -> int:
    """Returns the peak memory of this process in KiB; `getrusage` would include its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def measure(kind: str, peer: str, mode: str, path: Path, minimum: int, limit: int) -> dict:
    """Returns the output of `child`, or why there is none."""
    words = [sys.executable, __file__, "--child", kind, peer, mode, str(path), str(minimum)]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit + 8, limit + 9))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    done = subprocess.run(
        words, capture_output=True, text=True, env=os.environ | THREADS, preexec_fn=bound
    )
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        if "MemoryError" in done.stderr or "Unable to allocate" in done.stderr:
            return {"failed": "out of memory"}
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            return {"failed": f"> {limit} s", "seconds_at_least": limit}
        return {"failed": (done.stderr.strip().splitlines() or ["?"])[-1][:40]}


def shown(result: dict | None, key: str = "seconds") -> str:
    if result is None or "missing" in result:
        return ""
    if "failed" in result:
        return result["failed"]
    return f"{result[key]:.3f}" if key == "seconds" else f"{result[key]:,.0f}"


def compare(kind: str, sets: Iterable[str], words: Iterable[str], limit: int, workers: int) -> str:
    """Returns the tables of all peers on all sets, as Markdown."""
    words = tuple(words)
    chosen = [peer for peer in KINDS[kind] if peer == "hornbook" or peer.startswith(words)]
    results: dict[tuple[str, str, str], dict] = {}

    def both(peer: str, name: str) -> None:
        path, _, minimum = files[name]
        for mode in ("memory", "file"):
            result = measure(kind, peer, mode, path, minimum, limit)
            results[peer, name, mode] = result
            print(peer, name, mode, result, file=sys.stderr, flush=True)
            if "failed" in result:
                results[peer, name, "file"] = result
                return

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        files = {name: materialize(name, Path(folder)) for name in sets}
        jobs = [pool.submit(both, peer, name) for name in files for peer in chosen]
        for job in jobs:
            job.result()
    counts = {name: results["hornbook", name, "memory"].get("itemsets") for name in files}
    lines = []
    for mode, title in (
        ("memory", "From a list of tuples to the table"),
        ("file", "From a text file to the table"),
    ):
        lines += [f"{title}, CPU seconds:", "", "| peer | " + " | ".join(files) + " |"]
        lines += ["|---|" + "---:|" * len(files)]
        for peer in chosen:
            cells = [results.get((peer, name, mode)) for name in files]
            if any(cell and "missing" not in cell for cell in cells):
                texts = []
                for name, cell in zip(files, cells, strict=True):
                    other = cell and "itemsets" in cell and cell["itemsets"] != counts[name]
                    texts.append(shown(cell) + (f" ({cell['itemsets']:,} sets)" if other else ""))
                lines.append(f"| {peer} | " + " | ".join(texts) + " |")
        lines += [*ratios(results, chosen, files, mode), ""]
    lines += ["Peak memory of the process from memory to the table, MiB:", ""]
    lines += ["| peer | " + " | ".join(files) + " |", "|---|" + "---:|" * len(files)]
    for peer in chosen:
        cells = [shown(results.get((peer, name, "memory")), "peak") for name in files]
        if any(cells):
            lines.append(f"| {peer} | " + " | ".join(cells) + " |")
    missing = {
        f"{peer}: {result['missing']}"
        for (peer, _, mode), result in results.items()
        if "missing" in result and mode == "file"
    }
    if missing:
        lines += ["", f"Not measured: {'; '.join(sorted(missing))}."]
    about = [
        f"{name}: {baskets:,} baskets, minimum {minimum:,}, {counts[name]:,} itemsets"
        for name, (_, baskets, minimum) in files.items()
    ]
    return "\n".join([*lines, "", "; ".join(about) + "."])


def ratios(results, chosen, files, mode) -> list[str]:
    """Returns rows: the time of the fastest peer of each kind as a multiple of hornbook's, or a
    lower bound if none finished in time."""
    rows = []
    kinds = {
        "fastest C or Rust": ("pyfim", "rusket"),
        "fastest mlxtend": ("mlxtend",),
        "efficient-apriori": ("efficient-apriori",),
    }
    for kind, starts in kinds.items():
        factors, texts, bounded = [], [], False
        for name in files:
            ours = results["hornbook", name, mode].get("seconds")
            # fpmax finds only maximal sets and is no answer to the same question
            theirs = [
                results[p, name, mode]
                for p in chosen
                if p.startswith(starts) and p != "mlxtend fpmax" and (p, name, mode) in results
            ]
            times = [found["seconds"] for found in theirs if "seconds" in found]
            limits = [found["seconds_at_least"] for found in theirs if "seconds_at_least" in found]
            if not ours or not (times or limits):
                texts.append("")
                continue
            factors.append(min(times or limits) / ours)
            bounded |= not times
            texts.append(f"{'' if times else '> '}{factors[-1]:.2f}x")
        if factors:
            mean = math.exp(sum(map(math.log, factors)) / len(factors))
            rows.append(
                f"| **{kind} / hornbook** (geometric mean {'> ' * bounded}{mean:.2f}x) | "
                + " | ".join(texts)
                + " |"
            )
    return rows


def growth(most: int) -> str:
    """Measures CPU seconds of the engine for 10^4 to `most` generated baskets, and plots them."""
    from hornbook.files import atomic_file
    from hornbook.mining import Baskets, frequent_itemsets
    from hornbook.report import Page, line_chart

    lines = [
        "| baskets | entries | itemsets | CPU seconds | in the kernel | microseconds a basket |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    numbers, seconds = [], []
    for number in (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000):
        if number > most:
            break
        codes, lengths = quest(number, 6, 3)
        baskets = Baskets(codes, lengths, np.arange(1000))
        best, kernel = math.inf, 0.0
        for _ in range(3):  # in the first one the kernel looks for memory
            start = resource.getrusage(resource.RUSAGE_SELF)
            found = len(frequent_itemsets(baskets, 0.002))
            end = resource.getrusage(resource.RUSAGE_SELF)
            system = end.ru_stime - start.ru_stime
            if (taken := end.ru_utime - start.ru_utime + system) < best:
                best, kernel = taken, system
        numbers.append(number)
        seconds.append(best)
        lines.append(
            f"| {number:,} | {len(codes):,} | {found:,} | {best:.3f} | {kernel:.3f} "
            f"| {best / number * 1e6:.2f} |"
        )
        print(lines[-1], file=sys.stderr, flush=True)
    steady = [seconds[-1] * number / numbers[-1] for number in numbers]
    chart = line_chart(
        {"measured": (numbers, seconds), "linear": (numbers, steady)},
        x_label="baskets",
        y_label="CPU seconds",
        x_scale="log",
        y_scale="log",
    )
    page = Page(
        "Cost grows linearly in baskets", subtitle="generated baskets, minimum support 0.2 %"
    )
    page.add_chart(chart, "CPU seconds of hornbook, from columns in memory to the table")
    with atomic_file(Path(__file__).with_name("mining_growth.html"), "w") as file:
        file.write(page.html())
    return "\n".join([*lines, "", "Plotted in `benchmarks/mining_growth.html`."])


def rules() -> str:
    """Measures CPU seconds and memory of a million rules with all measures."""
    from hornbook.mining import association_rules, frequent_itemsets

    with tempfile.TemporaryDirectory() as folder:
        path, _, _ = materialize("chess", Path(folder))
        itemsets = frequent_itemsets(path, 0.60)
    best, number = math.inf, 0
    for _ in range(3):
        itemsets.__dict__.pop("_index", None)
        start = time.process_time()
        found = association_rules(itemsets, 0.9)
        columns = found.measures()
        best = min(best, time.process_time() - start)
        number = len(found)
    start = time.process_time()
    found.p_values("chi2", "holm")
    chi2_seconds = time.process_time() - start
    start = time.process_time()
    found.p_values("fisher", "holm")
    fisher_seconds = time.process_time() - start
    peak = peak_memory() / 1024
    return (
        f"{number:,} rules of chess at 60 % with confidence 0.9 and {len(columns)} measures: "
        f"{best:.3f} CPU seconds, {best / number * 1e6:.3f} s a million; peak of the whole process "
        f"{peak:,.0f} MiB.  P-values on top: chi-square {chi2_seconds:.2f}, "
        f"Fisher {fisher_seconds:.2f} s."
    )


def spark() -> str:
    """Measures hornbook on Spark and MLlib's FPGrowth, in one local cluster."""
    from pyspark.ml.fpm import FPGrowth
    from pyspark.sql import SparkSession, functions

    from hornbook.mining import frequent_itemsets

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "4g")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    lines = [
        "| set | itemsets | hornbook on Spark | MLlib FPGrowth | hornbook alone |",
        "|---|---:|---:|---:|---:|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("Groceries", "retail", "T10I4D100K"):
            path, baskets, minimum = materialize(name, Path(folder))
            words = functions.split(functions.trim(functions.col("value")), " ")
            frame = session.read.text(str(path)).select(words.alias("items")).repartition(4).cache()
            frame.count()
            share = (minimum - 0.5) / baskets
            growth = FPGrowth(itemsCol="items", minSupport=share, numPartitions=4)

            def ours(frame=frame, minimum=minimum):
                return frequent_itemsets(frame, minimum)

            def theirs(frame=frame, growth=growth):
                return growth.fit(frame).freqItemsets.collect()

            def alone(path=path, minimum=minimum):
                return frequent_itemsets(path, minimum)

            cells, results = [], []
            for run in (ours, theirs, alone):
                cpu, wall = cpu_of_tree(), time.perf_counter()
                results.append(run())
                cells.append(f"{time.perf_counter() - wall:.2f} ({cpu_of_tree() - cpu:.2f})")
            found = {frozenset(row["items"]): row["freq"] for row in results[1]}
            assert results[0].to_dict() == found, "hornbook and MLlib disagree"
            assert len(results[2]) == len(found)
            lines.append(f"| {name} | {len(found):,} | {' | '.join(cells)} |")
    session.stop()
    return "\n".join(
        [
            "Wall seconds (CPU seconds of all processes), local[2], the same cached rows in 4 "
            "partitions, equal itemsets and counts:",
            "",
            *lines,
        ]
    )


def cpu_of_tree() -> float:
    """Returns the CPU seconds of this process and all its children, finished ones included."""
    spent: dict[int, float] = {}
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        number = int(stat.parent.name)
        children.setdefault(int(fields[1]), []).append(number)
        spent[number] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    waiting, total = [os.getpid()], 0.0
    while waiting:
        number = waiting.pop()
        total += spent.get(number, 0)
        waiting += children.get(number, [])
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--child", nargs=5, metavar=("KIND", "PEER", "MODE", "PATH", "MINIMUM"))
    parser.add_argument("--sets", help="default: all; for other kinds mushroom:0.01,chess:0.5")
    parser.add_argument("--peers", default="", help="comma-separated prefixes of names")
    parser.add_argument("--kind", choices=list(KINDS), default="all")
    parser.add_argument("--limit", type=int, default=60, help="CPU seconds")
    parser.add_argument("--workers", type=int, default=1, help="peers that run in parallel")
    parser.add_argument("--growth", type=int, nargs="?", const=10**7, metavar="BASKETS")
    parser.add_argument("--rules", action="store_true")
    parser.add_argument("--spark", action="store_true")
    parser.add_argument("--keep", action="store_true", help="add the table to RESULTS.md")
    options = parser.parse_args()
    if options.child:
        kind, peer, mode, path, minimum = options.child
        child(kind, peer, mode, path, int(minimum))
        return
    if options.growth:
        table = growth(options.growth)
    elif options.rules:
        table = rules()
    elif options.spark:
        table = spark()
    else:
        sets = options.sets or (",".join(SETS) if options.kind == "all" else CONDENSED_SETS)
        table = compare(
            options.kind,
            sets.split(","),
            options.peers.split(","),
            options.limit,
            options.workers,
        )
    print(table)
    if options.keep:
        from results import keep

        keep(
            "Frequent itemsets" if options.kind == "all" else f"{options.kind.title()} itemsets",
            table,
        )


if __name__ == "__main__":
    main()
