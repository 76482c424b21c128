"""Checkpoints of tf.keras's objects, from `save_weights` without `.h5`.

The keys of the tensors follow the layers' order: `layer_with_weights-4/q_dense/kernel/...`; the
graph in the checkpoint itself also has the name of each variable, which begins with its layer's.

Reference: tensorflow/core/protobuf/trackable_object_graph.proto
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from hornbook.checkpoints.bert4keras.layer_names import plain_name, prefixes
from hornbook.checkpoints.tensorflow.tensor_bundle import OBJECT_GRAPH, TensorBundle
from hornbook.errors import CheckpointError
from hornbook.files import protobuf

_WEIGHT = re.compile(r"(?:.*/)?layer(?:_with_weights)?-\d+/(.+)/\.ATTRIBUTES/VARIABLE_VALUE")


class ObjectGraphCheckpoint:
    """The weights of a tf.keras model, without the state of its optimizer.

    Attributes:
        layers: Names of the layers with weights; the file does not name others.

    Args:
        bundle: The checkpoint as it is on disk, with an object graph.

    Raises:
        CheckpointError: the graph is damaged.
    """

    layout = "bert4keras"

    def __init__(self, bundle: TensorBundle):
        self._bundle = bundle
        self.files = bundle.files
        self.architecture: dict[str, dict[str, Any]] = {}  # see `Keras2File`
        try:
            full_names = dict(_variables(bundle.read_octets(OBJECT_GRAPH)))
        except ValueError as error:
            raise CheckpointError(
                f"The object graph in {bundle.index_path} is damaged: {error}."
            ) from None
        weights = []
        for key in bundle.names():
            match = _WEIGHT.fullmatch(key)
            if match and "/.OPTIMIZER_SLOT/" not in key:
                layer = full_names.get(key, "").partition("/")[0] or key.partition("/")[0]
                weights.append((layer, match[1], key))
        self.layers = list(dict.fromkeys(layer for layer, _, _ in weights))
        kinds = prefixes(self.layers)
        prefix = kinds[0] if len(kinds) == 1 else ""
        self._keys: dict[str, str] = {}
        for layer, within, key in weights:
            name = f"{plain_name(layer, prefix)}/{within}"
            if name in self._keys:
                raise CheckpointError(
                    f"{bundle.index_path} has two models: {name} is there twice, as {key} and as "
                    f"{self._keys[name]}."
                )
            self._keys[name] = key

    def names(self) -> list[str]:
        """Returns the names of all weights, sorted."""
        return sorted(self._keys)

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a weight."""
        return self._bundle.shape(self._keys[name])

    def dtype(self, name: str) -> np.dtype:
        """Returns the type of a weight; `object` if it does not hold numbers."""
        return self._bundle.dtype(self._keys[name])

    def read(self, name: str) -> np.ndarray:
        """Reads one weight and verifies its checksum."""
        return self._bundle.read(self._keys[name])

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Verifies the checksums of these weights, or of all."""
        self._bundle.verify([self._keys[name] for name in (names or self.names())])


def _variables(graph: bytes) -> Iterator[tuple[str, str]]:
    """Yields the key of each tensor in a TrackableObjectGraph, and the variable's full name."""
    for number, node in protobuf.fields(graph):
        if number == 1 and isinstance(node, bytes):
            for inner, attribute in protobuf.fields(node):
                if inner == 2 and isinstance(attribute, bytes):
                    texts = {n: v for n, v in protobuf.fields(attribute) if isinstance(v, bytes)}
                    if 2 in texts and 3 in texts:
                        yield texts[3].decode(), texts[2].decode()
