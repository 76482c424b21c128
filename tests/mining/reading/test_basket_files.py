from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.errors import DataError, OptionError
from hornbook.mining import frequent_itemsets
from hornbook.mining.reading.basket_files import parse_lines, read_baskets
from hornbook.mining.reading.basket_layout import Layout
from hornbook.mining.reading.tables import from_columns


def baskets_of(baskets):
    return [tuple(sorted(map(str, baskets[i]))) for i in range(len(baskets))]


def write(folder, text, name="baskets.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a,b\nb,c d\n", None),
        ("a;b\nb;c d\n", None),
        ("a\tb\nb\tc d\n", None),
        ('a,b\nb,"c d"\n', None),
        ("a , b\r\n b,c d\r\n\r\n", None),
        ("a,b\nb,c d", "comma"),
        ("\ufeffa,b\nb,c d\n", None),
    ],
)
def test_separators_quotes_and_byte_order_marks_are_recognized(tmp_path, text, separator):
    baskets = read_baskets(write(tmp_path, text), separator=separator)
    assert baskets_of(baskets) == [("a", "b"), ("b", "c d")]


def test_blanks_are_the_separator_if_there_is_no_other(tmp_path):
    assert baskets_of(read_baskets(write(tmp_path, "a b\nb  c\n"))) == [("a", "b"), ("b", "c")]


def test_a_quoted_item_may_hold_the_separator_and_a_line_break(tmp_path):
    baskets = read_baskets(write(tmp_path, '"salt, fine",b\nb,"two\nlines"\n'))
    assert baskets_of(baskets) == [("b", "salt, fine"), ("b", "two\nlines")]


def test_a_stray_semicolon_does_not_determine_the_separator(tmp_path):
    baskets = read_baskets(write(tmp_path, "a,b\nb;x,c\na,c\n"))
    assert baskets_of(baskets)[1] == ("b;x", "c")


@given(st.lists(st.lists(st.integers(0, 10**6)), max_size=20), st.sampled_from([" ", "\t", "  "]))
def test_integers_parsed_by_numpy_are_the_same(lists, sign):
    text = "\n".join(sign.join(map(str, items)) for items in lists)
    if not text.strip():
        return
    baskets = parse_lines(text.encode(), "x", Layout())
    assert isinstance(baskets.labels, np.ndarray)
    expected = [tuple(sorted(map(str, set(items)))) for items in lists if items]
    assert baskets_of(baskets) == expected


@pytest.mark.parametrize("text", ["007 7\n7 1\n", "1234567890123456789012 7\n7 1\n", "-1 7\n7 1\n"])
def test_numbers_that_are_names_keep_their_spelling(text):
    baskets = parse_lines(text.encode(), "x", Layout())
    assert baskets_of(baskets) == [tuple(sorted(line.split())) for line in text.splitlines()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_chinese_is_read_in_common_encodings(tmp_path, encoding):
    path = write(tmp_path, "牛奶,面包\n面包,啤酒\n", encoding=encoding)
    assert baskets_of(read_baskets(path))[0] == tuple(sorted(["牛奶", "面包"]))


def test_gzip_files_are_decompressed_and_damaged_ones_named(tmp_path):
    content = gzip.compress(b"1 2\n2 3\n")
    (tmp_path / "a.dat.gz").write_bytes(content)
    assert len(read_baskets(tmp_path / "a.dat.gz")) == 2
    (tmp_path / "b.dat.gz").write_bytes(content[:-9])
    with pytest.raises(DataError, match="damaged"):
        read_baskets(tmp_path / "b.dat.gz")


def test_padding_at_line_ends_is_dropped(tmp_path):
    baskets = read_baskets(write(tmp_path, "a,b,,\nb,,,\n"))
    assert baskets_of(baskets) == [("a", "b"), ("b",)]


def test_an_empty_item_inside_a_line_is_named_or_dropped(tmp_path):
    path = write(tmp_path, "a,b\na,,c\n")
    with pytest.raises(DataError, match=r"1 items are empty \(lines 2\)"):
        read_baskets(path)
    baskets = read_baskets(path, missing="drop")
    assert baskets_of(baskets) == [("a", "b"), ("a", "c")]
    assert baskets.notes == ["1 empty items dropped."]


def test_repetitions_are_dropped_and_noted(tmp_path):
    for text in ("a,b,a\nb\n", "1 2 1\n2\n"):
        baskets = read_baskets(write(tmp_path, text))
        assert baskets.lengths.tolist() == [2, 1]
        assert baskets.notes == ["1 repetitions of an item in its basket dropped."]


def test_a_quote_that_is_never_closed_is_named_by_line(tmp_path):
    with pytest.raises(DataError, match=":2: a quote opens a cell here and is never closed"):
        read_baskets(write(tmp_path, 'a,b\n"a,c\nb,c\n'))


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_file_is_refused(tmp_path, text):
    with pytest.raises(DataError, match="empty"):
        read_baskets(write(tmp_path, text))


def test_a_missing_file_a_folder_and_an_image_are_refused(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        read_baskets(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="folder"):
        read_baskets(tmp_path)
    (tmp_path / "image.dat").write_bytes(b"\x89PNG\xff\x00\xfe\x81" * 9)
    with pytest.raises(DataError, match="not text"):
        read_baskets(tmp_path / "image.dat")


def test_a_table_with_a_row_per_item_becomes_baskets(tmp_path):
    path = write(tmp_path, "order_id,product\n7,milk\n3,bread\n7,bread\n7,milk\n")
    baskets = read_baskets(path, basket="order_id", item="product")
    assert sorted(baskets_of(baskets)) == [("bread",), ("bread", "milk")]


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        ({"order": ["1"], "product": ["a"]}, {"basket": "ordr", "item": "product"}, "'order'"),
        ({"order": ["1"], "product": ["a"]}, {"basket": "order"}, "both columns"),
        ({"o": [1, 2], "p": ["a", None]}, {"basket": "o", "item": "p"}, "rows 2"),
        ({"o": [1, 2], "p": ["a", float("nan")]}, {"basket": "o", "item": "p"}, "rows 2"),
        ({"o": [1, 2], "p": ["a", 5]}, {"basket": "o", "item": "p"}, "mixes text"),
        ({"a": [1.0, float("nan")]}, {}, "missing"),
        ({"a": [1, "x"]}, {}, "mixes text"),
        ({"a": []}, {}, "no rows"),
    ],
)
def test_an_unusable_table_is_refused(columns, options, words):
    with pytest.raises((DataError, OptionError), match=words):
        from_columns(columns, **options)


def test_rows_without_an_item_can_be_dropped():
    columns = {"o": [1, 1, 2], "p": ["a", None, "b"]}
    baskets = from_columns(columns, basket="o", item="p", missing="drop")
    assert baskets_of(baskets) == [("a",), ("b",)]
    assert baskets.notes == ["1 rows without 'o' or 'p' dropped."]


def test_yes_no_columns_are_items_and_others_have_values(tmp_path):
    baskets = read_baskets(write(tmp_path, "milk,bread\n1,0\n1,1\n"), table=True)
    assert baskets_of(baskets) == [("milk",), ("bread", "milk")]
    baskets = read_baskets(write(tmp_path, "sex,age\nf,20\nm,60\nm,70\nf,30\n"), table=True, bins=2)
    assert baskets_of(baskets)[0] == ("age=20..45", "sex=f")
    assert baskets_of(baskets)[2] == ("age=45..70", "sex=m")


def test_data_frames_matrices_and_lists_give_the_same_itemsets():
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("narwhals")
    sparse = pytest.importorskip("scipy.sparse")
    lists = [["a", "b"], ["b"], ["a", "b", "c"]]
    expected = frequent_itemsets(lists, 2).to_dict()
    hot = {name: [name in basket for basket in lists] for name in "abc"}
    long = {
        "o": [i for i, basket in enumerate(lists) for _ in basket],
        "p": [item for basket in lists for item in basket],
    }
    for frame in (pandas.DataFrame, polars.DataFrame, pyarrow.table):
        assert frequent_itemsets(frame(hot), 2).to_dict() == expected
        assert frequent_itemsets(frame(long), 2, basket="o", item="p").to_dict() == expected
    assert frequent_itemsets(polars.DataFrame({"items": lists}), 2).to_dict() == expected
    numbered = {frozenset("abc".index(i) for i in s): n for s, n in expected.items()}
    matrix = np.array(list(hot.values())).T
    assert frequent_itemsets(matrix, 2).to_dict() == numbered
    assert frequent_itemsets(matrix.astype(float), 2).to_dict() == numbered
    assert frequent_itemsets(sparse.csr_matrix(matrix), 2).to_dict() == numbered
    with pytest.raises(DataError, match="only 0 and 1"):
        frequent_itemsets(matrix * 2, 2)


def test_parquet_is_read_as_a_table(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("narwhals")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(
        pyarrow.table({"o": [1, 1, 2], "p": ["a", "b", "a"]}), tmp_path / "t.parquet"
    )
    baskets = read_baskets(tmp_path / "t.parquet", basket="o", item="p")
    assert baskets_of(baskets) == [("a", "b"), ("a",)]
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_baskets(tmp_path / "bad.parquet")
