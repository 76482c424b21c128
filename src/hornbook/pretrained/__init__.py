"""A model folder <-> a model with its tokenizer."""

from hornbook.pretrained.model import Pretrained
from hornbook.pretrained.opening.loading import load
from hornbook.pretrained.opening.model_folder import (
    CONFIG_NAMES,
    LAYOUTS,
    family_of,
    open_folder,
    policy,
    read_config_file,
    write_model,
)
from hornbook.pretrained.opening.sources.location import KERAS_WEIGHTS
from hornbook.pretrained.opening.weights import read_model

__all__ = [
    "CONFIG_NAMES",
    "KERAS_WEIGHTS",
    "LAYOUTS",
    "Pretrained",
    "family_of",
    "load",
    "open_folder",
    "policy",
    "read_config_file",
    "read_model",
    "write_model",
]
