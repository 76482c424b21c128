"""The parser of the command line, which suggests the closest command, choice or option."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from hornbook.errors import did_you_mean

INVALID_CHOICE = re.compile(r"(?:argument (.+): )?invalid choice: '(.*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` that suggests what was probably meant, as do its subparsers."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Extends argparse's method: refuses unknown options, and suggests the closest one."""
        options, rest = super().parse_known_args(args, namespace)
        for word in rest:
            if word.startswith("--") and len(word) > 2:
                flag = word.partition("=")[0]
                known = sorted(set(re.findall(r"--[a-z][a-z0-9-]*", self.format_help())))
                self.error(f"Unknown option {flag}.  {_nearest(flag, known)}")
        return options, rest

    def error(self, message: str) -> NoReturn:
        """Prints one message, without the list of all options, and exits with status 2."""
        if match := INVALID_CHOICE.search(message):
            where, word, choices = match.groups()
            names = [name.strip().strip("'") for name in choices.split(",")]
            what = "command" if where == "COMMAND" else where or "choice"
            message = f"Unknown {what} {word!r}.  {did_you_mean(word, names)}"
        self.exit(2, f"{self.prog}: {message}\nSee:  {self.prog} --help\n")


def _nearest(flag: str, known: Sequence[str]) -> str:
    """Returns a sentence with the closest flag; "" if none is close, rather than a long list."""
    sentence = did_you_mean(flag, known)
    return sentence if sentence.startswith("Did you mean") else ""
