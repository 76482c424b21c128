"""Options that several commands share."""

from __future__ import annotations

import argparse


def add_ignore_config(parser: argparse._ActionsContainer) -> None:
    """Adds `--ignore-config KEY...`: keys of config.json that may be ignored."""
    parser.add_argument(
        "--ignore-config",
        metavar="KEY",
        nargs="+",
        action="extend",
        default=[],
        help="keys of config.json that may be ignored",
    )


def add_config(parser: argparse.ArgumentParser) -> None:
    """Adds `--config PATH`: where the configuration of a model is, if not beside its weights."""
    parser.add_argument(
        "--config",
        metavar="PATH",
        help="bert_config.json or config.json of the weights, or its folder (default: theirs)",
    )


def add_encoding(parser: argparse.ArgumentParser) -> None:
    """Adds `--encoding NAME`, for commands that read text."""
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        help="encoding of text files: utf-8, gb18030, cp1252 ... (default: detected)",
    )


def add_resume(parser: argparse.ArgumentParser) -> None:
    """Adds `--resume`, for commands that train."""
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted run; starts a new one if there is none, and does nothing if "
        "it is finished, so that a scheduler can repeat the command",
    )


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--quiet` and `--verbose` to a command, or to each of its subcommands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                add_output_options(command)
            return
    group = parser.add_argument_group("output").add_mutually_exclusive_group()
    group.add_argument("--quiet", action="store_true", help="print results and errors only")
    group.add_argument(
        "--verbose", action="store_true", help="print more notes, and tracebacks of errors"
    )
