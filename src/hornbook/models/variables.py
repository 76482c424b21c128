"""The weights of a model by the path of attributes that leads to each."""

from __future__ import annotations

from collections.abc import Iterator

import keras


def named_variables(layer: keras.layers.Layer) -> dict[str, keras.Variable]:
    """Every weight below a built `layer`, for example `blocks.0.attention.query.kernel`.

    The attribute path is what the weight tables use; Keras's own paths depend on the names
    that layers were given.  Random states are no weights and are left out.
    """
    return dict(_walk(layer, ""))


def _walk(layer: keras.layers.Layer, prefix: str) -> Iterator[tuple[str, keras.Variable]]:
    for variable in layer.weights:
        if variable.path == f"{layer.path}/{variable.name}":  # its own, not a sublayer's
            yield prefix + variable.name, variable
    # on torch a layer is a torch.nn.Module too, which keeps its layers in a dict of their own
    for name, value in {**vars(layer), **vars(layer).get("_modules", {})}.items():
        if name.startswith("_"):
            continue  # shared with another owner, or Keras's own bookkeeping
        if isinstance(value, keras.layers.Layer):
            yield from _walk(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            for number, item in enumerate(value):
                if isinstance(item, keras.layers.Layer):
                    yield from _walk(item, f"{prefix}{name}.{number}.")
