"""Weights that users of bert4keras saved with Keras 2: names and arrays."""
