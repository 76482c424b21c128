from __future__ import annotations

import itertools

from hornbook.recipes.spans.text_windows import Units, Window, by_text, is_deepest

LENGTH = 16
UNITS = Units([(i, i + 1) for i in range(LENGTH)], [[5]] * LENGTH)
WINDOWS = [Window(0, UNITS, first, last) for first, last in ((0, 8), (6, 14), (12, 16))]


def margin(window, first, last):
    """Units between a span and the nearest border that is not one of the text; -1 outside."""
    if first < window.first or last >= window.last:
        return -1
    left = first - window.first if window.first else LENGTH
    return min(left, window.last - 1 - last if window.last < LENGTH else LENGTH)


def test_a_span_is_taken_from_the_window_in_which_it_is_farthest_from_a_border():
    taken = 0
    for first, last in itertools.combinations_with_replacement(range(LENGTH), 2):
        margins = [margin(window, first, last) for window in WINDOWS]
        for index, own in enumerate(margins):
            if own >= 0:
                assert is_deepest(WINDOWS, index, first, last) == (own == max(margins))
                taken += own == max(margins)
    assert taken > LENGTH


def test_windows_are_grouped_by_text_in_order():
    other = Window(1, UNITS, 0, 8)
    first, *_, last = WINDOWS
    groups = by_text([first, last, other], "abc")
    assert groups == [[(first, "a"), (last, "b")], [(other, "c")]]
