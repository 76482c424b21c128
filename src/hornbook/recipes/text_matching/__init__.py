"""Decides whether two texts match."""

from hornbook.recipes.text_matching.recipe import TextMatching

__all__ = ["TextMatching"]
