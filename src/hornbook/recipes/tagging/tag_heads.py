"""Heads that give each unit a tag: CRF, MEMM, and a softmax per unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hornbook.data.batches import pad
from hornbook.data.entities.tag_schemes import (
    bioes,
    bioes_tags,
    legal_pairs,
    parse_tag,
    spans_of,
)
from hornbook.layers.tagging.forward_backward import ForwardBackward
from hornbook.layers.tagging.viterbi import viterbi
from hornbook.recipes.tagging.heads import (
    NOTHING,
    Head,
    Scored,
    Tagged,
    nearest_window,
    window_loss,
)
from hornbook.recipes.tagging.units_of_texts import Units, Window

if TYPE_CHECKING:
    from hornbook.layers.tagging.forward_backward import ForwardBackward

FASTER = 100.0  # the transitions learn this much faster than a pretrained encoder
CELLS = 2**22  # of the scores that are decoded at once
ILLEGAL = -1e4  # score of a pair of tags that no sentence has


class TagHead(Head):
    """Gives each unit a tag, BIOES, and finds the best legal sequence of them.

    With `crf` pairs of tags have scores that are learned; with `softmax` every unit answers for
    itself.

    Args:
        types, pretrained: See `Head`.
        outside: Whether a unit may be outside of all entities; not in word segmentation.
        transitions: Whether to learn scores of pairs of tags.
    """

    overlaps: ClassVar[bool] = False

    def __init__(self, types: Sequence[str], *, pretrained: bool, outside: bool, transitions: bool):
        super().__init__(types, pretrained=pretrained)
        self.tags = bioes_tags(types, outside=outside)
        self.index = {tag: index for index, tag in enumerate(self.tags)}
        self.transitions = transitions
        size = len(self.tags)
        self.legal = np.zeros((size, size), bool)
        self.legal[tuple(np.array(list(legal_pairs(self.tags))).T)] = True
        prefixes = [parse_tag(tag).prefix for tag in self.tags]
        self.legal_start = np.array([prefix in ("O", "B", "S") for prefix in prefixes])
        self.legal_end = np.array([prefix in ("O", "E", "S") for prefix in prefixes])

    def build(self, features: Any, unit_mask: Any) -> tuple[Any, dict[str, Any]]:
        import keras

        from hornbook.layers.tagging.crf import CRF

        size = len(self.tags)
        emissions = keras.layers.Dense(size, dtype="float32", name="emissions")
        # without scores of pairs the likelihood of a CRF is that of a softmax per unit
        rules: dict[str, Any] = {}
        if self.transitions:
            rules = {
                "allowed": self.legal,
                "allowed_start": self.legal_start,
                "allowed_end": self.legal_end,
            }
        faster = FASTER if self.pretrained else 1.0
        self.crf = CRF(size, transition_multiplier=faster, name="crf", **rules)
        self.crf.trainable = self.transitions
        outputs = self.crf(emissions(features), padding_mask=unit_mask)
        return outputs, {"emissions": emissions, "crf": self.crf}

    def loss(self) -> Any:
        return window_loss(self.crf.loss)

    def label(self, window: Window) -> list[int]:
        if window.units.gold is None:
            return []
        tags = bioes(window.last - window.first, window.gold())
        through = window.cut_through()
        known = [
            self.index.get(tag, NOTHING) if index not in through else NOTHING
            for index, tag in enumerate(tags)
        ]
        return known

    def label_array(self, labels: list[Any], length: int) -> np.ndarray:
        return pad(labels, length, value=NOTHING)

    def read(self, outputs: np.ndarray, window: Window) -> np.ndarray:
        return np.asarray(outputs[: window.last - window.first])

    def tagged(
        self, texts: Sequence[Units], windows: Sequence[list[tuple[Window, Any]]]
    ) -> list[Tagged]:
        import keras

        emissions = [
            _joined(of_text, len(text.spans)) for text, of_text in zip(texts, windows, strict=True)
        ]
        scores = [np.asarray(keras.ops.convert_to_numpy(x), np.float64) for x in self.crf.scores()]
        answers: list[Tagged | None] = [None] * len(texts)
        for numbers in _batches([len(rows) for rows in emissions], len(self.tags)):
            batch = [emissions[number] for number in numbers]
            for number, answer in zip(
                numbers, self._answers(batch, [texts[n] for n in numbers], scores), strict=True
            ):
                answers[number] = answer
        return [answer for answer in answers if answer is not None]

    def _answers(
        self, emissions: list[np.ndarray], texts: list[Units], scores: list[np.ndarray]
    ) -> Iterator[Tagged]:
        from hornbook.layers.tagging.forward_backward import ForwardBackward

        lengths = np.array([len(rows) for rows in emissions])
        padded = np.zeros((len(emissions), max(1, lengths.max()), len(self.tags)))
        for row, rows in zip(padded, emissions, strict=True):
            row[: len(rows)] = rows
        real = np.arange(padded.shape[1]) < lengths[:, None]
        transitions, start, end = scores
        legal = [
            np.where(allowed, x, ILLEGAL)
            for allowed, x in zip(
                (self.legal, self.legal_start, self.legal_end), scores, strict=True
            )
        ]
        best, _ = viterbi(padded, legal[0], legal[1], legal[2], padding_mask=real)
        sums = ForwardBackward(padded, transitions, start, end, lengths)
        for number, (text, length) in enumerate(zip(texts, lengths, strict=True)):
            tags = best[number, :length].tolist()
            parsed = [parse_tag(self.tags[tag]) for tag in tags]
            spans, _ = spans_of(parsed, "BIOES")
            found = [
                Scored(
                    span,
                    sums.span_probability(number, span.first, tags[span.first : span.last + 1]),
                )
                for span in spans
            ]
            yield Tagged(found, self._loss(sums, number, text))

    def _loss(self, sums: ForwardBackward, number: int, text: Units) -> float:
        if text.gold is None:
            return float("nan")
        tags = [self.index.get(tag, NOTHING) for tag in bioes(len(text.spans), text.gold)]
        return float("nan") if NOTHING in tags else sums.loss(number, tags)


def _joined(windows: list[tuple[Window, Any]], length: int) -> np.ndarray:
    """Returns the emissions of the units of a text, each from the window it is deepest in."""
    if len(windows) == 1:
        return np.asarray(windows[0][1])
    best = nearest_window([window for window, _ in windows], length)
    rows = [windows[number][1][unit - windows[number][0].first] for unit, number in enumerate(best)]
    return np.array(rows)


def _batches(lengths: Sequence[int], tags: int) -> Iterator[list[int]]:
    """Yields indices of texts of similar length, as many as fit."""
    order = sorted(range(len(lengths)), key=lambda number: lengths[number])
    batch: list[int] = []
    for number in order:
        longest = max(1, lengths[number])
        if batch and (len(batch) + 1) * longest * tags > CELLS:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch
