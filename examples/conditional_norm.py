"""Conditional layer normalization in a Keras model of your own.

python examples/conditional_norm.py
"""

import keras
import numpy as np

from hornbook.layers import ConditionalLayerNormalization

keras.utils.set_random_seed(0)
x = keras.Input((None, 8))
mood = keras.Input((), dtype="int32")
condition = keras.layers.Embedding(2, 4)(mood)
y = ConditionalLayerNormalization(condition_size=4)(keras.layers.Dense(8)(x), condition)
model = keras.Model([x, mood], keras.layers.GlobalAveragePooling1D()(keras.layers.Dense(1)(y)))

# the same numbers mean 0 in one mood and 1 in the other
inputs = np.random.default_rng(0).normal(size=(64, 5, 8)).astype("float32")
moods = np.arange(64) % 2
model.compile(keras.optimizers.Adam(0.02), "mse")
model.fit([inputs, moods], moods.astype("float32")[:, None], epochs=60, verbose=0)
print("mean squared error", round(float(model.evaluate([inputs, moods], moods, verbose=0)), 4))
