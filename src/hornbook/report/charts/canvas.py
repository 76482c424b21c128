"""An SVG canvas: shapes and text, colored by CSS classes of the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hornbook.report.charts.lettering import LINE_HEIGHT, escape

SERIES_COLORS = 6  # `series-0` to `series-5` in the stylesheet
HEAT_COLORS = 9  # `heat-0` to `heat-8`
FIRST_STRONG = 6  # from this heat color on, text needs the inverse color


class Canvas:
    """Collects shapes; the origin is the upper left corner.

    Colors are CSS classes, so that one chart serves light mode, dark mode and print.
    """

    def __init__(self, width: float, height: float, title: str):
        self.width, self.height, self.title = width, height, title
        self._parts: list[str] = []

    def add(
        self, shape: str, classes: str = "", *, tip: str | None = None, **places: object
    ) -> None:
        """Adds a shape: `add("circle", "series-0", cx=4, cy=4, r=2, tip="loss 0.2")`."""
        inside = f"<title>{escape(tip)}</title>" if tip else ""
        self._parts.append(f"<{shape}{_attributes(classes, places)}>{inside}</{shape}>")

    def line(self, classes: str, x1: float, y1: float, x2: float, y2: float) -> None:
        """Adds a straight line."""
        self.add("line", classes, x1=x1, y1=y1, x2=x2, y2=y2)

    def polyline(self, classes: str, x: np.ndarray, y: np.ndarray) -> None:
        """Adds a line through points, interrupted at points that are not finite."""
        pen, commands = "M", []
        for left, top in zip(x.tolist(), y.tolist(), strict=True):
            if not np.isfinite(left + top):
                pen = "M"
                continue
            commands.append(f"{pen}{_number(left)} {_number(top)}")
            pen = "L"
        if commands:
            self.add("path", classes, d="".join(commands))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        classes: str = "",
        *,
        anchor: str = "start",
        turn: float = 0,
    ) -> None:
        """Adds a line of text whose baseline starts, ends or is centered at a point."""
        places: dict[str, object] = {"x": x, "y": y}
        if anchor != "start":
            places["text-anchor"] = anchor
        if turn:
            places["transform"] = f"rotate({_number(turn)} {_number(x)} {_number(y)})"
        self._parts.append(f"<text{_attributes(classes, places)}>{escape(words)}</text>")

    def lines(
        self, x: float, y: float, lines: Sequence[str], classes: str = "", *, anchor: str = "start"
    ) -> None:
        """Adds lines of text below each other; the first baseline is at `y`."""
        for number, words in enumerate(lines):
            self.text(x, y + number * LINE_HEIGHT, words, classes, anchor=anchor)

    def svg(self) -> str:
        """Returns the SVG, to be embedded in a page."""
        wide = " wide" if self.width > 520 else ""
        return (
            f'<svg class="chart{wide}" role="img" aria-label="{escape(self.title)}" '
            f'viewBox="0 0 {_number(self.width)} {_number(self.height)}" '
            f'width="{_number(self.width)}" height="{_number(self.height)}" '
            f'xmlns="http://www.w3.org/2000/svg"><title>{escape(self.title)}</title>'
            + "".join(self._parts)
            + "</svg>"
        )


def series_class(number: int) -> str:
    """Returns the class of series `number`; if colors repeat, lines are dashed or dotted."""
    again = min(number // SERIES_COLORS, 2)
    return f"series-{number % SERIES_COLORS}" + ("", " dashed", " dotted")[again]


def heat_class(share: float) -> str:
    """Returns the class of a cell whose value is `share`, 0 to 1, of the maximum."""
    return f"heat-{round(min(max(share, 0.0), 1.0) * (HEAT_COLORS - 1))}"


def ink_class(share: float) -> str:
    """Returns the class of text that is legible on `heat_class(share)`."""
    return "on-strong" if int(heat_class(share)[-1]) >= FIRST_STRONG else "on-pale"


def empty_chart(title: str, width: float, height: float) -> str:
    """Returns a chart that says that there is nothing to draw."""
    canvas = Canvas(width, height, title)
    canvas.add("rect", "empty", x=0.5, y=0.5, width=width - 1, height=height - 1, rx=6)
    canvas.text(
        width / 2, height / 2, "no data \u00b7 \u65e0\u6570\u636e", "faint", anchor="middle"
    )
    return canvas.svg()


def _attributes(classes: str, places: dict[str, object]) -> str:
    words = [f' class="{escape(classes)}"'] if classes else []
    for name, value in places.items():
        shown = _number(value) if isinstance(value, int | float) else value
        words.append(f' {name.replace("_", "-")}="{escape(shown)}"')
    return "".join(words)


def _number(value: float) -> str:
    shown = f"{float(value):.2f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown
