"""`hornbook label RUN FOLDER [--apply]`."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import Any

SHOWN = 20  # proposals to print


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", help="a trained captcha run", type=Path)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="images without labels")
    parser.add_argument(
        "--apply", action="store_true", help="rename the files, and write a file to undo it"
    )
    parser.add_argument(
        "--min-confidence",
        metavar="P",
        type=float,
        default=0.95,
        help="minimum confidence for renaming (default: 0.95)",
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="write all proposals: .csv, .tsv or .jsonl"
    )
    parser.add_argument(
        "--undo", metavar="FILE", type=Path, help="restore the old names, and do nothing else"
    )


def run(options: argparse.Namespace) -> None:
    from hornbook.errors import WriteError
    from hornbook.files import locked_folder

    with contextlib.ExitStack() as stack:
        if options.folder.is_dir():
            try:  # two processes must not rename the same images
                stack.enter_context(locked_folder(options.folder))
            except WriteError:
                if options.apply or options.undo is not None:
                    raise
        _label(options)


def _label(options: argparse.Namespace) -> None:
    from hornbook.data.images.formats import find_images
    from hornbook.data.images.renaming import is_inside, mend, named_after
    from hornbook.data.readers.answer_files import check_ending, write_answers
    from hornbook.errors import DataError, OptionError
    from hornbook.progress import note
    from hornbook.recipes import open_run

    if options.undo is not None:
        _undo(options.undo, options.folder)
        return
    if options.out is not None:
        check_ending(options.out)
    if not 0 <= options.min_confidence <= 1:
        raise OptionError(
            f"--min-confidence is {options.min_confidence}; expected a number from 0 to 1."
        )
    recipe = open_run(options.run_folder)
    if recipe.name != "captcha":
        raise OptionError(
            f"{options.run_folder} is a run of the recipe {recipe.name}, not of captcha."
        )
    images = find_images(options.folder)
    renamed = mend(options.folder)
    paths = [path for path in images if path not in renamed and is_inside(path, options.folder)]
    if count := sum(path in renamed for path in images):
        note(f"{count:,} images were renamed by an earlier call and keep their names.")
    if count := sum(not is_inside(path, options.folder) for path in images):
        note(f"{count:,} images are behind links to other folders and keep their names.")
    if not paths:
        print("Nothing to rename.")
        return
    answers = recipe.predict(paths)
    if all(answer["error"] is not None for answer in answers):
        raise DataError(
            f"None of {len(paths):,} images can be read.  The first: {answers[0]['error']}"
        )
    if options.out is not None:
        write_answers(options.out, answers)
        print(f"{len(answers):,} proposals in {options.out}")
    confident = [
        (path, answer["text"])
        for path, answer in zip(paths, answers, strict=True)
        if answer["error"] is None and answer["confidence"] >= options.min_confidence
    ]
    renamings = named_after(confident)
    _print(answers, len(confident) - len(renamings), options)
    if not options.apply:
        print(f"{len(renamings):,} of {len(paths):,} would be renamed.  Add --apply to do so.")
        return
    _apply(renamings, options.folder, len(paths))


def _apply(renamings: Any, folder: Path, total: int) -> None:
    import datetime

    from hornbook.data.images.renaming import rename

    if not renamings:
        print("Nothing to rename.")
        return
    time = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
    undo_file = folder / f"undo-{time}.csv"
    count = rename(renamings, undo_file)
    print(f"{count:,} of {total:,} images have a new name.")
    print(f"Undo    hornbook label RUN {folder} --undo {undo_file}")


def _print(answers: list[dict[str, Any]], unfit: int, options: argparse.Namespace) -> None:
    """Prints the least confident proposals, for the user to check."""
    from hornbook.progress import note, print_table

    for answer in answers:
        if answer["error"] is not None:
            note(f"{answer['error']}  It keeps its name.")
    proposals = [answer for answer in answers if answer["error"] is None]
    least = sorted(proposals, key=lambda answer: answer["confidence"])[:SHOWN]
    print_table(
        f"The {len(least)} least confident proposals",
        ["file", "text", "confidence", "renamed"],
        [
            [
                Path(answer["file"]).name,
                answer["text"],
                answer["confidence"],
                "yes" if answer["confidence"] >= options.min_confidence else "no",
            ]
            for answer in least
        ],
    )
    if unfit:
        note(f"{unfit:,} texts have characters that are not allowed in file names: use --out.")


def _undo(file: Path, folder: Path) -> None:
    from hornbook.data.images.renaming import undo

    restorations, failures = undo(file, folder)
    print(f"{restorations:,} images have their old names again.")
    if failures:
        print(f"{failures:,} do not: the file is gone, or the old name is taken.")
