from __future__ import annotations

import pytest

from hornbook.data.entities.units import is_cjk, unit_spans


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("我在Beijing住了12年", ["我", "在", "Beijing", "住", "了", "12", "年"]),
        ("U.N. official", ["U", ".", "N", ".", "official"]),
        ("iPhone15发布！", ["iPhone", "15", "发", "布", "！"]),
        ("cafe\u0301 naïve", ["cafe\u0301", "naïve"]),
        ("हिन्दी है", ["हिन्दी", "है"]),
        ("a_b 😀", ["a", "_", "b", "😀"]),
        ("東京は𠀀", ["東", "京", "は", "𠀀"]),
        (" \t\n", []),
    ],
)
def test_a_text_is_cut_into_units(text, units):
    assert [text[start:end] for start, end in unit_spans(text)] == units


def test_chinese_punctuation_is_chinese():
    assert [is_cjk(character) for character in "中。！a!"] == [True, True, True, False, False]
    assert not is_cjk("")
