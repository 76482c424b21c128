"""A language model from raw text: masked words, next words, prefixes, spans, replaced tokens.

The text is cut into tokens once and kept on the disk; rows of several documents, which do not see
each other, are masked anew each time they are seen.  Training goes by steps, may be killed at any
moment, and ends with a model folder that `hornbook.load` and the other recipes open.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from hornbook import backend
from hornbook.data.objectives.tasks import OBJECTIVES
from hornbook.errors import OptionError
from hornbook.recipes.fields import learned, option, part
from hornbook.recipes.pretraining.learned_vocabulary import learned_vocabulary, open_vocabulary
from hornbook.recipes.pretraining.start import (
    SIZES,
    TRAINED,
    check_model,
    check_vocabulary,
    heads_for,
    learning_model,
    new_config,
    new_model,
    opened_model,
)
from hornbook.recipes.pretraining.training_rows import objective_of, rows_of, sentinels_of
from hornbook.recipes.recipe import Recipe, read_saved

if TYPE_CHECKING:
    from hornbook.pretrained import Pretrained
    from hornbook.text.tokenizer import Tokenizer
    from hornbook.training.devices.choosing import Devices
    from hornbook.training.language.steps import LanguageSteps
    from hornbook.training.run_folder import RunFolder

LENGTH = 128
MEASUREMENTS = 20  # of the held-out rows, in a whole training


@dataclass(kw_only=True)
class Pretraining(Recipe):
    """Trains a language model on raw text.

    Example:
        run = Pretraining(objective="mlm", size="mini", steps=2000).fit("corpus", "runs/mini")
        hornbook.load("runs/mini/model").fill("今天天[MASK]不错")
    """

    name: ClassVar[str] = "pretraining"
    purpose: ClassVar[str] = "train a language model on raw text"
    several_sources: ClassVar[bool] = True
    may_change_on_resume: ClassVar[tuple[str, ...]] = (
        "checkpoint_minutes",
        "checkpoint_steps",
        "keep",
        "workers",
        "prepared",
        "tensorboard",
    )

    objective: str = option("mlm", "what is learned from", tuple(OBJECTIVES))
    size: str = option("mini", "of a new model", tuple(SIZES))
    config: str | None = option(None, "config.json of a new model, in place of a size")
    family: str | None = option(None, "of a new model; without it as its objective or config says")
    pretrained: str | None = option(
        None, "model to go on from: folder, or hornbook-tiny; without it, a new model"
    )
    ignore_config: str | None = option(
        None, "keys of its config.json that are known to change nothing, with commas between them"
    )
    vocabulary: str | None = option(None, "folder of its vocabulary; without it one is learned")
    vocabulary_size: int = option(8000, "of one that is learned: most tokens", at_least=100)
    text_field: str = option("text", "where the text is, in JSON lines and Parquet")
    lines: bool = option(False, "whether each line of a text file is a document of its own")
    skip_bad: bool = option(False, "skip documents that cannot be read, and count them")
    words: str | None = option(None, "what is masked whole: chinese, whitespace or tokens")
    deduplicate: str | None = option(None, "leave out documents that came before: exact or near")
    length: int = option(LENGTH, "tokens of a row", at_least=8)
    across_documents: bool = option(True, "whether documents share a row; they never see others")
    mask_share: float = option(
        0.15, "share of the tokens that are masked or cut out", above=0, below=1
    )
    mask_unit: str = option(
        "words", "what is masked together", ("words", "tokens", "ngrams", "spans")
    )
    sentence_order: bool = option(False, "with mlm: learn too which of two parts came first")
    steps: int = option(10_000, "optimizer steps", at_least=1)
    hours: float | None = option(None, "as many steps as fit into so much time", above=0)
    batch_tokens: int = option(8192, "tokens of an optimizer step", at_least=8)
    accumulate: int = option(1, "parts of a step, computed one after the other", at_least=1)
    optimizer: str = option("adamw", "of Keras", ("adamw", "lamb", "lion", "muon"))
    learning_rate: float | None = option(
        None, "highest learning rate; without it the optimizer's usual one", above=0
    )
    schedule: str = option("linear", "how the rate falls after the warm-up", ("linear", "cosine"))
    warmup: float = option(0.06, "share of the steps in which the rate rises", at_least=0, below=1)
    weight_decay: float = option(0.01, "of kernels and embeddings", at_least=0)
    dropout: float = option(0.0, "of a new model", at_least=0, below=1)
    ema: float = option(
        0.0, "how much of the weights' average stays at a step; 0: no average", at_least=0, below=1
    )
    compute_dtype: str = option(
        "float32", "what it computes in", ("float32", "bfloat16", "float16")
    )
    rematerialize: bool = option(False, "compute blocks again for the gradient: less memory")
    held_out: float = option(0.01, "share of the rows to measure on", above=0, below=0.5)
    measure_steps: int | None = option(
        None, "steps between two measurements; without it a twentieth of all", at_least=1
    )
    checkpoint_minutes: float = option(10.0, "the most work that a kill can cost", above=0)
    checkpoint_steps: int | None = option(None, "the same in steps", at_least=1)
    keep: int = option(2, "checkpoints that are kept", at_least=1)
    devices: str = option("1", "how many, or all")
    model_parallel: int = option(1, "devices that share a copy of the model (JAX)", at_least=1)
    workers: int | None = option(None, "processes that cut the text into tokens", at_least=0)
    prepared: str | None = option(None, "folder for corpus and vocabulary; without it in the run")
    tensorboard: bool = option(False, "whether to write a log for TensorBoard too")
    saved_dtype: str = option(
        "float32", "what the model is written in", ("float32", "bfloat16", "float16")
    )
    licence: str | None = option(None, "of the text, for the model card")
    seed: int = option(0, "of the weights, the order and the masks", at_least=0, at_most=2**32 - 1)

    story: dict[str, Any] = learned(dict, shown=False)  # what the model card tells

    tokenizer: Tokenizer = part()
    transformer: Any = part()
    writes = True  # False in processes that compute with another one

    def fit(self, data: Any, out: str | Path, *, resume: bool = False) -> Self:
        backend.keep_memory()  # before there are threads
        return super().fit(data, out, resume=resume)

    def _fit(
        self, data: str | Path | Sequence[str | Path], out: str | Path, *, resume: bool
    ) -> None:
        """Trains on a corpus: see `hornbook.data.corpus.documents`, and `Recipe.fit`."""
        sources = [str(x) for x in ([data] if isinstance(data, str | Path) else data)]
        from hornbook.data.corpus.documents import corpus_files
        from hornbook.training.devices.choosing import open_devices
        from hornbook.training.devices.torch_processes import run_in_processes
        from hornbook.training.run_folder import Onlooker

        self.check()
        corpus_files(sources)  # refused before anything is made
        devices = open_devices(self.devices, self.model_parallel)
        self.writes = devices.is_first
        rows_per_step = self.rows_per_step(devices)
        with devices.scope():
            prepared = Path(self.prepared or Path(out) / "prepared")
            self.start(sources, prepared)
            steps = self.steps_on(sources, prepared, rows_per_step)
            run = self.open_run(out, {"corpus": " ".join(sources)}, resume=resume)
            if not devices.is_first:
                run = Onlooker(run.path)
            if devices.launches:
                run_in_processes(devices.count, _fit_again, self.fields(), sources, str(out))
                self.read_parts(run.model)
                self.story = read_saved(run.model)[0]["learned"]["story"]
            else:
                self.learn(steps, run, devices, resume=resume)

    def check(self) -> None:
        """Whether the fields go together.

        Raises:
            OptionError: saying which do not.
        """
        if self.sentence_order and self.objective != "mlm":
            raise OptionError("--sentence-order goes with --objective mlm.")
        if self.pretrained and (self.config or self.family):
            raise OptionError(
                "--pretrained names a model; --config and --family are for a new one."
            )
        if self.tensorboard:
            from hornbook.errors import require

            require("tensorboard", extra="pretraining")

    def rows_per_step(self, devices: Devices) -> int:
        """Rows of an optimizer step, a whole number for each part and device."""
        if self.accumulate > 1 and not devices.accumulates:
            raise OptionError("On TensorFlow --accumulate is for one device only.")
        least = self.accumulate * devices.count
        rows = self.batch_tokens // (self.length * least) * least
        if rows < 1:
            raise OptionError(
                f"--batch-tokens {self.batch_tokens} is less than a row of {self.length} tokens "
                f"for each of {least} parts.  Say {self.length * least} or more."
            )
        return rows

    # What is trained, and on what.

    def start(self, sources: Sequence[str], prepared: Path) -> None:
        """The vocabulary and the Transformer: new, or those of a checkpoint."""
        from hornbook.pretrained.opening.encoder import keys_of

        heads = heads_for(self.objective, self.sentence_order)
        backend.set_random_seed(self.seed)
        if self.pretrained:
            found = opened_model(
                self.pretrained,
                self.objective,
                heads,
                compute_dtype=self.compute_dtype,
                ignore_config=keys_of(self.ignore_config),
            )
            self.transformer, self.tokenizer = found.model, found.tokenizer
            if self.vocabulary or self.tokenizer is None:
                self.tokenizer = open_vocabulary(self.vocabulary or self.pretrained)
            check_vocabulary(self.tokenizer, self.transformer.config)
        else:
            self.tokenizer = self._vocabulary(sources, prepared)
            config = new_config(
                self.objective,
                self.tokenizer,
                size=self.size,
                file=self.config,
                family=self.family,
                length=self.length,
                heads=heads,
                dropout=self.dropout,
            )
            self.transformer = new_model(config, self.compute_dtype)
        check_model(self.transformer.config, self.objective, self.length, self.rematerialize)
        self.model = self.build()

    def _vocabulary(self, sources: Sequence[str], prepared: Path) -> Tokenizer:
        """The one that was given, or one learned from the corpus, which is kept."""
        if self.vocabulary:
            return open_vocabulary(self.vocabulary)
        from hornbook.data.corpus.documents import documents

        read = documents(sources, self.text_field, lines=self.lines, skip_bad=self.skip_bad)
        return learned_vocabulary(
            (document.text for document in read),
            self.vocabulary_size,
            prepared,
            kind=TRAINED[self.objective]["kind"],
            sentinels=sentinels_of(self),
        )

    def build(self) -> Any:
        """The Transformer with its loss."""
        for stack in (self.transformer, *_stacks(self.transformer)):
            stack.recompute = self.rematerialize
        return learning_model(self.objective, self.transformer, self.compute_dtype, self.seed)

    def steps_on(
        self, sources: Sequence[str], prepared: Path, rows_per_step: int, *, all_held_out=False
    ) -> LanguageSteps:
        """The corpus as the rows of steps.

        Args:
            sources: Files, folders, patterns.
            prepared: Where its tokens are, or will be.
            rows_per_step: Rows of an optimizer step.
            all_held_out: Whether there is nothing to train on, and all to measure on.
        """
        from hornbook.training.language.steps import LanguageSteps, split_rows

        objective = objective_of(self)
        rows = rows_of(self, objective, sources, prepared)
        everything = np.arange(len(rows))
        split = everything[:0], everything
        if not all_held_out:
            split = split_rows(len(rows), self.held_out)
        return LanguageSteps(objective, rows, *split, rows_per_step, self.seed)

    # Training.

    def learn(
        self, steps: LanguageSteps, run: RunFolder, devices: Devices, *, resume: bool
    ) -> None:
        """Trains to the end, and writes the report."""
        from hornbook.models.decoding.compiling import keep_compiled_functions
        from hornbook.recipes.pretraining.log import Diary
        from hornbook.recipes.pretraining.report import write_report
        from hornbook.recipes.pretraining.time_budget import number_of_steps
        from hornbook.training.language.steps import parts_of

        keep_compiled_functions()
        run.snapshots.keep = self.keep
        total = number_of_steps(self, steps, run, devices)
        self.compile(total, devices)
        every = min(self.measure_steps or -(-total // MEASUREMENTS), total)
        rows_at_once = steps.rows_per_step // self.accumulate
        diary = Diary(self, run, steps, total, devices)

        def step(arrays, *_) -> float:
            pieces = parts_of(arrays, self.accumulate)
            return sum(devices.train(self.model, piece) for piece in pieces) / len(pieces)

        def evaluate() -> dict[str, float]:
            found = steps.measure(lambda piece: devices.predict(self.model, piece), rows_at_once)
            self.story = diary.story(found)
            return found

        rows = self.train(
            run,
            resume=resume,
            model=self.model,
            batches=lambda number: steps.batches(number * every, min((number + 1) * every, total)),
            epochs=-(-total // every),
            evaluate=evaluate,
            monitor="held_out_loss",
            best="lowest",
            after=diary.write,
            patience=0,
            step=step,
            start=diary.begin,
            watch=diary.watch,
            unit="tokens",
            part="measurement",
            total=total * steps.rows_per_step * self.length,
            snapshot_seconds=self.checkpoint_minutes * 60,
            snapshot_steps=self.checkpoint_steps,
            workers=2,
        )
        if devices.is_first:
            write_report(run, self, rows, diary)
            run.snapshots.clear()

    def compile(self, total: int, devices: Devices) -> None:
        """Gets the model ready for a training of `total` steps."""
        from hornbook.training.optimizer import pretraining_optimizer

        optimizer = pretraining_optimizer(
            self.optimizer,
            self.model,
            steps=total,
            learning_rate=self.settings()["learning_rate"],
            schedule=self.schedule,
            warmup=self.warmup,
            weight_decay=self.weight_decay,
            ema=self.ema,
            accumulate=self.accumulate,
        )
        devices.prepare(optimizer)
        self.model.loss_scale = devices.loss_scale
        self.model.compile(optimizer)

    # After training.

    def pretrained_model(self) -> Pretrained:
        """The trained model as `hornbook.load` gives it."""
        from hornbook.pretrained import Pretrained

        return Pretrained(self.transformer, self.tokenizer)

    def evaluate(self, data: str | Path | Sequence[str | Path]) -> dict[str, Any]:
        """Measures the model on another corpus, all of it.

        Returns:
            `held_out_loss`, `accuracy`, `perplexity`, and how many `rows` they are of.
        """
        sources = [str(x) for x in ([data] if isinstance(data, str | Path) else data)]
        with tempfile.TemporaryDirectory() as folder:
            steps = self.steps_on(sources, Path(folder), 1, all_held_out=True)
            at_once = max(self.batch_tokens // self.length // self.accumulate, 1)
            found = steps.measure(self.model.predict_on_batch, at_once)
            return {"rows": len(steps.held_out), **found}

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        columns = ["rows", "loss", "accuracy", "perplexity"]
        names = ["rows", "held_out_loss", "accuracy", "perplexity"]
        return columns, [[metrics.get(name) for name in names]]

    def predict_stream(self, samples: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Fills the gaps of texts, `[MASK]`; or goes on with them, as the model does."""
        if self.objective == "electra":
            raise OptionError(
                "An ELECTRA discriminator answers nothing by itself.\nFine-tune it: "
                "hornbook train text-classification DATA --pretrained RUN/model"
            )
        model = self.pretrained_model()
        for text in samples:
            if self.objective == "mlm":
                yield {"text": text, "answer": model.fill(text)}
            else:
                yield {"text": text, "answer": model.generate(text, max_new_tokens=64)}

    def predict_files(self, sources: Sequence[str | Path]) -> Iterator[dict[str, Any]]:
        """Answers for the documents of files, as they come."""
        from hornbook.data.corpus.documents import documents

        for source in sources:
            read = documents(source, self.text_field, lines=True)
            yield from self.predict_stream(document.text for document in read)

    def save(self, folder: str | Path) -> None:
        """Writes the model folder; of several processes only the first does."""
        if self.writes:
            super().save(folder)

    def build_for(self, folder: Path) -> None:
        found = opened_model(
            str(folder),
            self.objective,
            heads_for(self.objective, self.sentence_order),
            compute_dtype=self.compute_dtype,
        )
        self.transformer, self.tokenizer = found.model, found.need_tokenizer()
        super().build_for(folder)

    @property
    def network(self) -> Any:
        """The Transformer: what is around it in training is not saved."""
        return self.transformer

    def values_used(self) -> dict[str, Any]:
        from hornbook.training.optimizer import OPTIMIZERS

        return {"learning_rate": OPTIMIZERS[self.optimizer]}

    def idle_options(self) -> set[str]:
        idle = set()
        if self.objective in ("lm", "prefix-lm"):
            idle |= {"mask_share", "mask_unit", "words"}
        if self.objective == "span":
            idle |= {"mask_unit", "words"}
        if self.pretrained is not None:
            idle |= {"size", "config", "family", "vocabulary", "vocabulary_size", "dropout"}
        elif self.config is not None:
            idle.add("size")
        if self.vocabulary is not None:
            idle.add("vocabulary_size")
        return idle

    def write_parts(self, folder: Path) -> None:
        """Writes weights, configuration, vocabulary and model card."""
        from hornbook.pretrained import write_model
        from hornbook.recipes.pretraining.report import model_card

        dtype = None if self.saved_dtype == "float32" else self.saved_dtype
        write_model(folder, self.transformer, self.tokenizer, dtype=dtype)
        (folder / "README.md").write_text(model_card(self), "utf-8")

    def read_parts(self, folder: Path) -> None:
        from hornbook.checkpoints import find_checkpoint
        from hornbook.pretrained import read_model

        read_model(self.transformer, find_checkpoint(folder))


def _fit_again(fields: dict[str, Any], sources: Sequence[str], out: str) -> None:
    """What each of several processes does: everything is prepared, the run is begun, and its
    lock is held by the process that started them."""
    backend.keep_memory()
    Pretraining(**fields)._fit(sources, out, resume=True)


def _stacks(transformer: Any) -> list[Any]:
    names = ("encoder", "decoder") if transformer.config.encoder_decoder else ()
    return [stack for name in names if (stack := getattr(transformer, name)) is not None]
