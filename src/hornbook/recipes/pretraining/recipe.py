"""Pretrains a language model on raw text: masked words, next tokens, spans, replaced tokens.

The text is tokenized once and stored on disk; rows hold several documents, which do not attend to
each other, and are masked anew in every epoch.  Training counts steps, can be killed at any moment,
and produces a model folder that `hornbook.load` and the other recipes open.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from hornbook import backend
from hornbook.errors import OptionError
from hornbook.recipes.fields import learned, part
from hornbook.recipes.pretraining.learned_vocabulary import learned_vocabulary, open_vocabulary
from hornbook.recipes.pretraining.pretraining_options import PretrainingOptions
from hornbook.recipes.pretraining.start import (
    TRAINED,
    check_model,
    check_vocabulary,
    heads_for,
    learning_model,
    new_config,
    new_model,
    opened_model,
)
from hornbook.recipes.pretraining.training import train_to_the_end
from hornbook.recipes.pretraining.training_rows import objective_of, rows_of, sentinels_of
from hornbook.recipes.recipe import read_saved

if TYPE_CHECKING:
    from hornbook.pretrained import Pretrained
    from hornbook.text.tokenizer import Tokenizer
    from hornbook.training.devices.device import Devices
    from hornbook.training.language.steps import LanguageSteps


@dataclass(kw_only=True)
class Pretraining(PretrainingOptions):
    """Trains a language model on raw text.

    Example:
        run = Pretraining(objective="mlm", size="mini", steps=2000).fit("corpus", "runs/mini")
        hornbook.load("runs/mini/model").fill("今天天[MASK]不错")
    """

    name: ClassVar[str] = "pretraining"
    purpose: ClassVar[str] = "pretrain a language model on raw text"
    several_sources: ClassVar[bool] = True
    story: dict[str, Any] = learned(dict, shown=False)  # for the model card

    tokenizer: Tokenizer = part()
    transformer: Any = part()
    writes = True  # False in worker processes

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
        from hornbook.training.run_folder import ReadOnlyRun

        self.check()
        corpus_files(sources)  # errors come before anything is written
        devices = open_devices(self.devices, self.model_parallel)
        self.writes = devices.is_first
        rows_per_step = self.rows_per_step(devices)
        with devices.scope():
            prepared = Path(self.prepared or Path(out) / "prepared")
            self.start(sources, prepared)
            steps = self.steps_on(sources, prepared, rows_per_step)
            run = self.open_run(out, {"corpus": " ".join(sources)}, resume=resume)
            if not devices.is_first:
                run = ReadOnlyRun(run.path)
            if devices.launches:
                run_in_processes(devices.count, _fit_again, self.fields(), sources, str(out))
                self.read_parts(run.model)
                self.story = read_saved(run.model)[0]["learned"]["story"]
            else:
                train_to_the_end(self, steps, run, devices, resume=resume)

    def rows_per_step(self, devices: Devices) -> int:
        """Returns the rows per optimizer step, a multiple of the parts and devices."""
        if self.accumulate > 1 and not devices.accumulates:
            raise OptionError("On TensorFlow, --accumulate supports only one device.")
        parts = self.accumulate * devices.count
        rows = self.batch_tokens // (self.length * parts) * parts
        if rows < 1:
            raise OptionError(
                f"--batch-tokens {self.batch_tokens} is less than a row of {self.length} tokens "
                f"for each of {parts} parts.  Use {self.length * parts} or more."
            )
        return rows

    # Model and data.

    def start(self, sources: Sequence[str], prepared: Path) -> None:
        """Opens or makes the vocabulary and the Transformer."""
        from hornbook.pretrained.opening.encoder import parse_keys

        heads = heads_for(self.objective, self.sentence_order)
        backend.set_random_seed(self.seed)
        if self.pretrained:
            model = opened_model(
                self.pretrained,
                self.objective,
                heads,
                compute_dtype=self.compute_dtype,
                ignore_config=parse_keys(self.ignore_config),
            )
            self.transformer = model.model
            if self.vocabulary or model.tokenizer is None:
                self.tokenizer = open_vocabulary(self.vocabulary or self.pretrained)
            else:
                self.tokenizer = model.tokenizer
            check_vocabulary(self.tokenizer, self.transformer.config)
        else:
            self.tokenizer = self._vocabulary(sources, prepared)
            config = new_config(
                self.objective,
                self.tokenizer,
                size=self.size,
                file=self.model_config,
                family=self.family,
                length=self.length,
                heads=heads,
                dropout=self.dropout,
            )
            self.transformer = new_model(config, self.compute_dtype)
        check_model(self.transformer.config, self.objective, self.length, self.rematerialize)
        self.model = self.build()

    def _vocabulary(self, sources: Sequence[str], prepared: Path) -> Tokenizer:
        """Opens the chosen vocabulary, or learns one from the corpus."""
        if self.vocabulary:
            return open_vocabulary(self.vocabulary)
        from hornbook.data.corpus.documents import documents

        corpus = documents(sources, self.text_field, lines=self.lines, skip_bad=self.skip_bad)
        return learned_vocabulary(
            (document.text for document in corpus),
            self.vocabulary_size,
            prepared,
            kind=TRAINED[self.objective]["kind"],
            sentinels=sentinels_of(self),
        )

    def build(self) -> Any:
        """Builds the Transformer with its loss."""
        for stack in (self.transformer, *_stacks(self.transformer)):
            stack.recompute = self.rematerialize
        return learning_model(self.objective, self.transformer, self.compute_dtype, self.seed)

    def steps_on(
        self,
        sources: Sequence[str],
        prepared: Path,
        rows_per_step: int,
        *,
        all_held_out: bool = False,
    ) -> LanguageSteps:
        """Returns the corpus as the rows of steps.

        Args:
            sources: Files, folders, patterns.
            prepared: The folder of its token IDs, which are made if missing.
            rows_per_step: Rows per optimizer step.
            all_held_out: Whether all rows are for evaluation, and none for training.
        """
        from hornbook.training.language.steps import LanguageSteps, split_rows

        objective = objective_of(self)
        rows = rows_of(self, objective, sources, prepared)
        indices = np.arange(len(rows))
        split = indices[:0], indices
        if not all_held_out:
            split = split_rows(len(rows), self.held_out)
        return LanguageSteps(objective, rows, *split, rows_per_step, self.seed)

    # Training.

    def compile(self, total: int, devices: Devices) -> None:
        """Compiles the model for `total` training steps."""
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
        """Returns the trained model as `hornbook.load` would."""
        from hornbook.pretrained import Pretrained

        return Pretrained(self.transformer, self.tokenizer)

    def evaluate(self, data: str | Path | Sequence[str | Path]) -> dict[str, Any]:
        """Evaluates the model on all of another corpus.

        Returns:
            `held_out_loss`, `accuracy`, `perplexity`, and the number of `rows`.
        """
        sources = [str(x) for x in ([data] if isinstance(data, str | Path) else data)]
        with tempfile.TemporaryDirectory() as folder:
            steps = self.steps_on(sources, Path(folder), 1, all_held_out=True)
            at_once = max(self.batch_tokens // self.length // self.accumulate, 1)
            metrics = steps.measure(self.model.predict_on_batch, at_once)
            return {"rows": len(steps.held_out), **metrics}

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        columns = ["rows", "loss", "accuracy", "perplexity"]
        names = ["rows", "held_out_loss", "accuracy", "perplexity"]
        return columns, [[metrics.get(name) for name in names]]

    def predict_stream(self, samples: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Fills the `[MASK]` tokens of texts, or generates continuations, as the model does."""
        if self.objective == "electra":
            raise OptionError(
                "An ELECTRA discriminator makes no predictions by itself.\nFine-tune it: "
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
            corpus = documents(source, self.text_field, lines=True)
            yield from self.predict_stream(document.text for document in corpus)

    def save(self, folder: str | Path) -> None:
        """Writes the model folder, in the first of several processes only."""
        if self.writes:
            super().save(folder)

    def build_for(self, folder: Path) -> None:
        model = opened_model(
            str(folder),
            self.objective,
            heads_for(self.objective, self.sentence_order),
            compute_dtype=self.compute_dtype,
        )
        self.transformer, self.tokenizer = model.model, model.require_tokenizer()
        super().build_for(folder)

    @property
    def network(self) -> Any:
        """The Transformer, without the loss around it."""
        return self.transformer

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
    """Trains in one of several processes: the corpus is prepared and the run exists; the parent
    process holds its lock."""
    backend.keep_memory()
    Pretraining(**fields)._fit(sources, out, resume=True)


def _stacks(transformer: Any) -> list[Any]:
    names = ("encoder", "decoder") if transformer.config.encoder_decoder else ()
    return [stack for name in names if (stack := getattr(transformer, name)) is not None]
