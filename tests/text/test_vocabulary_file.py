from __future__ import annotations

import pytest

from hornbook.errors import DataError
from hornbook.text.vocabulary_file import (
    VocabularyError,
    check_vocabulary,
    is_lowercase,
    read_vocabulary,
    write_vocabulary,
)

GOOD = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b", "天", "\u2028", "\u3000", "\x85x"]


def write(path, content):
    path.write_bytes(content)
    return path


def test_a_line_number_is_an_id_whatever_the_tokens_hold(tmp_path):
    path = tmp_path / "vocab.txt"
    write_vocabulary(path, GOOD)
    assert read_vocabulary(path) == GOOD
    assert path.read_bytes() == "".join(f"{token}\n" for token in GOOD).encode()


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_byte_order_marks_and_windows_line_ends_change_no_id(tmp_path, mark, line_end, end):
    content = mark + line_end.join(GOOD).encode() + (line_end.encode() if end else b"")
    assert read_vocabulary(write(tmp_path / "vocab.txt", content)) == GOOD


def test_every_problem_is_named_with_its_line(tmp_path):
    path = write(tmp_path / "vocab.txt", b"[PAD]\n[CLS]\na\n\na\n[SEP]\r\n[PAD]\n")
    with pytest.raises(VocabularyError) as caught:
        read_vocabulary(path)
    message = str(caught.value)
    assert str(path) in message
    assert "line 4: empty" in message
    assert "line 5: 'a' is already on line 3" in message
    assert "line 6: '[SEP]\\r' contains a line end" in message
    assert "line 7: '[PAD]' is already on line 1" in message
    assert "missing: [UNK], [SEP]" in message
    assert isinstance(caught.value, DataError)


def test_a_hundred_problems_are_counted_and_missing_tokens_still_named():
    with pytest.raises(VocabularyError) as caught:
        check_vocabulary(["a"] * 100)
    message = str(caught.value)
    assert "and 90 more" in message
    assert "missing: [PAD], [UNK], [CLS], [SEP]" in message
    assert len(message.splitlines()) < 15


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        ("[PAD]\n天气\n".encode("gb18030"), ":2: this vocabulary is not UTF-8"),
        ("[PAD]\n".encode("utf-16"), ":1: this vocabulary is not UTF-8"),
    ],
)
def test_files_that_are_no_vocabulary(tmp_path, content, message):
    with pytest.raises(VocabularyError, match=message):
        read_vocabulary(write(tmp_path / "vocab.txt", content))


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(VocabularyError, match="Could not read"):
            read_vocabulary(path)


def test_capital_letters_mean_a_cased_vocabulary():
    assert is_lowercase([*GOOD, "<S>", "[unused1]", "É天"])
    assert not is_lowercase([*GOOD, "##ING"])
    assert not is_lowercase([*GOOD, "A"])
