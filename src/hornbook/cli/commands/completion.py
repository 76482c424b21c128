"""`hornbook completion bash|zsh|fish`: a script for tab completion, generated from the parsers."""

from __future__ import annotations

import argparse

from hornbook.cli.completion_scripts import SCRIPTS, CommandWords

INSTALL = (
    'bash:  eval "$(hornbook completion bash)"  in ~/.bashrc.  '
    "zsh:  the same with zsh  in ~/.zshrc, after compinit.  "
    "fish:  hornbook completion fish > ~/.config/fish/completions/hornbook.fish"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = INSTALL
    parser.add_argument("shell", metavar="SHELL", choices=tuple(SCRIPTS), help=", ".join(SCRIPTS))


def run(options: argparse.Namespace) -> None:
    from hornbook.cli import make_parser

    print(SCRIPTS[options.shell](words_of(make_parser())), end="")


def words_of(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> list[CommandWords]:
    """Returns the words that can follow each command, from its parser."""
    words = CommandWords(path)
    inner: list[CommandWords] = []
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:  # an old name
            continue
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, command in action.choices.items():
                words.subcommands[name] = helps.get(name, "")
                inner += words_of(command, (*path, name))
            continue
        choices = [str(choice) for choice in action.choices or ()]
        if not action.option_strings:
            words.arguments += choices
        for flag in action.option_strings:
            words.flags[flag] = action.help or ""
            if action.nargs != 0:
                words.values[flag] = choices
    return [words, *inner]
