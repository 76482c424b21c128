"""Network charts of directed edges, such as association rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hornbook.report.charts.axes import HEIGHT, WIDE, WIDTH
from hornbook.report.charts.canvas import Canvas, empty_chart, heat_class
from hornbook.report.charts.force_layout import place_nodes
from hornbook.report.charts.lettering import FONT_SIZE, LINE_HEIGHT, format_number, text_width, wrap

_NAME_WIDTH = 130.0


def network_chart(
    nodes: Mapping[str, float] | Sequence[str],
    edges: Sequence[tuple[str, str, float] | tuple[str, str, float, str]],
    *,
    directed: bool = True,
    title: str = "",
) -> str:
    """Draws names in boxes, and arrows between them, thicker for larger weights.

    Args:
        nodes: Names, or name to weight; heavier nodes have a stronger color.
        edges: `(source, target, weight)` or `(source, target, weight, tip)`.
        directed: Whether edges have arrow heads.
        title: Accessible name, for screen readers.

    Returns:
        SVG, as large as needed.

    Raises:
        ValueError: an edge names a node that is not in `nodes`.
    """
    weights = dict(nodes) if isinstance(nodes, Mapping) else dict.fromkeys(nodes, 0.0)
    title = title or f"network: {', '.join(weights)}"
    if not weights:
        return empty_chart(title, WIDTH, HEIGHT)
    number = {name: i for i, name in enumerate(weights)}
    unknown = sorted({end for edge in edges for end in edge[:2]} - set(number))
    if unknown:
        raise ValueError(f"edges name unknown nodes: {unknown}")
    pairs = np.array([(number[edge[0]], number[edge[1]]) for edge in edges], dtype=int)
    names = [wrap(name, _NAME_WIDTH) for name in weights]
    boxes = np.array([(max(map(text_width, n)) + 18, len(n) * LINE_HEIGHT + 10) for n in names])
    centers = place_nodes(boxes, pairs.reshape(-1, 2), widest=WIDE - 20) + 10
    width, height = (centers + boxes / 2).max(axis=0) + 10
    # a few standard widths, so that text is as large as in other charts
    canvas = Canvas(max(float(width), WIDTH if width <= WIDTH else WIDE), float(height), title)
    centers[:, 0] += (canvas.width - width) / 2
    heaviest = max((edge[2] for edge in edges if np.isfinite(edge[2])), default=0.0)
    for edge, (source, target) in zip(edges, pairs.tolist(), strict=True):
        share = edge[2] / heaviest if heaviest > 0 and np.isfinite(edge[2]) else 0.0
        tip = edge[3] if len(edge) == 4 else f"{edge[0]} → {edge[1]}: {format_number(edge[2])}"
        if source != target:
            _draw_edge(canvas, centers, boxes, source, target, max(share, 0.0), tip, directed)
    heaviest = max((w for w in weights.values() if np.isfinite(w)), default=0.0)
    for lines, (name, weight), center, box in zip(
        names, weights.items(), centers, boxes, strict=True
    ):
        share = weight / heaviest if heaviest > 0 and np.isfinite(weight) else 0.0
        tip = f"{name}: {format_number(weight)}" if weight else name
        _draw_node(canvas, lines, center, box, max(share, 0.0), tip)
    return canvas.svg()


def _draw_node(
    canvas: Canvas, lines: list[str], center: np.ndarray, box: np.ndarray, share: float, tip: str
) -> None:
    (x, y), (width, height) = center.tolist(), box.tolist()
    places = {"x": x - width / 2, "y": y - height / 2, "width": width, "height": height, "rx": 9}
    # only the lighter half of the colors, on which text is legible
    canvas.add("rect", f"node {heat_class(share * 0.4)}", tip=tip, **places)
    first = y - (len(lines) - 1) * LINE_HEIGHT / 2 + FONT_SIZE * 0.36
    canvas.lines(x, first, lines, "on-pale", anchor="middle")


def _draw_edge(
    canvas: Canvas,
    centers: np.ndarray,
    boxes: np.ndarray,
    source: int,
    target: int,
    share: float,
    tip: str,
    directed: bool,
) -> None:
    """Draws a slightly curved line from border to border, so that both directions show."""
    start, stop = centers[source], centers[target]
    along = stop - start
    bend = (start + stop) / 2 + np.array([-along[1], along[0]]) * (0.12 if directed else 0.0)
    thick = 1 + 3 * share
    start = _border(start, boxes[source], bend)
    tip_point = _border(stop, boxes[target], bend)
    heading = tip_point - bend
    heading = heading / max(float(np.linalg.norm(heading)), 1e-9)
    head = 4 + 1.2 * thick if directed else 0.0
    end = tip_point - heading * head
    path = "M{:.1f} {:.1f}Q{:.1f} {:.1f} {:.1f} {:.1f}".format(*start, *bend, *end)
    canvas.add("path", "edge", d=path, stroke_width=thick, tip=tip)
    if directed:
        side = np.array([-heading[1], heading[0]]) * head * 0.5
        corners = (tip_point, end + side, end - side)
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        canvas.add("polygon", "arrow", points=points)


def _border(center: np.ndarray, box: np.ndarray, toward: np.ndarray) -> np.ndarray:
    """Returns where the line from `center` to `toward` leaves the box."""
    away = toward - center
    with np.errstate(divide="ignore"):
        share = np.min((box / 2 + 1.5) / np.abs(away))
    border: np.ndarray = center + away * min(float(share), 1.0)
    return border
