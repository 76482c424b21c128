"""Events in texts: `hornbook train events`."""

from hornbook.recipes.events.recipe import Events

__all__ = ["Events"]
