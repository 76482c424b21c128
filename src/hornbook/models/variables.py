"""The layers and the weights of a model by the path of attributes that leads to each."""

from __future__ import annotations

from collections.abc import Iterator

import keras


def named_layers(layer: keras.layers.Layer) -> dict[str, keras.layers.Layer]:
    """Every layer below `layer`, for example `blocks.0.attention.query`; itself as `""`.

    The attribute path is what the weight tables use; Keras's own paths depend on the names
    that layers were given.
    """
    return dict(_walk(layer, ""))


def named_variables(layer: keras.layers.Layer) -> dict[str, keras.Variable]:
    """Every weight below a built `layer`, for example `blocks.0.attention.query.kernel`.

    Random states are no weights and are left out.
    """
    return {
        f"{path}.{variable.name}".lstrip("."): variable
        for path, owner in _walk(layer, "")
        for variable in owner.weights
        if variable.path == f"{owner.path}/{variable.name}"  # its own, not a sublayer's
    }


def _walk(layer: keras.layers.Layer, path: str) -> Iterator[tuple[str, keras.layers.Layer]]:
    yield path, layer
    beginning = path and f"{path}."
    # on torch a layer is a torch.nn.Module too, which keeps its layers in a dict of their own
    for name, value in {**vars(layer), **vars(layer).get("_modules", {})}.items():
        if name.startswith("_"):
            continue  # shared with another owner, or Keras's own bookkeeping
        if isinstance(value, keras.layers.Layer):
            yield from _walk(value, f"{beginning}{name}")
        elif isinstance(value, list):
            for number, item in enumerate(value):
                if isinstance(item, keras.layers.Layer):
                    yield from _walk(item, f"{beginning}{name}.{number}")
