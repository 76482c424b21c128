"""Checks before the verbs of every recipe: that it is trained, that it can read data of this type,
and that samples are in a list.

Each verb that reads files also takes `encoding=`, the Python name of the encoding of text files,
which defaults to detecting it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from typing import Any

from hornbook.data.readers.in_memory_rows import is_rows
from hornbook.errors import OptionError
from hornbook.tabular.encodings import reading_as

ANSWERS = ("evaluate", "predict", "predict_stream", "predict_files", "save", "exported")


def checked(recipe_class: type) -> None:
    """Adds the checks to the verbs that a recipe class defines."""
    for name in ("fit", *ANSWERS):
        verb = recipe_class.__dict__.get(name)
        if verb is not None:
            setattr(recipe_class, name, _fit(verb) if name == "fit" else _answer(verb))


def _fit(verb: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(verb)
    def fit(
        self: Any, data: Any, *arguments: Any, encoding: str | None = None, **choices: Any
    ) -> Any:
        _check_data(self, data)
        before, was_interrupted = vars(self).get("model"), self.interrupted
        self.interrupted = False  # training saves the recipe, which counts as trained then
        try:
            with reading_as(encoding):
                result = verb(self, data, *arguments, **choices)
        except BaseException:
            # the network is partly trained: neither the previous model nor a result
            self.interrupted = was_interrupted or vars(self).get("model") is not before
            raise
        return result

    return fit


def _answer(verb: Callable[..., Any]) -> Callable[..., Any]:
    name = verb.__name__

    @functools.wraps(verb)
    def answer(self: Any, *arguments: Any, encoding: str | None = None, **choices: Any) -> Any:
        _check_trained(self)
        if arguments and name == "evaluate":
            _check_data(self, arguments[0])
        if arguments and name in ("predict", "predict_stream", "predict_files"):
            _check_several(name, arguments[0])
        if encoding is None:
            return verb(self, *arguments, **choices)
        if inspect.isgeneratorfunction(verb):
            return _reading(encoding, verb(self, *arguments, **choices))
        with reading_as(encoding):
            return verb(self, *arguments, **choices)

    return answer


def _reading(encoding: str, answers: Iterator[Any]) -> Iterator[Any]:
    """Yields the answers, reading files in this encoding."""
    while True:
        with reading_as(encoding):  # not while the caller runs
            try:
                answer = next(answers)
            except StopIteration:
                return
        yield answer


def _check_trained(recipe: Any) -> None:
    """Raises OptionError if the recipe is not trained."""
    kind = type(recipe).__name__
    if recipe.interrupted:
        raise OptionError(
            f"The training of this {kind} was interrupted: fit(..., resume=True) continues it, and "
            f"{kind}.load(run) opens its best weights so far."
        )
    if "model" not in vars(recipe):
        raise OptionError(f"This {kind} is not trained. Call fit(data, out) or {kind}.load(run).")


def _check_data(recipe: Any, data: Any) -> None:
    """Raises OptionError for data of a type that the recipe cannot read."""
    if isinstance(data, str | PathLike) or (recipe.takes_rows and is_rows(data)):
        return
    if recipe.several_sources and isinstance(data, list | tuple):
        if data and all(isinstance(one, str | PathLike) for one in data):
            return
        raise OptionError(f"{type(recipe).__name__} expects names of files or folders.")
    expected = "the name of a folder or file with the data"
    if recipe.takes_rows:
        raise OptionError(
            f"{type(recipe).__name__} expects {expected}, or rows in memory: a list of "
            f"dictionaries, a table or a dataset; got {_kind(data)}."
        )
    raise OptionError(
        f"{type(recipe).__name__} expects {expected}; got {_kind(data)}.\n"
        "Write the samples to a file and name that."
    )


def _check_several(verb: str, samples: Any) -> None:
    """Raises OptionError for a single sample in place of a list: a text is a list of letters, a row
    a list of its keys, and an image a list of its lines."""
    if str(getattr(samples, "dtype", "")) == "uint8" and samples.ndim in (2, 3):
        raise OptionError(
            f"{verb} expects a list; got an array {samples.shape}: for one image use "
            f"{verb}([image]), for gray ones {verb}(list(images))."
        )
    if isinstance(samples, str | bytes | PathLike | Mapping):
        raise OptionError(f"{verb} expects a list; for one sample use {verb}([{samples!r:.40}]).")


def _kind(data: Any) -> str:
    """Returns the type of data, in words."""
    name = type(data).__name__
    return f"a {name} of {len(data):,}" if isinstance(data, list | tuple) else f"a {name}"
