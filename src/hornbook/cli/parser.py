"""The command line's parser: a mistyped command, choice or option is answered with the nearest."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from hornbook.errors import did_you_mean

INVALID_CHOICE = re.compile(r"(?:argument (.+): )?invalid choice: '(.*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` that names what was probably meant; sub-parsers are of it too."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse's, but an unknown option ends here, where the known ones are known."""
        options, left = super().parse_known_args(args, namespace)
        for word in left:
            if word.startswith("--") and len(word) > 2:
                flag = word.partition("=")[0]
                known = sorted(set(re.findall(r"--[a-z][a-z0-9-]*", self.format_help())))
                self.error(f"Unknown option {flag}.  {_nearest(flag, known)}")
        return options, left

    def error(self, message: str) -> NoReturn:
        """Prints one message, without the list of all options, and exits with status 2."""
        if match := INVALID_CHOICE.search(message):
            where, word, choices = match.groups()
            names = [name.strip().strip("'") for name in choices.split(",")]
            what = "command" if where == "COMMAND" else where or "choice"
            message = f"Unknown {what} {word!r}.  {did_you_mean(word, names)}"
        self.exit(2, f"{self.prog}: {message}\nSee:  {self.prog} --help\n")


def _nearest(flag: str, known: Sequence[str]) -> str:
    """The flag that was probably meant; nothing where none is near, for there are many."""
    sentence = did_you_mean(flag, known)
    return sentence if sentence.startswith("Did you mean") else ""
