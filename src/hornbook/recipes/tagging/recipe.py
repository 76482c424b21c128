"""Named entity recognition and word segmentation.

A Transformer reads the text, and each of its units (a Chinese character, a word of letters, a
number) gets a tag: the beginning, inside or end of an entity of some type.  A CRF learns which tags
follow each other (https://kexue.fm/archives/5542); the head `pointer` scores every pair of first
and last unit instead, so entities may overlap (https://kexue.fm/archives/8373).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook.data.entities.tag_schemes import TokenSpan
from hornbook.data.entities.tagged_data import (
    READING,
    corpus_of,
    read_texts_to_tag,
    tagged_texts,
    text_to_tag,
)
from hornbook.data.entities.tagged_text import WORD, TaggedText
from hornbook.data.readers.problems import Problems
from hornbook.data.readers.text_rows import PlainText
from hornbook.data.texts.splits import TextData
from hornbook.data.texts.summary import TextSplits, summary
from hornbook.errors import OptionError
from hornbook.progress import note
from hornbook.recipes.fields import learned, option, part
from hornbook.recipes.named_condition import NamedConditionRecipe
from hornbook.recipes.spans.text_windows import Units, by_text
from hornbook.recipes.spans.whole_text_recipe import WholeTextRecipe
from hornbook.recipes.tagging.corpora import (
    check_corpus,
    corpus_lines,
    default_corpus,
    in_corpus,
    scores_of_types,
    types_of_corpora,
)
from hornbook.recipes.tagging.entity_answers import answer_of
from hornbook.recipes.tagging.entity_types import checked_types, entity_lines, without_overlaps
from hornbook.recipes.tagging.heads import Head, Tagged
from hornbook.recipes.tagging.pointer_head import PointerHead
from hornbook.recipes.tagging.report import TaggingReport, extraction_metrics, metrics_table
from hornbook.recipes.tagging.tag_heads import TagHead
from hornbook.recipes.tagging.user_words import UserWords, as_user_words
from hornbook.recipes.text_answers import Columns

if TYPE_CHECKING:
    import keras


@dataclass(kw_only=True)
class Tagging(NamedConditionRecipe, WholeTextRecipe):
    """Finds entities in texts, or their words.

    Learns from texts with entities in any format of `hornbook.data.entities`: a folder, a file, or
    rows in memory.  Texts of any length are read, in overlapping windows.  `evaluate` returns
    `precision`, `recall`, `f1` and `entities` by type, and `micro_f1`: exact borders and type.
    Several corpora, in a folder each or named by `corpus` in the rows, are the condition of every
    layer normalization; `evaluate` then has the same in `by_corpus`.
    `predict` takes texts, or rows with a `text`, and returns the row with its `entities`, in
    characters of the text; of a segmented text its `words`.

    Example:
        names = Tagging(pretrained="bert", epochs=3).fit("data/names", out="runs/names")
        names.predict(["王小明住在北京。"])
    """

    name = "tagging"
    purpose = "find entities or words in texts"
    reading = READING
    report = TaggingReport
    monitor = "micro_f1"
    kind = "corpus"

    head: str = option(
        "crf",
        "what decides: tags by a CRF, an MEMM or a softmax; or pointer: spans, which may overlap",
        ("crf", "memm", "softmax", "pointer"),
    )

    types: list[str] = learned(list)
    # of several corpora the types of each, the largest corpus first
    corpora: dict[str, list[str]] = learned(dict, optional=True)
    words: bool = learned(lambda: False)  # whether every unit is in a word: segmentation
    decoder: Head = part()

    @property
    def names(self) -> Sequence[str]:
        return list(self.corpora)

    def open_data(self, data: Any, name: str | None = None) -> TextData[TaggedText]:
        return tagged_texts(data, seed=self.seed, corpus=name or "")

    def learn_labels(self, splits: TextSplits[TaggedText]) -> TextSplits[TaggedText]:
        self.types = checked_types(splits.train, splits.valid)
        self.corpora = types_of_corpora(splits.train, splits.valid)
        self.words = self.types == [WORD]
        if self.words and self.head == "pointer":
            raise OptionError("Words do not overlap: segment with --head crf, memm or softmax.")
        if self.head != "pointer":
            without_overlaps([*splits.train, *splits.valid])
        return splits

    def describe(self, splits: TextSplits[TaggedText], texts: Sequence[Any]) -> None:
        reader = self.reader()
        units = reader.units(splits.train)
        lines = corpus_lines(splits, self.corpora) + entity_lines(splits, units)
        note(summary(splits, self.reading, reader.lengths(units), lines))

    def build(self) -> keras.Model:
        """Builds the whole network: encoder, the first token of each unit, head."""
        import keras

        inputs, features = self.unit_features()
        self.decoder = self.new_head()
        scores = scores_of_types(self.types, self.corpora)
        if scores is not None:
            scores = keras.ops.take(scores, inputs["corpus"], axis=0)
        outputs, layers = self.decoder.build(features, inputs["unit_mask"], scores)
        self.others.update(layers)
        return keras.Model(inputs, outputs)

    def new_head(self) -> Head:
        """Makes the head, by the options."""
        if self.head == "pointer":
            return PointerHead(self.types)
        return TagHead(
            self.types,
            pretrained=self.pretrained is not None,
            outside=not self.words,
            kind=self.head,
        )

    def columns(self, samples: Sequence[TaggedText], known: Mapping[str, list[Any]]) -> Columns:
        reader = self.reader()
        windows = reader.windows(reader.units(samples))
        return {
            **reader.columns(windows),
            **self.condition_columns([samples[window.sample] for window in windows]),
            "label": [self.decoder.label(window) for window in windows],
            "where": [samples[window.sample].where for window in windows],
            "window": list(windows),
        }

    def outputs(
        self,
        columns: Mapping[str, Sequence[Any]],
        known: Sequence[Sequence[TokenSpan]] = (),
    ) -> list[tuple[Units, Tagged]]:
        """Returns the units of each text, and the entities in them.

        Args:
            columns: See `columns`.
            known: See `Head.tagged`.
        """
        windows = columns["window"]
        kept: list[Any] = [None] * len(windows)
        for number, outputs in self.window_outputs(columns):
            kept[number] = self.decoder.read(outputs, windows[number])
        of_texts = by_text(windows, kept)
        texts = [parts[0][0].units for parts in of_texts]
        tagged = self.decoder.tagged(texts, of_texts, known)
        return list(zip(texts, tagged, strict=True))

    def metrics(self, samples: Sequence[TaggedText], outputs: Any) -> dict[str, Any]:
        return extraction_metrics(samples, outputs, self.types, self.corpora)

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(metrics)

    def checked(self, samples: list[TaggedText]) -> list[TaggedText]:
        checked_types(samples, [], self.types)
        super().checked(samples)
        for name, types in self.corpora.items():
            checked_types(in_corpus(samples, name), [], types, corpus=name)
        return samples

    def unlabeled(self, text: PlainText | TaggedText) -> TaggedText:
        corpus = text.corpus if isinstance(text, TaggedText) else ""
        return TaggedText(text.text, None, text.where, text.extra, corpus)

    def row_to_predict(self, row: Mapping[Any, Any], where: str) -> TaggedText:
        return text_to_tag(row, where)

    def own_name(self, sample: TaggedText) -> str:
        return sample.corpus or corpus_of(sample, Problems(stop_at_first=True))

    def default_name(self) -> str:
        return default_corpus(self.corpora)

    def read_to_predict(self, source: str | Path) -> Iterator[TaggedText]:
        return read_texts_to_tag(source)

    def predict_stream(
        self,
        samples: Iterable[Any],
        *,
        corpus: str | None = None,
        words: str | Path | Sequence[str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Answers for each text as it comes, in order, some at a time.

        Args:
            samples: Texts, or rows with a `text`; their own `corpus` takes precedence.
            corpus: Of a model of several corpora, the one whose guidelines to follow.  Defaults to
                the one with the most training texts.
            words: For segmentation: words that are never cut nor joined with others, as a list or
                the name of a file with a word per line.

        Yields:
            The row, `text`, of several corpora the `corpus`, and `entities` or `words`.

        Raises:
            OptionError: `words`, and the model finds entities; or an unknown `corpus`.
        """
        if words is not None and not self.words:
            raise OptionError("words is for segmentation; this model finds entities.")
        check_corpus(corpus, self.corpora)
        yield from self.in_chunks(
            samples,
            partial(self.as_sample, name=corpus),
            partial(self.answers, user_words=as_user_words(words)),
        )

    def example(self, data: Any) -> list[str]:
        [file] = super().example(data)
        corpus = self.name_of_data(file)
        return [file] if corpus is None else [file, "--corpus", corpus]

    def answers(
        self, samples: Sequence[TaggedText], user_words: UserWords | None = None
    ) -> Iterator[dict[str, Any]]:
        columns = self.columns([self.unlabeled(text) for text in samples], {})
        units_of_texts = [window.units for window in columns["window"] if window.first == 0]
        known = [
            user_words.spans(text.text, units) if user_words else []
            for text, units in zip(samples, units_of_texts, strict=True)
        ]
        for text, output in zip(samples, self.outputs(columns, known), strict=True):
            yield self.answer(text, output)

    def answer(self, sample: TaggedText, output: tuple[Units, Tagged]) -> dict[str, Any]:
        return answer_of(sample, *output, words=self.words, has_corpora=bool(self.corpora))
