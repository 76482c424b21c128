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
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hornbook import backend
from hornbook.data.texts.pairs import (
    READING,
    Pair,
    common_criteria,
    criteria_lines,
    fingerprint,
    labelled_pairs,
    read_pairs_to_predict,
)
from hornbook.errors import DataError, did_you_mean
from hornbook.linear import fit_ngram_matcher
from hornbook.recipes.fields import learned, option, part
from hornbook.recipes.text_matching.report import (
    best_thresholds,
    compared,
    matching_metrics,
    metrics_table,
    write_report,
)
from hornbook.recipes.text_recipe import TextRecipe

if TYPE_CHECKING:
    import keras

    from hornbook.text.tokenizer import Encoding

CHUNK = 4096  # pairs that predict holds at a time
CONDITION_SIZE = 128  # features of a criterion's embedding, as in the contest's baseline
LONGEST_RUN = 3  # from scratch: tokens in a row that both texts have, marked up to this many
MARKED_SEGMENTS = 2 * (LONGEST_RUN + 1)


@dataclass(kw_only=True)
class TextMatching(TextRecipe):
    """Decides by several criteria whether two texts match.

    Example:
        matching = TextMatching(epochs=3).fit("data/matching", out="runs/matching")
        matching.predict([("明天下雨吗", "明天会下雨么")], criterion="问句同义-LCQMC")
    """

    name: ClassVar[str] = "text-matching"
    purpose: ClassVar[str] = "decide whether two texts match, by several criteria at once"

    conditional: bool = option(True, "let the criterion steer every layer normalization")
    max_length: int = option(256, "most tokens of a pair; the longer text is cut first", at_least=5)
    batch_size: int = option(64, "pairs a step", at_least=1)

    criteria: list[str] = learned(list)
    thresholds: dict[str, float] = learned(dict)
    trained_on: str = learned(str, shown=False)  # a fingerprint
    baseline: dict[str, Any] = part()  # what a linear model of n-grams reaches, once fitted
    # mean F1 of other models on the same data, by what to call them: for the report
    references: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def _fit(self, data: str | Path, out: str | Path, *, resume: bool) -> None:
        """Trains on a folder of pairs: see `hornbook.data.texts.pairs`, and `Recipe.fit`."""
        import keras

        splits = labelled_pairs(data, seed=self.seed).training()
        train, valid = splits.train, splits.valid
        self.criteria, self.trained_on = common_criteria(train, valid), fingerprint(train)
        backend.set_random_seed(self.seed)
        self.start(
            [text for pair in train for text in (pair.source, pair.target)],
            # which text a token is of, and how much around it the other text has too: a
            # pretrained encoder knows how to compare, one from scratch has to be shown
            new={"type_vocab_size": MARKED_SEGMENTS},
            condition_size=CONDITION_SIZE if self.conditional else None,
        )
        pairs = [(pair.source, pair.target) for pair in train]
        self.describe(splits, READING, pairs, criteria_lines(splits))
        self.model = self.build()
        known = {"train": self.trained_on, "valid": fingerprint(valid)}
        run = self.open_run(out, known, resume=resume)

        probabilities = ngram_probabilities(train, valid, seed=self.seed)
        thresholds = best_thresholds(valid, probabilities)
        self.baseline = matching_metrics(valid, probabilities, thresholds)
        samples, held_out = self._columns(train), self._columns(valid)
        steps = self.epochs * len(self.batches(samples, epoch=0))
        self.compile(keras.losses.SparseCategoricalCrossentropy, steps)

        def evaluate() -> dict[str, Any]:
            probabilities = self._probabilities(held_out)
            self.thresholds = best_thresholds(valid, probabilities)
            return matching_metrics(valid, probabilities, self.thresholds)

        rows = self.train(
            run,
            resume=resume,
            model=self.model,
            batches=lambda epoch: self.batches(samples, epoch),
            epochs=self.epochs,
            patience=self.patience,
            evaluate=evaluate,
            monitor="mean_f1",
            unit="pairs",
        )
        probabilities = self._probabilities(held_out)
        write_report(run, self, rows, valid, probabilities, len(train))
        run.snapshots.clear()

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

    def _columns(self, pairs: Sequence[Pair]) -> dict[str, list]:
        """What the network reads, a value a pair; the same for training and prediction."""
        from hornbook.training.text_batches import token_columns

        encodings = self.encoded([(pair.source, pair.target) for pair in pairs])
        columns = token_columns(encodings)
        if self.encoder.config.type_vocab_size == MARKED_SEGMENTS:
            columns["segment_ids"] = [marked_segments(encoding) for encoding in encodings]
        return {
            **columns,
            "criterion": [self.criteria.index(pair.criterion) for pair in pairs],
            "label": [pair.label or 0 for pair in pairs],
            "where": [pair.where for pair in pairs],
        }

    def _probabilities(self, columns: dict[str, list]) -> np.ndarray:
        """The probability of "yes" for each pair, `(pairs,)`."""
        no, yes = self.predicted(columns).T
        return 1 / (1 + np.exp(no - yes))

    def evaluate(self, data: str | Path, *, split: str | None = None) -> dict[str, Any]:
        """Measures on the validation split of `data`, with the thresholds found in training; on
        all of a file it was not trained on.

        Args:
            data: See `hornbook.data.texts.pairs`.
            split: `"train"`, `"valid"` or `"test"`, for another split.

        Returns:
            `f1`, `accuracy` and `roc_auc` by criterion, `group_f1`, and `mean_f1`.
        """
        found = labelled_pairs(data, seed=self.seed, criterion=self._criterion_of(Path(data)))
        pairs = self._known(
            found.to_measure(self.trained_on, split),
            "Name the folder of the pairs after one, or name it in a `criterion` column.",
        )
        return matching_metrics(pairs, self._probabilities(self._columns(pairs)), self.thresholds)

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(metrics)

    def comparison(self, metrics: dict[str, Any]) -> str:
        return compared(metrics, self.baseline)

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
        advice = "Name one with --criterion, or in a `criterion` column."
        while chunk := self._known(list(itertools.islice(pairs, CHUNK)), advice):
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

    def example(self, data: str | Path) -> list[str]:
        file = labelled_pairs(data).example_file()
        first = next(read_pairs_to_predict(file))
        if first.criterion or len(self.criteria) == 1:
            return [str(file)]
        return [str(file), "--criterion", self._criterion_of(file) or self.criteria[0]]

    def _criterion_of(self, path: Path) -> str | None:
        """The criterion of pairs that do not name theirs: the only one, or the one that a file,
        or the folder it lies in, is named after."""
        names = (path.name.split(".")[0], path.resolve().parent.name, path.resolve().name)
        known = self.criteria if len(self.criteria) == 1 else []
        return next((name for name in (*known, *names) if name in self.criteria), None)

    def _known(self, pairs: list[Pair], advice: str) -> list[Pair]:
        """The pairs, all of criteria the model was trained for.

        Raises:
            DataError: one is not, with the nearest and `advice`.
        """
        for pair in pairs:
            if pair.criterion not in self.criteria:
                what = f"the criterion {pair.criterion!r}" if pair.criterion else "no criterion"
                raise DataError(
                    f"{pair.where}: {what}. {did_you_mean(pair.criterion, self.criteria)}\n"
                    + advice
                )
        return pairs


def ngram_probabilities(train: Sequence[Pair], valid: Sequence[Pair], *, seed: int) -> np.ndarray:
    """What linear models of n-grams, one a criterion, make of the validation pairs, `(pairs,)`."""
    probabilities = np.empty(len(valid))
    for criterion in sorted({pair.criterion for pair in valid}):
        learned_from = [pair for pair in train if pair.criterion == criterion]
        asked = [number for number, pair in enumerate(valid) if pair.criterion == criterion]
        probabilities[asked] = fit_ngram_matcher(
            [(pair.source, pair.target) for pair in learned_from],
            [pair.label or 0 for pair in learned_from],
            [(valid[number].source, valid[number].target) for number in asked],
            seed=seed,
        )
    return probabilities


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
    is_pair = isinstance(sample, tuple | list) and len(sample) == 2
    if not is_pair or not all(isinstance(text, str) for text in sample):
        raise DataError(f"pair {number} is {sample!r}; expected two texts: (source, target).")
    source, target = sample
    return Pair(source, target, None, criterion, f"pair {number}")
