"""`hornbook info [FOLDER]`: the exit status is 2 if there is a problem."""

from __future__ import annotations

import argparse
from pathlib import Path

from hornbook.cli.shared_options import add_config, add_ignore_config


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=Path,
        nargs="?",
        help="a model folder, a run folder or a weight file",
    )
    add_config(parser)
    add_ignore_config(parser)


def run(options: argparse.Namespace) -> int:
    from hornbook.progress import print_table

    if options.folder is None:
        from hornbook.installation import describe_installation

        print_table("Installation", ["", ""], describe_installation())
    else:
        from hornbook.describing import PROBLEM, describe_folder

        rows = describe_folder(options.folder, options.ignore_config, options.config)
        print_table(str(options.folder), ["", ""], rows)
        if any(value.startswith(PROBLEM) for _, value in rows):
            return 2
    return 0
