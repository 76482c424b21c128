"""The command line: one file per command, imported only if that command is run.

A command file has `add_options(parser)` and `run(options)`, which returns the exit status or None;
its line of help is in `COMMANDS`.  Slow imports are inside `run`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import shlex
import sys
from collections.abc import Collection, Iterator, Sequence

from hornbook import __version__
from hornbook.cli.parser import Parser
from hornbook.errors import HornbookError, Stopped

COMMANDS = {
    "demo": "train and use a text matcher on data that comes with hornbook",
    "train": "train a recipe on your data",
    "pretrain": "pretrain a language model on raw text",
    "evaluate": "measure a trained run on labeled data, or a language model on texts",
    "predict": "answer for new data with a trained run",
    "label": "propose names for unlabeled captchas",
    "make": "draw labeled captchas, or learn a vocabulary",
    "generate": "generate text with a language model",
    "mine": "mine frequent itemsets and association rules",
    "export": "export a run to ONNX",
    "convert": "convert a model folder to another layout",
    "families": "list the model families and their options",
    "info": "show what is installed, or what a model folder or a run holds",
    "completion": "print a script for tab completion: bash, zsh or fish",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status: 0, 2 for a user's error, 130 or 143."""
    if None in (sys.stdin, sys.stdout, sys.stderr):  # one is closed
        from hornbook.cli.streams import open_missing

        open_missing()
    words = [str(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    while words and words[0] in ("--quiet", "--verbose"):  # also allowed before the command
        words = [*words[1:], words[0]] if words[1:2] and words[1][:2] != "--" else words[1:]
    if words[:2] == ["train", "pretraining"]:  # the same command
        words[:2] = ["pretrain"]
    name = next((word for word in words if not word.startswith("-")), None)
    verbose = "--verbose" in words
    try:
        options = _parsed(make_parser([name] if name else [], words), words)
        with _output(options):
            status = _run(options)
        if sys.stdout is not None:
            sys.stdout.flush()  # so that a problem with it is reported here, not at Python's exit
        return status
    except Stopped as stopped:
        command = ["hornbook", *words, *([] if "--resume" in words else ["--resume"])]
        _print_error(f"hornbook: {stopped}\nContinue with:  {shlex.join(command)}")
        return stopped.exit_status
    except HornbookError as error:
        _traceback(verbose)
        _print_error(f"hornbook: {error}")
        return error.exit_status
    except KeyboardInterrupt:
        _print_error("\nhornbook: stopped.")
        return 130
    except BrokenPipeError:  # the reader, such as `| head`, has exited
        _drop_output()
        return 0
    except Exception as error:
        from hornbook.cli.streams import message_of

        message = message_of(error)
        if message is None:
            raise  # a bug, see `run_program`
        _drop_output()
        _traceback(verbose)
        _print_error(f"hornbook: {message}")
        return HornbookError.exit_status


def run_program() -> int:
    """Runs `main` as the program: a bug is one message, and a traceback with --verbose."""
    try:
        return main()
    except Exception as error:
        _traceback("--verbose" in sys.argv)
        message = " ".join(str(error).split())[:500]
        _print_error(
            f"hornbook: internal error: {type(error).__name__}: {message}\n"
            "This is a bug in hornbook: run the command again with --verbose, and report it."
        )
        return 1


def make_parser(names: Collection[str] = COMMANDS, words: Sequence[str] = ()) -> Parser:
    """Makes the parser of the command line.

    Args:
        names: The commands whose options are needed; only their files are imported.
        words: The command line.
    """
    parser = Parser(
        prog="hornbook",
        description="Clear, fast, practical recipes and Transformers on Keras 3.",
        epilog="hornbook COMMAND --help  explains a command.",
    )
    parser.add_argument("--version", action="version", version=f"hornbook {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, help_line in COMMANDS.items():
        command = commands.add_parser(name, help=help_line, description=help_line)
        if name in names:
            from hornbook.cli.shared_options import add_output_options

            module = importlib.import_module(f"hornbook.cli.commands.{name}")
            command.set_defaults(run=module.run, command_line=list(words))
            module.add_options(command)
            add_output_options(command)
    return parser


def _run(options: argparse.Namespace) -> int:
    encoding = getattr(options, "encoding", None)
    if encoding is None:
        return options.run(options) or 0
    from hornbook.tabular.encodings import reading_as

    with reading_as(encoding):
        return options.run(options) or 0


@contextlib.contextmanager
def _output(options: argparse.Namespace) -> Iterator[None]:
    """Applies --quiet and --verbose to standard error, in this process and its children."""
    variable = "HORNBOOK_QUIET" if options.quiet else "HORNBOOK_VERBOSE"
    before = os.environ.get(variable)
    if options.quiet or options.verbose:
        os.environ[variable] = "1"
    try:
        if options.verbose:
            from hornbook.cli.verbose import machine_notes

            with machine_notes():
                yield
        else:
            yield
    finally:
        if before is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = before


def _traceback(verbose: bool) -> None:
    if verbose:
        import traceback

        _print_error(traceback.format_exc().rstrip())


def _print_error(message: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # standard error is full or closed
        print(message, file=sys.stderr, flush=True)


def _drop_output() -> None:
    """Redirects standard output to nowhere, so that flushing it at exit does not fail again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parsed(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Parses the options of a command.

    argparse ends a list of words (prompts, files) at the first option after it; a command that
    calls `set_defaults(words_of="prompts")` gets those after options too.
    """
    options, rest = parser.parse_known_args(words)
    name = getattr(options, "words_of", None)
    if rest and (name is None or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if name is not None:
        setattr(options, name, [*getattr(options, name), *rest])
    return options
