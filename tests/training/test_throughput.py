"""What a training step costs, counted by hand, and what a device is said to be able to do."""

from __future__ import annotations

import pytest

from hornbook.training import throughput
from hornbook.training.throughput import flops_per_token, peak_flops


def test_operations_are_those_of_the_matrix_products(tiny_transformer):
    model = tiny_transformer(
        heads=("mlm",),
        hidden_size=12,
        intermediate_size=20,
        num_hidden_layers=2,
        num_attention_heads=3,
        vocab_size=50,
    )
    kernels = 4 * 12 * 12 + 2 * 12 * 20
    attention = 2 * 12 * 16  # each of 16 tokens in scores and in sums
    head = 0.25 * (12 * 12 + 12 * 50)
    # 2 for a multiplication and its addition, 3 for forward and twice that back
    expected = 3 * 2 * (2 * (kernels + attention) + head)
    assert flops_per_token(model, 16, 0.25) == pytest.approx(expected)


@pytest.mark.backend
def test_a_known_device_is_looked_up_and_another_measured(monkeypatch):
    monkeypatch.setattr(throughput, "MEASURING", 0.01)
    monkeypatch.setattr(throughput, "device_name", lambda: "NVIDIA H100 80GB HBM3")
    assert peak_flops("bfloat16") == (989e12, "NVIDIA H100 80GB HBM3, data sheet")
    monkeypatch.setattr(throughput, "device_name", lambda: "jax on a processor")
    peak, source = peak_flops("float32")
    assert peak > 1e6
    assert source == "jax on a processor, measured with a matrix product"
    assert peak_flops("bfloat16")[0] > 1e6
