"""`hornbook predict RUN FILE... --out FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a trained run")
    parser.add_argument(
        "sources",
        metavar="FILE",
        nargs="*",
        help="what to answer for, files or folders (default: -, stdin); further runs before them "
        "answer together with RUN",
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
    parser.add_argument("--top", metavar="N", type=int, help="images: classes named (default: 5)")
    parser.add_argument(
        "--views", metavar="N", type=int, help="images: views averaged: 1, 2 or 10 (default: 1)"
    )


def run(options: argparse.Namespace) -> None:
    from hornbook.data.answers import check_ending, print_answers, write_answers
    from hornbook.recipes import open_runs
    from hornbook.recipes.fields import check_choices

    if options.out is not None:
        check_ending(options.out)
    runs, sources = [options.run_folder], options.sources
    while sources and (Path(sources[0]) / "recipe.json").is_file():
        runs.append(Path(sources[0]))
        sources = sources[1:]
    recipe = open_runs(runs)
    choices = {name: getattr(options, name) for name in ("criterion", "top", "views")}
    choices = check_choices(recipe, "predict_files", choices)
    answers = recipe.predict_files(sources or ["-"], **choices)
    if options.out is None:
        print_answers(answers)
    else:
        count = write_answers(options.out, answers)
        print(f"{count:,} answers in {options.out}")
