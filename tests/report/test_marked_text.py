from __future__ import annotations

import re

from hornbook.report import Mark, Page
from hornbook.report.marked_text import KINDS, marked_text
from hornbook.report.stylesheet import stylesheet


def test_spans_are_marked_and_labeled_and_may_overlap():
    marks = [Mark(0, 3, "right", "A"), Mark(1, 2, "wrong", "B")]
    assert marked_text("a<c.", marks) == (
        '<mark class="right">a</mark>'
        '<mark class="right wrong">&lt;</mark><small class="wrong">B</small>'
        '<mark class="right">c</mark><small class="right">A</small>.'
    )


def test_text_without_marks_is_only_escaped():
    assert marked_text("a & b", []) == "a &amp; b"


def test_the_page_has_a_key_and_a_style_for_every_class_it_uses():
    page = Page("x")
    page.add_marked_texts([("abc", [Mark(0, 1, kind, kind) for kind in KINDS], "a:1")])
    page.add_images([(b"GIF8", "an image")])
    page.add_table([["a", 1]], ["x", "y"])
    html = page.html()
    for names in re.findall('class="([^"]+)"', html.partition("</style>")[2]):
        for name in names.split():
            assert f".{name}" in stylesheet("en"), name


def test_lines_below_a_text_have_a_kind_each():
    page = Page("x")
    page.add_marked_texts([("abc", [], "a:1"), ("d", [], "a:2")], [[("missed", "a < b")], []])
    html = page.html()
    assert '<cite>a:1</cite><br><mark class="missed">missed</mark> a &lt; b</li>' in html
    assert "<cite>a:2</cite></li>" in html
