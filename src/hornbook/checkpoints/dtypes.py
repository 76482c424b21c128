"""Number types by name, including bfloat16, which NumPy itself does not have."""

from __future__ import annotations

import numpy as np


def numpy_dtype(name: str) -> np.dtype:
    """Returns the NumPy type called `name`; bfloat16 comes from ml_dtypes."""
    if name == "bfloat16":
        import ml_dtypes

        name = ml_dtypes.bfloat16
    dtype: np.dtype = np.dtype(name)
    return dtype
