"""`hornbook convert SRC DST --layout google`."""

from __future__ import annotations

import argparse
from pathlib import Path

from hornbook.cli.shared_options import add_config, add_ignore_config


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SRC", type=Path, help="a model folder or a weight file")
    parser.add_argument("target", metavar="DST", type=Path, help="new folder")
    parser.add_argument(
        "--layout",
        default="huggingface",
        choices=("huggingface", "google", "keras"),
        help="layout of the files and names (default: huggingface)",
    )
    parser.add_argument("--family", help="family of SRC (default: that of its config.json)")
    add_config(parser)
    add_ignore_config(parser)


def run(options: argparse.Namespace) -> None:
    from hornbook.errors import OptionError
    from hornbook.pretrained import load

    if options.source.resolve() == options.target.resolve():
        raise OptionError("SRC and DST are the same folder.  Name another one to write.")
    model = load(
        options.source,
        config=options.config,
        family=options.family,
        ignore_config=options.ignore_config,
    )
    model.save(options.target, layout=options.layout)
    size = sum(file.stat().st_size for file in options.target.rglob("*") if file.is_file())
    print(f"{options.source} -> {options.target}: {options.layout} layout, {size / 1e6:,.1f} MB")
