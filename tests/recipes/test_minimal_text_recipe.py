"""The least a new text recipe has to define: here, one that predicts the stars of a review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas
import pytest

from hornbook.data.texts.labeled import READING, LabeledText, labeled_texts
from hornbook.errors import HornbookError
from hornbook.recipes.fields import learned
from hornbook.recipes.pooled_text_recipe import PooledTextRecipe
from hornbook.recipes.text_report import TextReport


class StarsReport(TextReport):
    title = "Stars"
    variable = "stars"
    rising = "and accuracy"
    shares_caption = "Accuracy"
    curves: ClassVar = {"accuracy": "accuracy"}

    @staticmethod
    def headline(metrics):
        return f"accuracy {metrics['accuracy']:.3f}"

    def explanation(self):
        return "Accuracy is the share of reviews whose stars are right."

    def add_mistakes(self, page):
        page.add_text("None shown.")


@dataclass(kw_only=True)
class Stars(PooledTextRecipe):
    name: ClassVar[str] = "stars"
    purpose: ClassVar[str] = "predict the stars of a review"
    reading = READING
    report = StarsReport
    monitor = "accuracy"

    most: int = learned(int)

    def open_data(self, data):
        return labeled_texts(data, seed=self.seed)

    def learn_labels(self, splits):
        self.most = max(label for text in splits.train for label in text.labels)
        return splits

    def head(self, inputs, features):
        return self.classifier(features, self.most)

    def columns(self, samples, known):
        labels = [text.labels[0] - 1 if text.labels else 0 for text in samples]
        return {**self.token_columns(samples), "label": labels}

    def to_probabilities(self, logits):
        weights = np.exp(logits)
        return weights / weights.sum(axis=1, keepdims=True)

    def metrics(self, samples, probabilities):
        labels = np.array([text.labels[0] - 1 for text in samples])
        chosen = probabilities[np.arange(len(labels)), labels]
        right = float((probabilities.argmax(axis=1) == labels).mean())
        return {"accuracy": right, "log_loss": float(-np.log(chosen).mean())}

    def table(self, metrics):
        return ["accuracy"], [[metrics["accuracy"]]]

    def unlabeled(self, text):
        return LabeledText(text.text, None, False, text.where)

    def answer(self, sample, output):
        return {"text": sample.text, "stars": int(output.argmax()) + 1}


def test_a_minimal_text_recipe_fits_rows_in_memory(tmp_path):
    rows = [{"text": f"good {n} " * (n % 2 + 1), "label": n % 2 + 1} for n in range(32)]
    data = pandas.DataFrame(rows)
    options = {"num_hidden_layers": 1, "vocabulary_size": 100, "max_length": 8, "epochs": 1}
    stars = Stars(**options).fit(data, tmp_path / "run")
    assert stars.evaluate(data) == Stars.load(tmp_path / "run").evaluate(rows)
    answers = stars.predict(data[["text"]])
    assert [answer["text"] for answer in answers] == [row["text"] for row in rows]
    assert {answer["stars"] for answer in answers} <= {1, 2}
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    for words in ("28 training, 4 validation", "stars = Stars.load(", "Worst mistakes", "seed"):
        assert words in page
    Stars(**options).fit(rows, tmp_path / "run", resume=True)  # the same data in another form
    (tmp_path / "run" / "report.html").unlink()
    with pytest.raises(HornbookError, match="other fields:\n  the recipe or the data"):
        Stars(**options).fit(rows[1:], tmp_path / "run", resume=True)
