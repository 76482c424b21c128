"""Relations in texts: `hornbook train relations`."""

from hornbook.recipes.relations.recipe import Relations

__all__ = ["Relations"]
