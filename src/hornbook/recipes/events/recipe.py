"""Events in a text: what happened, and who or what had which role in it.

A Transformer reads the text.  GPLinker finds the arguments of all event types and roles, the
trigger being one of the roles, and links those of one event; arguments that are all linked with
each other are an event, so events may share arguments, and need no trigger
(https://kexue.fm/archives/8926).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook.data.events.event_data import READING, texts_with_events
from hornbook.data.events.event_text import TRIGGER, Argument, EventText
from hornbook.data.readers.text_rows import PlainText
from hornbook.data.texts.splits import TextData
from hornbook.data.texts.summary import TextSplits, summary
from hornbook.progress import note
from hornbook.recipes.events.event_linker import EventLinker
from hornbook.recipes.events.event_links import Graph, events_of, joined_graph
from hornbook.recipes.events.event_scores import (
    event_metrics,
    metrics_table,
    predicted_events,
    with_log_loss,
)
from hornbook.recipes.events.event_types import (
    event_lines,
    note_unknown,
    roles_of,
    types_with_triggers,
)
from hornbook.recipes.events.report import EventsReport
from hornbook.recipes.events.unit_events import Answer, Scored, in_characters, in_units, in_window
from hornbook.recipes.fields import learned, part
from hornbook.recipes.spans.text_windows import Units, Window, by_text
from hornbook.recipes.spans.whole_text_recipe import WholeTextRecipe
from hornbook.recipes.text_answers import Columns

if TYPE_CHECKING:
    import keras

MOST_ROWS = 20  # event types in the table that is printed


@dataclass(kw_only=True)
class Events(WholeTextRecipe):
    """Finds events in texts: their type, their trigger, and their arguments with roles.

    Learns from texts with events in any format of `hornbook.data.events`: a folder, a file, or rows
    in memory.  Texts of any length are read, in overlapping windows.  `evaluate` returns
    `precision`, `recall`, `f1` and `arguments` by event type, `micro_f1` of arguments (exact type,
    role and borders) and `event_micro_f1` of events that are right as a whole.  `predict` takes
    texts, or rows with a `text`, and returns the row with its `events`, in characters of the text.

    Example:
        news = Events(pretrained="bert", epochs=10).fit("data/news", out="runs/news")
        news.predict(["甲公司昨天收购了乙公司。"])
    """

    name = "events"
    purpose = "find events in texts: type, trigger, arguments with roles"
    reading = READING
    report = EventsReport
    monitor = "micro_f1"

    roles: dict[str, list[str]] = learned(dict, shown=False)  # of each event type
    triggered: list[str] = learned(list, shown=False)  # event types that never lack a trigger
    decoder: EventLinker = part()

    def open_data(self, data: Any) -> TextData[EventText]:
        return texts_with_events(data, seed=self.seed)

    def learn_labels(self, splits: TextSplits[EventText]) -> TextSplits[EventText]:
        self.roles = roles_of(splits.train)
        self.triggered = types_with_triggers(splits.train)
        return splits

    def describe(self, splits: TextSplits[EventText], texts: Sequence[Any]) -> None:
        units, windows = self.units_of(splits.train)
        lengths = self.reader().lengths(units)
        note(summary(splits, self.reading, lengths, event_lines(splits, units, windows)))

    def build(self) -> keras.Model:
        """Builds the whole network: encoder, the first token of each unit, tables of pairs."""
        import keras

        inputs, features = self.unit_features()
        self.decoder = EventLinker(self.roles)
        outputs, layers = self.decoder.build(features, inputs["unit_mask"])
        self.others.update(layers)
        return keras.Model(inputs, outputs)

    def columns(self, samples: Sequence[EventText], known: Mapping[str, list[Any]]) -> Columns:
        def label(sample: Any, units: Units) -> Any:
            return None if sample.events is None else in_units(sample, units)[0]

        return self.window_columns(samples, label, in_window)

    def outputs(self, columns: Mapping[str, Sequence[Any]]) -> list[tuple[Units, Answer]]:
        """Returns the units of each text, and the events in them."""
        windows, labels = columns["window"], columns["label"]
        graphs: list[dict[str, Graph]] = [{}] * len(windows)
        losses = [float("nan")] * len(windows)
        for number, tables in self.window_outputs(columns):
            size = windows[number].last - windows[number].first
            tables = tables[:, :size, :size]
            graphs[number] = self.decoder.graphs(tables)
            losses[number] = self.decoder.loss_of(labels[number], tables)
        values = list(zip(graphs, losses, strict=True))
        return [
            (of_text[0][0].units, self._answer(of_text)) for of_text in by_text(windows, values)
        ]

    def _answer(self, windows: Sequence[tuple[Window, tuple[dict[str, Graph], float]]]) -> Answer:
        """Returns the events of a text, from the graphs and the losses of its windows."""
        events: list[Scored] = []
        for kind in self.roles:
            graph = joined_graph([(window, graphs[kind]) for window, (graphs, _) in windows])
            events += events_of(kind, graph, kind in self.triggered)
        losses = [loss for _, (_, loss) in windows]
        events.sort(key=lambda one: (min(a.first for a in one.event.arguments), one))
        return Answer(events, sum(losses) / len(losses))

    def metrics(self, samples: Sequence[EventText], outputs: Any) -> dict[str, Any]:
        metrics = event_metrics(samples, predicted_events(outputs), list(self.roles))
        return with_log_loss(metrics, outputs)

    def table(self, metrics: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
        return metrics_table(metrics, MOST_ROWS)

    def checked(self, samples: list[EventText]) -> list[EventText]:
        note_unknown(samples, self.roles)
        return samples

    def unlabeled(self, text: PlainText | EventText) -> EventText:
        return EventText(text.text, None, text.where, text.extra)

    def answer(self, sample: EventText, output: tuple[Units, Answer]) -> dict[str, Any]:
        units, answer = output
        events = []
        for one, probability in answer.events:
            event = in_characters(one, units)
            row: dict[str, Any] = {"type": event.type}
            if event.trigger is not None:
                row["trigger"] = _mention(sample.text, event.trigger)
            row["arguments"] = [
                {"role": argument.role, **_mention(sample.text, argument)}
                for argument in event.arguments
                if argument.role != TRIGGER
            ]
            events.append({**row, "probability": round(probability, 6)})
        return {**sample.extra, "text": sample.text, "events": events}


def _mention(text: str, argument: Argument) -> dict[str, Any]:
    """Returns a trigger or an argument as `predict` returns it."""
    start, end = argument.start, argument.end
    return {"start": start, "end": end, "text": text[start:end]}
