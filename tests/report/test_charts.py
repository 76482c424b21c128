"""Properties of every chart, and the positions of the shapes of each kind."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.report import (
    bar_chart,
    calibration_chart,
    heat_map,
    histogram,
    line_chart,
    network_chart,
    scatter_chart,
)
from hornbook.report.charts.lettering import FONT_SIZE, text_width

SVG = "{http://www.w3.org/2000/svg}"
LONG = "这是一个很长很长的中文标签用来检查它不会被截断也不会重叠"

EXAMPLES = {
    "line": line_chart({"训练": ([1, 2, 3], [3, 2, 1.5]), "b": ([1, 2], [2, 2])}, x_label="step"),
    "many lines": line_chart({f"{LONG}{i}": ([1, 2], [i, 2]) for i in range(10)}, y_label=LONG),
    "bars": bar_chart({"a": 0.91, "F1": 0.87, "n": -0.2}, intervals={"F1": (0.85, 0.89)}),
    "long bars": bar_chart({LONG * 2: 3, "b": -1, "c": float("nan")}, x_label=LONG),
    "scatter": scatter_chart([1, 2, 3], [3, 1, 2], color=[1, 2, 3], size=[1, 5, 9], y_label="y"),
    "heat": heat_map([[8, 1], [0, 7]], rows=["不同", "same"], columns=["different", "相同"]),
    "turned heat": heat_map(np.eye(12) * 1000, rows=[LONG[:9]] * 12, columns=[LONG[:9]] * 12),
    "large heat": heat_map(np.eye(50), rows=["breed"] * 50, columns=["a breed"] * 50),
    "calibration": calibration_chart([0.1, 0.5, 0.9], [0.2, 0.4, 0.95], [100, 20, 300]),
    "histogram": histogram([1, 2, 2, 3, 3, 3], x_label=LONG, y_label="pairs"),
    "network": network_chart(
        {"面包": 2, LONG: 1, "milk": 3}, [("面包", "milk", 1), (LONG, "milk", 2)]
    ),
}


def read(svg):
    return ElementTree.fromstring(svg)


def texts(svg):
    return [("".join(t.itertext()), t) for t in read(svg).iter(f"{SVG}text")]


def box(words, element):
    """Returns left, top, right and bottom of a text that is not rotated."""
    width = text_width(words)
    x, y = float(element.get("x")), float(element.get("y"))
    left = x - {"middle": width / 2, "end": width}.get(element.get("text-anchor"), 0)
    return left, y - FONT_SIZE * 0.75, left + width, y + FONT_SIZE * 0.1


def shapes(svg, tag, word):
    return [e for e in read(svg).iter(SVG + tag) if word in (e.get("class") or "").split()]


def scale_of(svg, name):
    """Returns a function from positions to values of an axis, using two of its tick labels."""
    anchor = "middle" if name == "x" else "end"
    ticks = [
        (float(e.get(name)), float(words.replace("−", "-").replace(",", "")))
        for words, e in texts(svg)
        if e.get("class") == "tick" and e.get("text-anchor") == anchor
    ]
    places, values = zip(ticks[1], ticks[-2] if len(ticks) > 3 else ticks[-1], strict=True)
    shift = 0 if name == "x" else FONT_SIZE * 0.35
    slope = (values[1] - values[0]) / (places[1] - places[0])
    return lambda place: values[0] + (place - (places[0] - shift)) * slope


@pytest.mark.parametrize("svg", EXAMPLES.values(), ids=EXAMPLES)
def test_a_chart_is_valid_has_a_name_and_only_finite_positions(svg):
    root = read(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert root[0].tag == f"{SVG}title"
    for element in root.iter():
        for name, value in element.attrib.items():
            if name not in ("class", "aria-label"):
                assert not re.search(r"nan|inf|e[-+]", value), (name, value)
    assert "style=" not in svg


@pytest.mark.parametrize("svg", EXAMPLES.values(), ids=EXAMPLES)
def test_no_text_is_clipped_or_overlaps_another(svg):
    _, _, width, height = map(float, read(svg).get("viewBox").split())
    level = [(w, e) for w, e in texts(svg) if not e.get("transform")]
    boxes = [(words, box(words, element)) for words, element in level]
    for words, (left, top, right, bottom) in boxes:
        assert left >= -1, words
        assert right <= width + 1, words
        assert top >= 0, words
        assert bottom <= height, words
    for i, (words, a) in enumerate(boxes):
        for others, b in boxes[:i]:
            apart = a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]
            assert apart, (words, others)


@pytest.mark.parametrize("svg", EXAMPLES.values(), ids=EXAMPLES)
def test_rotated_names_stay_inside_the_chart(svg):
    _, _, width, _ = map(float, read(svg).get("viewBox").split())
    for words, element in texts(svg):
        if element.get("transform"):
            turn = np.radians(float(re.search(r"rotate\(([-\d.]+)", element.get("transform"))[1]))
            reach = text_width(words)
            assert float(element.get("x")) + reach * np.cos(turn) <= width + FONT_SIZE
            assert float(element.get("y")) + reach * np.sin(turn) >= 0


def test_long_names_are_drawn_completely():
    for name in ("many lines", "long bars", "network"):
        assert LONG in "".join(words for words, _ in texts(EXAMPLES[name]))


def test_lines_match_the_axes():
    x, y = np.array([0.0, 3.0, 7.0, 10.0]), np.array([5.0, -2.0, 0.5, 20.0])
    svg = line_chart({"a": (x, y)}, x_label="x", y_label="y")
    (path,) = shapes(svg, "path", "line")
    points = np.array(re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path.get("d")), dtype=float)
    np.testing.assert_allclose([scale_of(svg, "x")(p) for p in points[:, 0]], x, atol=0.05)
    np.testing.assert_allclose([scale_of(svg, "y")(p) for p in points[:, 1]], y, atol=0.1)


def test_points_match_the_axes_with_areas_proportional_to_their_sizes():
    x, y = np.array([1.0, 4.0, 9.0]), np.array([0.1, 0.7, 0.3])
    svg = scatter_chart(x, y, size=[1, 1, 1], tips=["a<b", "b", "c"])
    points = shapes(svg, "circle", "point")
    np.testing.assert_allclose(
        [scale_of(svg, "x")(float(p.get("cx"))) for p in points], x, atol=0.05
    )
    np.testing.assert_allclose(
        [scale_of(svg, "y")(float(p.get("cy"))) for p in points], y, atol=0.01
    )
    assert [p[0].text for p in points] == ["a<b", "b", "c"]
    large_first = shapes(scatter_chart(x, y, size=[1, 9, 4]), "circle", "point")
    radii = [float(p.get("r")) for p in large_first]
    assert radii == sorted(radii, reverse=True)
    assert len(set(radii)) == 3


def test_bars_are_as_long_as_their_values():
    svg = bar_chart({"a": 2.0, "b": 4.0, "c": -1.0})
    widths = [float(bar.get("width")) for bar in shapes(svg, "rect", "series-0")]
    assert widths[1] / widths[0] == pytest.approx(2, abs=0.01)
    assert widths[2] / widths[0] == pytest.approx(0.5, abs=0.01)


def test_a_histogram_counts_each_whole_number():
    values = [3, 3, 3, 5, 8, np.nan, np.inf]
    svg = histogram(values, x_label="length")
    tips = [column[0].text for column in shapes(svg, "rect", "column")]
    assert tips == ["2.5 – 3.5: 3", "4.5 – 5.5: 1", "7.5 – 8.5: 1"]
    assert "length  (2 × NaN/∞)" in [words for words, _ in texts(svg)]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_a_histogram_counts_every_value_once(values):
    svg = histogram(values)
    tips = [column[0].text for column in shapes(svg, "rect", "column")]
    assert sum(int(tip.rsplit(": ", 1)[1]) for tip in tips) == len(values)


def test_a_heat_map_is_strongest_where_the_value_is_largest():
    svg = heat_map([[8, 2], [1, 1]], rows=["a", "b"], columns=["c", "d"])
    cells = {e[0].text: e.get("class") for e in read(svg).iter(f"{SVG}rect") if len(e)}
    assert cells == {
        "a → c: 8": "heat-8",
        "a → d: 2": "heat-2",
        "b → c: 1": "heat-1",
        "b → d: 1": "heat-1",
    }
    by_row = heat_map([[8, 2], [1, 1]], rows=["a", "b"], columns=["c", "d"], color_by="row")
    cells = {e[0].text: e.get("class") for e in read(by_row).iter(f"{SVG}rect") if len(e)}
    assert cells["b → c: 1"] == "heat-4"
    assert {"8", "2", "1"} <= {words for words, _ in texts(svg)}


def test_calibrated_points_are_on_the_diagonal():
    values = np.array([0.1, 0.35, 0.8])
    svg = calibration_chart(values, values, [5, 1, 10])
    (line,) = shapes(svg, "line", "diagonal")
    x1, y1, x2, y2 = (float(line.get(name)) for name in ("x1", "y1", "x2", "y2"))
    for point in shapes(svg, "circle", "series-0"):
        share = (float(point.get("cx")) - x1) / (x2 - x1)
        assert float(point.get("cy")) == pytest.approx(y1 + share * (y2 - y1), abs=0.05)
    heights = [float(column.get("height")) for column in shapes(svg, "rect", "column")]
    assert heights[2] / heights[0] == pytest.approx(2, abs=0.02)


def test_missing_values_are_a_gap_in_the_line_and_counted():
    svg = line_chart({"loss": (range(6), [1, 2, np.nan, 3, np.inf, 4])}, x_label="step")
    (path,) = shapes(svg, "path", "line")
    assert path.get("d").count("M") == 3
    assert "step  (2 × NaN/∞)" in [words for words, _ in texts(svg)]


def test_a_long_series_keeps_its_extremes_in_a_small_chart():
    y = np.zeros(200_000)
    y[123_456], y[50_000] = 7.0, -7.0
    svg = line_chart({"a": (np.arange(len(y)), y)})
    assert len(svg) < 60_000
    (path,) = shapes(svg, "path", "line")
    heights = np.array(re.findall(r"[ML][-\d.]+ ([-\d.]+)", path.get("d")), dtype=float)
    value = scale_of(svg, "y")
    assert value(heights.min()) == pytest.approx(7, abs=0.1)
    assert value(heights.max()) == pytest.approx(-7, abs=0.1)


def test_a_mark_is_drawn_at_its_point_and_one_outside_is_not():
    series = {"a": ([0, 10], [0, 10])}
    svg = line_chart(series, marks=[(5, 5, "best"), (99, 5, "far"), (np.nan, 5, "nowhere")])
    (mark,) = shapes(svg, "circle", "mark")
    assert scale_of(svg, "x")(float(mark.get("cx"))) == pytest.approx(5, abs=0.1)
    words = {words for words, _ in texts(svg)}
    assert "best" in words
    assert not {"far", "nowhere"} & words


def test_a_logarithmic_axis_has_equal_ratios_at_equal_distances():
    svg = scatter_chart([1, 10, 100], [1e-5, 1e-3, 1e-1], x_scale="log", y_scale="log")
    places = [(float(p.get("cx")), float(p.get("cy"))) for p in shapes(svg, "circle", "point")]
    np.testing.assert_allclose(np.diff(places, axis=0)[0], np.diff(places, axis=0)[1], atol=0.02)
    assert "10⁻⁵" in {words for words, _ in texts(svg)}


@pytest.mark.parametrize(
    "svg",
    [
        line_chart({}),
        line_chart({"a": ([], [])}),
        line_chart({"a": ([1, 2], [np.nan, np.nan])}),
        line_chart({"a": ([1, 2], [-1, 0])}, y_scale="log"),
        bar_chart({}),
        histogram([np.nan]),
        scatter_chart([], []),
        heat_map(np.zeros((0, 0)), rows=[], columns=[]),
        calibration_chart([], [], []),
        network_chart([], []),
    ],
)
def test_nothing_to_draw_says_so(svg):
    assert [words for words, _ in texts(svg)] == ["no data · 无数据"]


def test_one_point_and_a_constant_have_an_axis_around_them():
    for values in ([5.0], [5.0, 5.0], [0.0]):
        svg = line_chart({"a": (np.arange(len(values)), values)})
        numbers = [w for w, e in texts(svg) if e.get("text-anchor") == "end"]
        assert len(set(numbers)) >= 2


numbers = st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 1e-300, 1e300, 1e15, 1e15 + 1]))
scales = st.sampled_from(["linear", "log"])


@given(st.lists(st.tuples(numbers, numbers), max_size=12), scales, scales)
@settings(max_examples=150)
def test_any_numbers_give_a_valid_chart(points, x_scale, y_scale):
    x, y = np.array(points).reshape(-1, 2).T
    options = {"x_scale": x_scale, "y_scale": y_scale}
    for svg in (
        line_chart({"a": (x, y), "b": (y, x)}, **options),
        scatter_chart(x, y, color=y, size=x, **options),
        bar_chart({str(i): float(v) for i, v in enumerate(y)}),
        histogram(x),
        heat_map(y[:, None], rows=["r"] * len(y), columns=["c"]),
        calibration_chart(np.clip(x, 0, 1), np.clip(y, 0, 1), np.abs(y)),
    ):
        for element in read(svg).iter():
            for name, value in element.attrib.items():
                if name not in ("class", "aria-label"):
                    assert not re.search(r"nan|inf", value), (name, value)


def test_inconsistent_arguments_are_a_value_error():
    with pytest.raises(ValueError, match="series 'a'"):
        line_chart({"a": ([1, 2], [1])})
    with pytest.raises(ValueError, match="linear, log"):
        line_chart({"a": ([1], [1])}, y_scale="square")
    with pytest.raises(ValueError, match="x and size"):
        scatter_chart([1, 2], [1, 2], size=[1])
    with pytest.raises(ValueError, match="1 tips for 2 points"):
        scatter_chart([1, 2], [1, 2], tips=["a"])
    with pytest.raises(ValueError, match="2 rows and 1 columns"):
        heat_map([[1, 2]], rows=["a", "b"], columns=["c"])
    with pytest.raises(ValueError, match="matrix, row"):
        heat_map([[1]], rows=["a"], columns=["c"], color_by="column")
    with pytest.raises(ValueError, match="three arrays"):
        calibration_chart([0.1], [0.1, 0.2], [1])
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration_chart([0.1], [1.2], [1])
    with pytest.raises(ValueError, match=r"unknown nodes: \['c'\]"):
        network_chart(["a", "b"], [("a", "c", 1)])


def test_an_axis_of_shares_shows_0_and_1():
    svg = line_chart({"a": ([1, 2], [0.4, 0.5])}, include=(0, 1))
    ticks = re.findall(r'class="tick"[^>]*>([^<]+)<', svg)
    assert {"0.0", "1.0"} <= set(ticks)
