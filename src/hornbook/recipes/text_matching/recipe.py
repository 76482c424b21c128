"""Text matching: decides whether two texts match, by several criteria with one model.

The design is that of the baseline of Sohu's 2021 contest (https://kexue.fm/archives/8337): one
encoder reads both texts as a pair, and the criterion's embedding is the condition of every layer
normalization, so that a few thousand weights per criterion turn one network into several.  The
average over the tokens goes to a softmax over "no" and "yes".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

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
from hornbook.data.texts.summary import TextSplits
from hornbook.errors import DataError
from hornbook.linear import fit_ngram_matcher
from hornbook.recipes.fields import learned, option
from hornbook.recipes.marked_segments import MARKED_SEGMENTS
from hornbook.recipes.named_condition import NamedConditionRecipe
from hornbook.recipes.pooled_text_recipe import PooledTextRecipe
from hornbook.recipes.text_answers import Columns
from hornbook.recipes.text_matching.report import (
    FIGURES,
    MatchingReport,
    best_thresholds,
    matching_metrics,
)


@dataclass(kw_only=True)
class TextMatching(NamedConditionRecipe, PooledTextRecipe):
    """Decides by several criteria whether two texts match.

    Learns from labeled pairs, see `hornbook.data.texts.pairs`: a folder, a file, or rows in
    memory.  `evaluate` returns `f1`, `accuracy`, `roc_auc` and `pairs` by criterion, `group_f1`
    and `mean_f1`, with the thresholds found in training.

    Example:
        matching = TextMatching(epochs=3).fit("data/matching", out="runs/matching")
        matching.predict([("明天下雨吗", "明天会下雨么")], criterion="问句同义-LCQMC")
    """

    name = "text-matching"
    purpose = "decide whether two texts match, by several criteria at once"
    reading = READING
    report = MatchingReport
    monitor = "mean_f1"
    kind = "criterion"
    chunk = 4096

    conditional: bool = option(True, "condition every layer normalization on the criterion")
    max_length: int = option(
        256, "maximum tokens per pair; the longer text is truncated first", at_least=5
    )
    batch_size: int = option(64, "pairs per step", at_least=1)

    criteria: list[str] = learned(list)
    thresholds: dict[str, float] = learned(dict)
    # mean F1 of other models on the same data, by name: for the report
    references: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    @property
    def names(self) -> Sequence[str]:
        return self.criteria

    @property
    def has_condition(self) -> bool:
        return self.conditional

    def open_data(self, data: Any, name: str | None = None) -> TextData[Pair]:
        return labeled_pairs(data, seed=self.seed, criterion=name)

    def learn_labels(self, splits: TextSplits[Pair]) -> TextSplits[Pair]:
        self.criteria = common_criteria(splits.train, splits.valid)
        return splits

    def label_lines(self, splits: TextSplits[Pair]) -> Sequence[str]:
        return criteria_lines(splits)

    def text_of(self, sample: Pair) -> tuple[str, str]:
        return sample.source, sample.target

    def encoder_options(self) -> dict[str, Any]:
        # only a pretrained encoder can compare two texts by itself
        return {"new": {"type_vocab_size": MARKED_SEGMENTS}, **super().encoder_options()}

    def fit_baseline(self, train: Sequence[Pair], valid: Sequence[Pair]) -> Columns:
        probabilities = ngram_probabilities(train, valid, seed=self.seed)
        thresholds = best_thresholds(valid, probabilities)
        self.baseline = matching_metrics(valid, probabilities, thresholds)
        return {}

    def head(self, inputs: dict[str, Any], features: Any) -> Any:
        return self.classifier(features, 2)

    def columns(self, samples: Sequence[Pair], known: Mapping[str, list[Any]]) -> Columns:
        return {
            **self.token_columns(samples),
            **self.condition_columns(samples),
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
        rows = [
            [criterion, *(metrics[name][criterion] for name in FIGURES)]
            for criterion in metrics["f1"]
        ]
        groups = metrics["group_f1"]
        if len(groups) > 1:
            rows += [[f"mean of group {one}", None, f1, None, None] for one, f1 in groups.items()]
        title = "mean of the groups" if len(groups) > 1 else "mean"
        rows.append([title, None, metrics["mean_f1"], None, None])
        return ["criterion", "pairs", "F1", "accuracy", "ROC AUC"], rows

    def comparison(self, metrics: dict[str, Any]) -> str:
        line = super().comparison(metrics)
        if not line or len(self.criteria) == 1:
            return line
        linear = self.baseline["f1"]
        figures = (f"{name} {linear[name]:.3f} / {f1:.3f}" for name, f1 in metrics["f1"].items())
        return f"{line} ({', '.join(figures)})"

    def row_to_predict(self, row: Mapping[Any, Any], where: str) -> Pair:
        return pair_to_predict(row, where)

    def value_to_predict(self, value: Any, number: int) -> Pair:
        is_pair = isinstance(value, tuple | list) and len(value) == 2
        if not is_pair or not all(isinstance(text, str) for text in value):
            raise DataError(f"pair {number} is {value!r}; expected two texts: (source, target).")
        source, target = value
        return Pair(source, target, None, "", f"pair {number}")

    def read_to_predict(self, source: str | Path) -> Iterator[Pair]:
        return read_pairs_to_predict(source)

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
        yield from self.in_chunks(samples, partial(self.as_sample, name=criterion), self.answers)

    def answer(self, sample: Pair, output: Any) -> dict[str, Any]:
        return {
            **sample.extra,
            "source": sample.source,
            "target": sample.target,
            "criterion": sample.criterion,
            "probability": round(float(output), 6),
            "label": int(output >= self.thresholds[sample.criterion]),
        }

    def example(self, data: Any) -> list[str]:
        [file] = super().example(data)
        first = next(read_pairs_to_predict(file))
        if first.criterion or len(self.criteria) == 1:
            return [file]
        return [file, "--criterion", self.name_of_data(file) or self.criteria[0]]


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
