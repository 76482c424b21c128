"""Force-directed layout of a network: nodes near their neighbors, without overlap.

Springs pull connected nodes together while all push each other apart (Fruchterman and
Reingold 1991, https://doi.org/10.1002/spe.4380211102); then boxes that overlap are moved
apart.  Everything starts from a fixed spiral, so the same network always looks the same.
"""

from __future__ import annotations

import numpy as np

_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


def place_nodes(
    boxes: np.ndarray, edges: np.ndarray, *, widest: float, gap: float = 30.0
) -> np.ndarray:
    """Returns a center for each box, at least `gap` apart.

    Args:
        boxes: `(nodes, 2)` widths and heights.
        edges: `(edges, 2)` indices of the connected nodes.
        widest: Preferred maximum width; many boxes need more.
        gap: Minimum distance between two boxes.

    Returns:
        `(nodes, 2)` centers; the upper left corner of everything is `(0, 0)`.
    """
    count = len(boxes)
    turn = np.arange(count) * _GOLDEN_ANGLE
    spiral = np.sqrt(np.arange(count) + 0.5)[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
    places = _relax(spiral, edges) if count > 1 else spiral * 0
    # five times the area of the boxes, in landscape, at most as wide as a page
    area = 5 * float((boxes + gap).prod(axis=1).sum())
    wide = min(float(np.sqrt(area * 1.8)), widest)
    span = np.maximum(np.ptp(places, axis=0), 1e-9) if count else np.ones(2)
    places = places / span * [wide, area / wide] * 0.8
    places = _separate(places, boxes + gap)
    return places - (places - boxes / 2).min(axis=0) if count else places


def _relax(places: np.ndarray, edges: np.ndarray, rounds: int = 300) -> np.ndarray:
    """Relaxes springs of natural length 1, with decreasing steps."""
    for round_number in range(rounds):
        away = places[:, None] - places[None]  # (nodes, nodes, 2)
        distance = np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 0.01)
        force = (away / distance**2).sum(axis=1)
        force -= places * 0.15  # keeps unconnected parts close together
        if len(edges):
            along = places[edges[:, 0]] - places[edges[:, 1]]
            pull = along * np.linalg.norm(along, axis=1, keepdims=True)
            np.subtract.at(force, edges[:, 0], pull)
            np.add.at(force, edges[:, 1], pull)
        size = np.maximum(np.linalg.norm(force, axis=1, keepdims=True), 1e-9)
        longest = 0.5 * (1 - round_number / rounds) + 0.01
        places = places + force / size * np.minimum(size, longest)
    return places


def _separate(places: np.ndarray, boxes: np.ndarray, rounds: int = 1000) -> np.ndarray:
    """Pushes overlapping boxes apart, each pair along the shorter direction."""
    count = len(places)
    room = (boxes[:, None] + boxes[None]) / 2  # (nodes, nodes, 2)
    order = np.arange(count)
    side = np.where(order[:, None] > order[None], 1.0, -1.0)[..., None]
    for _ in range(rounds):
        away = places[:, None] - places[None]
        overlap = room - np.abs(away)
        overlap[order, order] = 0
        touching = (overlap > 0.01).all(axis=-1)
        if not touching.any():
            break
        direction = np.where(away != 0, np.sign(away), side)
        across = np.argmin(overlap, axis=-1)[..., None] == np.arange(2)
        push = np.where(touching[..., None] & across, direction * overlap, 0.0)
        places = places + push.sum(axis=1) * 0.3
    return places
