"""hornbook: clear, fast, practical recipes and Transformers on Keras 3."""

from hornbook import backend as _backend

__version__ = "0.1.0"
__all__ = ["__version__", "load"]

_backend.choose()


def load(folder, **options):
    """Opens a model folder: see `hornbook.pretrained.load`."""
    from hornbook.pretrained import load

    return load(folder, **options)
