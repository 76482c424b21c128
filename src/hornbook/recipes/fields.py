"""The fields of a recipe: options, which the user chooses, and learned fields, which `fit` sets.

    epochs: int = option(5, "number of epochs", at_least=1)
    classes: list[str] = learned(list)

Options are the Python arguments, the flags of `hornbook train` and the fields of `recipe.json`;
learned fields are in the `recipe.json` beside the weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import math
import operator
import os
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hornbook.errors import HornbookError, OptionError, did_you_mean


class FieldError(OptionError):
    """Fields of a recipe with invalid values.

    Args:
        recipe: The name of its class.
        problems: Field name -> what is wrong, such as `is 3.5, expected an integer`.
    """

    def __init__(self, recipe: str, problems: Mapping[str, str]):
        self.problems = problems
        lines = [f"  {name} {problem}" for name, problem in problems.items()]
        super().__init__("\n".join([f"Invalid options of {recipe}:", *lines]))

    def of_flags(self) -> OptionError:
        """Returns the error with flags in place of field names."""
        lines = [f"  {flag_of(name)} {problem}" for name, problem in self.problems.items()]
        return OptionError("\n".join(["Invalid options:", *lines]))


def flag_of(name: str) -> str:
    """Returns the flag of a field."""
    return "--" + name.replace("_", "-")


# limit of a number -> its test, and its name in messages
LIMITS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "at_least": (operator.ge, "at least"),
    "above": (operator.gt, "above"),
    "at_most": (operator.le, "at most"),
    "below": (operator.lt, "below"),
    "multiple_of": (lambda value, limit: value % limit == 0, "a multiple of"),
}


def option(
    default: Any,
    meaning: str,
    choices: tuple[str, ...] | None = None,
    aliases: Mapping[str, str] | None = None,
    *,
    old_name: str | None = None,
    **limits: float,
) -> Any:
    """Declares an option.

    Args:
        default: The default; None if the option is optional.
        meaning: Its line in `--help`.
        choices: The allowed values of a string.
        aliases: Old spellings of choices, which are still accepted.
        old_name: Old name of the option, which is still accepted on the command line and in files.
        limits: Limits of a number, by the names in `LIMITS`: `at_least=1`.
    """
    if unknown := set(limits) - set(LIMITS):
        raise ValueError(f"Limits are {', '.join(LIMITS)}, not {', '.join(unknown)}.")
    metadata = {
        "help": meaning,
        "choices": choices,
        "aliases": aliases or {},
        "old_name": old_name,
        "limits": limits,
    }
    return dataclasses.field(default=default, metadata=metadata)


def learned(
    start: Callable[[], Any],
    read: Callable[[Any], Any] = lambda value: value,
    *,
    shown: bool = True,
    optional: bool = False,
) -> Any:
    """Declares a learned field.

    Args:
        start: Returns its value before fitting.
        read: Converts its value from JSON.
        shown: Whether it is in the `repr` of the recipe.
        optional: Whether it is left out of `recipe.json` while it has its first value, as in the
            runs of versions without it.
    """
    metadata = {"read": read, "start": start, "optional": optional}
    return dataclasses.field(default_factory=start, init=False, repr=shown, metadata=metadata)


def part() -> Any:
    """Declares a field that is saved in its own files rather than as JSON, such as the network."""
    return dataclasses.field(init=False, repr=False)


@dataclass(frozen=True)
class Option:
    """An option, for checks and the command line."""

    name: str
    kind: type  # int, float, str or bool
    optional: bool  # whether it may be None
    default: Any
    help: str
    choices: tuple[str, ...] | None
    aliases: Mapping[str, str]
    old_name: str | None
    limits: Mapping[str, float]

    def canonical(self, value: Any) -> Any:
        """Returns a value in its current spelling; older versions spelled choices with hyphens."""
        if self.choices is None or not isinstance(value, str) or value in self.choices:
            return value
        value = self.aliases.get(value, value)
        renamed = value.replace("-", "_")
        return renamed if renamed in self.choices else value

    def problem(self, value: Any) -> str:
        """Returns what is wrong with a value, as the end of a sentence; "" if it is valid."""
        if value is None and self.optional:
            return ""
        if type(value) is not self.kind or (isinstance(value, float) and not math.isfinite(value)):
            return f", expected {_NAMES[self.kind]}"
        if self.choices and value not in self.choices:
            return f". {did_you_mean(str(value), self.choices)}"
        if all(LIMITS[name][0](value, limit) for name, limit in self.limits.items()):
            return ""
        return ", expected " + " and ".join(
            f"{LIMITS[name][1]} {limit}" for name, limit in self.limits.items()
        )


_NAMES = {bool: "True or False", float: "a number", int: "an integer", str: "a string"}
_KINDS: dict[str, type] = {"bool": bool, "float": float, "int": int, "str": str}


def options_of(recipe: Any) -> list[Option]:
    """Returns the options of a recipe or its class, from its dataclass fields."""
    options = []
    for item in dataclasses.fields(recipe):
        if "help" not in item.metadata:
            continue  # a learned field or a part
        kind, _, none = str(item.type).partition(" | ")
        options.append(
            Option(
                item.name,
                _KINDS[kind],
                none == "None",
                item.default,
                item.metadata["help"],
                item.metadata["choices"],
                item.metadata["aliases"],
                item.metadata["old_name"],
                item.metadata["limits"],
            )
        )
    return options


def plain_value(value: Any, kind: type) -> Any:
    """Converts NumPy scalars, integers in place of floats, and paths in place of strings."""
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        value = value.item()
    if kind is float and type(value) is int:
        return float(value)
    if kind is int and not isinstance(value, bool) and hasattr(value, "__index__"):
        return operator.index(value)
    if kind is str and isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def learned_by(recipe: Any) -> dict[str, Any]:
    """Returns the learned fields of a recipe, for JSON."""
    values = {}
    for item in dataclasses.fields(recipe):
        if "read" in item.metadata:
            value = getattr(recipe, item.name)
            if not item.metadata["optional"] or value != item.metadata["start"]():
                values[item.name] = _plain(value)
    return values


def take_learned(recipe: Any, values: Mapping[str, Any]) -> None:
    """Restores what `learned_by` returned.

    Raises:
        HornbookError: a field is missing or of another type; nothing is changed then.
    """
    restored, problems = {}, []
    for item in dataclasses.fields(recipe):
        if "read" not in item.metadata:
            continue
        if item.name not in values:
            if item.metadata["optional"]:
                restored[item.name] = item.metadata["start"]()
                continue
            raise HornbookError(
                f"{item.name} is missing: this run was made with another version of hornbook.\n"
                "Open it with that version, or train again."
            )
        value = values[item.name]
        hint = _hint(type(recipe), item.name)
        if fits(value, hint):
            restored[item.name] = item.metadata["read"](value)
        else:
            text = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}..."
            problems.append(f"  {item.name} is {text}, expected {item.type}")
    if problems:
        raise HornbookError(
            "The learned fields are damaged:\n" + "\n".join(problems) + "\nTrain the run again."
        )
    for name, value in restored.items():
        setattr(recipe, name, value)


def fits(value: Any, hint: Any) -> bool:
    """Whether a JSON value can be converted to a type; tuples are lists, dataclasses are objects.

    Args:
        value: The value.
        hint: The type as in an annotation: `list[str]`, `tuple[int, int]`, `X | None`.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if hint is None or hint is type(None):
        return value is None
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    if dataclasses.is_dataclass(hint):
        hints = {item.name: _hint(hint, item.name) for item in dataclasses.fields(hint)}
        return (
            isinstance(value, dict)
            and value.keys() == hints.keys()
            and all(fits(value[name], one) for name, one in hints.items())
        )
    kind = origin or hint
    if kind is dict:
        keys, values = inner or (Any, Any)
        return isinstance(value, dict) and all(
            fits(key, keys) and fits(one, values) for key, one in value.items()
        )
    if kind in (list, tuple):
        if not isinstance(value, list):
            return False
        if kind is tuple and inner and inner[-1] is not Ellipsis:
            return len(value) == len(inner) and all(map(fits, value, inner))
        return not inner or all(fits(one, inner[0]) for one in value)
    return type(value) is kind


def _hint(owner: Any, name: str) -> Any:
    """Returns the type of a field, whose annotation is a string.

    Only this annotation is evaluated: others may name types imported only for type checking.
    """
    for kind in owner.__mro__:
        annotation = inspect.get_annotations(kind).get(name)
        if annotation is not None:
            carrier = types.FunctionType((lambda: None).__code__, {})
            carrier.__annotations__ = {name: annotation}
            names = {**vars(sys.modules[kind.__module__]), **vars(kind)}
            try:
                return typing.get_type_hints(carrier, names)[name]
            except NameError:
                return Any
    return Any


def _plain(value: Any) -> Any:
    is_dataclass = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return dataclasses.asdict(value) if is_dataclass else value


def check_choices(recipe: Any, verb: str, choices: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the choices that were made, after checking that the recipe's `verb` accepts them.

    Args:
        recipe: A trained recipe.
        verb: Name of the method they are for.
        choices: Values by name; None if no choice was made.

    Raises:
        OptionError: the method does not accept a choice; names the first.
    """
    arguments = {name: value for name, value in choices.items() if value is not None}
    known = inspect.signature(getattr(recipe, verb)).parameters
    for name in arguments:
        if name not in known:
            raise OptionError(f"{recipe.name} runs do not support --{name}.")
    return arguments


def recipe_of_flags(recipe: Any, options: argparse.Namespace) -> Any:
    """Makes a recipe from the flags of the command line.

    Raises:
        OptionError: names each flag with an invalid value.
    """
    try:
        return recipe(**{name: getattr(options, name) for name in recipe.field_names()})
    except FieldError as error:
        raise error.of_flags() from None


def add_flags(parser: argparse.ArgumentParser, recipe: Any) -> None:
    """Adds a flag for each option of the recipe."""
    group = parser.add_argument_group("options of the recipe")
    for item in options_of(recipe):
        flag = flag_of(item.name)
        default = "" if item.default is None else f" (default: {item.default})"
        choices = f"; one of {', '.join(item.choices)}" if item.choices else ""
        if item.kind is bool:
            group.add_argument(
                flag,
                action=argparse.BooleanOptionalAction,
                default=item.default,
                help=item.help + (" (default: yes)" if item.default else ""),
            )
            continue
        kind: Any = item.canonical if item.kind is str else item.kind
        group.add_argument(
            flag,
            metavar=item.kind.__name__.upper(),
            type=kind,
            default=item.default,
            choices=item.choices,
            help=item.help + choices + default,
        )
        if item.old_name is not None:
            group.add_argument(
                flag_of(item.old_name),
                dest=item.name,
                type=kind,
                default=argparse.SUPPRESS,
                choices=item.choices,
                help=argparse.SUPPRESS,
            )
