"""Random distortions of captchas for training.

A network memorizes a few hundred images within minutes.  Small random changes each time an image
is seen (shift, rotation, warp, brightness, color, noise, occlusion) prevent that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

GRID = (4, 2)  # cells of the warp mesh


def resized(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """Resizes for training and prediction alike: `(height, width, 3)` uint8."""
    from PIL import Image

    if image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image)


def distorted(pixels: np.ndarray, random: np.random.Generator, strength: float) -> np.ndarray:
    """Distorts an image without changing its text.

    Args:
        pixels: `(height, width, 3)` uint8.
        random: Determines all changes.
        strength: 0 for no change, 1 for strong changes; larger values are allowed.

    Returns:
        The same shape, uint8.
    """
    if not strength:
        return pixels
    pixels = _warped(pixels, random, strength)
    values = _recolored(pixels.astype(np.float32), random, strength)
    if random.random() < 0.3 * strength:
        values += random.normal(0, 12 * strength, values.shape).astype(np.float32)
    values = np.clip(values, 0, 255).astype(np.uint8)
    return _occluded(values, random) if random.random() < 0.3 * strength else values


def _warped(pixels: np.ndarray, random: np.random.Generator, strength: float) -> np.ndarray:
    """Shifts, scales, rotates and shears, and warps by a mesh with jittered knots."""
    from PIL import Image

    height, width = pixels.shape[:2]
    columns, rows = GRID
    x, y = np.meshgrid(np.linspace(-1, 1, columns + 1), np.linspace(-1, 1, rows + 1))
    angle = random.normal(0, 0.05) * strength
    scale = np.exp(random.normal(0, 0.07, 2) * strength)
    shear = random.normal(0, 0.12) * strength
    move = random.normal(0, (0.03, 0.06)) * strength
    across = width / height  # rotate in square coordinates, not in the image's proportions
    new_x = scale[0] * (x * np.cos(angle) - y * np.sin(angle) / across) + shear * y / across
    new_y = scale[1] * (y * np.cos(angle) + x * np.sin(angle) * across)
    new_x += move[0] + random.normal(0, 0.012, x.shape) * strength
    new_y += move[1] + random.normal(0, 0.05, y.shape) * strength
    new_x, new_y = (new_x + 1) * width / 2, (new_y + 1) * height / 2
    left = np.linspace(0, width, columns + 1).round().astype(int)
    top = np.linspace(0, height, rows + 1).round().astype(int)
    mesh = []
    for i in range(rows):
        for j in range(columns):
            corners = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
            quad = tuple(float(v) for c in corners for v in (new_x[c], new_y[c]))
            box = (int(left[j]), int(top[i]), int(left[j + 1]), int(top[i + 1]))
            mesh.append((box, quad))
    # fill from outside with the color of the image's border
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    background = np.median(edge, axis=0).astype(np.uint8)
    margin = max(2, height // 4)
    padded = np.empty((height + 2 * margin, width + 2 * margin, 3), np.uint8)
    padded[:] = background
    padded[margin:-margin, margin:-margin] = pixels
    moved = [(box, tuple(value + margin for value in quad)) for box, quad in mesh]
    image = Image.fromarray(padded)
    image = image.transform((width, height), Image.Transform.MESH, moved, Image.Resampling.BILINEAR)
    return np.asarray(image)


def _recolored(values: np.ndarray, random: np.random.Generator, strength: float) -> np.ndarray:
    """Changes contrast, brightness and color balance; now and then converts to gray."""
    mean = values.mean()
    gain = np.exp(random.normal(0, 0.15, 3) * strength).astype(np.float32)
    lift = (random.normal(0, 10, 3) * strength).astype(np.float32)
    values = (values - mean) * gain + mean + lift
    if random.random() < 0.2 * strength:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    return values


def _occluded(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draws a thin line or a small patch in a color of the image."""
    height, width = pixels.shape[:2]
    color = pixels[random.integers(height), random.integers(width)].copy()
    pixels = pixels.copy()
    if random.random() < 0.5:
        x = np.arange(width)
        start, end = random.uniform(0, height - 1, 2)
        y = np.rint(np.linspace(start, end, width)).astype(int)
        pixels[y, x] = color
        return pixels
    tall, wide = random.integers(2, max(3, height // 5)), random.integers(2, max(3, height // 5))
    top, left = random.integers(0, height - tall), random.integers(0, width - wide)
    pixels[top : top + tall, left : left + wide] = color
    return pixels
