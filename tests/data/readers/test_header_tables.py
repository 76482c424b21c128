from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.data.readers.header_tables import read_table
from hornbook.errors import DataError


def write(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_common_delimiters_are_detected(tmp_path, delimiter, line_end):
    lines = [["source", "target", "label"], ["你好", 'a "b"', "1"], [f"x{delimiter}y", "z\nz", ""]]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows(lines)
    path = write(tmp_path / "a.csv", "\ufeff" + line_end + text.getvalue() + line_end)
    rows = list(read_table(path, columns=["source", "target"]))
    assert rows == [
        (3, {"source": "你好", "target": 'a "b"', "label": "1"}),
        (4, {"source": f"x{delimiter}y", "target": "z\nz", "label": ""}),
    ]


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=8)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_files_of_the_csv_writer_round_trip(tmp_path_factory, cells):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("a", "b"), *cells])
    kept = [row for row in cells if any(cell.strip() for cell in row)]
    assert [tuple(row.values()) for _, row in read_table(path, encoding="utf-8")] == kept


def test_a_missing_column_is_answered_with_the_nearest(tmp_path):
    path = write(tmp_path / "a.csv", "sourse,target,label\na,b,1\n")
    with pytest.raises(DataError) as caught:
        list(read_table(path, columns=["source", "query"]))
    assert f"{path}:1: the header lacks" in str(caught.value)
    assert "'source'.  Did you mean 'sourse'?" in str(caught.value)
    assert "'query'.  Known: label, sourse, target." in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a,b,a\n1,2,3\n", ":1: the column 'a' occurs twice"),
        ("a,b\n1,2\n1\n1,2,3\n", "2 problems"),
        ("a,b\n1,2\n\n1\n", ":4: 1 cell, but the header has 2: '1'"),
        ('a,b\n"1" x,2\n', ":2: line 2: 'x,2' after a quote that closes a cell"),
        ('a,b\n1,2\n3,"4\n5,6\n', ":3: a quote opens a cell here and is never closed"),
        ("a,b\n1,\x002\n", ":2: has NUL bytes"),
    ],
)
def test_tables_that_do_not_fit_are_refused_by_line(tmp_path, content, message):
    with pytest.raises(DataError) as caught:
        list(read_table(write(tmp_path / "a.csv", content)))
    assert message in str(caught.value)


def test_csv_of_chinese_excel_is_read(tmp_path, capsys):
    path = write(tmp_path / "a.csv", "甲,乙\r\n你好,世界\r\n".encode("gbk"))
    assert list(read_table(path)) == [(2, {"甲": "你好", "乙": "世界"})]
    assert "GB18030" in capsys.readouterr().err
