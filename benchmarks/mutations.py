"""Small changes to the modules that decide results: does a test notice each of them?

    python benchmarks/mutations.py                       # 20 changes to each of MODULES
    python benchmarks/mutations.py generation/sampling --mutants 60 --seed 1

A change swaps a comparison or an operator, or moves a number a little; one at a time, chosen by
`--seed`.  The tests named beside the module then run against a copy of the package.  A change that
no test notices has survived: either it changes nothing that counts, or a test is missing.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "hornbook"
# module -> what tests it
MODULES = {
    "metrics": "tests/test_metrics.py",
    "generation/sampling": "tests/generation/test_sampling.py",
    "generation/stopping": "tests/generation/test_stopping.py",
    "mining/support": "tests/mining",
    "mining/rules/measures": "tests/mining/rules",
    "mining/rules/significance": "tests/mining/rules",
    "data/batches": "tests/data/test_batches.py",
    "data/images/near_duplicates": "tests/data/images",
    "data/corpus/deduplication": "tests/data/corpus/test_deduplication.py",
    "data/objectives/masking": "tests/data/objectives/test_masking.py",
    "linear/logistic_regression": "tests/linear",
    "training/optimizer": "tests/training/test_optimizer.py",
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


def places(tree: ast.Module) -> list[ast.AST]:
    """The nodes that can be changed, in reading order; annotations and docstrings are none."""
    hidden = set()
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if isinstance(getattr(node, name, None), ast.AST):
                hidden.update(map(id, ast.walk(getattr(node, name))))
    return [
        node
        for node in ast.walk(tree)
        if id(node) not in hidden
        and (
            (isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS)
            or (isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS)
            or (isinstance(node, ast.Constant) and type(node.value) in (int, float))
        )
    ]


def mutants(text: str, count: int, draw: random.Random) -> Iterator[tuple[str, str]]:
    """Changed sources, each with its line and what was changed."""
    tree = ast.parse(text)
    numbers = list(range(len(places(tree))))
    draw.shuffle(numbers)
    for number in numbers[:count]:
        changed = copy.deepcopy(tree)
        node = places(changed)[number]
        before = ast.unparse(node)
        if isinstance(node, ast.Compare):
            node.ops[0] = SWAPS[type(node.ops[0])]()
        elif isinstance(node, ast.BinOp | ast.BoolOp):
            node.op = SWAPS[type(node.op)]()
        else:
            node.value = node.value + 1 if type(node.value) is int else node.value * 1.5 + 0.01
        yield ast.unparse(changed), f"line {node.lineno}: {before} -> {ast.unparse(node)}"


def is_noticed(package: Path, tests: str) -> bool:
    """Whether the tests fail, or do not come to an end."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", tests]
    environment = os.environ | {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, timeout=300, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    return run.returncode != 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=list(MODULES), metavar="MODULE")
    parser.add_argument("--mutants", type=int, default=20, help="per module (default: 20)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("| module | changes | noticed | survived |\n|---|---:|---:|---:|")
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder)
        shutil.copytree(SOURCE, package / "hornbook")
        for name in options.modules:
            file, tests = package / "hornbook" / f"{name}.py", MODULES[name]
            text = file.read_text("utf-8")
            if is_noticed(package, tests):
                raise SystemExit(f"{tests} fails without any change.")
            count = noticed = 0
            draw = random.Random(f"{name}-{options.seed}")
            for changed, what in mutants(text, options.mutants, draw):
                file.write_text(changed, "utf-8")
                count += 1
                if is_noticed(package, tests):
                    noticed += 1
                else:
                    survivors.append(f"- `{name}` {what}")
            file.write_text(text, "utf-8")
            print(f"| {name} | {count} | {noticed} | {count - noticed} |", flush=True)
    print("\nSurvivors:\n" + "\n".join(survivors))


if __name__ == "__main__":
    main()
