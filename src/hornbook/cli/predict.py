"""`hornbook predict RUN FILE... --out FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a trained run")
    parser.add_argument(
        "sources", metavar="FILE", nargs="*", help="what to answer for (default: -, stdin)"
    )
    parser.set_defaults(words_of="sources")
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help=".jsonl, .csv or .tsv; without it, print JSON lines",
    )
    parser.add_argument(
        "--criterion", metavar="NAME", help="text-matching: for rows that do not name theirs"
    )


def run(options: argparse.Namespace) -> None:
    from hornbook.data.answers import check_ending, print_answers, write_answers
    from hornbook.recipes import open_run

    if options.out is not None:
        check_ending(options.out)
    recipe = open_run(options.run_folder)
    choices = {} if options.criterion is None else {"criterion": options.criterion}
    answers = recipe.predict_files(options.sources or ["-"], **choices)
    if options.out is None:
        print_answers(answers)
    else:
        count = write_answers(options.out, answers)
        print(f"{count:,} answers in {options.out}")
