"""Entities and words in texts: `hornbook train tagging`."""

from hornbook.recipes.tagging.recipe import Tagging

__all__ = ["Tagging"]
