"""Hugging Face's transformers, an independent implementation."""

import warnings

import pytest


@pytest.fixture(scope="module")
def transformers():
    with warnings.catch_warnings():  # warnings of other packages at import
        warnings.simplefilter("ignore")
        pytest.importorskip("torch")
        library = pytest.importorskip("transformers")
        library.logging.set_verbosity_error()
        library.logging.disable_progress_bar()
        yield library
