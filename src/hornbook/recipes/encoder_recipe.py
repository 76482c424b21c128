"""The base class of recipes with a Transformer encoder: its options, initialization and saving.

The encoder is pretrained, or small and new, with a vocabulary learned from the texts.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.data.texts.summary import Lengths
from hornbook.models.configuration.choices import CHOICES
from hornbook.recipes.fields import option, part
from hornbook.recipes.recipe import Recipe
from hornbook.recipes.training_options import (
    dropout_option,
    ema_option,
    patience_option,
    seed_option,
)

if TYPE_CHECKING:
    import keras

    from hornbook.pretrained.transformer_protocol import TransformerModel
    from hornbook.text.tokenizer import Encoding, Tokenizer
    from hornbook.training.loop import Batch

CHUNK = 4096  # texts whose tokens are counted at a time
HEAD_SIZE = 64  # from scratch: features of one attention head
NEW_RATE = 1e-3  # learning rate from scratch
PRETRAINED_MIN_STEPS = 20  # per epoch; with fewer in all, a pretrained encoder has hardly changed


def usual_rate(hidden_size: int) -> float:
    """Returns a learning rate for fine-tuning: 3e-5 is usual with 768 features, as in BERT-base,
    and smaller models learn nothing at it in a few hundred steps (docs/LOG.md)."""
    return min(3e-5 * float((768 / hidden_size) ** 2.5), NEW_RATE)


@dataclass(kw_only=True)
class EncoderRecipe(Recipe):
    """A recipe whose texts go through a Transformer encoder.

    Attributes:
        tokenizer, encoder: Pretrained or new.
        others: The layers on top of the encoder, by the names of their saved weights.
    """

    pretrained: str | None = option(
        None, "model to start from: a folder, or hornbook-tiny; defaults to random weights"
    )
    ignore_config: str | None = option(
        None, "keys of its config.json that may be ignored, separated by commas"
    )
    attention: str = option(
        "full", "kind of attention; all but full are meant for long texts", CHOICES["attention"]
    )
    num_landmarks: int = option(
        64, "number of landmarks, for kinds of attention with landmarks", at_least=1
    )
    window: int = option(
        64, "tokens seen on each side, for kinds of attention with a window", at_least=1
    )
    positions: str = option(
        "hierarchical",
        "how a pretrained model's positions are extended to longer texts",
        ("hierarchical", "tiled"),
    )
    hidden_size: int = option(
        64, "from scratch: features per token", at_least=HEAD_SIZE, multiple_of=HEAD_SIZE
    )
    num_hidden_layers: int = option(2, "from scratch: number of Transformer blocks", at_least=1)
    vocabulary_size: int = option(
        8000, "from scratch: maximum number of tokens in the vocabulary", at_least=100
    )
    max_length: int = option(256, "maximum tokens per text; longer texts are truncated", at_least=4)
    epochs: int = option(5, "number of epochs", at_least=1)
    min_steps_per_epoch: int | None = option(
        None,
        "minimum steps per epoch: an epoch passes over few texts several times; defaults to 1 from "
        "scratch and 20 pretrained",
        at_least=1,
    )
    batch_size: int = option(32, "texts per step", at_least=1)
    learning_rate: float | None = option(
        None,
        "peak learning rate; defaults to 1e-3 from scratch, and by the size of a pretrained model: "
        "3e-5 with 768 features per token, 1.7e-4 with 384",
        above=0,
    )
    layer_decay: float = option(
        1.0, "factor on the learning rate from each layer to the one below", above=0, at_most=1
    )
    dropout: float = dropout_option()
    ema: float = ema_option()
    patience: int = patience_option(3)
    compute_dtype: str = option(
        "float32", "dtype of the computation", ("float32", "bfloat16", "float16")
    )
    seed: int = seed_option("weights, data order and dropout")

    tokenizer: Tokenizer = part()
    encoder: TransformerModel = part()
    others: dict[str, Any] = part()

    def start(
        self, texts: Iterable[str], new: Mapping[str, Any] | None = None, **changes: Any
    ) -> None:
        """Loads the pretrained encoder, or builds a new one.

        Args:
            texts: Texts to learn a vocabulary from, when training from scratch.
            new: Configuration fields of a new encoder only.
            changes: Configuration fields of either.
        """
        from hornbook.pretrained import load
        from hornbook.pretrained.opening.encoder import longer_positions, new_encoder, parse_keys

        changes |= {
            "attention": self.attention,
            "num_landmarks": self.num_landmarks,
            "window": self.window,
            "compute_dtype": self.compute_dtype,
        }
        if self.pretrained is not None:
            ignore = parse_keys(self.ignore_config)
            changes |= longer_positions(self.pretrained, self.max_length, self.positions, ignore)
            changes |= {"application": "encoder", "heads": (), "ignore_config": ignore}
            pretrained = load(self.pretrained, **changes)
            self.tokenizer, self.encoder = pretrained.require_tokenizer(), pretrained.model
            return
        self.tokenizer, self.encoder = new_encoder(
            texts,
            vocabulary_size=self.vocabulary_size,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            max_length=self.max_length,
            dropout=self.dropout,
            **(new or {}),
            **changes,
        )

    def values_used(self) -> dict[str, Any]:
        values: dict[str, Any] = {
            "pretrained": "none, from random weights",
            "min_steps_per_epoch": 1 if self.pretrained is None else PRETRAINED_MIN_STEPS,
        }
        if self.pretrained is None:
            values["learning_rate"] = NEW_RATE
        elif hasattr(self, "encoder"):
            values["learning_rate"] = usual_rate(self.encoder.config.hidden_size)
        return values

    def idle_options(self) -> set[str]:
        from hornbook.layers.attention.kinds import KINDS

        of_new = {"hidden_size", "num_hidden_layers", "vocabulary_size"}
        idle = {"positions"} if self.pretrained is None else of_new
        own_options = () if self.attention == "full" else KINDS[self.attention].options
        return idle | ({"num_landmarks", "window"} - set(own_options))

    @abstractmethod
    def build(self) -> keras.Model:
        """Builds the whole network, from the columns of `predicted` to logits; sets `others`."""

    def compile(self, loss: Any, steps: int) -> None:
        """Compiles the model with its optimizer.

        Args:
            loss: A `keras.losses.Loss` of the outputs, averaged by the weights of the samples.
            steps: Number of steps of the whole training.
        """
        from hornbook.training.optimizer import adamw, layerwise_rates

        decays = self.layer_decay != 1
        optimizer = adamw(
            self.model,
            steps=steps,
            learning_rate=self.settings()["learning_rate"],
            ema=self.ema,
            rates=layerwise_rates(self.encoder, self.layer_decay) if decays else None,
        )
        self.model.compile(optimizer, loss)

    def encoded(self, texts: Iterable[str | tuple[str, str]]) -> list[Encoding]:
        """Encodes texts or pairs, the same way for training and prediction."""
        limit = min(self.max_length, self.encoder.config.max_length)
        return self.tokenizer.encode_batch(texts, limit)

    def lengths(self, texts: Sequence[str | tuple[str, str]]) -> Lengths:
        """Counts the tokens of each text or pair before truncation."""
        rows = [(text,) if isinstance(text, str) else text for text in texts]
        tokenizer, unknown_id = self.tokenizer, self.tokenizer.special_ids.get("unk", -1)
        tokens, unknown = [], 0
        for begin in range(0, len(rows), CHUNK):
            chunk = rows[begin : begin + CHUNK]
            pieces = iter(tokenizer.pieces([text for row in chunk for text in row]))
            for row in chunk:
                ids = [one for _ in row for one in next(pieces)[0]]
                unknown += ids.count(unknown_id)
                specials = tokenizer.template.num_special_tokens(len(row))
                tokens.append(len(ids) + (specials if tokenizer.add_special_tokens else 0))
        limit = min(self.max_length, self.encoder.config.max_length)
        return Lengths(np.array(tokens), limit, unknown / max(sum(tokens), 1))

    @property
    def max_pairs(self) -> int | None:
        """Maximum pairs of tokens of the same text per step, where outputs are of pairs."""
        return None

    def batches(self, columns: Mapping[str, Sequence[Any]], epoch: int) -> list[Batch]:
        """Returns the batches of an epoch: a pure function of the seed and the epoch.

        An epoch passes over the samples until it has `min_steps_per_epoch` steps.
        """
        steps = self.settings()["min_steps_per_epoch"]
        few = len(columns["token_ids"]) < steps * self.batch_size
        passes = math.ceil(steps / max(len(self.pass_batches(columns, 0)), 1)) if few else 1
        numbers = range(epoch * passes, (epoch + 1) * passes)
        return [batch for number in numbers for batch in self.pass_batches(columns, number)]

    def pass_batches(self, columns: Mapping[str, Sequence[Any]], number: int) -> list[Batch]:
        """Returns the batches of the `number`-th pass over the samples, counted from 0."""
        from hornbook.training.text_batches import epoch_batches

        return epoch_batches(
            columns,
            batch_size=self.batch_size,
            seed=self.seed,
            epoch=number,
            max_length=self.encoder.config.max_length,
            max_pairs=self.max_pairs,
            to_array=self.label_array,
        )

    def label_array(self, labels: list[Any], length: int) -> np.ndarray:
        """Makes the array of the labels of a batch whose rows have `length` tokens."""
        return np.asarray(labels)

    def predicted(self, columns: Mapping[str, Sequence[Any]]) -> np.ndarray:
        """Returns the logits of each sample, `(samples, outputs)`."""
        from hornbook.training.text_batches import predicted_logits

        rows = 2 * self.batch_size  # no memory is needed for gradients
        limit = self.encoder.config.max_length
        return predicted_logits(self.model, columns, rows=rows, max_length=limit)

    # Saving: a model folder in Hugging Face's layout, with the weights of the other layers.

    def build_for(self, folder: Path) -> None:
        from hornbook.pretrained import open_folder

        self.encoder, tokenizer, _ = open_folder(folder, heads=(), compute_dtype=self.compute_dtype)
        assert tokenizer is not None  # the manifest has just been verified
        self.tokenizer = tokenizer
        super().build_for(folder)

    def write_parts(self, folder: Path) -> None:
        """Writes weights, configuration and vocabulary."""
        from hornbook.pretrained import write_model

        write_model(folder, self.encoder, self.tokenizer, others=self.others)

    def read_parts(self, folder: Path) -> None:
        from hornbook.checkpoints import find_checkpoint
        from hornbook.pretrained import read_model

        read_model(self.encoder, find_checkpoint(folder), others=self.others)
