from __future__ import annotations

import pytest

from hornbook.text.wordpiece.joining import join_tokens


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("今 天 天 气", "今天天气"),
        ("我 用 python ##ic 写 《 代 码 》 。", "我用pythonic写《代码》。"),
        ("hello , world ! it ' s fine", "hello, world! it's fine"),
        ('he said " yes " and left', 'he said "yes" and left'),
        ("( a ) [ b ] { c }", "(a) [b] {c}"),
        ("3 . 14 , 1 , 000 , 2 at 12 : 30 .", "3.14, 1,000, 2 at 12:30."),
        ("e - mail a / b 50 % $ 5 # tag", "e-mail a/b 50% $5 #tag"),
        ("ａ ｂ ！ 😀 😀", "ａｂ！😀😀"),
        ("##ing a ##", "ing a ##"),
        ("", ""),
    ],
)
def test_joined_tokens_read_like_text(tokens, text):
    assert join_tokens(tokens.split()) == text
