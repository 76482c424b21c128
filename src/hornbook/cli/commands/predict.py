"""`hornbook predict RUN FILE... --out FILE`: the exit status is 2 if there is no answer."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hornbook.cli.shared_options import add_encoding


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Samples that cannot be read get a row with the reason.  The exit status is 0 if there is "
        "at least one answer, and 2 if there is none or a FILE is missing."
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a trained run")
    parser.add_argument(
        "sources",
        metavar="FILE",
        nargs="*",
        help="files or folders with the samples (default: -, standard input); runs before them "
        "form an ensemble with RUN",
    )
    parser.set_defaults(words_of="sources")
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help=".jsonl, .csv or .tsv; without it, print JSON lines",
    )
    add_encoding(parser)
    parser.add_argument(
        "--criterion", metavar="NAME", help="text-matching: criterion of rows without one"
    )
    parser.add_argument(
        "--corpus",
        metavar="NAME",
        help="tagging: corpus of texts that name none (default: the one with the most training "
        "texts)",
    )
    parser.add_argument(
        "--words", metavar="FILE", help="tagging: words that are never cut, one per line"
    )
    parser.add_argument(
        "--top", metavar="N", type=int, help="images: number of classes per image (default: 5)"
    )
    parser.add_argument(
        "--views",
        metavar="N",
        type=int,
        help="images: views to average: 1, 2 or 10 (default: 1)",
    )


def run(options: argparse.Namespace) -> None:
    from hornbook.data.readers.answer_files import check_ending, print_answers, write_answers
    from hornbook.recipes import open_runs
    from hornbook.recipes.fields import check_choices

    if options.out is not None:
        check_ending(options.out)
    runs, sources = [options.run_folder], options.sources
    while sources and (Path(sources[0]) / "recipe.json").is_file():
        runs.append(Path(sources[0]))
        sources = sources[1:]
    if all(run.is_dir() for run in runs):  # else opening them reports that
        _check_sources(sources)
    recipe = open_runs(runs)
    choices = {
        name: getattr(options, name) for name in ("criterion", "corpus", "words", "top", "views")
    }
    choices = check_choices(recipe, "predict_stream", choices)
    answers = recipe.predict_files(sources or ["-"], **choices)
    counter = _Counter(answers, recipe.answers_have_errors)
    if options.out is None:
        print_answers(counter)
    else:
        write_answers(options.out, counter)
        print(f"{counter.answers:,} answers in {options.out}")
    counter.check()


class _Counter:
    """Yields answers and counts them.

    Args:
        rows: The answers.
        with_errors: Whether the `error` of a row says why it has no answer.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], with_errors: bool):
        self._rows, self._with_errors = rows, with_errors
        self.answers = self.errors = 0
        self._first = ""

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for row in self._rows:
            if self._with_errors and row["error"]:
                self.errors += 1
                self._first = self._first or str(row["error"])
            else:
                self.answers += 1
            yield row

    def check(self) -> None:
        """Raises DataError if there is no answer."""
        from hornbook.errors import DataError
        from hornbook.progress import note

        if self.errors and not self.answers:
            raise DataError(
                f"None of {self.errors:,} samples has an answer.  The first: {self._first}"
            )
        if not self.answers:
            raise DataError("There are no samples.")
        if self.errors:
            note(f"{self.errors:,} samples have no answer.  The first: {self._first}")


def _check_sources(sources: Sequence[str]) -> None:
    """Raises DataError naming missing sources, before anything is computed."""
    from hornbook.errors import DataError
    from hornbook.files import some

    missing = [
        source
        for source in sources
        if source != "-" and not set("*?[") & set(source) and not os.path.exists(source)
    ]
    if missing:
        raise DataError(f"There is no {some(missing)}.")
