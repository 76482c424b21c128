from __future__ import annotations

import gzip
import io
import json
import sys
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.data.readers.header_tables import read_table
from hornbook.data.readers.json_lines import read_json_lines
from hornbook.data.readers.text_lines import MAX_LINE_BYTES
from hornbook.data.texts.pairs import read_pairs
from hornbook.errors import DataError, HornbookError

ROWS = [{"source": "今天", "target": "天气", "label": 1}, {"a": [1, {"b": None}]}, {}]
TEXT = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n"


def write(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(path, **options):
    return list(read_json_lines(path, **options))


def message(path, **options):
    with pytest.raises(DataError) as caught:
        rows(path, **options)
    return str(caught.value)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\n\n \t\n"])
def test_byte_order_mark_line_ends_and_blank_lines_change_no_row(tmp_path, mark, line_end):
    content = mark + TEXT.encode().replace(b"\n", line_end)
    parsed = rows(write(tmp_path / "a.jsonl", content))
    assert [row for _, row in parsed] == ROWS
    step = line_end.count(b"\n")
    assert [number for number, _ in parsed] == [1, 1 + step, 1 + 2 * step]


def test_gzip_and_standard_input_are_read_like_a_file(tmp_path, monkeypatch):
    with gzip.open(tmp_path / "a.jsonl.gz", "wb") as file:
        file.write(TEXT.encode())
    assert [row for _, row in rows(tmp_path / "a.jsonl.gz")] == ROWS
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    assert [row for _, row in rows("-")] == ROWS


def test_rows_are_read_lazily(monkeypatch):
    class Pipe(io.RawIOBase):
        lines = 0

        def readline(self, size=-1):
            Pipe.lines += 1
            return b'{"n": 1}\n'

    monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": Pipe()}))
    reader = read_json_lines("-")
    assert [next(reader), next(reader)] == [(1, {"n": 1}), (2, {"n": 1})]
    assert Pipe.lines == 2


def test_an_invalid_line_is_reported_with_column_and_beginning(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"a": 1}\n  {"text": "今天天气" "b": 2}' + " " * 80 + "\n")
    expected = message(path)
    assert f"{path}:2: column 19: " in expected
    assert '\'{"text": "今天天气" "b": 2}\'' in expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"text": "x", "text": "y"}', "the key 'text' occurs more than once"),
        ('{"a": {"b": 1, "b": 1}}', "the key 'b' occurs more than once"),
        ('[{"text": "x", "text": "y"}]', "the key 'text' occurs more than once"),
        ('{"a": -Infinity}', "-Infinity is not JSON"),
        ("[1]", "not a JSON object: '[1]'"),
        ("7", "not a JSON object"),
        ('{"a": ' + "[" * 200_000, "nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "integer string conversion"),
        ('{"a": "\0"}', "NUL bytes"),
        ("{'a': 1}", "column 2"),
        ("x" * 100, repr("x" * 40) + " ..."),
    ],
)
def test_lines_that_are_not_json_objects_are_refused(tmp_path, line, expected):
    assert expected in message(write(tmp_path / "a.jsonl", '{"a": 1}\n' + line + "\n"))


def test_all_problems_are_reported_at_once_and_many_are_counted(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"a": 1}\n' + "broken\n" * 47)
    expected = message(path)
    assert expected.startswith("47 problems")
    assert f"{path}:2:" in expected
    assert f"{path}:11:" in expected
    assert f"{path}:12:" not in expected
    assert "and 37 more" in expected
    assert "2 problems" not in message(path, stop_at_first=True)


def test_no_row_follows_an_invalid_one(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"a": 1}\nbroken\n{"a": 2}\n')
    given_rows = []
    with pytest.raises(DataError):
        given_rows += read_json_lines(path)
    reader = read_json_lines(path)
    assert next(reader) == (1, {"a": 1})
    with pytest.raises(DataError):
        next(reader)


def test_a_huge_line_is_refused_without_reading_it_whole(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"a": 1}\n{"a": "' + "x" * 5000 + '"}\n')
    assert f"{path}:2: the line is longer than" in message(path, max_line_bytes=1000)
    assert len(rows(path, max_line_bytes=6000)) == 2
    sizes = []

    class Endless(io.RawIOBase):
        def readline(self, size=-1):
            sizes.append(size)
            return b"x" * size

    old, sys.stdin = sys.stdin, type("Stdin", (), {"buffer": Endless()})
    try:
        assert "longer than 16 MiB" in message("-")
    finally:
        sys.stdin = old
    assert sizes == [MAX_LINE_BYTES + 1]


def test_gb18030_is_read_and_reported(tmp_path, capsys):
    path = write(tmp_path / "a.jsonl", ('{"a": 1}\n' + TEXT).encode("gb18030"))
    assert [row for _, row in rows(path)][1:] == ROWS
    assert "read as GB18030" in capsys.readouterr().err


def test_damaged_utf8_is_not_read_as_gb18030(tmp_path):
    content = TEXT.encode() + b'{"a": "' + b"\xcc\xec" + '气"}\n'.encode()
    expected = message(write(tmp_path / "a.jsonl", content))
    assert "a.jsonl:4: byte 8 of the line is not UTF-8" in expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_utf_16_and_utf_32_are_read(tmp_path, encoding, mark):
    path = write(tmp_path / "a.jsonl", (mark + TEXT).encode(encoding))
    assert [row for _, row in rows(path)] == ROWS
    damaged = write(tmp_path / "b.jsonl", ("\ufeff" + TEXT).encode("utf-16-le")[:-1])
    assert "is damaged: it is not valid UTF-16 text" in message(damaged)


def test_unreadable_files_are_reported(tmp_path):
    assert "There is no file" in message(tmp_path / "none.jsonl")
    assert "is a folder; name one file in it" in message(tmp_path)
    assert "Could not read" in message("a\0b")
    whole = gzip.compress(TEXT.encode() * 100)
    for content in (b"no gzip", whole[:-10], whole[:40] + b"\xff" * 20 + whole[60:]):
        assert "damaged .gz" in message(write(tmp_path / "a.jsonl.gz", content))


def test_half_an_emoji_is_replaced(tmp_path):
    path = write(tmp_path / "a.jsonl", r'{"a": "x\ud83d", "b": ["\ud83d\ude00"]}')
    assert rows(path) == [(1, {"a": "x\ufffd", "b": ["😀"]})]


SEED = [
    TEXT.encode(),
    TEXT.encode("gb18030"),
    b'\xef\xbb\xbf{"source": "a", "target": "b", "label": "1", "criterion": "A"}\r\n' * 3,
    'source,target,label\n"今,天",b,1\n"a\nb",c,0\n'.encode(),
    gzip.compress(TEXT.encode()),
    b"source\ttarget\tlabel\na\tb\t1\n",
]
CUT = st.tuples(st.integers(0, 120), st.integers(0, 6), st.binary(max_size=6))


@settings(max_examples=1500)
@given(st.sampled_from(SEED), st.lists(CUT, max_size=4), st.sampled_from(["jsonl", "csv", "gz"]))
def test_every_damaged_file_is_read_or_refused(tmp_path_factory, content, cuts, suffix):
    for start, length, new in cuts:
        content = content[:start] + new + content[start + length :]
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    path = write(folder / f"a.{suffix}", content)
    for read in (read_json_lines, read_table, read_pairs):
        with suppress(HornbookError):
            parsed = read(path)
            assert isinstance(parsed.pairs if read is read_pairs else list(parsed), list)
