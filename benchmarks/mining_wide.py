"""CPU seconds on wide one-hot tables: hornbook and mlxtend's FP-growth on the same table.

    python benchmarks/mining_wide.py [--sizes 1000x3000,2000x5000] [--keep]

The tables are random with a share of 0.005 of ones; sets in 3 of 1,000 baskets are frequent.
Every cell is the best of three in this process.  `--keep` adds the table to RESULTS.md.
mlxtend accepts pandas only; the other tables are compared with its time for booleans.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow
from mlxtend.frequent_patterns import fpgrowth
from results import keep
from scipy import sparse

from hornbook.mining import frequent_itemsets


def tables(held: np.ndarray) -> dict[str, Any]:
    """Returns the same baskets in every kind of table."""
    frame = pandas.DataFrame(held, columns=[f"p{i}" for i in range(held.shape[1])])
    return {
        "pandas bool": frame,
        "pandas int64": frame.astype("int64"),
        "pandas uint8": frame.astype("uint8"),
        "pandas float64": frame.astype("float64"),
        "pandas Sparse[bool]": frame.astype(pandas.SparseDtype(bool, False)),
        "pandas Sparse[int]": frame.astype(pandas.SparseDtype(int, 0)),
        "Polars bool": polars.from_pandas(frame),
        "Arrow bool": pyarrow.Table.from_pandas(frame),
        "SciPy CSR": sparse.csr_matrix(held),
    }


def best(run: Callable[[], Any]) -> tuple[float, int]:
    """Returns CPU seconds of the best of three runs, and the number of itemsets."""
    seconds, number = math.inf, 0
    for _ in range(3):
        start = time.process_time()
        number = len(run())
        seconds = min(seconds, time.process_time() - start)
    return seconds, number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000x3000,2000x5000")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # mlxtend would rather have booleans
    lines = [
        "| table | size | itemsets | hornbook | mlxtend fpgrowth | mlxtend / hornbook |",
        "|---|---|---:|---:|---:|---:|",
    ]
    print("\n".join(lines))
    for size in options.sizes.split(","):
        baskets, items = map(int, size.split("x"))
        minimum = math.ceil(0.003 * baskets)
        peer = math.nan
        held = np.random.default_rng(0).random((baskets, items)) < 0.005
        for name, table in tables(held).items():
            seconds, number = best(
                lambda table=table, least=minimum: frequent_itemsets(table, least)
            )
            if isinstance(table, pandas.DataFrame):
                share = (minimum - 0.5) / baskets  # so that rounding decides nothing
                own, same = best(lambda table=table, share=share: fpgrowth(table, share))
                assert same == number, (name, same, number)
                peer = own if name == "pandas bool" else peer
            else:
                own = peer
            ratio = f"{seconds:.3f} | {own:.3f} | {own / seconds:.1f}x"
            row = f"| {name} | {size} | {number:,} | {ratio} |"
            print(row, flush=True)
            lines.append(row)
    if options.keep:
        keep("Wide one-hot tables", "\n".join(lines))


if __name__ == "__main__":
    main()
