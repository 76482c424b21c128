"""The options of pretraining: model, text, training and output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from hornbook.data.objectives.tasks import OBJECTIVES
from hornbook.errors import OptionError
from hornbook.recipes.fields import option
from hornbook.recipes.pretraining.start import SIZES
from hornbook.recipes.recipe import Recipe
from hornbook.recipes.training_options import ema_option, seed_option

LENGTH = 128
OLD_OBJECTIVES = {"lm": "causal_lm", "prefix-lm": "prefix_lm"}  # before 0.1.0


@dataclass(kw_only=True)
class PretrainingOptions(Recipe):
    """The options of `Pretraining`, and checks of their combinations."""

    may_change_on_resume: ClassVar[tuple[str, ...]] = (
        "checkpoint_minutes",
        "checkpoint_steps",
        "keep_checkpoints",
        "workers",
        "prepared",
        "tensorboard",
    )

    objective: str = option("mlm", "training objective", tuple(OBJECTIVES), aliases=OLD_OBJECTIVES)
    size: str = option("mini", "size of a new model", tuple(SIZES))
    model_config: str | None = option(None, "config.json of a new model, instead of a size")
    family: str | None = option(
        None, "family of a new model; defaults to that of the objective or of --model-config"
    )
    pretrained: str | None = option(
        None, "model to continue from: a folder, or hornbook-tiny; defaults to a new model"
    )
    ignore_config: str | None = option(
        None, "keys of its config.json that may be ignored, separated by commas"
    )
    vocabulary: str | None = option(
        None, "folder with the vocabulary; by default one is learned from the corpus"
    )
    vocabulary_size: int = option(
        8000, "maximum number of tokens in a learned vocabulary", at_least=100
    )
    text_field: str = option("text", "name of the text in JSON lines and Parquet")
    lines: bool = option(False, "treat each line of a text file as a document")
    skip_bad: bool = option(False, "skip documents that cannot be read, and count them")
    words: str | None = option(
        None, "what counts as a word in masking: chinese, whitespace or tokens"
    )
    deduplicate: str | None = option(None, "drop repeated documents: exact or near")
    length: int = option(LENGTH, "tokens per row", at_least=8)
    across_documents: bool = option(
        True, "put several documents into a row; they never attend to each other"
    )
    mask_share: float = option(
        0.15, "share of the tokens that are masked or replaced by sentinels", above=0, below=1
    )
    mask_unit: str = option("words", "unit of masking", ("words", "tokens", "ngrams", "spans"))
    sentence_order: bool = option(False, "with mlm: also predict which of two segments came first")
    steps: int = option(10_000, "number of optimizer steps", at_least=1)
    training_hours: float | None = option(
        None, "hours of training, instead of --steps", old_name="hours", above=0
    )
    batch_tokens: int = option(8192, "tokens per optimizer step", at_least=8)
    accumulate: int = option(1, "batches whose gradients are accumulated per step", at_least=1)
    optimizer: str = option("adamw", "Keras optimizer", ("adamw", "lamb", "lion", "muon"))
    learning_rate: float | None = option(
        None, "peak learning rate; defaults to the optimizer's usual one", above=0
    )
    schedule: str = option("linear", "learning rate schedule after warmup", ("linear", "cosine"))
    warmup: float = option(0.06, "share of the steps used for warmup", at_least=0, below=1)
    weight_decay: float = option(0.01, "weight decay of kernels and embeddings", at_least=0)
    dropout: float = option(0.0, "dropout rate of a new model", at_least=0, below=1)
    ema: float = ema_option(0.0)
    compute_dtype: str = option(
        "float32", "dtype of the computation", ("float32", "bfloat16", "float16")
    )
    rematerialize: bool = option(False, "recompute blocks in the backward pass, which saves memory")
    held_out: float = option(0.01, "share of the rows held out for evaluation", above=0, below=0.5)
    measure_steps: int | None = option(
        None, "steps between evaluations; defaults to a twentieth of all", at_least=1
    )
    checkpoint_minutes: float = option(10.0, "minutes between checkpoints", above=0)
    checkpoint_steps: int | None = option(None, "steps between checkpoints", at_least=1)
    keep_checkpoints: int = option(2, "number of checkpoints to keep", old_name="keep", at_least=1)
    devices: str = option("1", "number of devices, or all")
    model_parallel: int = option(1, "devices per copy of the model (JAX)", at_least=1)
    workers: int | None = option(None, "number of tokenizing processes", at_least=0)
    prepared: str | None = option(
        None, "folder for the tokenized corpus and vocabulary; defaults to one in the run"
    )
    tensorboard: bool = option(False, "also write a TensorBoard log")
    saved_dtype: str = option(
        "float32", "dtype of the saved weights", ("float32", "bfloat16", "float16")
    )
    license: str | None = option(
        None, "license of the text, for the model card", old_name="licence"
    )
    seed: int = seed_option("weights, data order and masks")

    def check(self) -> None:
        """Raises OptionError if options contradict each other."""
        if self.sentence_order and self.objective != "mlm":
            raise OptionError("--sentence-order needs --objective mlm.")
        if self.pretrained and (self.model_config or self.family):
            raise OptionError(
                "--model-config and --family are for a new model, not for --pretrained."
            )
        if self.tensorboard:
            from hornbook.errors import require

            require("tensorboard", extra="pretraining")

    @classmethod
    def canonical_fields(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        names = {"config": "model_config"}  # before 0.1.0
        return super().canonical_fields({names.get(x, x): value for x, value in fields.items()})

    def values_used(self) -> dict[str, Any]:
        from hornbook.training.optimizer import OPTIMIZERS

        return {"learning_rate": OPTIMIZERS[self.optimizer]}

    def idle_options(self) -> set[str]:
        idle = set()
        if self.objective in ("causal_lm", "prefix_lm"):
            idle |= {"mask_share", "mask_unit", "words"}
        if self.objective == "span":
            idle |= {"mask_unit", "words"}
        if self.pretrained is not None:
            idle |= {"size", "model_config", "family", "vocabulary", "vocabulary_size", "dropout"}
        elif self.model_config is not None:
            idle.add("size")
        if self.vocabulary is not None:
            idle.add("vocabulary_size")
        return idle
