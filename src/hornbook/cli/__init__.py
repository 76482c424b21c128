"""The command line: one file per command, imported only when it is the one asked for.

A command file has `HELP` (one line), `add_options(parser)` and `run(options)`, which
returns the exit status or None.  Whatever is slow to import is imported inside `run`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import shlex
import sys
from collections.abc import Sequence

from hornbook import __version__
from hornbook.cli.parser import Parser
from hornbook.errors import HornbookError, Stopped

COMMANDS = {
    "demo": "train and use a text matcher on data that comes with hornbook",
    "train": "train a recipe on your data",
    "pretrain": "train a language model on raw text",
    "evaluate": "measure a trained run on labelled data, or a language model on texts",
    "predict": "answer for new data with a trained run",
    "label": "propose names for unlabelled captchas",
    "make": "draw labelled captchas, or learn a vocabulary",
    "generate": "let a model go on with a text",
    "mine": "find what goes together in baskets: frequent itemsets and rules",
    "export": "write a run for other programs: ONNX",
    "convert": "write a model folder in another layout",
    "families": "list the model families and what each can be",
    "info": "show what is installed, or what a model folder or a run holds",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0, 2 (the user can fix it), 130 or 143."""
    if None in (sys.stdin, sys.stdout, sys.stderr):  # one is closed
        from hornbook.cli.streams import open_missing

        open_missing()
    words = [str(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    parser = Parser(
        prog="hornbook",
        description="Clear, fast, practical recipes and Transformers on Keras 3.",
        epilog="hornbook COMMAND --help  explains a command.",
    )
    parser.add_argument("--version", action="version", version=f"hornbook {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in words if not word.startswith("-")), None)
    for name, help_line in COMMANDS.items():
        command = commands.add_parser(name, help=help_line, description=help_line)
        if name == chosen:
            module = importlib.import_module(f"hornbook.cli.{name}")
            command.set_defaults(run=module.run, words=words)
            module.add_options(command)
    try:
        options = _parsed(parser, words)
        status = _run(options)
        if sys.stdout is not None:
            sys.stdout.flush()  # what is wrong with it is said here, not behind Python's end
        return status
    except Stopped as stopped:
        again = ["hornbook", *words, *([] if "--resume" in words else ["--resume"])]
        _say(f"hornbook: {stopped}\nGo on with:  {shlex.join(again)}")
        return stopped.exit_status
    except HornbookError as error:
        _say(f"hornbook: {error}")
        return error.exit_status
    except KeyboardInterrupt:
        _say("\nhornbook: stopped.")
        return 130
    except BrokenPipeError:  # `hornbook ... | head` has read enough
        _drop_output()
        return 0
    except Exception as error:
        from hornbook.cli.streams import message_of

        message = message_of(error)
        if message is None:
            raise  # a mistake of ours
        _drop_output()
        _say(f"hornbook: {message}")
        return HornbookError.exit_status


def _run(options: argparse.Namespace) -> int:
    encoding = getattr(options, "encoding", None)
    if encoding is None:
        return options.run(options) or 0
    from hornbook.tabular.encodings import reading_as

    with reading_as(encoding):
        return options.run(options) or 0


def add_encoding(parser: argparse.ArgumentParser) -> None:
    """The option of the commands that read text."""
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        help="of text files: utf-8, gb18030, cp1252 ... (default: found out, and said)",
    )


def _say(message: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # standard error is full, or closed
        print(message, file=sys.stderr, flush=True)


def _drop_output() -> None:
    """Keeps Python from writing at its end what could not be written now."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parsed(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """The options of a command.

    argparse ends a list of words (prompts, files) at the first option behind it; a command that
    says `set_defaults(words_of="prompts")` gets those behind options too.
    """
    options, left = parser.parse_known_args(words)
    name = getattr(options, "words_of", None)
    if left and (name is None or any(word.startswith("-") for word in left)):
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    if name is not None:
        setattr(options, name, [*getattr(options, name), *left])
    return options
