"""Compiles a function of arrays with the backend's compiler, once per shape of its arguments.

JAX and TensorFlow use XLA.  PyTorch would need a C++ compiler on the user's machine, so there the
tensor operations of the function are recorded once, and then replayed without the Python code of
the layers.
"""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from keras import ops

from hornbook.models.id_checks import ids_already_checked


def compiled(
    model: Any, function: Callable[..., Any], *, donate_last: bool = False, repeated: bool = False
) -> Callable[..., Any]:
    """Returns a compiled version of `function`, which may use the model's weights.

    Args:
        model: A built layer.
        function: A function of arrays, or of dicts and lists of arrays.
        donate_last: Whether the last argument is not used afterwards, so that the backend may
            update it in place.
        repeated: Whether it will be called many times with the same shapes.
    """
    backend = keras.config.backend()
    if backend == "jax":
        return _by_jax(model, function, donate_last)
    if backend == "tensorflow":
        import tensorflow

        return tensorflow.function(function, jit_compile=repeated)
    return _recorded_by_torch(function) if repeated else _by_torch(function)


def _by_jax(model: Any, function: Callable[..., Any], donate_last: bool) -> Callable[..., Any]:
    import jax

    keep_compiled_functions()

    variables = model.variables  # once, as this walks through all layers

    # the weights are an argument, or they would become constants of the compiled function
    def pure(values: Any, *arguments: Any) -> Any:
        with keras.StatelessScope(list(zip(variables, values, strict=True))):
            return function(*arguments)

    last = len(inspect.signature(function).parameters)
    jitted = jax.jit(pure, donate_argnums=(last,) if donate_last else ())
    return lambda *arguments: jitted([v.value for v in variables], *arguments)


def keep_compiled_functions() -> None:
    """Enables JAX's compilation cache in the user's cache folder, for later processes.

    The user's own settings take precedence: `JAX_COMPILATION_CACHE_DIR`,
    `JAX_ENABLE_COMPILATION_CACHE=false`.  There is no cache if the folder cannot be written, and
    none on other backends.
    """
    if keras.config.backend() != "jax":
        return
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    settings: Any = jax.config
    if settings.jax_compilation_cache_dir is not None or not settings.jax_enable_compilation_cache:
        return
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    try:
        folder = Path(home) / "hornbook" / "jax"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    compilation_cache.reset_cache()  # JAX may have decided already that there is no folder


def _by_torch(function: Callable[..., Any]) -> Callable[..., Any]:
    import torch

    def call(*arguments: Any) -> Any:
        with torch.inference_mode(), ids_already_checked():
            return function(*keras.tree.map_structure(_tensor, arguments))

    return call


def _recorded_by_torch(function: Callable[..., Any]) -> Callable[..., Any]:
    """Runs the first call of each shape, records the second, and replays the recording later."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    # shapes -> the recorded graph, and the structure of its result
    graphs: dict[Any, tuple[Any, ...]] = {}

    def call(*arguments: Any) -> Any:
        with torch.inference_mode(), ids_already_checked():
            arguments = keras.tree.map_structure(_tensor, arguments)
            leaves = keras.tree.flatten(arguments)
            shapes = tuple((x.shape, x.dtype) for x in leaves)
            if shapes not in graphs:
                result = function(*arguments)
                graphs[shapes] = None, keras.tree.map_structure(lambda x: 0, result)
                return result
            graph, structure = graphs[shapes]
            if graph is None:

                def flat(*leaves: Any) -> Any:
                    return keras.tree.flatten(
                        function(*keras.tree.pack_sequence_as(arguments, leaves))
                    )

                # recording runs it, and an update in place must not happen twice
                graph = make_fx(flat)(*(leaf.clone() for leaf in leaves))
                graphs[shapes] = graph, structure
            return keras.tree.pack_sequence_as(structure, graph(*leaves))

    return call


def _tensor(x: Any) -> Any:
    return None if x is None else ops.convert_to_tensor(x)
