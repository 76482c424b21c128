"""Text matching: decides whether two texts match, by several criteria with one model.

The design is that of the baseline of Sohu's 2021 contest (https://kexue.fm/archives/8337): one
encoder reads both texts as a pair, and the criterion's embedding is the condition of every layer
normalization, so that a few thousand weights per criterion turn one network into several.  The
average over the tokens goes to a softmax over "no" and "yes".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hornbook.data.readers.in_memory_rows import each_sample
from hornbook.data.texts.pairs import (
    READING,
    Pair,
    common_criteria,
    criteria_lines,
    labeled_pairs,
    pair_to_predict,
    read_pairs_to_predict,
)
from hornbook.data.texts.splits import TextData
from hornbook.data.texts.summary import Reading, TextSplits
from hornbook.errors import DataError
from hornbook.linear import fit_ngram_matcher
from hornbook.recipes.fields import learned, option, part
from hornbook.recipes.marked_segments import MARKED_SEGMENTS, marked_segments
from hornbook.recipes.named_condition import CONDITION_SIZE, NamedCondition
from hornbook.recipes.pooled_text_recipe import PooledTextRecipe
from hornbook.recipes.text_matching.report import (
    MatchingReport,
    best_thresholds,
    compared,
    matching_metrics,
    metrics_table,
)
from hornbook.recipes.text_recipe import Columns
from hornbook.recipes.text_report import TextReport
from hornbook.text.tokenizer import Encoding


@dataclass(kw_only=True)
class TextMatching(PooledTextRecipe):
    """Decides by several criteria whether two texts match.

    Learns from labeled pairs, see `hornbook.data.texts.pairs`: a folder, a file, or rows in
    memory.  `evaluate` returns `f1`, `accuracy`, `roc_auc` and `pairs` by criterion, `group_f1`
    and `mean_f1`, with the thresholds found in training.

    Example:
        matching = TextMatching(epochs=3).fit("data/matching", out="runs/matching")
        matching.predict([("明天下雨吗", "明天会下雨么")], criterion="问句同义-LCQMC")
    """

    name: ClassVar[str] = "text-matching"
    purpose: ClassVar[str] = "decide whether two texts match, by several criteria at once"
    reading: ClassVar[Reading[Pair]] = READING
    report: ClassVar[type[TextReport]] = MatchingReport
    monitor: ClassVar[str] = "mean_f1"
    chunk: ClassVar[int] = 4096

    conditional: bool = option(True, "condition every layer normalization on the criterion")
    max_length: int = option(
        256, "maximum tokens per pair; the longer text is truncated first", at_least=5
    )
    batch_size: int = option(64, "pairs per step", at_least=1)

    criteria: list[str] = learned(list)
    thresholds: dict[str, float] = learned(dict)
    trained_on: str = learned(str, shown=False)  # a fingerprint
    baseline: dict[str, Any] = part()  # metrics of a linear model of n-grams, once fitted
    # mean F1 of other models on the same data, by name: for the report
    references: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    @property
    def named(self) -> NamedCondition:
        """The criteria, as the condition of the encoder."""
        return NamedCondition("criterion", self.criteria)

    def open_data(self, data: Any) -> TextData[Pair]:
        return labeled_pairs(data, seed=self.seed)

    def data_to_measure(self, data: Any) -> TextData[Pair]:
        return labeled_pairs(data, seed=self.seed, criterion=self.named.of_data(data))

    def learn_labels(self, splits: TextSplits[Pair]) -> TextSplits[Pair]:
        self.criteria = common_criteria(splits.train, splits.valid)
        return splits

    def label_lines(self, splits: TextSplits[Pair]) -> Sequence[str]:
        return criteria_lines(splits)

    def text_of(self, sample: Pair) -> tuple[str, str]:
        return sample.source, sample.target

    def segment_ids(self, encoding: Encoding) -> list[int]:
        has_marks = self.encoder.config.type_vocab_size == MARKED_SEGMENTS
        return marked_segments(encoding) if has_marks else encoding.segment_ids

    def encoder_options(self) -> dict[str, Any]:
        return {
            "new": {"type_vocab_size": MARKED_SEGMENTS},
            "condition_size": CONDITION_SIZE if self.conditional else None,
        }

    def fit_baseline(self, train: Sequence[Pair], valid: Sequence[Pair]) -> Columns:
        probabilities = ngram_probabilities(train, valid, seed=self.seed)
        thresholds = best_thresholds(valid, probabilities)
        self.baseline = matching_metrics(valid, probabilities, thresholds)
        return {}

    def condition(self, inputs: dict[str, Any]) -> Any:
        index = self.named.add_input(inputs)
        return self.named.embedding(index, self.others) if self.conditional else None

    def head(self, inputs: dict[str, Any], features: Any) -> Any:
        return self.classifier(features, 2)

    def columns(self, samples: Sequence[Pair], known: Mapping[str, list[Any]]) -> Columns:
        return {
            **self.token_columns(samples),
            "criterion": self.named.indices([pair.criterion for pair in samples]),
            "label": [pair.label or 0 for pair in samples],
            **known,
        }

    def to_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Returns the probability of "yes" for each pair, `(pairs,)`."""
        no, yes = logits.T
        return np.asarray(1 / (1 + np.exp(no - yes)))

    def choose_thresholds(self, samples: Sequence[Pair], probabilities: np.ndarray) -> None:
        self.thresholds = best_thresholds(samples, probabilities)

    def metrics(self, samples: Sequence[Pair], probabilities: np.ndarray) -> dict[str, Any]:
        return matching_metrics(samples, probabilities, self.thresholds)

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(metrics)

    def comparison(self, metrics: dict[str, Any]) -> str:
        return compared(metrics, self.baseline)

    def checked(self, samples: list[Pair]) -> list[Pair]:
        for pair in samples:
            self.named.check(pair.criterion, pair.where, labeled=True)
        return samples

    def as_sample(self, sample: Any, number: int, criterion: str | None = None) -> Pair:
        default = criterion or (self.criteria[0] if len(self.criteria) == 1 else "")
        if isinstance(sample, Pair):
            pair = sample
        elif isinstance(sample, Mapping):
            pair = pair_to_predict(sample, f"row {number}", default)
        else:
            is_pair = isinstance(sample, tuple | list) and len(sample) == 2
            if not is_pair or not all(isinstance(text, str) for text in sample):
                raise DataError(
                    f"pair {number} is {sample!r}; expected two texts: (source, target)."
                )
            source, target = sample
            pair = Pair(source, target, None, default, f"pair {number}")
        self.named.check(pair.criterion, pair.where)
        return pair

    def read_to_predict(self, source: str | Path, criterion: str | None = None) -> Iterator[Pair]:
        return read_pairs_to_predict(source, criterion)

    def predict_stream(
        self, samples: Iterable[Any], *, criterion: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Answers for each pair as it comes, in order, a few thousand at a time.

        Args:
            samples: `(source, target)`, rows with `source` and `target`, or `Pair` objects; their
                own criterion takes precedence.
            criterion: Criterion of the others; required if the model has several.

        Yields:
            The pair, `criterion`, `probability` and `label`.
        """
        numbered = enumerate(each_sample(samples), 1)
        pairs = (self.as_sample(sample, number, criterion) for number, sample in numbered)
        yield from self.answered(pairs)

    def predict_files(
        self, sources: Sequence[str | Path], *, criterion: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Answers for the pairs of files, or of `"-"`, standard input, as they come."""
        for source in sources:
            yield from self.predict_stream(self.read_to_predict(source, criterion))

    def answers(self, samples: Sequence[Pair]) -> Iterator[dict[str, Any]]:
        probabilities = self.outputs(self.columns(samples, {}))
        for pair, probability in zip(samples, probabilities, strict=True):
            yield {
                **pair.extra,
                "source": pair.source,
                "target": pair.target,
                "criterion": pair.criterion,
                "probability": round(float(probability), 6),
                "label": int(probability >= self.thresholds[pair.criterion]),
            }

    def example(self, data: Any) -> list[str]:
        [file] = super().example(data)
        first = next(read_pairs_to_predict(file))
        if first.criterion or len(self.criteria) == 1:
            return [file]
        return [file, "--criterion", self.named.of_data(file) or self.criteria[0]]


def ngram_probabilities(train: Sequence[Pair], valid: Sequence[Pair], *, seed: int) -> np.ndarray:
    """Returns the probabilities `(pairs,)` of linear models of n-grams, one per criterion."""
    probabilities = np.empty(len(valid))
    for criterion in sorted({pair.criterion for pair in valid}):
        examples = [pair for pair in train if pair.criterion == criterion]
        indices = [index for index, pair in enumerate(valid) if pair.criterion == criterion]
        probabilities[indices] = fit_ngram_matcher(
            [(pair.source, pair.target) for pair in examples],
            [pair.label or 0 for pair in examples],
            [(valid[index].source, valid[index].target) for index in indices],
            seed=seed,
        )
    return probabilities
