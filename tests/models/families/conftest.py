"""Hugging Face's library, which computes the same in another way."""

import warnings

import pytest


@pytest.fixture(scope="module")
def transformers():
    with warnings.catch_warnings():  # what others warn of while they are imported
        warnings.simplefilter("ignore")
        pytest.importorskip("torch")
        library = pytest.importorskip("transformers")
        library.logging.set_verbosity_error()
        library.logging.disable_progress_bar()
        yield library
