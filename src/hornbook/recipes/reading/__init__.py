"""Answers to questions about passages: `hornbook train reading`."""

from hornbook.recipes.reading.recipe import ReadingComprehension

__all__ = ["ReadingComprehension"]
