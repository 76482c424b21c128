"""The formula of each kind of attention in NumPy, in float64, for one sequence and one head."""

from __future__ import annotations

import types

import numpy as np
import pytest


def softmax(scores, axis=-1):
    weights = np.exp(scores - scores.max(axis, keepdims=True))
    return weights / weights.sum(axis, keepdims=True)


def full(query, key, value, scale, visible=None):
    scores = query @ key.T * scale
    if visible is not None:
        scores = np.where(visible, scores, -np.inf)
    return softmax(scores) @ value


def segments(length, count):
    """The positions in each segment."""
    parts = [
        [position for position in range(length) if position * count // length == segment]
        for segment in range(count)
    ]
    return [part for part in parts if part]


def means(x, count):
    return np.stack([x[part].mean(0) for part in segments(len(x), count)])


def double_softmax(query, key, value, scale, num_landmarks):
    if min(len(query), len(key)) <= num_landmarks:
        return full(query, key, value, scale)
    landmark_values = full(means(query, num_landmarks), key, value, scale)
    return softmax(query @ means(key, num_landmarks).T * scale) @ landmark_values


def nystrom(query, key, value, scale, num_landmarks, landmark_inverse="iteration"):
    if min(len(query), len(key)) <= num_landmarks:
        return full(query, key, value, scale)
    query_landmarks, key_landmarks = means(query, num_landmarks), means(key, num_landmarks)
    middle = softmax(query_landmarks @ key_landmarks.T * scale)
    one = np.eye(num_landmarks)
    largest = np.abs(middle).sum(0).max() * np.abs(middle).sum(1).max()
    inverse = middle.T / largest
    for _ in range(6):
        product = middle @ inverse
        inverse = 0.25 * inverse @ (13 * one - product @ (15 * one - product @ (7 * one - product)))
    if landmark_inverse == "ridge":
        penalty = (4 / 13) ** 6 * np.abs(middle).sum(0).max()
        inverse = np.linalg.solve(middle.T @ middle + penalty * one, middle.T)
    left = softmax(query @ key_landmarks.T * scale)
    right = softmax(query_landmarks @ key.T * scale)
    return left @ inverse @ right @ value


FEATURES = {
    "elu": lambda x: np.where(x > 0, x + 1, np.exp(np.minimum(x, 0))),
    "relu": lambda x: np.maximum(x, 0),
    "squared_relu": lambda x: np.maximum(x, 0) ** 2,
}


def linear(query, key, value, scale, feature_map="elu", causal=False):
    if feature_map == "softmax":
        return softmax(query) @ (softmax(key, axis=0).T @ value)
    weights = FEATURES[feature_map](query) @ FEATURES[feature_map](key).T
    if causal:
        weights = np.tril(weights)
    return weights @ value / np.maximum(weights.sum(-1, keepdims=True), 1e-12)


def performer(query, key, value, scale, directions, causal=False):
    query, key = query * scale**0.5, key * scale**0.5
    query, key = (np.exp(x @ directions - (x**2).sum(-1, keepdims=True) / 2) for x in (query, key))
    weights = query @ key.T
    if causal:
        weights = np.tril(weights)
    return weights @ value / weights.sum(-1, keepdims=True)


def window(query, key, value, scale, window, causal=False):
    distance = np.arange(len(key))[None] - np.arange(len(query))[:, None]
    visible = np.abs(distance) <= window
    if causal:
        visible &= distance <= 0
    return full(query, key, value, scale, visible)


def window_landmarks(query, key, value, scale, window, num_landmarks):
    outputs = []
    for position, vector in enumerate(query):
        block = position // window
        near = set(range((block - 1) * window, (block + 2) * window))
        groups = [([n], 0.0) for n in range(len(key)) if n in near]
        for segment in segments(len(key), min(num_landmarks, len(key))):
            far = [n for n in segment if n not in near]
            if far:
                groups.append((far, np.log(len(far))))
        scores = np.array([vector @ key[group].mean(0) * scale + bias for group, bias in groups])
        outputs.append(softmax(scores) @ np.stack([value[group].mean(0) for group, _ in groups]))
    return np.stack(outputs)


@pytest.fixture
def reference():
    """The functions above, by the name of the kind."""
    functions = (double_softmax, full, linear, nystrom, performer, window, window_landmarks)
    return types.SimpleNamespace(**{function.__name__: function for function in functions})
