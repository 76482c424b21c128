"""Training options that recipes share, with their usual defaults."""

from __future__ import annotations

from typing import Any

from hornbook.recipes.fields import option


def dropout_option(default: float = 0.2) -> Any:
    """Declares the dropout rate."""
    return option(default, "dropout rate", at_least=0, below=1)


def ema_option(default: float = 0.99) -> Any:
    """Declares the decay of the averaged weights."""
    meaning = "decay of the exponential moving average of the weights; 0 disables it"
    return option(default, meaning, at_least=0, below=1)


def patience_option(default: int = 0) -> Any:
    """Declares early stopping."""
    meaning = "epochs without improvement before training stops; 0 never stops early"
    return option(default, meaning, at_least=0)


def seed_option(of: str) -> Any:
    """Declares the random seed of what `of` names."""
    return option(0, f"random seed of {of}", at_least=0, at_most=2**32 - 1)
