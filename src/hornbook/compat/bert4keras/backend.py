"""`bert4keras.backend`: `keras`, `K`, and functions of tensors."""

from __future__ import annotations

from typing import Any

from keras import ops

from hornbook.compat import keras
from hornbook.compat.keras import functions as K
from hornbook.layers.tagging.masked_scores import MASKED
from hornbook.layers.tagging.multilabel_crossentropy import multilabel_crossentropy
from hornbook.layers.tensors import Tensor
from hornbook.training.optimizer_extensions import piecewise_linear as piecewise_linear

__all__ = ["K", "keras"]
is_tf_keras = False
_registered = keras.saving.register_keras_serializable("hornbook.compat")


@_registered
def gelu_erf(x: Tensor) -> Tensor:
    return ops.gelu(x, approximate=False)


@_registered
def gelu_tanh(x: Tensor) -> Tensor:
    return ops.gelu(x, approximate=True)


def set_gelu(version: str) -> None:
    """Chooses what `gelu` is in models built from now on: `"erf"` or `"tanh"`."""
    versions = {"erf": gelu_erf, "tanh": gelu_tanh}
    if version.lower() not in versions:
        raise ValueError(f"version is {version!r}, expected 'erf' or 'tanh'.")
    keras.utils.get_custom_objects()["gelu"] = versions[version.lower()]


@_registered
def swish(x: Tensor) -> Tensor:
    return ops.silu(x)


@_registered
def leaky_relu(x: Tensor, alpha: float = 0.2) -> Tensor:
    return ops.leaky_relu(x, alpha)


def root_mean_square(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    return ops.sqrt(ops.mean(ops.square(x), axis=axis, keepdims=keepdims))


def search_layer(inputs: Any, name: str, exclude_from: set[Any] | None = None) -> Any:
    """Returns the layer with a name among those that compute a tensor, or None."""
    searched = set() if exclude_from is None else exclude_from
    layer = inputs if isinstance(inputs, keras.Layer) else inputs._keras_history[0]
    if layer.name == name:
        return layer
    if layer in searched:
        return None
    searched.add(layer)
    for inner in getattr(layer, "layers", ()):
        if inner.name == name:
            return inner
    for node in layer._inbound_nodes[:1]:
        for tensor in node.input_tensors:
            if (above := search_layer(tensor, name, searched)) is not None:
                return above
    return None


def align(tensor: Tensor, axes: list[int], ndim: int | None = None) -> Tensor:
    """Adds axes of size 1, so that axis `i` becomes axis `axes[i]`."""
    ndim = ndim or max(axes) + 1
    indices: list[Any] = [None] * ndim
    for axis in axes:
        indices[axis] = slice(None)
    return tensor[tuple(indices)]


def sequence_masking(
    x: Tensor,
    mask: Tensor = None,
    value: Any = 0,
    axis: Any = None,
    bias: Tensor = None,
    return_mask: bool = False,
) -> Tensor:
    """Returns `x` with `value` where `mask`, `(batch, length)`, or a boolean `bias` is False.

    Args:
        x: Any shape that begins with the batch.
        mask: `(batch, length)`, True or 1 at tokens.
        value: A number, or `"-inf"` or `"inf"`.
        axis: The axis of the tokens, or a list of axes.  Defaults to 1.
        bias: Boolean, a second mask; otherwise added to `x`.
        return_mask: Whether to return the aligned mask too.
    """
    if bias is not None and K.dtype(bias) != "bool":
        x, bias = x + bias, None
    full = bias
    if mask is not None:
        ndim = len(x.shape)
        for each in [1] if axis is None else axis if isinstance(axis, list) else [axis]:
            aligned = align(ops.cast(mask, "bool"), [0, each % ndim], ndim)
            full = aligned if full is None else ops.logical_and(full, aligned)
    if full is not None:
        x = ops.where(full, x, ops.cast(float(value), x.dtype))
    return (x, full) if return_mask else x


def batch_gather(params: Tensor, indices: Tensor) -> Tensor:
    """Returns `params[..., indices, ...]` for each row: indices `(..., k)` into the axis where
    they stand."""
    indices = ops.cast(indices, "int32")
    axis = len(indices.shape) - 1
    for _ in range(len(params.shape) - len(indices.shape)):
        indices = indices[..., None]
    return ops.take_along_axis(params, indices, axis=axis)


def multilabel_categorical_crossentropy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """See `hornbook.layers.multilabel_crossentropy`; -inf is a masked score."""
    return multilabel_crossentropy(y_true, ops.maximum(y_pred, -1e12))


@_registered
def sparse_multilabel_categorical_crossentropy(
    y_true: Tensor, y_pred: Tensor, mask_zero: bool = False
) -> Tensor:
    """The same for the indices of positive labels, `(..., positives)`, without a vector of all.

    With `mask_zero`, index 0 pads the positives, and class 0 is not a class.

    Reference: https://kexue.fm/archives/7359
    """
    zeros = ops.zeros_like(y_pred[..., :1])
    y_pred = ops.concatenate([y_pred, zeros], axis=-1)
    padding = ops.cast(y_true, "int32") == 0 if mask_zero else ops.zeros_like(y_true, dtype="bool")
    if mask_zero:
        y_pred = ops.concatenate([zeros + MASKED, y_pred[..., 1:]], axis=-1)
    positive = batch_gather(y_pred, y_true)
    negated = ops.concatenate([ops.where(padding, MASKED, -positive), zeros], axis=-1)
    all_classes = ops.logsumexp(y_pred, axis=-1)
    share = ops.exp(ops.logsumexp(ops.where(padding, MASKED, positive), axis=-1) - all_classes)
    negative = all_classes + ops.log(ops.clip(1 - share, keras.config.epsilon(), 1))
    return ops.logsumexp(negated, axis=-1) + negative
