"""Products with a `RoundedMatrix` by PyTorch's kernels for CPUs."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import torch

from hornbook.layers.matrices.rounding import GROUP
from hornbook.layers.tensors import Tensor

# 7 bits in each half: more could overflow on CPUs that accumulate products in 16 bits
_HALF, _MIDDLE = 63, 64


def kernel(kind: str, numbers: Tensor, scales: Tensor) -> Callable[..., Any] | None:
    """Returns a function from `x`, `(n, columns)`, to the product, `(n, rows)`, both in float32.

    Args:
        kind, numbers, scales: Those of the matrix.

    Returns:
        None on other devices, and where PyTorch was built without the kernel.
    """
    if numbers.device.type != "cpu":
        return None
    with torch.inference_mode(False), torch.no_grad():
        if kind == "int8" and "fbgemm" in torch.backends.quantized.supported_engines:
            return functools.partial(_eight_bits, _pack_eight_bits(numbers, scales))
        if kind == "int4" and hasattr(torch.ops.aten, "_weight_int4pack_mm_for_cpu"):
            return functools.partial(_four_bits, *_pack_four_bits(numbers, scales))
    return None


def _pack_eight_bits(numbers: Tensor, scales: Tensor) -> Tensor:
    engine = torch.backends.quantized.engine
    try:
        torch.backends.quantized.engine = "fbgemm"
        with (
            warnings.catch_warnings()
        ):  # such tensors are deprecated, but the kernel takes no others
            warnings.filterwarnings("ignore", "torch.quantize_per_tensor", UserWarning)
            zeros = torch.zeros(len(scales), dtype=torch.int64)
            tensor = torch._make_per_channel_quantized_tensor(
                numbers.detach().contiguous(), scales.detach().double(), zeros, 0
            )
        return torch.ops.quantized.linear_prepack(tensor, None)
    finally:
        torch.backends.quantized.engine = engine


def _eight_bits(packed: Any, x: Tensor) -> Tensor:
    """The kernel multiplies bytes, so each number of `x` becomes two, of 7 bits: the error is far
    below that of the rounded weights, and no row depends on another."""
    largest = x.abs().amax(dim=1, keepdim=True).clamp(min=1e-30)
    x = x * (_HALF / largest)
    high = torch.round(x)
    low = torch.round((x - high) * (2 * _HALF))
    y = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
        torch.cat([high, low]), 1.0, _MIDDLE, packed
    )
    count = x.shape[0]
    return (y[:count] + y[count:] / (2 * _HALF)) * (largest / _HALF)


def _pack_four_bits(numbers: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
    integers = torch.cat([numbers & 15, numbers >> 4], dim=1).to(torch.int32)
    packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(integers, 1)
    pairs = torch.stack([scales.T, torch.zeros_like(scales.T)], dim=2)  # scale and zero point
    return packed, pairs.to(torch.bfloat16).contiguous()


def _four_bits(packed: Any, pairs: Tensor, x: Tensor) -> Tensor:
    """The kernel is only fast in bfloat16, to which `x` is cast; that is finer than 4 bits."""
    padding = packed.shape[1] * 2 - x.shape[1]
    x = torch.nn.functional.pad(x, (0, padding)).to(torch.bfloat16)
    return torch.ops.aten._weight_int4pack_mm_for_cpu(x, packed, GROUP, pairs).float()
