"""The FLOP of a training step, counted by hand, and the peak of a device."""

from __future__ import annotations

import pytest

from hornbook.training import throughput
from hornbook.training.throughput import flops_per_token, peak_flops


def test_flops_are_those_of_the_matrix_products(tiny_transformer):
    model = tiny_transformer(
        heads=("mlm",),
        hidden_size=12,
        intermediate_size=20,
        num_hidden_layers=2,
        num_attention_heads=3,
        vocab_size=50,
    )
    kernels = 4 * 12 * 12 + 2 * 12 * 20
    attention = 2 * 12 * 16  # scores and weighted sums over 16 tokens
    head = 0.25 * (12 * 12 + 12 * 50)
    # 2 for a multiplication and an addition, 3 for the forward pass and twice that backward
    expected = 3 * 2 * (2 * (kernels + attention) + head)
    assert flops_per_token(model, 16, 0.25) == pytest.approx(expected)


@pytest.mark.backend
def test_a_known_device_is_looked_up_and_an_unknown_one_measured(monkeypatch):
    monkeypatch.setattr(throughput, "MEASURED_SECONDS", 0.01)
    monkeypatch.setattr(throughput, "device_name", lambda: "NVIDIA H100 80GB HBM3")
    assert peak_flops("bfloat16") == (989e12, "NVIDIA H100 80GB HBM3, data sheet")
    monkeypatch.setattr(throughput, "device_name", lambda: "jax on a CPU")
    peak, source = peak_flops("float32")
    assert peak > 1e6
    assert source == "jax on a CPU, measured with a matrix product"
    assert peak_flops("bfloat16")[0] > 1e6
