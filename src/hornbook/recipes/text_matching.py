"""Do two texts match?  One model for several criteria of what matching means.

The design is that of the baseline of Sohu's 2021 contest (https://kexue.fm/archives/8337):
both texts go through one encoder as a pair, and the criterion's embedding is the condition
of every layer normalization, so that a few thousand weights a criterion turn one network
into several.  The tokens' mean goes to a softmax over "no" and "yes".
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from hornbook.data.pairs import (
    Pair,
    common_criteria,
    fingerprint,
    read_pairs,
    read_pairs_to_predict,
)
from hornbook.errors import DataError, did_you_mean
from hornbook.recipes.recipe import Recipe, option, read_saved
from hornbook.recipes.text_matching_report import (
    best_thresholds,
    matching_metrics,
    metrics_table,
    write_report,
)

if TYPE_CHECKING:
    import keras

    from hornbook.models.transformer import Transformer
    from hornbook.text.tokenizer import Encoding, Tokenizer

CHUNK = 4096  # pairs that predict holds at a time
CONDITION_SIZE = 128  # features of a criterion's embedding, as in the contest's baseline
LONGEST_RUN = 3  # from scratch: tokens in a row that both texts have, marked up to this many
MARKED_SEGMENTS = 2 * (LONGEST_RUN + 1)
HEAD_SIZE = 64  # from scratch: features of one attention head


@dataclass(kw_only=True)
class TextMatching(Recipe):
    """Decides by several criteria whether two texts match.

    Example:
        matching = TextMatching(epochs=3).fit("data/matching", out="runs/matching")
        matching.predict([("明天下雨吗", "明天会下雨么")], criterion="问句同义-LCQMC")
    """

    name: ClassVar[str] = "text-matching"
    purpose: ClassVar[str] = "decide whether two texts match, by several criteria at once"

    pretrained: str | None = option(None, "model folder to start from; without it, from scratch")
    conditional: bool = option(True, "let the criterion steer every layer normalization")
    hidden_size: int = option(
        64, "from scratch: features of a token", at_least=HEAD_SIZE, multiple_of=HEAD_SIZE
    )
    num_hidden_layers: int = option(2, "from scratch: Transformer blocks", at_least=1)
    vocabulary_size: int = option(8000, "from scratch: most tokens to learn", at_least=100)
    max_length: int = option(256, "most tokens of a pair; the longer text is cut first", at_least=5)
    epochs: int = option(5, "times through the training data", at_least=1)
    batch_size: int = option(64, "pairs a step", at_least=1)
    learning_rate: float | None = option(
        None, "highest learning rate; without it 1e-3 from scratch, 3e-5 pretrained", above=0
    )
    layer_decay: float = option(
        1.0, "factor on the learning rate from a layer to the one below", above=0, at_most=1
    )
    dropout: float = option(0.2, "share of the features dropped in training", at_least=0, below=1)
    ema: float = option(
        0.99, "how much of the weights' average stays at a step; 0: no average", at_least=0, below=1
    )
    patience: int = option(3, "epochs without a better one before it stops; 0: never", at_least=0)
    compute_dtype: str = option(
        "float32", "what it computes in", ("float32", "bfloat16", "float16")
    )
    seed: int = option(
        0, "of the weights, the order and the dropout", at_least=0, at_most=2**32 - 1
    )

    # what fitting finds out
    criteria: list[str] = field(default_factory=list, init=False)
    thresholds: dict[str, float] = field(default_factory=dict, init=False)
    tokenizer: Tokenizer = field(init=False, repr=False)
    encoder: Transformer = field(init=False, repr=False)
    model: keras.Model = field(init=False, repr=False)
    others: dict[str, Any] = field(init=False, repr=False)  # the layers beside the encoder

    def fit(self, data: str | Path, out: str | Path, *, resume: bool = False) -> Self:
        """Trains on a folder of pairs and keeps everything in the run folder `out`.

        Args:
            data: See `hornbook.data.pairs`.
            out: The run folder: new, or with `resume` the one to go on with.
            resume: Continue a run that was cut off.

        Raises:
            HornbookError: the data, a field, or the run folder is not as needed.
        """
        from hornbook import backend

        backend.announce()  # before Keras is imported, which fails without one
        import keras

        from hornbook.training.loop import Loop
        from hornbook.training.run_folder import RunFolder
        from hornbook.training.text_batches import epoch_batches

        train = read_pairs(data, "train", seed=self.seed).pairs
        valid = read_pairs(data, "valid", seed=self.seed).pairs
        self.criteria = common_criteria(train, valid)
        description = {
            "recipe": self.name,
            "fields": self.fields(),
            "data": {"train": fingerprint(train), "valid": fingerprint(valid)},
        }
        run = (RunFolder.resume if resume else RunFolder.create)(out, description)
        keras.utils.set_random_seed(self.seed)
        self.tokenizer, self.encoder = self._start(train)
        self.model = self.build()
        samples, held_out = self._columns(train), self._columns(valid)

        def batches(epoch: int):
            return epoch_batches(
                samples,
                batch_size=self.batch_size,
                seed=self.seed,
                epoch=epoch,
                max_length=self.encoder.config.max_length,
            )

        self._compile(steps=self.epochs * len(batches(0)))

        def evaluate() -> dict[str, Any]:
            probabilities = self._probabilities(held_out)
            self.thresholds = best_thresholds(valid, probabilities)
            return matching_metrics(valid, probabilities, self.thresholds)

        loop = Loop(
            model=self.model,
            batches=batches,
            epochs=self.epochs,
            evaluate=evaluate,
            monitor="mean_f1",
            save=lambda: self.save(run.model),
            patience=self.patience,
            run=run,
            unit="pairs",
            snapshot_seconds=self.snapshot_seconds,
        )
        if resume:
            loop.resume()
        rows = loop.train()
        self._restore(run.model)  # the best epoch need not be the last
        write_report(
            run, self.fields(), rows, valid, self._probabilities(held_out), self.thresholds
        )
        run.snapshots.clear()
        return self

    def _start(self, pairs: Sequence[Pair]) -> tuple[Tokenizer, Transformer]:
        """A pretrained encoder, or a small one whose vocabulary is learned from the pairs."""
        from hornbook.pretrained import load
        from hornbook.pretrained.starting import new_encoder

        condition_size = CONDITION_SIZE if self.conditional else None
        if self.pretrained is not None:
            found = load(
                self.pretrained,
                application="encoder",
                heads=(),
                condition_size=condition_size,
                compute_dtype=self.compute_dtype,
            )
            return found.need_tokenizer(), found.model
        texts = [text for pair in pairs for text in (pair.source, pair.target)]
        return new_encoder(
            texts,
            vocabulary_size=self.vocabulary_size,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            max_length=self.max_length,
            dropout=self.dropout,
            compute_dtype=self.compute_dtype,
            # which text a token is of, and how much around it the other text has too: a
            # pretrained encoder knows how to compare, one from scratch has to be shown
            type_vocab_size=MARKED_SEGMENTS,
            condition_size=condition_size,
        )

    def build(self) -> keras.Model:
        """The whole network: encoder, condition, pooling, classifier -> logits `(batch, 2)`."""
        import keras

        from hornbook.layers import MaskedAveragePooling

        ids = {
            name: keras.Input((None,), dtype="int32", name=name)
            for name in ("token_ids", "segment_ids", "padding_mask")
        }
        criterion = keras.Input((), dtype="int32", name="criterion")
        self.others = {}
        condition = None
        if self.conditional:
            self.others["criterion_embedding"] = keras.layers.Embedding(
                len(self.criteria), CONDITION_SIZE, name="criterion_embedding"
            )
            condition = self.others["criterion_embedding"](criterion)
        x = self.encoder(**ids, condition=condition)
        x = MaskedAveragePooling()(x, ids["padding_mask"])
        x = keras.layers.Dropout(self.dropout)(x)
        # in float32 whatever the rest computes in, for the softmax
        self.others["classifier"] = keras.layers.Dense(2, dtype="float32", name="classifier")
        return keras.Model({**ids, "criterion": criterion}, self.others["classifier"](x))

    def _compile(self, steps: int) -> None:
        import keras

        from hornbook.training.optimizer import adamw, layerwise_rates

        rates = None
        if self.layer_decay != 1:
            rates = layerwise_rates(self.encoder, self.layer_decay)
        optimizer = adamw(
            self.model,
            steps=steps,
            learning_rate=self.learning_rate or (3e-5 if self.pretrained else 1e-3),
            ema=self.ema,
            rates=rates,
        )
        loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        )
        self.model.compile(optimizer, loss)

    def _columns(self, pairs: Sequence[Pair]) -> dict[str, list]:
        """What the network reads, a value a pair; the same for training and prediction."""
        config = self.encoder.config
        limit = min(self.max_length, config.max_length)
        texts = [(pair.source, pair.target) for pair in pairs]
        encodings = self.tokenizer.encode_batch(texts, limit)
        marked = config.type_vocab_size == MARKED_SEGMENTS
        return {
            "token_ids": [encoding.token_ids for encoding in encodings],
            "segment_ids": [
                marked_segments(encoding) if marked else encoding.segment_ids
                for encoding in encodings
            ],
            "padding_mask": [[1] * len(encoding.token_ids) for encoding in encodings],
            "criterion": [self.criteria.index(pair.criterion) for pair in pairs],
            "label": [pair.label or 0 for pair in pairs],
            "where": [pair.where for pair in pairs],
        }

    def _probabilities(self, columns: dict[str, list]) -> np.ndarray:
        """The probability of "yes" for each pair, `(pairs,)`."""
        from hornbook.training.text_batches import predicted_logits

        rows = 2 * self.batch_size  # nothing is kept for gradients
        limit = self.encoder.config.max_length
        no, yes = predicted_logits(self.model, columns, rows=rows, max_length=limit).T
        return 1 / (1 + np.exp(no - yes))

    def evaluate(self, data: str | Path) -> dict[str, Any]:
        """Measures on the validation split of `data`, with the thresholds found in training.

        Returns:
            `f1`, `accuracy` and `roc_auc` by criterion, `group_f1`, and `mean_f1`.
        """
        pairs = self._known(read_pairs(data, "valid", seed=self.seed).pairs)
        return matching_metrics(pairs, self._probabilities(self._columns(pairs)), self.thresholds)

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(metrics)

    def predict(
        self, samples: Iterable[Pair | tuple[str, str]], *, criterion: str | None = None
    ) -> list[dict[str, Any]]:
        """Answers for each pair, in order: see `predict_stream`."""
        return list(self.predict_stream(samples, criterion=criterion))

    def predict_stream(
        self, samples: Iterable[Pair | tuple[str, str]], *, criterion: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Answers for each pair as it comes, in order, holding a few thousand at a time.

        Args:
            samples: `(source, target)`, or a `Pair`, whose own criterion goes first.
            criterion: For the others; needed when the model knows several.

        Yields:
            The pair, `criterion`, `probability` and `label`.
        """
        default = criterion or (self.criteria[0] if len(self.criteria) == 1 else "")
        pairs = (_as_pair(sample, number, default) for number, sample in enumerate(samples, 1))
        while chunk := self._known(list(itertools.islice(pairs, CHUNK))):
            probabilities = self._probabilities(self._columns(chunk))
            for pair, probability in zip(chunk, probabilities, strict=True):
                yield {
                    **pair.extra,
                    "source": pair.source,
                    "target": pair.target,
                    "criterion": pair.criterion,
                    "probability": round(float(probability), 6),
                    "label": int(probability >= self.thresholds[pair.criterion]),
                }

    def predict_files(
        self, sources: Sequence[str | Path], *, criterion: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Answers for the pairs of files, or of `"-"`, standard input, as they come."""
        for source in sources:
            yield from self.predict_stream(read_pairs_to_predict(source, criterion))

    def _known(self, pairs: list[Pair]) -> list[Pair]:
        """The pairs, all of criteria the model was trained for."""
        for pair in pairs:
            if pair.criterion not in self.criteria:
                what = f"the criterion {pair.criterion!r}" if pair.criterion else "no criterion"
                raise DataError(
                    f"{pair.where}: {what}. {did_you_mean(pair.criterion, self.criteria)}\n"
                    "Name one with --criterion, or in a `criterion` column."
                )
        return pairs

    def save(self, folder: str | Path) -> None:
        """Writes weights, configuration, vocabulary and thresholds, with their checksums."""
        from hornbook.files import atomic_folder, write_json
        from hornbook.pretrained import write_model

        with atomic_folder(folder) as temporary:
            write_model(temporary, self.encoder, self.tokenizer, others=self.others)
            learned = {"criteria": self.criteria, "thresholds": self.thresholds}
            saved = {"recipe": self.name, "fields": self.fields(), "learned": learned}
            write_json(temporary / "recipe.json", saved)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Opens a run folder, or what `save` wrote.

        Raises:
            HornbookError: it is no such folder, or something in it is damaged.
        """
        from hornbook.pretrained import open_folder

        saved, folder = read_saved(folder)
        recipe = cls.from_fields(saved["fields"])
        recipe.criteria = saved["learned"]["criteria"]
        recipe.encoder, tokenizer, _ = open_folder(
            folder, heads=(), compute_dtype=recipe.compute_dtype
        )
        assert tokenizer is not None  # the manifest has just said that everything is there
        recipe.tokenizer = tokenizer
        recipe.model = recipe.build()
        recipe._restore(folder)
        return recipe

    def _restore(self, folder: str | Path) -> None:
        """Takes the weights and thresholds that `save` wrote into the model as it is built."""
        from hornbook.checkpoints import find_checkpoint
        from hornbook.pretrained import read_model

        saved, folder = read_saved(folder)
        read_model(self.encoder, find_checkpoint(folder), others=self.others)
        self.thresholds = saved["learned"]["thresholds"]


def marked_segments(encoding: Encoding) -> list[int]:
    """Segment ids that also say how much of the other text is found around each token.

    Of the runs of tokens that stand in the other text too, the longest that a token is part
    of counts: 0, 1, 2, or 3 and more tokens.  The id is `segment + 2 * that`.
    """
    sides: tuple[list[int], list[int]] = ([], [])  # places of the real tokens of each text
    for number, place in enumerate(encoding.offsets):
        if place is not None:
            sides[encoding.segment_ids[number]].append(number)
    longest = [0] * len(encoding.token_ids)
    for length in range(1, LONGEST_RUN + 1):
        runs = [_runs([encoding.token_ids[number] for number in side], length) for side in sides]
        for side, own, other in zip(sides, runs, reversed(runs), strict=True):
            shared = set(own) & set(other)
            for begin, run in enumerate(own):
                if run in shared:
                    longest[side[begin] : side[begin] + length] = [length] * length
    return [segment + 2 * run for segment, run in zip(encoding.segment_ids, longest, strict=True)]


def _runs(ids: list[int], length: int) -> list[tuple[int, ...]]:
    """All runs of `length` ids, in the order of their beginning."""
    return list(zip(*(ids[begin:] for begin in range(length)), strict=False))


def _as_pair(sample: Pair | tuple[str, str], number: int, criterion: str) -> Pair:
    if isinstance(sample, Pair):
        return sample
    source, target = sample
    return Pair(source, target, None, criterion, f"pair {number}")
