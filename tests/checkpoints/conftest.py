"""Reference implementations for the tests of checkpoints, and variables without Keras."""

from __future__ import annotations

import importlib
import os
import warnings
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _imported(name):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():  # warnings of other packages at import
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


@pytest.fixture(scope="session")
def tensorflow():
    return _imported("tensorflow")


@pytest.fixture(scope="session")
def torch():
    return _imported("torch")


@pytest.fixture(scope="session")
def google_bert_shapes():
    """Returns a function from sizes to the names and shapes of a Google BERT checkpoint."""
    with pytest.MonkeyPatch.context() as patch:  # benchmarks import each other by name
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module("loading").google_bert_shapes


class FakeVariable:
    """A variable for `read_weights` and `write_weights`, without Keras."""

    def __init__(self, shape, dtype="float32"):
        self.shape = shape
        self.dtype = dtype
        self.value = np.zeros(shape, "float32" if dtype == "bfloat16" else dtype)
        self.assigned = 0

    def assign(self, value):
        assert value.shape == self.shape
        self.value = np.array(value)
        self.assigned += 1

    def __array__(self, dtype=None, copy=None):
        return self.value


@pytest.fixture
def make_variables():
    """Returns a function that makes variables from a dict of shapes, zero or random."""

    def make(shapes, random=None, dtype="float32"):
        variables = {path: FakeVariable(shape, dtype) for path, shape in shapes.items()}
        if random is not None:
            for variable in variables.values():
                variable.value = random.normal(size=variable.shape).astype(dtype)
        return variables

    return make
