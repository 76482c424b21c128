"""Scripts of bash, zsh and fish that complete commands, options and choices."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class CommandWords:
    """The words that can follow a command.

    Attributes:
        path: The words of the command: `("train", "images")`.
        subcommands: Their help by name.
        arguments: The choices of its arguments; if there are none, files are completed.
        flags: Their help by name.
        values: The choices of each flag that takes a value; if there are none, files.
    """

    path: tuple[str, ...]
    subcommands: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)
    values: dict[str, list[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return " ".join(self.path)


def bash(commands: Sequence[CommandWords]) -> str:
    """Returns the script for bash."""
    return f"""# tab completion of hornbook for bash
_hornbook() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}"
    local path="" word i list=""
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${{COMP_WORDS[i]}}"
{_path_cases(commands)}
    done
{_list_cases(commands)}
    COMPREPLY=($(compgen -W "$list" -- "$cur"))
}}
complete -o default -o bashdefault -F _hornbook hornbook
"""


def zsh(commands: Sequence[CommandWords]) -> str:
    """Returns the script for zsh."""
    return f"""#compdef hornbook
# tab completion of hornbook for zsh
_hornbook() {{
    local cur="${{words[CURRENT]}}" prev="${{words[CURRENT-1]}}" path="" word i list=""
    for ((i = 2; i < CURRENT; i++)); do
        word="${{words[i]}}"
{_path_cases(commands)}
    done
{_list_cases(commands)}
    if [[ -n "$list" ]]; then
        compadd -- ${{=list}}
    else
        _files
    fi
}}
compdef _hornbook hornbook
"""


def fish(commands: Sequence[CommandWords]) -> str:
    """Returns the script for fish."""
    lines = [
        "# tab completion of hornbook for fish",
        "function __hornbook_at",
        "    set -l path",
        "    for word in (commandline -opc)[2..-1]",
        '        switch "$path $word"',
        f"            case {' '.join(_quoted(_step(one)) for one in commands if one.path)}",
        '                set path (string trim "$path $word")',
        "        end",
        "    end",
        '    test "$path" = "$argv[1]"',
        "end",
    ]
    for one in commands:
        at = f"complete -c hornbook -n '__hornbook_at \"{one.name}\"'"
        for name, help_line in one.subcommands.items():
            lines.append(f"{at} -f -a {name} -d {_quoted(_plain(help_line))}")
        if one.arguments:
            lines.append(f"{at} -f -a {_quoted(' '.join(one.arguments))}")
        for flag, help_line in one.flags.items():
            kind = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
            choices = one.values.get(flag)
            value = "" if choices is None else f" -x -a {_quoted(' '.join(choices))}"
            value = " -r" if choices == [] else value
            lines.append(f"{at} {kind}{value} -d {_quoted(_plain(help_line))}")
    return "\n".join([*lines, ""])


SCRIPTS: dict[str, Callable[[Sequence[CommandWords]], str]] = {
    "bash": bash,
    "zsh": zsh,
    "fish": fish,
}


def _path_cases(commands: Sequence[CommandWords]) -> str:
    """Returns shell code that follows the typed subcommands."""
    steps = " | ".join(f'"{_step(one)}"' for one in commands if one.path)
    return f"""        case "$path $word" in
            {steps}) path="${{path:+$path }}$word" ;;
        esac"""


def _list_cases(commands: Sequence[CommandWords]) -> str:
    """Returns shell code that sets `list` to the words that may follow."""
    values = [
        f'        "{one.name}:{flag}") list="{" ".join(choices)}" ;;'
        for one in commands
        for flag, choices in one.values.items()
    ]
    flags = [f'            "{one.name}") list="{" ".join(one.flags)}" ;;' for one in commands]
    words = [
        f'            "{one.name}") list="{" ".join([*one.subcommands, *one.arguments])}" ;;'
        for one in commands
    ]
    lines = [
        '    case "$path:$prev" in',
        *values,
        "        *)",
        '        if [[ "$cur" == -* ]]; then',
        '            case "$path" in',
        *flags,
        "            esac",
        "        else",
        '            case "$path" in',
        *words,
        "            esac",
        "        fi",
        "        ;;",
        "    esac",
    ]
    return "\n".join(lines)


def _step(command: CommandWords) -> str:
    return f"{' '.join(command.path[:-1])} {command.path[-1]}"


def _plain(text: str) -> str:
    """Returns a help line without argparse's escapes."""
    return re.sub(r"%%", "%", " ".join(text.split()))


def _quoted(text: str) -> str:
    return shlex.quote(text) if "'" not in text else '"' + re.sub(r'(["$`\\])', r"\\\1", text) + '"'
