"""`hornbook pretrain CORPUS... --out RUN --objective mlm`."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from hornbook.cli.config_file import add_config
from hornbook.cli.shared_options import add_encoding, add_resume
from hornbook.recipes.fields import add_flags, recipe_of_flags
from hornbook.recipes.pretraining import Pretraining


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "corpus",
        metavar="CORPUS",
        nargs="+",
        help="text, JSON lines or Parquet, also .gz and .zst: files, folders, patterns",
    )
    parser.add_argument("--out", metavar="RUN", type=Path, required=True, help="new run folder")
    add_resume(parser)
    add_encoding(parser)
    parser.set_defaults(words_of="corpus")
    add_flags(parser, Pretraining)
    add_config(parser, Pretraining, parser.get_default("command_line") or [])


def run(options: argparse.Namespace) -> None:
    from hornbook.progress import print_table

    recipe = recipe_of_flags(Pretraining, options)
    recipe.fit(options.corpus, options.out, resume=options.resume)
    columns, rows = recipe.table(recipe.story)
    print_table("Held-out rows", columns[1:], [row[1:] for row in rows])
    print(f"Run     {options.out}")
    print(f"Report  {options.out / 'report.html'}")
    print(f"Model   {options.out / 'model'}")
    words = ["evaluate", str(options.out), options.corpus[0]]
    print(f"Use it  hornbook {shlex.join(words)}")
    words = ["convert", str(options.out / "model"), f"{options.out}-google", "--layout", "google"]
    print(f"        hornbook {shlex.join(words)}")
