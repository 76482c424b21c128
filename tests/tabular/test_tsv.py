from __future__ import annotations

import pytest

from hornbook.data.readers.header_tables import read_table
from hornbook.data.texts.labeled import read_labeled_texts
from hornbook.errors import DataError
from hornbook.tabular.tsv import tsv_rows


def rows_of(text, width=None, **options):
    numbered = enumerate(text.splitlines(keepends=True), 1)
    return [(row.line, row.cells) for row in tsv_rows(numbered, width, **options)]


def test_each_line_is_a_row_even_if_it_starts_with_a_quote(tmp_path):
    lines = ['"A fine film\tpos', "dull and slow\tneg", 'the end came too late"\tneg']
    lines += [f"text {i}\t{label}" for i in range(4) for label in ("pos", "neg")]
    (tmp_path / "train.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n")
    (tmp_path / "valid.tsv").write_text("text\tlabel\ngood enough\tpos\nnot good\tneg\n")
    texts = read_labeled_texts(tmp_path)
    assert [f"{text.text}\t{text.labels[0]}" for text in texts] == lines


def test_quotes_with_a_reason_are_removed():
    assert rows_of('"say ""hi"""\tpos\n', 2) == [(1, ['say "hi"', "pos"])]
    assert rows_of('"milk, fresh"\t1\n', 2) == [(1, ["milk, fresh", "1"])]
    assert rows_of('"one\ttwo"\tpos\n', 2) == [(1, ["one\ttwo", "pos"])]


def test_quotes_without_a_reason_are_kept():
    assert rows_of('"Great"\tpos\n', 2) == [(1, ['"Great"', "pos"])]
    assert rows_of('"Yes," he said, "no"\tpos\n', 2) == [(1, ['"Yes," he said, "no"', "pos"])]
    assert rows_of('"Great"\t"pos"\n', 2, wrapped=True) == [(1, ["Great", "pos"])]


def test_a_quoted_header_means_that_all_cells_are_quoted(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('"text"\t"label"\n"Great"\t"pos"\n')
    assert list(read_table(path, columns=["text"])) == [(2, {"text": "Great", "label": "pos"})]


def test_a_line_break_in_quotes_joins_lines_that_are_no_rows_and_is_noted(tmp_path, capsys):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"id": [1, 2], "text": ["two\nlines", "one"], "label": ["x", "y"]})
    path = tmp_path / "a.tsv"
    frame.to_csv(path, sep="\t", index=False)
    assert [row["text"] for _, row in read_table(path)] == ["two\nlines", "one"]
    assert "2 rows from 3 lines: 1 row holds line breaks" in capsys.readouterr().err


def test_a_line_that_is_a_row_is_never_joined_to_another(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\n"broken\ngood\tpos\nend"\tneg\n')
    with pytest.raises(DataError, match=r"a.tsv:2: 1 cell, but the header has 2"):
        list(read_table(path))


def test_many_open_quotes_take_linear_time():
    text = "".join(f'"open {i}\n' for i in range(5_000))
    assert len(rows_of(text, 3)) == 5_000
