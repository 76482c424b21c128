"""What every recipe is: a dataclass with five verbs.

    recipe = TextMatching(epochs=3).fit("data", out="runs/first")
    recipe.evaluate("data");  recipe.predict(pairs);  recipe.save("elsewhere")
    TextMatching.load("runs/first")

A recipe says in `fit` what happens from the data to the report.  How a run is begun, trained,
saved and opened again is the same for all, and is said here.
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
    """A task from a data folder to an answer.

    Raises:
        OptionError: naming each field that has a value it cannot have.
    """

    name: ClassVar[str]  # on the command line
    purpose: ClassVar[str]  # in one line
    snapshot_seconds: ClassVar[float] = 120.0  # the longest time of work a kill can cost
    free: ClassVar[tuple[str, ...]] = ()  # fields that a resumed run may have others of
    several_sources: ClassVar[bool] = False  # whether `fit` takes a list of files and folders too

    answers_say_errors: ClassVar[bool] = False  # whether `error` says why a sample has no answer

    model: Any = part()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        checked(cls)

    def __post_init__(self):
        self.cut_off = False  # whether a training did not come to its end
        problems = {}
        for item in options_of(self):
            value = plain_value(getattr(self, item.name), item.kind)
            setattr(self, item.name, value)
            if problem := item.problem(value):
                problems[item.name] = f"is {value!r}{problem}"
        if problems:
            raise FieldError(type(self).__name__, problems)

    # The five verbs, and what goes with them.

    def fit(self, data: Any, out: str | Path, *, resume: bool = False) -> Self:
        """Trains and keeps everything in a run folder, which nobody else can use meanwhile.

        With `resume` one and the same call begins a run, continues it whenever it was cut off,
        and does nothing more when it is finished: a scheduler may repeat it.

        Args:
            data: What to learn from: a folder or a file; for pretraining, or several.
            out: The run folder: new, or with `resume` the one to continue.
            resume: Continue a run that was cut off.

        Raises:
            HornbookError: the data, a field, or the run folder is not as needed.
            LockedError: another process works in the run folder.
            WriteError: the disk is full, say; what was there before is unchanged.
        """
        backend.announce()  # before Keras is imported, which fails without one
        from hornbook.training.run_folder import RunFolder

        run = RunFolder(out)
        with run.locked():
            if not resume:
                run.check_new()
            elif run.is_finished():
                run.check_same({"recipe": self.name, "fields": self.fields()}, self.free)
                note(f"{run.path} is finished; there is nothing to resume.")
                run.snapshots.clear()  # a kill behind the report left them
                self._open(*read_saved(out))
                return self
            elif not run.is_begun():
                run.check_new()
                note(f"{run.path} holds no run yet, so this one begins.")
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
        """What `fit` does, in a folder that is ours: from the data to the report."""

    @abstractmethod
    def evaluate(self, data: str | Path) -> dict[str, Any]:
        """Measures the trained model on the validation split of `data`; recipes that know several
        splits take another one as `split`."""

    @abstractmethod
    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        """What `evaluate` found, as columns and rows to print."""

    def comparison(self, metrics: dict[str, Any]) -> str:
        """After `fit`: what a far simpler model reaches on the same data; "" if there is none."""
        return ""

    def predict(self, samples: Iterable[Any], **choices: Any) -> list[dict[str, Any]]:
        """Answers for each sample, in order: see the recipe's `predict_stream`."""
        return list(self.predict_stream(samples, **choices))

    @abstractmethod
    def predict_stream(self, samples: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """Answers for each sample as it comes, in order."""

    @abstractmethod
    def predict_files(self, sources: Sequence[str | Path]) -> Iterator[dict[str, Any]]:
        """Answers for what files hold, as they come: what `hornbook predict` writes."""

    def example(self, data: str | Path) -> list[str]:
        """What may stand behind `hornbook predict RUN`, to try it on what is at hand.

        Args:
            data: What the recipe was trained on.
        """
        return [str(data)]

    def save(self, folder: str | Path) -> None:
        """Writes what `load` needs, whole or not at all, with checksums."""
        with atomic_folder(folder) as temporary:
            self.write_parts(temporary)
            saved = {"recipe": self.name, "fields": self.fields(), "learned": learned_by(self)}
            write_json(temporary / "recipe.json", saved)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Opens a run folder, or what `save` wrote.

        Raises:
            HornbookError: it is no such folder, or something in it is damaged.
        """
        backend.announce()  # before Keras is imported, which fails without one
        saved, folder = read_saved(folder)
        with naming(folder / "recipe.json"):
            recipe = cls.from_fields(saved["fields"])
        recipe._open(saved, folder)
        return recipe

    def _open(self, saved: dict[str, Any], folder: Path) -> None:
        """Takes what was saved into this recipe, which has its fields."""
        if saved["recipe"] != self.name:
            raise HornbookError(f"{folder} is of a {saved['recipe']} run, not of {self.name}.")
        with naming(folder / "recipe.json"):
            take_learned(self, saved["learned"])
        try:
            self.build_for(folder)
            self.read_parts(folder)
        except (ValueError, TypeError, LookupError, ArithmeticError, MemoryError) as error:
            raise CheckpointError(
                f"{folder} cannot be opened: what its recipe.json says does not fit together: "
                f"{error}"
            ) from error

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

    # What `fit` is made of.

    def open_run(self, out: str | Path, data: Mapping[str, str], *, resume: bool) -> RunFolder:
        """The run folder, made now or found again: after all that can go wrong before training.

        Args:
            out, resume: See `fit`.
            data: Fingerprints of what is learned from.
        """
        from hornbook.training.run_folder import RunFolder

        description = {"recipe": self.name, "fields": self.fields(), "data": data}
        if resume:
            return RunFolder.resume(out, description, self.free)
        return RunFolder.create(out, description)

    def train(
        self,
        run: RunFolder,
        *,
        resume: bool,
        first: Callable[[], None] | None = None,
        **settings: Any,
    ) -> list[dict[str, Any]]:
        """Trains, and ends with the weights of the best epoch, which are saved in the run.

        Args:
            run: Where everything is kept.
            resume: Go on from the newest snapshot.
            first: Done before the first epoch; what the model can do then counts as epoch 0.
            settings: The other ones of `Loop`.

        Returns:
            One row of metrics an epoch.
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

    # What is saved beside `recipe.json`: as it is here, the weights of one Keras model.

    @abstractmethod
    def build(self) -> Any:
        """The network, as the fields and what was learned say."""

    def build_for(self, folder: Path) -> None:
        """Builds what the weights in a folder are for."""
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
        """Takes the weights that `write_parts` wrote into the model as it is built."""
        from hornbook.models.functional_weights import read_functional

        read_functional(folder, self.network)

    def fields(self) -> dict[str, Any]:
        """The recipe's own options and their values, as they stand in `recipe.json`."""
        return {item.name: getattr(self, item.name) for item in options_of(self)}

    def settings(self) -> dict[str, Any]:
        """The options that took part in the run and their values, as a report shows them."""
        idle = self.idle_options()
        chosen = {name: x for name, x in self.fields().items() if x is not None}
        values = {**self.values_used(), **chosen}
        return {name: values[name] for name in self.fields() if name in values and name not in idle}

    def values_used(self) -> dict[str, Any]:
        """What options that may be left out stand for when they are."""
        return {}

    def idle_options(self) -> set[str]:
        """The names of options that change nothing, given the others."""
        return set()

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
        if unknown := sorted(set(fields) - set(cls.field_names())):
            raise HornbookError(
                f"This run was made with fields that {cls.name} does not have: "
                f"{', '.join(unknown)}.\nOpen it with the hornbook it was made with."
            )
        return cls(**fields)


checked(Recipe)  # what it defines itself


def read_saved(folder: str | Path) -> tuple[dict[str, Any], Path]:
    """What `Recipe.save` wrote, and the model folder it lies in.

    Args:
        folder: A run folder, or the model folder itself.

    Raises:
        HornbookError: it is neither, nothing was saved in it yet, or it is damaged.
    """
    folder = Path(folder)
    for path in (folder / "model", folder):
        settle(path)
        if (path / MANIFEST).is_file() and (path / "recipe.json").is_file():
            verify_manifest(path, reads=["recipe.json"])
            return read_description(path / "recipe.json", learned=True), path
    raise HornbookError(
        f"{folder} holds no trained model yet.\n"
        "If its training was cut off, the same `hornbook train` with --resume continues it."
    )


def read_description(file: Path, *, learned: bool = False) -> dict[str, Any]:
    """What a `recipe.json` says: which recipe, its fields, and what it learned.

    Args:
        file: To read.
        learned: Whether it must say what was learned; that of a run folder does not.

    Raises:
        FileNotFoundError: there is none.
        CheckpointError: it is not one.
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
                f"{'a text' if kind is str else 'a JSON object'}."
            )
    return saved


@contextlib.contextmanager
def naming(file: Path) -> Iterator[None]:
    """Puts the name of the file they stand in before what is wrong with fields."""
    try:
        yield
    except HornbookError as error:
        raise CheckpointError(f"{file}: {error}") from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
