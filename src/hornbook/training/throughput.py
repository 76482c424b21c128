"""Model FLOPs utilization (MFU): the FLOP per token of training, and the peak of the device."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

# FLOP/s of dense 16-bit matrix products, from data sheets, by a part of the device's name
PEAKS = {
    "H200": 989e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40": 181e12,
    "L4": 121e12,
    "A10": 125e12,
    "V100": 125e12,
    "T4": 65e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
    "TPU v5p": 459e12,
    "TPU v5 lite": 197e12,
    "TPU v4": 275e12,
    "TPU v3": 61e12,
}

MEASURED_SECONDS = 1.0  # the best of all tries counts, as other processes slow some down


def flops_per_token(transformer: Any, length: int, predicted: float) -> float:
    """Returns the FLOP per token of a training step: matrix products, forward and backward.

    Args:
        transformer: A `Transformer`, or an `EncoderDecoder`, whose halves both count as
            reading every token; built.
        length: Tokens per row; attention between all of them counts.
        predicted: Share of the tokens that go through the language head.
    """
    config = transformer.config
    stacks = [transformer]
    if config.encoder_decoder:
        stacks = [stack for stack in (transformer.encoder, transformer.decoder) if stack]
    total = 0.0
    for stack in stacks:
        repeated = stack.config.num_hidden_layers / len(stack.blocks)
        total += 2 * repeated * sum(_matrices(block) for block in stack.blocks)
        features = stack.config.head_size * stack.config.num_attention_heads
        total += 4 * stack.config.num_hidden_layers * length * features
        if stack.embedding_projection is not None:
            total += 2 * _matrices(stack.embedding_projection)
    if transformer.mlm is not None:
        total += 2 * predicted * _matrices(transformer.mlm)  # the token embedding is one of them
    return 3 * total


def _matrices(layer: Any) -> int:
    """Returns the number of weights in the matrices of a layer."""
    return sum(math.prod(v.shape) for v in layer.trainable_variables if len(v.shape) == 2)


def peak_flops(compute_dtype: str) -> tuple[float, str]:
    """Returns the peak FLOP/s of one device, and its source: the data sheet of a known device, else
    a measurement with one large matrix product."""
    import keras

    from hornbook.backend import accelerator

    name = device_name()
    if compute_dtype != "float32":
        for part, flops in PEAKS.items():
            if part in name:
                return flops, f"{name}, data sheet"
    size = 4096 if accelerator() else 1024
    x = keras.ops.cast(np.ones((size, size), "float32"), compute_dtype)
    best = math.inf
    first_start = time.perf_counter()
    while time.perf_counter() - first_start < MEASURED_SECONDS:
        start = time.perf_counter()
        # float32: NumPy cannot convert a bfloat16 scalar of TensorFlow
        keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.sum(keras.ops.matmul(x, x)), "float32"))
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best, f"{name}, measured with a matrix product"


def device_name() -> str:
    """Returns the name of the first device."""
    import keras

    from hornbook.backend import accelerator

    return accelerator() or f"{keras.config.backend()} on a CPU"
