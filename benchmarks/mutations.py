"""Mutation testing of the modules that determine results: does a test fail for each mutant?

    python benchmarks/mutations.py                       # 20 mutants of each of MODULES
    python benchmarks/mutations.py generation/sampling --mutants 60 --seed 1

A mutant swaps a comparison or an operator, or changes a number a little; one at a time, chosen by
`--seed`.  The tests named beside the module then run against a copy of the package.  A mutant that
no test kills has survived: either it is equivalent to the original, or a test is missing.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import copy
import importlib.util
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "hornbook"
# module -> its tests
MODULES = {
    "metrics": "tests/test_metrics.py",
    "generation/sampling": "tests/generation/test_sampling.py",
    "generation/stopping": "tests/generation/test_stopping.py",
    "mining/support": "tests/mining/test_frequent.py",
    "mining/rules/measures": "tests/mining/rules",
    "mining/rules/significance": "tests/mining/rules",
    "data/batches": "tests/data/test_batches.py",
    "data/images/near_duplicates": "tests/data/images/test_near_duplicates.py",
    "data/corpus/deduplication": "tests/data/corpus/test_deduplication.py",
    "data/objectives/masking": "tests/data/objectives/test_masking.py",
    "linear/logistic_regression": "tests/linear/test_logistic_regression.py",
    "training/optimizer": "tests/training/test_optimizer.py "
    "tests/training/test_pretraining_optimizers.py",
    "training/averaging": "tests/training/test_loop.py",
}
SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
TIMEOUT = 300  # seconds per mutant
# imported once, by the process that those of the mutants are forked from
PRELOADED = ["keras", "jax.numpy", "pytest", "sklearn.metrics"]


def mutable_nodes(tree: ast.Module) -> list[ast.AST]:
    """Returns the nodes that can be changed, without those of annotations."""
    annotations = set()
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if isinstance(getattr(node, name, None), ast.AST):
                annotations.update(map(id, ast.walk(getattr(node, name))))
    return [
        node
        for node in ast.walk(tree)
        if id(node) not in annotations
        and (
            (isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS)
            or (isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS)
            or (isinstance(node, ast.Constant) and type(node.value) in (int, float))
        )
    ]


def mutants(text: str, count: int, draw: random.Random) -> Iterator[tuple[str, str]]:
    """Yields changed sources, each with a description of its change."""
    tree = ast.parse(text)
    indices = list(range(len(mutable_nodes(tree))))
    draw.shuffle(indices)
    for index in indices[:count]:
        mutant = copy.deepcopy(tree)
        node = mutable_nodes(mutant)[index]
        before = ast.unparse(node)
        if isinstance(node, ast.Compare):
            node.ops[0] = SWAPS[type(node.ops[0])]()
        elif isinstance(node, ast.BinOp | ast.BoolOp):
            node.op = SWAPS[type(node.op)]()
        else:
            node.value = node.value + 1 if type(node.value) is int else node.value * 1.5 + 0.01
        yield ast.unparse(mutant), f"line {node.lineno}: {before} -> {ast.unparse(node)}"


def run_tests(package: str, tests: str) -> None:
    """Runs tests against a copy of the package and exits with pytest's status."""
    import pytest

    sys.path.insert(0, package)
    os.environ["PYTHONPATH"] = package  # for tests that start processes
    sys.dont_write_bytecode = True
    os.chdir(ROOT)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    os._exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *tests.split()]))


def is_killed(package: Path, tests: str) -> bool:
    """Returns whether the tests fail, or do not finish."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=run_tests, args=(str(package), tests))
    process.start()
    process.join(TIMEOUT)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode != 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=list(MODULES), metavar="MODULE")
    parser.add_argument("--mutants", type=int, default=20, help="per module (default: 20)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")  # before Keras is preloaded
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # as in tests/conftest.py
    print("| module | mutants | killed | survived |\n|---|---:|---:|---:|")
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder)
        shutil.copytree(SOURCE, package / "hornbook")
        compileall.compile_dir(package, quiet=2)
        for name in options.modules:
            file, tests = package / "hornbook" / f"{name}.py", MODULES[name]
            Path(importlib.util.cache_from_source(str(file))).unlink()
            text = file.read_text("utf-8")
            if is_killed(package, tests):
                raise SystemExit(f"{tests} fails without any change.")
            count = killed = 0
            draw = random.Random(f"{name}-{options.seed}")
            for mutant, change in mutants(text, options.mutants, draw):
                file.write_text(mutant, "utf-8")
                count += 1
                if is_killed(package, tests):
                    killed += 1
                else:
                    survivors.append(f"- `{name}` {change}")
                    print(survivors[-1], file=sys.stderr, flush=True)  # known if it is interrupted
            file.write_text(text, "utf-8")
            print(f"| {name} | {count} | {killed} | {count - killed} |", flush=True)
    print("\nSurvivors:\n" + "\n".join(survivors))


if __name__ == "__main__":
    main()
