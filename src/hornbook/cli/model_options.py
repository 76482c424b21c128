"""Options of every command that opens a model folder."""

from __future__ import annotations

import argparse


def add_ignore_config(parser: argparse._ActionsContainer) -> None:
    """`--ignore-config KEY...`: keys of config.json that change nothing."""
    parser.add_argument(
        "--ignore-config",
        metavar="KEY",
        nargs="+",
        action="extend",
        default=[],
        help="keys of config.json that are known to change nothing",
    )
