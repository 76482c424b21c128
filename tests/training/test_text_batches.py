"""Batches for prediction."""

import keras
import numpy as np
import pytest

from hornbook.training.text_batches import predicted_batches


class Model:
    def predict_on_batch(self, inputs):
        self.rows = len(inputs["token_ids"])
        return np.arange(self.rows)[:, None]


@pytest.mark.backend
def test_a_single_text_is_a_full_batch_except_on_pytorch():
    model = Model()
    [(indices, outputs)] = predicted_batches(model, {"token_ids": [[1, 2]]}, rows=8)
    assert model.rows == (1 if keras.config.backend() == "torch" else 8)
    assert indices.tolist() == [0]
    assert outputs.tolist() == [[0]]
