"""A head that scores every span, so that entities may overlap: EfficientGlobalPointer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from hornbook.data.entities.tag_schemes import TokenSpan
from hornbook.recipes.spans.pair_tables import loss_of_tables
from hornbook.recipes.spans.span_recipe import sample_loss
from hornbook.recipes.spans.text_windows import Units, Window, is_deepest
from hornbook.recipes.tagging.heads import Head, Scored, Tagged

Read = tuple[list[Scored], float]  # the spans of a window, and its loss


class PointerHead(Head):
    """Scores each pair of first and last unit for each type; above 0 it is an entity.

    Reference: https://kexue.fm/archives/8877
    """

    def build(
        self, features: Any, unit_mask: Any, type_scores: Any = None
    ) -> tuple[Any, dict[str, Any]]:
        from hornbook.layers import EfficientGlobalPointer

        pointer = EfficientGlobalPointer(len(self.types), name="pointer")
        scores = pointer(features, padding_mask=unit_mask)
        if type_scores is not None:
            scores = scores + type_scores[:, :, None, None]
        return scores, {"pointer": pointer}

    def loss(self) -> Any:
        import keras

        from hornbook.layers import span_crossentropy

        return sample_loss(
            lambda labels, scores: keras.ops.mean(span_crossentropy(labels, scores), axis=-1)
        )

    def label(self, window: Window) -> list[TokenSpan]:
        return window.gold()

    def label_array(self, labels: list[Any], length: int) -> np.ndarray:
        array = np.zeros((len(labels), len(self.types), length, length), bool)
        index = {kind: number for number, kind in enumerate(self.types)}
        for row, spans in zip(array, labels, strict=True):
            for first, last, kind in spans:
                row[index[kind], first, last] = True
        return array

    def read(self, outputs: np.ndarray, window: Window) -> Read:
        size = window.last - window.first
        scores = np.asarray(outputs[:, :size, :size], np.float64)
        spans = [
            Scored(
                TokenSpan(int(first) + window.first, int(last) + window.first, self.types[kind]),
                float(expit(scores[kind, first, last])),
            )
            for kind, first, last in np.argwhere(scores > 0)
        ]
        if window.units.gold is None:
            return spans, float("nan")
        labels = self.label_array([window.gold()], size)[0]
        possible = np.triu(np.ones_like(labels))
        return spans, loss_of_tables(labels, scores, possible) / len(labels)

    def tagged(
        self,
        texts: Sequence[Units],
        windows: Sequence[list[tuple[Window, Any]]],
        known: Sequence[Sequence[TokenSpan]] = (),
    ) -> list[Tagged]:
        answers = []
        for of_text in windows:
            spans: dict[TokenSpan, Scored] = {}
            in_order = [window for window, _ in of_text]
            for index, (_, (scored, _)) in enumerate(of_text):
                for one in scored:
                    if is_deepest(in_order, index, one.span.first, one.span.last):
                        spans[one.span] = one
            losses = [loss for _, (_, loss) in of_text]
            answers.append(Tagged(sorted(spans.values()), float(np.mean(losses))))
        return answers
