"""The base class of recipes: a dataclass with five verbs.

    recipe = TextMatching(epochs=3).fit("data", out="runs/first")
    recipe.evaluate("data");  recipe.predict(pairs);  recipe.save("elsewhere")
    TextMatching.load("runs/first")

Each recipe implements `_fit`, from the data to the report.  How a run starts, trains, is saved and
opened again is the same for all recipes, and is here.
"""

from __future__ import annotations

import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from hornbook import backend
from hornbook.errors import CheckpointError, HornbookError, OptionError, WriteError
from hornbook.files import (
    MANIFEST,
    atomic_folder,
    bounded_text,
    settle,
    verify_manifest,
    write_json,
    writing,
)
from hornbook.progress import note
from hornbook.recipes.fields import (
    FieldError,
    learned_by,
    options_of,
    part,
    plain_value,
    take_learned,
)
from hornbook.recipes.recipe_verbs import checked

if TYPE_CHECKING:
    import keras

    from hornbook.training.run_folder import RunFolder


@dataclass(kw_only=True)
class Recipe(ABC):
    """A task, from a data folder to predictions.

    Raises:
        OptionError: names each field with an invalid value.
    """

    name: ClassVar[str]  # on the command line
    purpose: ClassVar[str]  # in one line
    snapshot_seconds: ClassVar[float] = 120.0  # seconds between snapshots
    may_change_on_resume: ClassVar[tuple[str, ...]] = ()  # fields that do not change the result
    several_sources: ClassVar[bool] = False  # whether `fit` takes a list of files and folders too
    takes_rows: ClassVar[bool] = False  # whether `fit` takes rows in memory too
    answers_have_errors: ClassVar[bool] = False  # whether `error` says why a sample has no answer

    model: Any = part()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        checked(cls)

    def __post_init__(self) -> None:
        self.interrupted = False  # whether training was interrupted
        problems = {}
        for item in options_of(self):
            value = item.canonical(plain_value(getattr(self, item.name), item.kind))
            setattr(self, item.name, value)
            if problem := item.problem(value):
                problems[item.name] = f"is {value!r}{problem}"
        if problems:
            raise FieldError(type(self).__name__, problems)

    # The five verbs, and what belongs to them.

    def fit(self, data: Any, out: str | Path, *, resume: bool = False) -> Self:
        """Trains and writes everything to a run folder, which is locked meanwhile.

        With `resume` the same call starts a run, continues it after an interruption, and does
        nothing if it is finished, so a scheduler can repeat it.

        Args:
            data: Training data: a folder or a file; for pretraining a list of them too; for other
                recipes also rows in memory (lists of dictionaries, pandas, Polars and Arrow
                tables, Hugging Face datasets), or a dictionary of rows per split.
            out: The run folder: a new one, or with `resume` the one to continue.
            resume: Whether to continue an interrupted run.

        Raises:
            HornbookError: the data, a field, or the run folder is invalid.
            LockedError: another process uses the run folder.
            WriteError: a file cannot be written, for example on a full disk; existing files are
                unchanged.
        """
        backend.announce()  # before Keras is imported, which fails without one
        from hornbook.training.run_folder import RunFolder

        run = RunFolder(out)
        with run.locked():
            if not resume:
                run.check_new()
            elif run.is_finished():
                description = {"recipe": self.name, "fields": self.fields()}
                run.check_same(description, self.may_change_on_resume, self.canonical_fields)
                note(f"{run.path} is finished; there is nothing to resume.")
                run.snapshots.clear()  # left by a kill after the report was written
                self._open(*read_saved(out))
                return self
            elif not run.is_begun():
                run.check_new()
                note(f"{run.path} has no run yet: starting a new one.")
                resume = False
            try:
                with writing(run.path):
                    self._fit(data, out, resume=resume)
            except WriteError as error:
                if not run.is_begun():
                    raise
                raise WriteError(f"{error}\nThen continue with --resume.") from None
        return self

    @abstractmethod
    def _fit(self, data: Any, out: str | Path, *, resume: bool) -> None:
        """Implements `fit`, from the data to the report, in a locked folder."""

    @abstractmethod
    def evaluate(self, data: Any) -> dict[str, Any]:
        """Evaluates the trained model on the validation split of `data`; recipes with several
        splits accept another one as `split`."""

    @abstractmethod
    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        """Returns the results of `evaluate` as columns and rows to print."""

    def comparison(self, metrics: dict[str, Any]) -> str:
        """Compares the fitted model with a simple one on the same data; "" if there is none."""
        return ""

    def predict(self, samples: Iterable[Any], **choices: Any) -> list[dict[str, Any]]:
        """Answers for each sample, in order; see the recipe's `predict_stream`."""
        return list(self.predict_stream(samples, **choices))

    @abstractmethod
    def predict_stream(self, samples: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """Answers for each sample as it comes, in order."""

    @abstractmethod
    def predict_files(self, sources: Sequence[str | Path]) -> Iterator[dict[str, Any]]:
        """Answers for the contents of files, as `hornbook predict` writes them."""

    def example(self, data: str | Path) -> list[str]:
        """Returns arguments for `hornbook predict RUN` to try it on the training data.

        Args:
            data: The data that the recipe was trained on.
        """
        return [str(data)]

    def save(self, folder: str | Path) -> None:
        """Writes the folder that `load` opens, atomically, with checksums."""
        with atomic_folder(folder) as temporary:
            self.write_parts(temporary)
            saved = {"recipe": self.name, "fields": self.fields(), "learned": learned_by(self)}
            write_json(temporary / "recipe.json", saved)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Opens a run folder, or a folder that `save` wrote.

        Raises:
            HornbookError: it is neither, or something in it is damaged.
        """
        backend.announce()  # before Keras is imported, which fails without one
        saved, folder = read_saved(folder)
        with naming(folder / "recipe.json"):
            recipe = cls.from_fields(saved["fields"])
        recipe._open(saved, folder)
        return recipe

    def _open(self, saved: dict[str, Any], folder: Path) -> None:
        """Restores what was saved into this recipe, which has its fields already."""
        if saved["recipe"] != self.name:
            raise HornbookError(
                f"{folder} is a run of the recipe {saved['recipe']}, not of {self.name}."
            )
        with naming(folder / "recipe.json"):
            take_learned(self, saved["learned"])
        try:
            self.build_for(folder)
            self.read_parts(folder)
        except (ValueError, TypeError, LookupError, ArithmeticError, MemoryError) as error:
            raise CheckpointError(
                f"{folder} cannot be opened: the values in its recipe.json do not fit together: "
                f"{error}"
            ) from error

    def join(self, others: Sequence[Recipe]) -> None:
        """Makes this run and others answer as an ensemble.

        Raises:
            OptionError: the recipe has no ensembles, or these runs do not fit together.
        """
        raise OptionError(f"{self.name} runs do not support ensembles: name one run.")

    def exported(self) -> tuple[Any, dict[str, str]]:
        """Returns the Keras model that `hornbook export` writes, and the metadata its users need.

        Raises:
            OptionError: no Keras model of the recipe works without the rest of it.
        """
        raise OptionError(
            f"A {self.name} run cannot be exported: it is more than one Keras model.\n"
            "Its folder `model` is in Hugging Face's layout."
        )

    # The parts of `fit`.

    def open_run(self, out: str | Path, data: Mapping[str, str], *, resume: bool) -> RunFolder:
        """Makes the run folder, or opens it to resume; called after the data was checked.

        Args:
            out: See `fit`.
            data: Fingerprints of the training data.
            resume: See `fit`.
        """
        from hornbook.training.run_folder import RunFolder

        description = {"recipe": self.name, "fields": self.fields(), "data": data}
        if resume:
            return RunFolder.resume(
                out, description, self.may_change_on_resume, self.canonical_fields
            )
        return RunFolder.create(out, description)

    def train(
        self,
        run: RunFolder,
        *,
        resume: bool,
        first: Callable[[], None] | None = None,
        **settings: Any,
    ) -> list[dict[str, Any]]:
        """Trains, saves the weights of the best epoch in the run, and restores them at the end.

        Args:
            run: The run folder.
            resume: Whether to continue from the newest snapshot.
            first: Called before the first epoch; the model is then evaluated as epoch 0.
            settings: Further arguments of `Loop`.

        Returns:
            One row of metrics per epoch.
        """
        from hornbook.training.loop import Loop

        settings = {"snapshot_seconds": self.snapshot_seconds, **settings}
        loop = Loop(run=run, save=lambda: self.save(run.model), **settings)
        if not (resume and loop.resume()) and first is not None:
            first()
            loop.begin(loop.evaluate())
        rows = loop.train()
        saved, folder = read_saved(run.model)
        take_learned(self, saved["learned"])
        self.read_parts(folder)
        return rows

    # Files beside `recipe.json`; by default the weights of one Keras model.

    @abstractmethod
    def build(self) -> Any:
        """Builds the network from the options and the learned fields."""

    def build_for(self, folder: Path) -> None:
        """Builds the model for the weights in a folder."""
        self.model = self.build()

    @property
    def network(self) -> keras.Model:
        """The Keras model whose weights are saved."""
        return self.model

    def write_parts(self, folder: Path) -> None:
        """Writes the weights."""
        from hornbook.models.functional_weights import write_functional

        write_functional(folder, self.network)

    def read_parts(self, folder: Path) -> None:
        """Reads the weights that `write_parts` wrote into the model."""
        from hornbook.models.functional_weights import read_functional

        read_functional(folder, self.network)

    def fields(self) -> dict[str, Any]:
        """Returns the recipe's options and their values, as in `recipe.json`."""
        return {item.name: getattr(self, item.name) for item in options_of(self)}

    def _repr_html_(self) -> str:
        """Returns the name and the options that differ from their defaults, for notebooks."""
        from hornbook.report.notebook_table import html_table

        defaults = {one.name: one.default for one in options_of(self)}
        rows = [(name, value) for name, value in self.fields().items() if value != defaults[name]]
        return f"<p>{type(self).__name__}</p>" + html_table(("option", "value"), rows, len(rows))

    def settings(self) -> dict[str, Any]:
        """Returns the options that had an effect on the run, with their values, for the report."""
        idle = self.idle_options()
        values = {name: x for name, x in self.fields().items() if x is not None}
        values = {**self.values_used(), **values}
        return {name: values[name] for name in self.fields() if name in values and name not in idle}

    def values_used(self) -> dict[str, Any]:
        """Returns the values used in place of options that are None."""
        return {}

    def idle_options(self) -> set[str]:
        """Returns the names of options that have no effect, given the others."""
        return set()

    @classmethod
    def field_names(cls) -> list[str]:
        """Returns the names of the recipe's options."""
        return [item.name for item in options_of(cls)]

    @classmethod
    def canonical_fields(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Returns saved fields with the current names and spellings."""
        options = {item.name: item for item in options_of(cls)}
        new_names = {item.old_name: item.name for item in options.values()}
        renamed = {new_names.get(name, name): value for name, value in fields.items()}
        return {
            name: options[name].canonical(value) if name in options else value
            for name, value in renamed.items()
        }

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Makes a recipe from saved fields.

        Raises:
            HornbookError: this version lacks one of the fields.
        """
        fields = cls.canonical_fields(fields)
        if unknown := sorted(set(fields) - set(cls.field_names())):
            raise HornbookError(
                f"This run was made with fields that {cls.name} does not have: "
                f"{', '.join(unknown)}.\nOpen it with the version of hornbook it was made with."
            )
        return cls(**fields)


checked(Recipe)  # its own methods


def read_saved(folder: str | Path) -> tuple[dict[str, Any], Path]:
    """Reads what `Recipe.save` wrote; returns it with its model folder.

    Args:
        folder: A run folder, or the model folder itself.

    Raises:
        HornbookError: it is neither, nothing has been saved in it yet, or it is damaged.
    """
    folder = Path(folder)
    for path in (folder / "model", folder):
        settle(path)
        if (path / MANIFEST).is_file() and (path / "recipe.json").is_file():
            verify_manifest(path, reads=["recipe.json"])
            return read_description(path / "recipe.json", learned=True), path
    raise HornbookError(
        f"{folder} has no trained model yet.\n"
        "If its training was interrupted, the same `hornbook train` with --resume continues it."
    )


def read_description(file: Path, *, learned: bool = False) -> dict[str, Any]:
    """Reads a `recipe.json`: the name of the recipe, its fields, and its learned fields.

    Args:
        file: The file.
        learned: Whether the learned fields are required; those of run folders have none.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged.
    """
    try:
        saved = json.loads(bounded_text(file, error=CheckpointError))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} cannot be read as JSON: {error}") from None
    if not isinstance(saved, dict):
        raise CheckpointError(f"{file} is damaged: expected one JSON object.")
    kinds = {"recipe": str, "fields": dict, **({"learned": dict} if learned else {})}
    for name, kind in kinds.items():
        if not isinstance(saved.get(name), kind):
            raise CheckpointError(
                f"{file} is damaged: {name!r} is {_short(saved.get(name))}, expected "
                f"{'a string' if kind is str else 'a JSON object'}."
            )
    return saved


@contextlib.contextmanager
def naming(file: Path) -> Iterator[None]:
    """Adds the name of the file to errors about its fields."""
    try:
        yield
    except HornbookError as error:
        raise CheckpointError(f"{file}: {error}") from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
