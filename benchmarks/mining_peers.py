"""The programs that `mining.py` compares: each is a function of baskets and a minimum count.

A source is a list of tuples of integers, or the path of a text file with items separated by
blanks.  A peer returns the number of sets that it found, after building its own kind of table.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np


def as_lists(path: Path) -> list[tuple[int, ...]]:
    with open(path) as file:
        return [tuple(map(int, line.split())) for line in file if line.strip()]


def hornbook(kind: str = "all") -> Callable:
    def run(source, minimum):
        from hornbook.mining import frequent_itemsets

        return len(frequent_itemsets(source, minimum, kind=kind))

    return run


def pyfim(algorithm: str, target: str = "s") -> Callable:
    def run(source, minimum):
        import fim

        if isinstance(source, Path):
            with open(source) as file:
                source = [line.split() for line in file]
        return len(getattr(fim, algorithm)(source, target=target, supp=-minimum, report="a"))

    return run


def one_hot(source):
    """A SciPy matrix `(baskets, items)` and the names of its columns."""
    from scipy.sparse import csr_matrix

    lists = as_lists(source) if isinstance(source, Path) else source
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    flat = np.fromiter(chain.from_iterable(lists), np.int64)
    names, columns = np.unique(flat, return_inverse=True)
    pointers = np.concatenate([[0], np.cumsum(lengths)])
    shape = (len(lists), len(names))
    return csr_matrix((np.ones(len(flat), np.uint8), columns, pointers), shape), names


def rusket(algorithm: str) -> Callable:
    def run(source, minimum):
        import rusket

        matrix, names = one_hot(source)
        share = (minimum - 0.5) / matrix.shape[0]
        columns = [str(name) for name in names]
        return len(rusket.mine(matrix, share, method=algorithm, column_names=columns))

    return run


def mlxtend(algorithm: str) -> Callable:
    def run(source, minimum):
        import pandas
        from mlxtend import frequent_patterns

        matrix, names = one_hot(source)
        frame = pandas.DataFrame.sparse.from_spmatrix(
            matrix.astype(bool), columns=names.astype(str)
        )
        if algorithm == "hmine":
            frame = frame.sparse.to_dense()
        share = (minimum - 0.5) / len(frame)
        return len(getattr(frequent_patterns, algorithm)(frame, min_support=share))

    return run


def efficient_apriori(source, minimum):
    from efficient_apriori import itemsets_from_transactions

    lists = as_lists(source) if isinstance(source, Path) else source
    itemsets, _ = itemsets_from_transactions(lists, min_support=minimum / len(lists))
    return sum(map(len, itemsets.values()))


def orange(source, minimum):
    from orangecontrib.associate.fpgrowth import frequent_itemsets

    lists = as_lists(source) if isinstance(source, Path) else source
    return sum(1 for _ in frequent_itemsets([list(basket) for basket in lists], minimum))


def pami(algorithm: str) -> Callable:
    def run(source, minimum):
        if not isinstance(source, Path):
            raise ModuleNotFoundError("reads files only")
        module = importlib.import_module(f"PAMI.frequentPattern.basic.{algorithm}")
        miner = getattr(module, algorithm)(iFile=str(source), minSup=int(minimum), sep=" ")
        with contextlib.redirect_stdout(io.StringIO()):
            miner.mine()
        return len(miner.getPatterns())

    return run


# For all frequent sets; pyfim's carpenter and ista find closed and maximal ones only, its
# accretion and apriacc significant ones.
PEERS: dict[str, Callable] = {
    "hornbook": hornbook(),
    **{f"pyfim {a}": pyfim(a) for a in ("eclat", "fpgrowth", "apriori", "sam", "relim")},
    **{f"rusket {a}": rusket(a) for a in ("fpgrowth", "eclat", "fin", "negfin")},
    **{f"mlxtend {a}": mlxtend(a) for a in ("fpgrowth", "hmine", "apriori", "fpmax")},
    "efficient-apriori": efficient_apriori,
    "Orange fpgrowth": orange,
    **{f"PAMI {a}": pami(a) for a in ("FPGrowth", "ECLAT", "ECLATbitset", "Apriori")},
}
CLOSED: dict[str, Callable] = {
    "hornbook": hornbook("closed"),
    **{
        f"pyfim {a}": pyfim(a, "c")
        for a in ("eclat", "fpgrowth", "apriori", "sam", "relim", "carpenter", "ista")
    },
    "rusket lcm": rusket("lcm"),
}
MAXIMAL: dict[str, Callable] = {
    "hornbook": hornbook("maximal"),
    **{
        f"pyfim {a}": pyfim(a, "m")
        for a in ("eclat", "fpgrowth", "apriori", "sam", "relim", "carpenter", "ista")
    },
    "mlxtend fpmax": mlxtend("fpmax"),
}
KINDS = {"all": PEERS, "closed": CLOSED, "maximal": MAXIMAL}
