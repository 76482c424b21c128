"""Answers of a tagging model, as rows of JSON."""

from __future__ import annotations

from typing import Any

from hornbook.data.entities.tagged_text import TaggedText
from hornbook.recipes.spans.text_windows import Units
from hornbook.recipes.tagging.heads import Tagged


def answer_of(
    text: TaggedText, units: Units, tagged: Tagged, *, words: bool, has_corpora: bool
) -> dict[str, Any]:
    """Returns a text with its entities, in characters of the text, or with its words.

    Args:
        text: The text.
        units: Its units.
        tagged: The model's output for it.
        words: Whether the model segments.
        has_corpora: Whether the model knows several corpora.
    """
    answer: dict[str, Any] = {**text.extra, "text": text.text}
    if has_corpora:
        answer["corpus"] = text.corpus
    entities = [(units.entity(*span), probability) for span, probability in tagged.spans]
    if words:
        return {**answer, "words": [text.text[one.start : one.end] for one, _ in entities]}
    answer["entities"] = [
        {
            "start": one.start,
            "end": one.end,
            "type": one.type,
            "text": text.text[one.start : one.end],
            "probability": round(probability, 6),
        }
        for one, probability in entities
    ]
    return answer
