from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hornbook.text.streaming import WindowStream


def of_bytes(ids):
    return bytes(ids).decode("utf-8", "replace")


def of_words(ids):
    """A decoder that drops the spaces at the start, as SentencePiece's does."""
    return "".join(" ab中"[number] for number in ids).lstrip()


def test_a_character_is_returned_complete():
    stream = WindowStream(of_bytes)
    assert [stream.add(byte) for byte in "a中b".encode()] == ["a", "", "", "中", "b"]
    assert stream.finish() == ""


def test_half_a_character_is_returned_at_the_end():
    stream = WindowStream(of_bytes)
    assert [stream.add(byte) for byte in "中".encode()[:2]] == ["", ""]
    assert stream.finish() == "\ufffd"
    assert stream.finish() == ""


def test_bytes_that_never_become_a_character_do_not_stop_the_stream():
    stream = WindowStream(of_bytes)
    assert "".join(stream.add(0xFF) for _ in range(50)) == "\ufffd" * 46
    assert stream.finish() == "\ufffd" * 4


@given(st.lists(st.integers(0, 255), max_size=30))
def test_any_bytes_are_streamed_as_decoded_at_once(ids):
    stream = WindowStream(of_bytes)
    assert "".join([*map(stream.add, ids), stream.finish()]) == of_bytes(ids)


@given(st.lists(st.integers(0, 3), max_size=20))
def test_spaces_are_those_of_the_whole_text(ids):
    stream = WindowStream(of_words)
    assert "".join([*map(stream.add, ids), stream.finish()]) == of_words(ids)


def test_the_window_stays_small():
    lengths = []

    def decode(ids):
        lengths.append(len(ids))
        return of_bytes(ids)

    stream = WindowStream(decode)
    for _ in range(100):
        stream.add(ord("a"))
    assert max(lengths) <= 2
