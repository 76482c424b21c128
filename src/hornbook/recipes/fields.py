"""The fields of a recipe: what a person chooses, and what fitting finds out.

    epochs: int = option(5, "times through the training data", at_least=1)
    classes: list[str] = learned(list)

Options are the Python arguments, the flags of `hornbook train` and what stands in `recipe.json`;
what is learned stands in the `recipe.json` beside the weights.
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
    """Fields of a recipe that have values they cannot have.

    Args:
        recipe: Its class.
        problems: What is wrong, by the names of the fields: `is 3.5, expected a whole number`.
    """

    def __init__(self, recipe: str, problems: Mapping[str, str]):
        self.problems = problems
        lines = [f"  {name} {problem}" for name, problem in problems.items()]
        super().__init__("\n".join([f"{recipe} cannot be made:", *lines]))

    def of_flags(self) -> OptionError:
        """The same for who wrote flags."""
        lines = [f"  {flag_of(name)} {problem}" for name, problem in self.problems.items()]
        return OptionError("\n".join(["These options cannot be used:", *lines]))


def flag_of(name: str) -> str:
    """The flag of a field."""
    return "--" + name.replace("_", "-")


# what a number may be limited to: name -> (how it is tested, how it is said)
LIMITS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "at_least": (operator.ge, "at least"),
    "above": (operator.gt, "above"),
    "at_most": (operator.le, "at most"),
    "below": (operator.lt, "below"),
    "multiple_of": (lambda value, limit: value % limit == 0, "a multiple of"),
}


def option(
    default: Any, meaning: str, choices: tuple[str, ...] | None = None, **limits: float
) -> Any:
    """A field that a person chooses.

    Args:
        default: None, if it may be left out.
        meaning: For `--help`.
        choices: The values it may have, if it is a string.
        limits: Of a number, by the names of `LIMITS`: `at_least=1`.
    """
    if unknown := set(limits) - set(LIMITS):
        raise ValueError(f"Limits are {', '.join(LIMITS)}, not {', '.join(unknown)}.")
    metadata = {"help": meaning, "choices": choices, "limits": limits}
    return dataclasses.field(default=default, metadata=metadata)


def learned(
    start: Callable[[], Any],
    read: Callable[[Any], Any] = lambda value: value,
    *,
    shown: bool = True,
) -> Any:
    """A field that fitting finds out.

    Args:
        start: Makes what it is before.
        read: Makes the value of what JSON kept of it.
        shown: Whether a person wants to see it where the recipe is printed.
    """
    metadata = {"read": read}
    return dataclasses.field(default_factory=start, init=False, repr=shown, metadata=metadata)


def part() -> Any:
    """A field that is no value, such as the network: built, and saved in files of its own."""
    return dataclasses.field(init=False, repr=False)


@dataclass(frozen=True)
class Option:
    """One field as the command line needs it."""

    name: str
    kind: type  # int, float, str or bool
    optional: bool  # may be None
    default: Any
    help: str
    choices: tuple[str, ...] | None
    limits: Mapping[str, float]

    def problem(self, value: Any) -> str:
        """Why the field cannot have this value, to be put behind it; "" when it can."""
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


_NAMES = {bool: "True or False", float: "a number", int: "a whole number", str: "a text"}
_KINDS: dict[str, type] = {"bool": bool, "float": float, "int": int, "str": str}


def options_of(recipe: Any) -> list[Option]:
    """The options of a recipe or its class, from its dataclass fields."""
    found = []
    for item in dataclasses.fields(recipe):
        if "help" not in item.metadata:
            continue  # state, not an option
        kind, _, none = str(item.type).partition(" | ")
        found.append(
            Option(
                item.name,
                _KINDS[kind],
                none == "None",
                item.default,
                item.metadata["help"],
                item.metadata["choices"],
                item.metadata["limits"],
            )
        )
    return found


def plain_value(value: Any, kind: type) -> Any:
    """A value as Python has it: NumPy's scalars, whole numbers for any number, paths for texts."""
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
    """What a recipe's fitting found out, for JSON."""
    names = [item.name for item in dataclasses.fields(recipe) if "read" in item.metadata]
    return {name: _plain(getattr(recipe, name)) for name in names}


def take_learned(recipe: Any, values: Mapping[str, Any]) -> None:
    """Gives a recipe what `learned_by` gave.

    Raises:
        HornbookError: something is missing, or is of another kind; nothing is changed then.
    """
    taken, problems = {}, []
    for item in dataclasses.fields(recipe):
        if "read" not in item.metadata:
            continue
        if item.name not in values:
            raise HornbookError(
                f"This run does not say {item.name}: it was made with another version.\n"
                "Open it with the hornbook it was made with, or train again."
            )
        value = values[item.name]
        hint = _hint(type(recipe), item.name)
        if fits(value, hint):
            taken[item.name] = item.metadata["read"](value)
        else:
            text = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}..."
            problems.append(f"  {item.name} is {text}, expected {item.type}")
    if problems:
        raise HornbookError(
            "What this run learned is damaged:\n" + "\n".join(problems) + "\nTrain it again."
        )
    for name, value in taken.items():
        setattr(recipe, name, value)


def fits(value: Any, hint: Any) -> bool:
    """Whether what JSON kept can be of a type: lists are tuples too, objects are dataclasses.

    Args:
        value: From JSON.
        hint: As in an annotation: `list[str]`, `dict[str, float]`, `tuple[int, int]`, `X | None`.
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
    """The type of a field, whose annotation is a text.

    Only the field's own one is looked up: others may name types that only a type checker imports.
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
    """The choices that were made, all of which the recipe's `verb` must know.

    Args:
        recipe: A trained one.
        verb: The name of the method that gets them.
        choices: None where no choice was made.

    Raises:
        OptionError: naming the first one it does not know.
    """
    made = {name: value for name, value in choices.items() if value is not None}
    known = inspect.signature(getattr(recipe, verb)).parameters
    for name in made:
        if name not in known:
            raise OptionError(f"{recipe.name} runs do not support --{name}: leave it out.")
    return made


def recipe_of_flags(recipe: Any, options: argparse.Namespace) -> Any:
    """The recipe that flags ask for.

    Raises:
        OptionError: naming each flag with a value it cannot have.
    """
    try:
        return recipe(**{name: getattr(options, name) for name in recipe.field_names()})
    except FieldError as error:
        raise error.of_flags() from None


def add_flags(parser: argparse.ArgumentParser, recipe: Any) -> None:
    """Gives `parser` a flag for each option of the recipe."""
    group = parser.add_argument_group("fields of the recipe")
    for item in options_of(recipe):
        flag = flag_of(item.name)
        default = "" if item.default is None else f" (default: {item.default})"
        allowed = f"; one of {', '.join(item.choices)}" if item.choices else ""
        if item.kind is bool:
            group.add_argument(
                flag,
                action=argparse.BooleanOptionalAction,
                default=item.default,
                help=item.help + (" (default: yes)" if item.default else ""),
            )
        else:
            group.add_argument(
                flag,
                metavar=item.kind.__name__.upper(),
                type=item.kind,
                default=item.default,
                choices=item.choices,
                help=item.help + allowed + default,
            )
