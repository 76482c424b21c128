"""Classifies images."""

from hornbook.recipes.images.recipe import Images

__all__ = ["Images"]
