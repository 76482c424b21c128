"""`hornbook pretrain CORPUS... --out RUN --objective mlm`."""

from __future__ import annotations

import argparse
from pathlib import Path

from hornbook.recipes.fields import add_flags, recipe_of_flags
from hornbook.recipes.pretraining import Pretraining


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "corpus",
        metavar="CORPUS",
        nargs="+",
        help="text, JSON lines, Parquet, also .gz and .zst; folders, patterns",
    )
    parser.add_argument("--out", metavar="RUN", type=Path, required=True, help="run folder to make")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue a run that was cut off; begins a new one, and does nothing where it is "
        "finished, so that a scheduler may repeat the command",
    )
    parser.set_defaults(words_of="corpus")
    add_flags(parser, Pretraining)


def run(options: argparse.Namespace) -> None:
    from hornbook.progress import print_table

    recipe = recipe_of_flags(Pretraining, options)
    recipe.fit(options.corpus, options.out, resume=options.resume)
    columns, rows = recipe.table(recipe.story)
    print_table("Held-out rows", columns[1:], [row[1:] for row in rows])
    print(f"Run     {options.out}")
    print(f"Report  {options.out / 'report.html'}")
    print(f"Model   {options.out / 'model'}")
    print(f"Use it  hornbook train RECIPE DATA --pretrained {options.out / 'model'} --out OTHER")
