"""How weights are rounded to 8 and 4 bits."""

from __future__ import annotations

LARGEST = {"int8": 127, "int4": 7}  # largest magnitude of a rounded weight
GROUP = 32  # weights that share a scale in int4
