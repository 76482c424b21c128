"""Reading comprehension: finds the answer to a question in the text beside it.

A Transformer reads question and text together; one dense layer scores each unit of the text (a
Chinese character, a word of letters, a number) as the start and as the end of the answer.  The
softmax is over all pairs of start and end and "no answer", which is where the first token is.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.data.questions.passage_question import Question
from hornbook.data.questions.question_data import (
    READING,
    one_to_answer,
    questions_with_answers,
    read_questions_to_answer,
)
from hornbook.data.questions.question_rows import LIST_KEYS
from hornbook.data.texts.splits import TextData
from hornbook.data.texts.summary import TextSplits, summary
from hornbook.errors import DataError
from hornbook.progress import note
from hornbook.recipes.fields import learned, option
from hornbook.recipes.marked_segments import MARKED_SEGMENTS
from hornbook.recipes.reading.best_answers import Answer, ScoredWindow, best_answer
from hornbook.recipes.reading.question_metrics import (
    answer_text,
    best_threshold,
    metrics_table,
    question_metrics,
)
from hornbook.recipes.reading.question_windows import Cell, QuestionReader, answer_lines
from hornbook.recipes.reading.report import ReadingReport
from hornbook.recipes.spans.span_recipe import SpanRecipe, sample_loss
from hornbook.recipes.text_answers import Columns

if TYPE_CHECKING:
    import keras


@dataclass(kw_only=True)
class ReadingComprehension(SpanRecipe):
    """Answers questions with a span of the text that they are about.

    Learns from questions with their context and answer, in any format of
    `hornbook.data.questions`: a folder, a file, or rows in memory.  Contexts of any length are
    read, in overlapping windows, and a question may have several.  `evaluate` returns
    `exact_match` and `f1`, by the rule of CMRC 2018 for Chinese answers and that of SQuAD for
    others.  `predict` takes rows with `question` and `context`, or pairs of them, and returns the
    row with `answer`, its `start` and `end` in characters of the context, and its `probability`.

    Example:
        answers = ReadingComprehension(pretrained="bert").fit("data/cmrc2018", out="runs/cmrc")
        answers.predict([("谁写了《红楼梦》？", "《红楼梦》的作者是曹雪芹。")])
    """

    name = "reading"
    purpose = "find the answer to a question in a text"
    reading = READING
    report = ReadingReport
    monitor = "f1"

    max_length: int = option(
        384,
        "tokens per window, the question included; longer texts are read in overlapping windows",
        at_least=16,
    )
    max_answer_units: int = option(
        64, "maximum length of an answer, in Chinese characters, words or numbers", at_least=1
    )

    # probability of "no answer" above which none is given; None: an answer is always given
    threshold: float | None = learned(lambda: None)

    def open_data(self, data: Any) -> TextData[Question]:
        return questions_with_answers(data, seed=self.seed)

    def learn_labels(self, splits: TextSplits[Question]) -> TextSplits[Question]:
        if not any(one.golds for one in splits.train):
            raise DataError(
                "There is nothing to learn: none of the training questions has an answer."
            )
        self.threshold = None if all(one.golds for one in splits.train) else 0.5
        return splits

    def text_of(self, sample: Question) -> tuple[str, str]:
        return sample.question, "\n".join(sample.passages)

    def encoder_options(self) -> dict[str, Any]:
        # only a pretrained encoder can compare question and text by itself
        return {"new": {"type_vocab_size": MARKED_SEGMENTS}}

    def reader(self) -> QuestionReader:
        """Returns the reader of windows, for the encoder's tokenizer and length."""
        limit = min(self.max_length, self.encoder.config.max_length)
        return QuestionReader(self.tokenizer, limit, self.max_answer_units, self.segment_ids)

    def describe(self, splits: TextSplits[Question], texts: Sequence[Any]) -> None:
        reader = self.reader()
        windows = reader.windows(splits.train)
        lines = answer_lines(reader, windows, splits)
        note(summary(splits, self.reading, reader.lengths(windows), lines))

    def build(self) -> keras.Model:
        """Builds the whole network: encoder, the first token of each unit, scores."""
        import keras

        from hornbook.layers.tagging.masked_scores import MASKED

        inputs, features = self.unit_features()
        self.others["answer"] = keras.layers.Dense(2, dtype="float32", name="answer")
        is_unit = keras.ops.cast(inputs["unit_mask"], "bool")[:, :, None]
        return keras.Model(
            inputs, keras.ops.where(is_unit, self.others["answer"](features), MASKED)
        )

    def loss(self) -> keras.losses.Loss:
        from hornbook.layers import answer_crossentropy

        loss: keras.losses.Loss = sample_loss(answer_crossentropy)
        return loss

    def columns(self, samples: Sequence[Question], known: Mapping[str, list[Any]]) -> Columns:
        reader = self.reader()
        windows = reader.windows(samples)
        columns: Columns = {
            "label": reader.labels(windows),
            "where": [samples[one.question].where for one in windows],
            "window": list(windows),
        }
        for one in windows:
            for name, [values] in reader.reader.columns([one.window]).items():
                if name == "unit_index":  # the first token stands for "no answer"
                    values = [0, *values]
                elif name == "unit_mask":
                    values = [1, *values]
                columns.setdefault(name, []).append(array("i", values))
        return columns

    def label_array(self, labels: list[list[Cell]], length: int) -> np.ndarray:
        cells = np.zeros((len(labels), length, self.max_answer_units), bool)
        for row, own in zip(cells, labels, strict=True):
            for first, more in own:
                row[first, more] = True
        return cells

    def outputs(self, columns: Mapping[str, Sequence[Any]]) -> list[Answer]:
        """Returns the best answer to each question."""
        windows = columns["window"]
        scores: list[Any] = [None] * len(windows)
        for number, outputs in self.window_outputs(columns):
            one = windows[number].window
            scores[number] = np.array(outputs[: 1 + one.last - one.first])
        scored = map(ScoredWindow, windows, scores, columns["label"])
        return [
            best_answer(of_question, self.max_answer_units)
            for _, of_question in groupby(scored, key=lambda one: one.window.question)
        ]

    def choose_thresholds(self, samples: Sequence[Question], outputs: list[Answer]) -> None:
        if self.threshold is not None:
            self.threshold = best_threshold(samples, outputs)

    def metrics(self, samples: Sequence[Question], outputs: list[Answer]) -> dict[str, Any]:
        return question_metrics(samples, outputs, self.threshold)

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(metrics)

    def row_to_predict(self, row: Mapping[Any, Any], where: str) -> Question:
        return one_to_answer(row, where)

    def value_to_predict(self, value: Any, number: int) -> Question:
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise DataError(
                f"question {number} is {value!r:.60}; expected (question, context), or a row with "
                "these names."
            )
        question, context = value
        return one_to_answer({"question": question, "context": context}, f"row {number}")

    def read_to_predict(self, source: str | Path) -> Iterator[Question]:
        return read_questions_to_answer(source)

    def answer(self, sample: Question, output: Answer) -> dict[str, Any]:
        text = answer_text(sample, output, self.threshold)
        passage, start, end = output.span if text is not None else (None, None, None)
        probability = output.no_answer if text is None else output.probability
        row = {
            **sample.row,
            "answer": text,
            "start": start,
            "end": end,
            "probability": round(probability, 6),
        }
        if any(isinstance(sample.row.get(key), list) for key in LIST_KEYS):
            row["passage"] = passage
        return row
