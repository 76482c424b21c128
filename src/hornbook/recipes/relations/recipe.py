"""Relations between parts of a text: who did what, in characters of the text.

A Transformer reads the text.  GPLinker finds subjects, objects and their predicates together, so
that relations may share and overlap as they like (https://kexue.fm/archives/8888); CasRel finds
subjects first, and then the objects of each (https://arxiv.org/abs/1909.03227).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook.data.readers.text_rows import PlainText
from hornbook.data.relations.related_data import READING, related_texts
from hornbook.data.relations.related_text import RelatedText, Span
from hornbook.data.texts.splits import TextData
from hornbook.data.texts.summary import TextSplits, summary
from hornbook.progress import note
from hornbook.recipes.fields import learned, option, part
from hornbook.recipes.relations.casrel import CasRel
from hornbook.recipes.relations.gplinker import GPLinker
from hornbook.recipes.relations.methods import Method
from hornbook.recipes.relations.predicates import (
    note_unknown,
    outside_windows,
    predicates_of,
    relation_lines,
)
from hornbook.recipes.relations.report import RelationsReport
from hornbook.recipes.relations.scores import metrics_table, relation_metrics
from hornbook.recipes.relations.unit_relations import (
    Answer,
    in_characters,
    in_units,
    in_window,
    joined,
)
from hornbook.recipes.spans.text_windows import Units, by_text
from hornbook.recipes.spans.whole_text_recipe import WholeTextRecipe
from hornbook.recipes.text_answers import Columns

if TYPE_CHECKING:
    import keras

    from hornbook.training.loop import Batch

MOST_ROWS = 20  # predicates in the table that is printed
METHODS: dict[str, type[Method]] = {"gplinker": GPLinker, "casrel": CasRel}


@dataclass(kw_only=True)
class Relations(WholeTextRecipe):
    """Finds relations in texts: subject, predicate, object.

    Learns from texts with relations in any format of `hornbook.data.relations`: a folder, a file,
    or rows in memory.  Texts of any length are read, in overlapping windows.  `evaluate` returns
    `precision`, `recall`, `f1` and `relations` by predicate, and `micro_f1`: subject, predicate and
    object letter by letter.  `predict` takes texts, or rows with a `text`, and returns the row with
    its `relations`, in characters of the text.

    Example:
        facts = Relations(pretrained="bert", epochs=3).fit("data/facts", out="runs/facts")
        facts.predict(["王小明的父亲是王大明。"])
    """

    name = "relations"
    purpose = "find relations in texts: subject, predicate, object"
    reading = READING
    report = RelationsReport
    monitor = "micro_f1"

    method: str = option(
        "gplinker",
        "how relations are found: by links of subjects and objects, or (casrel) subjects first and "
        "then the objects of each",
        tuple(METHODS),
    )

    predicates: list[str] = learned(list, shown=False)
    decoder: Method = part()

    def open_data(self, data: Any) -> TextData[RelatedText]:
        return related_texts(data, seed=self.seed)

    def learn_labels(self, splits: TextSplits[RelatedText]) -> TextSplits[RelatedText]:
        self.predicates = predicates_of(splits.train)
        return splits

    def describe(self, splits: TextSplits[RelatedText], texts: Sequence[Any]) -> None:
        cut, apart = [], []
        all_units, all_windows = self.units_of(splits.train)
        for text, units, windows in zip(splits.train, all_units, all_windows, strict=True):
            relations, cut_through = in_units(text, units)
            cut += [(text, one) for one in cut_through]
            apart += [(text, one) for one in outside_windows(relations, windows)]
        lengths = self.reader().lengths(all_units)
        note(summary(splits, self.reading, lengths, relation_lines(splits, cut, apart)))

    def build(self) -> keras.Model:
        """Builds the whole network: encoder, the first token of each unit, the method's part."""
        import keras

        inputs, features = self.unit_features()
        self.decoder = METHODS[self.method](self.predicates)
        outputs, layers = self.decoder.build(inputs, features)
        self.others.update(layers)
        return keras.Model(inputs, outputs)

    def columns(self, samples: Sequence[RelatedText], known: Mapping[str, list[Any]]) -> Columns:
        def label(sample: Any, units: Units) -> Any:
            return None if sample.relations is None else in_units(sample, units)[0]

        return self.window_columns(samples, label, in_window)

    def pass_batches(self, columns: Mapping[str, Sequence[Any]], number: int) -> list[Batch]:
        changes = self.decoder.columns_of_epoch(columns, self.seed, number)
        return super().pass_batches({**columns, **changes}, number)

    def outputs(self, columns: Mapping[str, Sequence[Any]]) -> list[tuple[Units, Answer]]:
        """Returns the units of each text, and the relations in them."""
        answers = self.decoder.answers(
            self.model,
            columns,
            rows=2 * self.batch_size,  # no memory is needed for gradients
            max_length=self.encoder.config.max_length,
        )
        return [
            (of_text[0][0].units, joined(of_text))
            for of_text in by_text(columns["window"], answers)
        ]

    def metrics(self, samples: Sequence[RelatedText], outputs: Any) -> dict[str, Any]:
        return relation_metrics(samples, outputs, self.predicates)

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(metrics, MOST_ROWS)

    def checked(self, samples: list[RelatedText]) -> list[RelatedText]:
        note_unknown(samples, self.predicates)
        return samples

    def unlabeled(self, text: PlainText | RelatedText) -> RelatedText:
        return RelatedText(text.text, None, text.where, extra=text.extra)

    def answer(self, sample: RelatedText, output: tuple[Units, Answer]) -> dict[str, Any]:
        units, answer = output
        relations = []
        for relation, probability in answer.relations:
            subject, predicate, target = in_characters(relation, units)
            relations.append(
                {
                    "subject": _mention(sample.text, subject),
                    "predicate": predicate,
                    "object": _mention(sample.text, target),
                    "probability": round(probability, 6),
                }
            )
        return {**sample.extra, "text": sample.text, "relations": relations}


def _mention(text: str, span: Span) -> dict[str, Any]:
    """Returns a subject or an object as `predict` returns it."""
    return {"text": text[slice(*span)], "start": span.start, "end": span.end}
