"""Heads that give each unit a tag: CRF, MEMM, and a softmax per unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.data.batches import pad, padded_length
from hornbook.data.entities.tag_schemes import (
    TokenSpan,
    bioes,
    bioes_tags,
    legal_pairs,
    parse_tag,
    spans_of,
)
from hornbook.recipes.spans.span_recipe import sample_loss
from hornbook.recipes.spans.text_windows import Units, Window, nearest_window
from hornbook.recipes.tagging.heads import (
    ILLEGAL,
    NOTHING,
    Head,
    Scored,
    Tagged,
)

if TYPE_CHECKING:
    from hornbook.layers.tagging.forward_backward import ForwardBackward

TRANSITION_MULTIPLIER = 100.0  # of the learning rate of a pretrained encoder
CELLS = 2**22  # of the scores that are decoded at once
CERTAIN = 1e3  # added to the scores of tags that are known


class TagHead(Head):
    """Gives each unit a tag, BIOES, and finds the best legal sequence of them.

    With `crf` and `memm` pairs of tags have scores that are learned; with `softmax` every unit
    answers for itself.

    Args:
        types: Types of the entities.
        pretrained: Whether the encoder is pretrained, so its learning rate is small.
        outside: Whether a unit may be outside of all entities; not in word segmentation.
        kind: `"crf"`, `"memm"` or `"softmax"`.
    """

    def __init__(self, types: Sequence[str], *, pretrained: bool, outside: bool, kind: str):
        super().__init__(types)
        self.pretrained = pretrained
        self.tags = bioes_tags(types, outside=outside)
        self.index = {tag: index for index, tag in enumerate(self.tags)}
        self.kind = kind
        size = len(self.tags)
        self.legal = np.zeros((size, size), bool)
        self.legal[tuple(np.array(list(legal_pairs(self.tags))).T)] = True
        prefixes = [parse_tag(tag).prefix for tag in self.tags]
        self.legal_start = np.array([prefix in ("O", "B", "S") for prefix in prefixes])
        self.legal_end = np.array([prefix in ("O", "E", "S") for prefix in prefixes])

    def build(
        self, features: Any, unit_mask: Any, type_scores: Any = None
    ) -> tuple[Any, dict[str, Any]]:
        import keras

        from hornbook.layers import CRF, MEMM

        size = len(self.tags)
        emissions = keras.layers.Dense(size, dtype="float32", name="emissions")
        scores = emissions(features)
        if type_scores is not None:
            kinds = [parse_tag(tag).type for tag in self.tags]
            of_type = np.array([[kind == one for kind in kinds] for one in self.types], "float32")
            scores = scores + keras.ops.matmul(type_scores, of_type)[:, None]
        # without scores of pairs the likelihood of a CRF is that of a softmax per unit
        learns = self.kind != "softmax"
        rules: dict[str, Any] = {}
        if learns:
            rules = {
                "allowed": self.legal,
                "allowed_start": self.legal_start,
                "allowed_end": self.legal_end,
            }
        multiplier = TRANSITION_MULTIPLIER if self.pretrained else 1.0
        layer = MEMM if self.kind == "memm" else CRF
        self.layer = layer(size, transition_multiplier=multiplier, name="transitions", **rules)
        self.layer.trainable = learns
        outputs = self.layer(scores, padding_mask=unit_mask)
        return outputs, {"emissions": emissions, "transitions": self.layer}

    def loss(self) -> Any:
        return sample_loss(self.layer.loss)

    def label(self, window: Window) -> list[int]:
        if window.units.gold is None:
            return []
        tags = bioes(window.last - window.first, window.gold())
        through = window.cut_through()
        return [
            self.index.get(tag, NOTHING) if index not in through else NOTHING
            for index, tag in enumerate(tags)
        ]

    def label_array(self, labels: list[Any], length: int) -> np.ndarray:
        return pad(labels, length, value=NOTHING)

    def read(self, outputs: np.ndarray, window: Window) -> np.ndarray:
        return np.asarray(outputs[: window.last - window.first])

    def tagged(
        self,
        texts: Sequence[Units],
        windows: Sequence[list[tuple[Window, Any]]],
        known: Sequence[Sequence[TokenSpan]] = (),
    ) -> list[Tagged]:
        emissions = [
            _joined(of_text, len(text.spans)) for text, of_text in zip(texts, windows, strict=True)
        ]
        for rows, spans in zip(emissions, known, strict=False):
            for first, last, kind in spans:
                tags = bioes(last - first + 1, [TokenSpan(0, last - first, kind)])
                rows[range(first, last + 1), [self.index[tag] for tag in tags]] += CERTAIN
        answers: dict[int, Tagged] = {}
        # an MEMM has a score for each pair of tags at each unit
        cells = len(self.tags) ** 2 if self.kind == "memm" else len(self.tags)
        for numbers in _batches([len(rows) for rows in emissions], cells):
            batch = self._tagged([texts[n] for n in numbers], [emissions[n] for n in numbers])
            answers.update(zip(numbers, batch, strict=True))
        return [answers[number] for number in range(len(texts))]

    def _tagged(self, texts: list[Units], emissions: list[np.ndarray]) -> Iterator[Tagged]:
        """Yields the entities of texts of similar length."""
        import keras

        from hornbook.layers.tagging.forward_backward import ForwardBackward
        from hornbook.layers.tagging.viterbi import viterbi

        lengths = np.array([len(rows) for rows in emissions])
        padded = np.zeros(
            (len(texts), padded_length(int(lengths.max())), len(self.tags)), "float32"
        )
        for row, rows in zip(padded, emissions, strict=True):
            row[: len(rows)] = rows
        real = np.arange(padded.shape[1]) < lengths[:, None]
        units, pairs, start, end = (
            np.asarray(keras.ops.convert_to_numpy(scores), np.float64)
            for scores in self.layer.potentials(padded, real)
        )
        best, _ = viterbi(
            units,
            np.where(self.legal, pairs, ILLEGAL),
            np.where(self.legal_start, start, ILLEGAL),
            np.where(self.legal_end, end, ILLEGAL),
            padding_mask=real,
        )
        sums = ForwardBackward(units, pairs, start, end, lengths)
        for number, (text, length) in enumerate(zip(texts, lengths, strict=True)):
            tags = best[number, :length].tolist()
            spans, _ = spans_of([parse_tag(self.tags[tag]) for tag in tags], "BIOES")
            probabilities = (
                sums.span_probability(number, first, tags[first : last + 1])
                for first, last, _ in spans
            )
            scored = [Scored(*pair) for pair in zip(spans, probabilities, strict=True)]
            yield Tagged(scored, self._loss(sums, number, text))

    def _loss(self, sums: ForwardBackward, number: int, text: Units) -> float:
        if text.gold is None:
            return float("nan")
        tags = [self.index.get(tag, NOTHING) for tag in bioes(len(text.spans), text.gold)]
        if NOTHING in tags:
            return float("nan")
        return sums.loss(number, tags, normalized=self.kind != "memm")


def _joined(windows: list[tuple[Window, Any]], length: int) -> np.ndarray:
    """Returns the emissions of the units of a text, each from the window it is deepest in."""
    if len(windows) == 1:
        return np.array(windows[0][1])
    best = nearest_window([window for window, _ in windows], length)
    rows = [windows[number][1][unit - windows[number][0].first] for unit, number in enumerate(best)]
    return np.array(rows)


def _batches(lengths: Sequence[int], cells: int) -> Iterator[list[int]]:
    """Yields indices of texts of similar length, as many as fit with `cells` scores per unit."""
    order = sorted(range(len(lengths)), key=lambda number: lengths[number])
    batch: list[int] = []
    for number in order:
        longest = max(1, lengths[number])
        if batch and (len(batch) + 1) * padded_length(longest) * cells > CELLS:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch
