"""`hornbook evaluate RUN DATA`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a trained run")
    parser.add_argument("data", metavar="DATA", type=Path, help="labelled data, as for training")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(options: argparse.Namespace) -> None:
    import json

    from hornbook.progress import print_table
    from hornbook.recipes import open_run

    recipe = open_run(options.run_folder)
    metrics = recipe.evaluate(options.data)
    if options.json:
        print(json.dumps(metrics, ensure_ascii=False, indent=2))
    else:
        print_table(f"{options.run_folder} on {options.data}", *recipe.table(metrics))
