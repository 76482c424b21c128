from __future__ import annotations

import pytest

from hornbook.text.huggingface.merges import check_merges, read_merges
from hornbook.text.vocabulary_file import VocabularyError


def test_merges_are_read_in_order_with_or_without_a_version_line(tmp_path):
    path = tmp_path / "merges.txt"
    path.write_bytes(b"#version: 0.2\r\na b\r\n# #\r\n")
    assert read_merges(path) == [("a", "b"), ("#", "#")]
    path.write_text("# b\nab c\n", "utf-8")
    assert read_merges(path) == [("#", "b"), ("ab", "c")]


@pytest.mark.parametrize("line", ["a", "a b c", "a  b", " a", "a "])
def test_a_line_that_is_no_merge_is_named(tmp_path, line):
    (tmp_path / "merges.txt").write_text(f"#version: 0.2\n{line}\n", "utf-8")
    with pytest.raises(VocabularyError, match=r"merges\.txt:2: expected two pieces"):
        read_merges(tmp_path / "merges.txt")


def test_merges_combine_tokens_to_tokens():
    vocabulary = {"a": 0, "b": 1, "ab": 2, "##b": 3}
    check_merges(["a b", ("a", "b"), ["a", "b"]], vocabulary, "here")
    check_merges([("a", "##b")], vocabulary, "here", prefix="##")


@pytest.mark.parametrize("merge", ["b a", "a", ["a"], ["a", 1], 3, None, ["a", "b", "a"], "a c"])
def test_a_merge_that_does_not_fit_is_named(merge):
    with pytest.raises(VocabularyError, match="here: the merge"):
        check_merges([merge], {"a": 0, "b": 1, "ab": 2}, "here")
    with pytest.raises(VocabularyError, match="here: the merge"):
        check_merges([["a", "b"]], {"a": 0, "b": 1, "ab": 2}, "here", prefix="a long prefix")
