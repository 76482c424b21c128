"""A function of arrays, compiled as each backend does it, once for each shape of its arguments.

JAX and TensorFlow compile it with XLA.  PyTorch would need a C++ compiler on the user's machine
for that, so there the function is recorded once, and then its tensor operations are replayed
without the Python of the layers in between.
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
    model: Any, function: Callable[..., Any], *, gives_last_away: bool = False, often: bool = False
) -> Callable[..., Any]:
    """`function` of arrays, compiled; it may use the model's weights.

    Args:
        model: A built layer.
        function: Of arrays, or dicts and lists of them.
        gives_last_away: Whether nobody needs the last argument afterwards: it is changed in place
            where a backend can.
        often: Whether it will be called with one shape again and again.
    """
    backend = keras.config.backend()
    if backend == "jax":
        return _by_jax(model, function, gives_last_away)
    if backend == "tensorflow":
        import tensorflow

        return tensorflow.function(function, jit_compile=often)
    return _recorded_by_torch(function) if often else _by_torch(function)


def _by_jax(model: Any, function: Callable[..., Any], gives_last_away: bool) -> Callable[..., Any]:
    import jax

    keep_compiled_functions()

    variables = model.variables  # asked once: it walks through all layers

    # the weights are an argument, or they would become constants of what is compiled
    def pure(values: Any, *arguments: Any) -> Any:
        with keras.StatelessScope(list(zip(variables, values, strict=True))):
            return function(*arguments)

    last = len(inspect.signature(function).parameters)
    jitted = jax.jit(pure, donate_argnums=(last,) if gives_last_away else ())
    return lambda *arguments: jitted([v.value for v in variables], *arguments)


def keep_compiled_functions() -> None:
    """Lets JAX keep what it compiles in the user's cache folder, for the next process.

    A user who has said where JAX shall keep it, or that it shall not, has the last word:
    `JAX_COMPILATION_CACHE_DIR`, `JAX_ENABLE_COMPILATION_CACHE=false`.  Nothing is kept where the
    folder cannot be written.  Other backends keep nothing.
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
    compilation_cache.reset_cache()  # by now it has looked once, and found no folder


def _by_torch(function: Callable[..., Any]) -> Callable[..., Any]:
    import torch

    def call(*arguments: Any) -> Any:
        with torch.inference_mode(), ids_already_checked():
            return function(*keras.tree.map_structure(_tensor, arguments))

    return call


def _recorded_by_torch(function: Callable[..., Any]) -> Callable[..., Any]:
    """The first call of each shape runs as it is, the second is recorded, the rest are replayed."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    graphs: dict[
        Any, tuple[Any, ...]
    ] = {}  # shapes -> what was recorded, and the form of its result

    def call(*arguments: Any) -> Any:
        with torch.inference_mode(), ids_already_checked():
            arguments = keras.tree.map_structure(_tensor, arguments)
            leaves = keras.tree.flatten(arguments)
            shapes = tuple((x.shape, x.dtype) for x in leaves)
            if shapes not in graphs:
                found = function(*arguments)
                graphs[shapes] = None, keras.tree.map_structure(lambda x: 0, found)
                return found
            graph, form = graphs[shapes]
            if graph is None:

                def flat(*leaves: Any) -> Any:
                    return keras.tree.flatten(
                        function(*keras.tree.pack_sequence_as(arguments, leaves))
                    )

                # recording runs it, and what it changes must not be changed twice
                graph = make_fx(flat)(*(leaf.clone() for leaf in leaves))
                graphs[shapes] = graph, form
            return keras.tree.pack_sequence_as(form, graph(*leaves))

    return call


def _tensor(x: Any) -> Any:
    return None if x is None else ops.convert_to_tensor(x)
