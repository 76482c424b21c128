"""Recomputing blocks for the gradient does not change it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from hornbook.models.variables import named_variables

pytestmark = pytest.mark.backend

IDS = np.arange(14).reshape(2, 7) % 11 + 5


class Trained(keras.Model):
    """Trains all weights, a condition and a bias to make the vectors small."""

    def __init__(self, transformer):
        super().__init__()
        self.transformer = transformer

    def build(self, shape=None):
        self.bias = self.add_weight(name="bias", shape=(1, 3, 7, 7), initializer="zeros")
        self.condition = self.add_weight(name="condition", shape=(2, 4), initializer="ones")

    def call(self, ids, training=None):
        x = self.transformer(
            ids,
            condition=ops.convert_to_tensor(self.condition),
            attention_bias=ops.convert_to_tensor(self.bias),
            document_ids=ops.ones_like(ids),
            training=training,
        )
        self.add_loss(ops.mean(x**4))
        return x


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_training_step_is_the_same_with_recomputing(tiny_transformer, dropout):
    results = {}
    for recompute in (False, True):
        keras.utils.set_random_seed(5)
        transformer = tiny_transformer(
            heads=(),
            condition_size=4,
            num_hidden_layers=1,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )
        transformer.recompute = recompute
        for name, variable in named_variables(transformer).items():
            if name.endswith(
                ("gamma_kernel", "beta_kernel")
            ):  # or the condition would have no effect
                variable.assign(np.full(variable.shape, 0.1))
        model = Trained(transformer)
        model.build()
        model.compile(keras.optimizers.SGD(0.01))
        before = {name: value(v) for name, v in named_variables(model).items()}
        losses = [float(model.train_on_batch(IDS)) for _ in range(2 if not dropout else 1)]
        after = {name: value(v) for name, v in named_variables(model).items()}
        changes = {name for name in after if (after[name] != before[name]).any()}
        changes = {
            name for name in changes if not name.endswith("key.bias")
        }  # whose gradient is only rounding
        results[recompute] = losses, after, changes
    losses, after, changes = results[True]
    np.testing.assert_allclose(losses, results[False][0], rtol=1e-5)
    assert changes == results[False][2] >= {"bias", "condition"}
    for name, expected in results[False][1].items():
        np.testing.assert_allclose(after[name], expected, atol=2e-5, err_msg=name)


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="about TensorFlow's graphs")
def test_the_gradient_does_not_read_a_weight_again(tiny_transformer):
    """Or TensorFlow's graph optimizer may let the update of the weight come before the reading."""
    import tensorflow as tf

    transformer = tiny_transformer(heads=(), num_hidden_layers=1)
    transformer.recompute = True

    weights = [variable.value for variable in transformer.blocks[0].trainable_variables]

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            loss = ops.mean(transformer(IDS, training=True) ** 4)
        return tape.gradient(loss, weights)

    graph = gradients.get_concrete_function().graph
    handles = {id(weight.handle) for weight in weights}
    names = [inner.name for outer, inner in graph.captures if id(outer) in handles]
    operations = [op for op in graph.get_operations() if op.type == "ReadVariableOp"]
    assert len(names) == len(weights)
    reads = [op.inputs[0].name for op in operations]
    assert sorted(name for name in reads if name in names) == sorted(names)


def value(variable):
    return np.array(ops.convert_to_numpy(variable.value))
