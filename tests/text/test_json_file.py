from __future__ import annotations

import pytest

from hornbook.text.json_file import read_object
from hornbook.text.vocabulary_file import VocabularyError


def test_half_of_a_surrogate_pair_is_refused_and_a_whole_pair_is_one_character(tmp_path):
    file = tmp_path / "vocab.json"
    file.write_text(r'{"😀": 0}', "utf-8")
    assert read_object(file) == {"😀": 0}
    file.write_text(r'{"a": 0, "\uD83D": 1}', "utf-8")
    with pytest.raises(VocabularyError, match=r"vocab.json: \\ud83d is half of a character"):
        read_object(file)
