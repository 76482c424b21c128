"""The layers and weights of a model by their attribute paths."""

from __future__ import annotations

from collections.abc import Iterator

import keras


def named_layers(layer: keras.layers.Layer) -> dict[str, keras.layers.Layer]:
    """Returns all sublayers, for example `blocks.0.attention.query`, and the layer itself as `""`.

    The weight tables use attribute paths, because Keras's own paths depend on the names of layers.
    """
    return dict(_walk(layer, ""))


def named_variables(layer: keras.layers.Layer) -> dict[str, keras.Variable]:
    """Returns all weights of a built layer, for example `blocks.0.attention.query.kernel`.

    Random states are not weights, and not included.
    """
    return {
        f"{path}.{variable.name}".lstrip("."): variable
        for path, owner in _walk(layer, "")
        for variable in owner.weights
        if variable.path == f"{owner.path}/{variable.name}"  # its own, not a sublayer's
    }


def _walk(layer: keras.layers.Layer, path: str) -> Iterator[tuple[str, keras.layers.Layer]]:
    yield path, layer
    prefix = path and f"{path}."
    # on PyTorch a layer is also a torch.nn.Module, which has its sublayers in a separate dict
    for name, value in {**vars(layer), **vars(layer).get("_modules", {})}.items():
        if name.startswith("_"):
            continue  # shared with another owner, or Keras's own bookkeeping
        if isinstance(value, keras.layers.Layer):
            yield from _walk(value, f"{prefix}{name}")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, keras.layers.Layer):
                    yield from _walk(item, f"{prefix}{name}.{index}")
