"""What holds for the verbs of every recipe, whoever writes them: only a trained recipe answers,
it learns from files, and it answers for several samples at once.

Each verb that reads files takes `encoding=` beside its own arguments: Python's name of the encoding
of text files, where it should not be found out.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from os import PathLike
from typing import Any

from hornbook.errors import OptionError
from hornbook.tabular.encodings import reading_as

ANSWERS = ("evaluate", "predict", "predict_stream", "predict_files", "save", "exported")


def checked(recipe_class: type) -> None:
    """Puts the checks in front of the verbs that a class of recipes defines."""
    for name in ("fit", *ANSWERS):
        verb = recipe_class.__dict__.get(name)
        if verb is not None:
            setattr(recipe_class, name, _fit(verb) if name == "fit" else _answer(verb))


def _fit(verb: Callable) -> Callable:
    @functools.wraps(verb)
    def fit(
        self: Any, data: Any, *arguments: Any, encoding: str | None = None, **choices: Any
    ) -> Any:
        _check_data(self, data)
        before, was_cut_off = vars(self).get("model"), self.cut_off
        self.cut_off = False  # it saves itself in between
        try:
            with reading_as(encoding):
                fitted = verb(self, data, *arguments, **choices)
        except BaseException:
            # what stands in the network now is no result: neither as before nor learned
            self.cut_off = was_cut_off or vars(self).get("model") is not before
            raise
        return fitted

    return fit


def _answer(verb: Callable) -> Callable:
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
    """The answers, with what is read for them read in this encoding."""
    while True:
        with reading_as(encoding):  # not while the caller has his turn
            try:
                answer = next(answers)
            except StopIteration:
                return
        yield answer


def _check_trained(recipe: Any) -> None:
    """Raises OptionError when there is nothing that could answer."""
    kind = type(recipe).__name__
    if recipe.cut_off:
        raise OptionError(
            f"The training of this {kind} was cut off: fit(..., resume=True) continues it, and "
            f"{kind}.load(run) opens what it has saved."
        )
    if "model" not in vars(recipe):
        raise OptionError(
            f"This {kind} is not trained: call fit(data, out) first, or open a run with "
            f"{kind}.load(run)."
        )


def _check_data(recipe: Any, data: Any) -> None:
    """Raises OptionError for data that is no file or folder."""
    if isinstance(data, str | PathLike):
        return
    if recipe.several_sources and isinstance(data, list | tuple):
        if data and all(isinstance(one, str | PathLike) for one in data):
            return
        raise OptionError(f"{type(recipe).__name__} expects names of files or folders.")
    raise OptionError(
        f"{type(recipe).__name__} expects the name of a folder or file with the data; got "
        f"{_kind(data)}.\nWrite the samples to a file and name that."
    )


def _check_several(verb: str, samples: Any) -> None:
    """Raises OptionError for one sample where several are expected: a text has letters too."""
    if isinstance(samples, str | bytes | PathLike):
        raise OptionError(f"{verb} expects a list; for one sample write {verb}([{samples!r:.40}]).")


def _kind(data: Any) -> str:
    """What kind of thing it is, in words."""
    name = type(data).__name__
    return f"a {name} of {len(data):,}" if isinstance(data, list | tuple) else f"a {name}"
