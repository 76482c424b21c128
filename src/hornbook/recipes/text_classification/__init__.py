"""Classifies texts."""

from hornbook.recipes.text_classification.recipe import TextClassification

__all__ = ["TextClassification"]
