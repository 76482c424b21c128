"""What every recipe is: a dataclass with five verbs.

    recipe = TextMatching(epochs=3).fit("data", out="runs/first")
    recipe.evaluate("data");  recipe.predict(pairs);  recipe.save("elsewhere")
    TextMatching.load("runs/first")

The fields of the dataclass are the Python arguments, the flags of `hornbook train`, and what
stands in `recipe.json`: said once, in `option`.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from hornbook.errors import HornbookError, OptionError, did_you_mean
from hornbook.files import MANIFEST, settle, verify_manifest

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
    """A field of a recipe.

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


@dataclass(kw_only=True)
class Recipe(ABC):
    """A task from a data folder to an answer.

    Raises:
        OptionError: naming each field that has a value it cannot have.
    """

    name: ClassVar[str]  # on the command line
    purpose: ClassVar[str]  # in one line
    snapshot_seconds: ClassVar[float] = 120.0  # the longest time of work a kill can cost

    def __post_init__(self):
        problems = []
        for item in options_of(type(self)):
            value = getattr(self, item.name)
            if item.kind is float and type(value) is int:
                value = float(value)
                setattr(self, item.name, value)
            if problem := item.problem(value):
                problems.append(f"  {item.name} is {value!r}{problem}")
        if problems:
            raise OptionError(f"{type(self).__name__} cannot be made:\n" + "\n".join(problems))

    @abstractmethod
    def fit(self, data: str | Path, out: str | Path, *, resume: bool = False) -> Self:
        """Trains on `data` and keeps everything in the run folder `out`."""

    @abstractmethod
    def evaluate(self, data: str | Path) -> dict[str, Any]:
        """Measures the trained model on the validation split of `data`."""

    @abstractmethod
    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        """What `evaluate` found, as columns and rows to print."""

    @abstractmethod
    def predict(self, samples: Iterable[Any]) -> list[Any]:
        """Answers for each sample, in its order."""

    @abstractmethod
    def predict_files(self, sources: Sequence[str | Path]) -> Iterator[dict[str, Any]]:
        """Answers for what files hold, as they come: what `hornbook predict` writes."""

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Writes what `load` needs, whole or not at all."""

    @classmethod
    @abstractmethod
    def load(cls, folder: str | Path) -> Self:
        """Opens a run folder, or what `save` wrote."""

    def join(self, others: Sequence[Recipe]) -> None:
        """Lets other runs answer together with this one.

        Raises:
            OptionError: runs of this recipe do not, or these do not fit together.
        """
        raise OptionError(f"Runs of {self.name} do not answer together: name one run.")

    def exported(self) -> tuple[Any, dict[str, str]]:
        """The Keras model that `hornbook export` writes, and what a reader of it must know.

        Raises:
            OptionError: there is none that works without the rest of the recipe.
        """
        raise OptionError(
            f"A {self.name} run cannot be exported: it is more than one Keras model.\n"
            "Its folder `model` is in Hugging Face's layout."
        )

    def fields(self) -> dict[str, Any]:
        """The recipe's own options and their values, as they stand in `recipe.json`."""
        return {item.name: getattr(self, item.name) for item in options_of(type(self))}

    @classmethod
    def field_names(cls) -> list[str]:
        """The names of the recipe's options."""
        return [item.name for item in options_of(cls)]

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """The inverse of `fields`.

        Raises:
            HornbookError: a field that this version does not have.
        """
        known = {item.name for item in options_of(cls)}
        if unknown := sorted(set(fields) - known):
            raise HornbookError(
                f"This run was made with fields that {cls.name} does not have: "
                f"{', '.join(unknown)}.\nOpen it with the hornbook it was made with."
            )
        return cls(**fields)


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


def options_of(recipe: type[Recipe]) -> list[Option]:
    """The options of a recipe, from its dataclass fields."""
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


def check_choices(recipe: Recipe, verb: str, choices: Mapping[str, Any]) -> dict[str, Any]:
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
            raise OptionError(f"--{name} says nothing to a run of {recipe.name}: leave it out.")
    return made


def read_saved(folder: str | Path) -> tuple[dict[str, Any], Path]:
    """What `Recipe.save` wrote, and the model folder it lies in.

    Args:
        folder: A run folder, or the model folder itself.

    Raises:
        HornbookError: it is neither, or nothing was saved in it yet.
    """
    folder = Path(folder)
    for path in (folder / "model", folder):
        settle(path)
        if (path / MANIFEST).is_file() and (path / "recipe.json").is_file():
            verify_manifest(path)
            return json.loads((path / "recipe.json").read_text("utf-8")), path
    raise HornbookError(
        f"{folder} holds no trained model yet.\n"
        "If its training was cut off, the same command with --resume goes on with it."
    )


def add_flags(parser: argparse.ArgumentParser, recipe: type[Recipe]) -> None:
    """Gives `parser` a flag for each field of the recipe."""
    group = parser.add_argument_group("fields of the recipe")
    for item in options_of(recipe):
        flag = "--" + item.name.replace("_", "-")
        default = "" if item.default is None else f" (default: {item.default})"
        if item.kind is bool:
            group.add_argument(
                flag,
                action=argparse.BooleanOptionalAction,
                default=item.default,
                help=item.help,
            )
        else:
            group.add_argument(
                flag,
                metavar=item.kind.__name__.upper(),
                type=item.kind,
                default=item.default,
                choices=item.choices,
                help=item.help + default,
            )
