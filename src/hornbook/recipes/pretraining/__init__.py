"""Pretrains a language model on raw text."""

from hornbook.recipes.pretraining.recipe import Pretraining

__all__ = ["Pretraining"]
