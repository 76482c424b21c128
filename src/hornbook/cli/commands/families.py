"""`hornbook families [--markdown]`."""

from __future__ import annotations

import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--markdown", action="store_true", help="print the documentation page")


def run(options: argparse.Namespace) -> None:
    from hornbook.models.family_table import COLUMNS, family_rows, markdown

    if options.markdown:
        print(markdown(), end="")
        return
    width = 2 + max(map(len, COLUMNS))
    for name, *cells in family_rows():
        print(name)
        for column, cell in zip(COLUMNS[1:], cells, strict=True):
            if cell:
                print(f"  {column:<{width}}{cell}")
