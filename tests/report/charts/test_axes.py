from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.report.charts.axes import SMALLEST, Axis, fit_axis
from hornbook.report.charts.lettering import format_number, text_width, wrap
from hornbook.report.charts.line import spread


def labels(low, high, scale="linear", count=5):
    return [label for _, label in Axis(low, high, scale).ticks(count)]


def test_ticks_are_round():
    assert labels(0, 1) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert labels(-1, 1, count=4) == ["−1.0", "−0.5", "0.0", "0.5", "1.0"]
    assert labels(0, 12345) == ["0", "2,500", "5,000", "7,500", "10,000"]
    assert labels(0, 3e6, count=3) == ["0", "10⁶", "2·10⁶", "3·10⁶"]
    assert labels(0, 2e-5, count=4) == ["0", "0.5·10⁻⁵", "10⁻⁵", "1.5·10⁻⁵", "2·10⁻⁵"]
    assert labels(0.001, 1, "log") == ["0.001", "0.01", "0.1", "1"]
    assert labels(1e-5, 1e-3, "log") == ["10⁻⁵", "10⁻⁴", "10⁻³"]
    assert labels(2e-5, 9e-5, "log") == ["2·10⁻⁵", "5·10⁻⁵"]


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 8))
def test_ticks_are_in_the_range_equidistant_and_have_distinct_labels(low, width, count):
    axis = Axis(low, low + width)
    if axis.high - axis.low < 1e-6 * max(1.0, abs(low)):
        return  # narrower than fit_axis makes them for such numbers
    ticks = axis.ticks(count)
    values = np.array([value for value, _ in ticks])
    assert 1 <= len(values) <= count + 2
    margin = width * 1e-5
    assert values.min() >= axis.low - margin
    assert values.max() <= axis.high + margin
    assert np.ptp(np.diff(values)) <= margin if len(values) > 2 else True
    assert len({label for _, label in ticks}) == len(ticks)


@given(st.lists(st.floats(-1e12, 1e12), min_size=1), st.sampled_from(["linear", "log"]))
def test_an_axis_shows_all_values_it_was_fitted_to(values, scale):
    axis = fit_axis([np.array(values)], scale, round_ends=True)
    shown = [value for value in values if scale == "linear" or value > SMALLEST]
    if axis is None:
        assert not shown
        return
    places = axis.place(np.array(shown))
    assert places.min() >= -1e-6
    assert places.max() <= 1 + 1e-6


def test_a_number_has_four_digits():
    shown = {0.87123: "0.8712", 12300: "12,300", 0: "0", 1.0: "1", -0.5: "−0.5", 3e-5: "3·10⁻⁵"}
    assert {value: format_number(value) for value in shown} == shown
    assert [format_number(v) for v in (np.nan, np.inf, -np.inf)] == ["NaN", "∞", "−∞"]


@given(st.text(st.sampled_from("ab c中文字,mW"), max_size=40), st.floats(30, 200))
def test_wrapped_lines_fit_and_lose_only_spaces(text, width):
    lines = wrap(text, width)
    assert all(text_width(line) <= width + 1e-6 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_english_is_broken_at_spaces_and_chinese_anywhere():
    assert wrap("one two three", text_width("one two ")) == ["one two", "three"]
    assert wrap("一二三四五", text_width("一二三")) == ["一二三", "四五"]


@given(st.lists(st.floats(0, 100), max_size=6))
def test_spread_names_keep_their_distance_and_their_order(places):
    moved = spread(sorted(places), 10.0, 0.0, 100.0)
    assert all(right - left >= 10 - 1e-9 for left, right in pairwise(moved))
    assert all(-1e-9 <= place <= 100 + 1e-9 for place in moved)


def test_an_unknown_scale_is_a_value_error():
    with pytest.raises(ValueError, match="linear, log"):
        fit_axis([np.ones(2)], "cubic")
