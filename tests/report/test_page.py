import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from hornbook.report import Page, line_chart
from hornbook.report.charts.canvas import SERIES_COLORS, ink_class
from hornbook.report.stylesheet import _DARK, _LIGHT

EVIL = "<script>alert('1')</script> & \"quoted\" </style> \x1b\ud800\x00"


class Reader(HTMLParser):
    """Collects tags, attributes and text, as a browser would see them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.texts, self.open = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)


def full_page(text="hello"):
    page = Page(text, subtitle=text)
    page.add_heading(text)
    page.add_heading(text, level=3)
    page.add_text(text)
    page.add_key_values({text: text})
    page.add_table([[text, 1], [text, None]], [text, "n"])
    page.add_code(text)
    page.add_images([(b"\x89PNG\r\n\x1a\n...", text)])
    page.add_chart(line_chart({text: ([1, 2], [3, 4]), "b": ([1], [1])}, x_label=text), text)
    return page.html()


def test_markup_in_arguments_stays_text():
    plain, evil = Reader(full_page(re.sub(r"[^\w\s]", "a", EVIL))), Reader(full_page(EVIL))
    assert plain.tags == evil.tags
    assert [name for name, _ in plain.attributes] == [name for name, _ in evil.attributes]
    assert not plain.open
    assert not evil.open
    shown = "<script>alert('1')</script> & \"quoted\" </style> \ufffd\ufffd\ufffd"
    assert sum(shown in text for text in evil.texts) >= 10


def test_the_page_can_be_written_as_utf_8():
    assert "\ufffd" in full_page(EVIL).encode("utf-8").decode("utf-8")


def test_nothing_comes_from_outside_and_nothing_runs():
    html = full_page()
    reader = Reader(html)
    assert not {"script", "link", "iframe", "object", "form"} & set(reader.tags)
    outside = [
        (name, value)
        for name, value in reader.attributes
        if name in ("src", "href", "xlink:href", "style") or name.startswith("on")
    ]
    assert all(name == "src" and value.startswith("data:image/png;") for name, value in outside)
    assert "url(" not in html
    assert "@import" not in html


def test_every_class_of_a_page_has_a_style():
    html = full_page()
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL).group(1)
    names = {name for words in re.findall(r'class="([^"]*)"', html) for name in words.split()}
    assert {"images", "charts", "chart", "right", "subtitle", "scroll"} <= names
    assert not [name for name in names if not re.search(rf"\.{name}\b", style)]


def test_the_policy_allows_exactly_the_style_of_the_page():
    html = full_page()
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html).group(1)
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in policy


def test_parts_are_in_the_order_they_were_added():
    texts = " ".join(Reader(_ordered()).texts)
    places = [texts.index(word) for word in ("one", "two", "three", "four", "five")]
    assert places == sorted(places)


def _ordered():
    page = Page("one")
    page.add_chart(line_chart({}), "two")
    page.add_text("three")
    page.add_heading("four")
    page.add_chart(line_chart({}), "five")
    assert page.html() == page.html()
    return page.html()


def test_charts_added_in_a_row_share_one():
    page = Page("t")
    for _ in range(2):
        page.add_chart(line_chart({}), "c")
    page.add_text("between")
    page.add_chart(line_chart({}), "c")
    assert page.html().count('<div class="charts">') == 2


def test_the_language_is_declared():
    assert '<html lang="zh-Hans">' in Page("标题", language="zh").html()
    assert '<html lang="en">' in Page("t").html()
    with pytest.raises(ValueError, match="en, zh"):
        Page("t", language="fr")


def test_numbers_are_right_aligned_and_years_have_no_comma():
    page = Page("t")
    page.add_table([["a", 2026, 0.123456], ["b", None, 2e-5]], ["name", "year", "x"])
    html = page.html()
    assert (
        '<td class="whole">a</td><td class="right">2026</td><td class="right">0.1235</td>' in html
    )
    assert '<td class="whole">b</td><td class="right"></td><td class="right">2·10⁻⁵</td>' in html
    page.add_table([["a", 1]], ["x", "y"], align="cl")
    assert '<td class="center">a</td><td class="whole">1</td>' in page.html()


def test_invalid_arguments_are_value_errors():
    page = Page("t")
    with pytest.raises(ValueError, match="2 columns, but a row has 1"):
        page.add_table([[1]], ["a", "b"])
    with pytest.raises(ValueError, match="1 letters of l, r, c"):
        page.add_table([[1]], ["a"], align="x")
    with pytest.raises(ValueError, match="png, jpeg, gif"):
        page.add_images([(b"<svg onload=alert(1)>", "x")])
    with pytest.raises(ValueError, match="chart function"):
        page.add_chart("<script></script>", "x")
    with pytest.raises(ValueError, match="2 or 3"):
        page.add_heading("x", level=1)


def _linear(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def _luminance(color):
    linear = _linear(color)
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    """Returns the contrast ratio of WCAG 2.2."""
    low, high = sorted([_luminance(first), _luminance(second)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [_LIGHT, _DARK], ids=["light", "dark"])
def test_every_text_has_enough_contrast(theme):
    on_ground = [theme["ink"], theme["quiet"], *theme["series"].split()]
    assert min(contrast(color, theme["ground"]) for color in on_ground) >= 4.5
    assert contrast(theme["ink"], theme["panel"]) >= 4.5
    heat = theme["heat"].split()
    for number, cell in enumerate(heat):
        ink = theme[ink_class(number / (len(heat) - 1))]
        assert contrast(ink, cell) >= 4.5, number


# Machado et al. 2009, severity 1: transformations of linear red, green and blue
VISIONS = {
    "common": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def _lab(linear):
    white = XYZ.sum(axis=1)
    xyz = XYZ @ np.clip(linear, 0, 1) / white
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("theme", [_LIGHT, _DARK], ids=["light", "dark"])
def test_series_colors_differ_for_the_color_blind(theme, vision):
    colors = [_lab(np.array(VISIONS[vision]) @ _linear(c)) for c in theme["series"].split()]
    assert len(colors) == SERIES_COLORS
    distances = [np.linalg.norm(a - b) for a, b in itertools.combinations(colors, 2)]
    assert min(distances) > 12  # 2.3 is just noticeable


def test_light_and_dark_name_the_same_colors():
    assert {k: len(v.split()) for k, v in _LIGHT.items()} == {
        k: len(v.split()) for k, v in _DARK.items()
    }


def test_text_of_another_direction_is_isolated():
    page = Page("t")
    page.add_table([["שלום", "safe"], ["a\u202eb", "x\u2069y"]], ["text", "label"])
    html = page.html()
    assert "\u2068שלום\u2069" in html
    assert "\u2068a\u202eb\u202c\u2069" in html  # open controls are closed
    assert "\u2068xy\u2069" in html  # closing controls without an opening one are removed
    assert ">safe<" in html


def test_short_cells_are_not_broken_into_lines():
    page = Page("t")
    page.add_table([["a label of two words", "long " * 20]], ["label", "text"])
    assert '<td class="whole">a label of two words</td><td>long ' in page.html()
