from __future__ import annotations

import pytest

from hornbook.errors import DataError, OptionError
from hornbook.mining import frequent_itemsets
from hornbook.mining.reading.basket_files import read_baskets

GROCERIES = """Item(s),Item 1,Item 2,Item 3,Item 4
4,citrus fruit,bread,margarine,soup
3,tropical fruit,yogurt,coffee,
1,whole milk,,,
4,pip fruit,yogurt,cream cheese,spreads
4,whole milk,yogurt,rice,cleaner
"""


def write(folder, text, encoding="utf-8"):
    path = folder / "baskets.csv"
    path.write_bytes(text.encode(encoding))
    return path


def baskets_of(baskets):
    return [tuple(sorted(map(str, baskets[i]))) for i in range(len(baskets))]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("sign", [";", ",", "|", "\t", "^"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_excels_separator_line_is_applied_and_is_not_a_basket(tmp_path, mark, sign, end):
    lines = [f"sep={sign}", f"milk{sign}bread", f"milk{sign}tea", f"milk{sign}bread"]
    baskets = read_baskets(write(tmp_path, mark + end.join(lines)))
    assert baskets_of(baskets) == [("bread", "milk"), ("milk", "tea"), ("bread", "milk")]
    table = read_baskets(
        write(tmp_path, mark + end.join([lines[0], f"a{sign}b", f"1{sign}0", f"1{sign}1"])),
        table=True,
    )
    assert baskets_of(table) == [("a",), ("a", "b")]


def test_a_header_and_a_column_of_counts_are_skipped_and_noted(tmp_path):
    baskets = read_baskets(write(tmp_path, GROCERIES))
    assert len(baskets) == 5
    assert baskets_of(baskets)[1] == ("coffee", "tropical fruit", "yogurt")
    assert "Line 1 (Item(s), Item 1, Item 2, Item 3, ...) looks like" in baskets.notes[0]
    assert "number of items that follow" in baskets.notes[1]


def test_options_override_the_detected_layout(tmp_path):
    baskets = read_baskets(write(tmp_path, GROCERIES), header="no", first_field="item")
    assert len(baskets) == 6
    assert "4" in baskets_of(baskets)[1]
    assert baskets.notes == []
    baskets = read_baskets(write(tmp_path, "a,b\nc,a\n"), header="yes", first_field="id")
    assert baskets_of(baskets) == [("a",)]


def test_a_count_that_is_wrong_further_down_is_refused(tmp_path):
    path = write(tmp_path, GROCERIES * 1 + "4,milk,tea\n" * 1)
    assert "4" in baskets_of(read_baskets(path))[5]  # in the beginning already: no count
    long = GROCERIES + "2,milk,tea\n" * 3000 + "3,milk,tea\n"
    with pytest.raises(DataError, match=r":3007: in earlier lines .* number of items that follow"):
        read_baskets(write(tmp_path, long))
    assert len(read_baskets(write(tmp_path, long), first_field="count")) == 3006


def test_counts_before_integers_are_skipped_if_there_are_enough_lines(tmp_path):
    lines = ["2 10 11", "3 10 11 12", "1 12", "2 11 12", "4 9 10 11 12"]
    baskets = read_baskets(write(tmp_path, "\n".join(lines)))
    assert baskets_of(baskets)[0] == ("10", "11")
    assert "number of items that follow" in baskets.notes[0]
    few = read_baskets(write(tmp_path, "\n".join(lines[:3])))
    assert baskets_of(few)[0] == ("10", "11", "2")
    assert "--first-field count" in few.notes[0]


def test_a_running_number_is_not_an_item(tmp_path):
    baskets = read_baskets(write(tmp_path, "1,milk,tea\n2,milk\n3,tea,rice\n"))
    assert baskets_of(baskets) == [("milk", "tea"), ("milk",), ("rice", "tea")]
    assert "running number" in baskets.notes[0]
    other = read_baskets(write(tmp_path, "".join(f"{7 * i + 5},milk,tea\n" for i in range(6))))
    assert "--first-field id" in other.notes[0]


@pytest.mark.parametrize(
    "header",
    ["items", "Transaction,Items", "order_id,product", "商品,数量", "Artikel 1,Artikel 2"],
)
def test_words_for_columns_are_a_header_if_they_do_not_occur_again(tmp_path, header):
    baskets = read_baskets(write(tmp_path, f"{header}\nmilk,tea\nmilk,rice\n"))
    assert len(baskets) == 2
    assert "looks like column names" in baskets.notes[0]


@pytest.mark.parametrize(
    "text",
    ["item1,item2\nitem1,item3\nitem2,item3\n", "item1,item2\nitem7,item9\n", "order,tea\ntea\n"],
)
def test_items_named_like_columns_stay_items(tmp_path, text):
    baskets = read_baskets(write(tmp_path, text))
    assert len(baskets) == len(text.split())
    assert baskets.notes == []


def test_a_bar_is_detected_and_any_character_can_be_the_separator(tmp_path):
    baskets = read_baskets(write(tmp_path, "milk|bread|tea\nmilk|bread\nmilk|tea\n"))
    assert frequent_itemsets(baskets, 2).to_dict() == {
        frozenset(["milk"]): 3,
        frozenset(["bread"]): 2,
        frozenset(["tea"]): 2,
        frozenset(["milk", "bread"]): 2,
        frozenset(["milk", "tea"]): 2,
    }
    path = write(tmp_path, "milk^whole milk\nmilk^tea\n")
    assert baskets_of(read_baskets(path, separator="^"))[0] == ("milk", "whole milk")
    assert "--separator '^'" in read_baskets(path).notes[0]
    with pytest.raises(OptionError, match="or any one character"):
        read_baskets(path, separator="::")


def test_a_second_possible_separator_is_named(tmp_path):
    baskets = read_baskets(write(tmp_path, "milk 1,5 l;tea\nmilk 0,5 l;rice\n"))
    assert baskets_of(baskets)[0] == ("milk 1,5 l", "tea")
    assert "--separator comma chooses it" in baskets.notes[0]


@pytest.mark.parametrize("sign", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_only_line_ends_end_lines(tmp_path, sign):
    baskets = read_baskets(write(tmp_path, f"milk{sign}fat,tea\nmilk{sign}fat,rice\n"))
    assert baskets_of(baskets)[0] == (f"milk{sign}fat", "tea")
    quoted = read_baskets(write(tmp_path, f'"milk{sign}fat",tea\nmilk{sign}fat,rice\n'))
    assert baskets_of(quoted) == baskets_of(baskets)


def test_line_ends_of_old_macs_end_baskets_of_numbers_and_words(tmp_path):
    assert baskets_of(read_baskets(write(tmp_path, "1 2\r2 3\r"))) == [("1", "2"), ("2", "3")]
    assert baskets_of(read_baskets(write(tmp_path, "milk,bread\rtea"))) == [
        ("bread", "milk"),
        ("tea",),
    ]


def test_rows_of_several_lines_are_counted_in_a_note(tmp_path):
    baskets = read_baskets(write(tmp_path, 'tea,rice\n"milk\nfat",tea\nrice\n'))
    assert baskets.notes == [
        "3 rows from 4 lines: 1 row holds line breaks in quotes (the first in line 2)."
    ]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("<!DOCTYPE html>\n<html></html>\n", {}, "is a web page"),
        ("a,b\n", {"header": "maybe"}, "Unknown header 'maybe'"),
        ("a,b\n", {"first_field": "x"}, "Unknown first_field 'x'"),
        ("a,b\n", {"encoding": "klingon"}, "Unknown encoding 'klingon'"),
        ('a,b\n"c" d,e\n', {}, ":2: line 2: 'd,e' after a quote"),
    ],
)
def test_invalid_input_is_one_message(tmp_path, text, options, message):
    with pytest.raises((DataError, OptionError)) as error:
        read_baskets(write(tmp_path, text), **options)
    assert message in str(error.value)


def test_an_excel_workbook_is_named(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"PK\x03\x04" + bytes(40))
    with pytest.raises(DataError, match="not text but an Excel workbook"):
        read_baskets(tmp_path / "a.csv")


BIG = {
    "sep": "sep=;\n" + '"salt; fine";bread\nmilk;bread\n' * 6000,
    "groceries": GROCERIES + "2,milk,tea\n3,milk,tea,rice\n" * 6000,
    "counts": "2 10 11\n3 10 11 12\n1 12\n2 11 12\n" * 6000,
    "late words": "10 11\n" * 20_000 + "10 011\n" * 20_000,
    "line breaks": 'tea,"rice\nbrown"\nmilk,tea\n' * 6000,
    "western": "tea,rice\n" * 12_000 + "Müller,Käse\nMüller,Brot\n" * 900,
    "chinese": "tea,rice\n" * 12_000 + "牛奶,面包\n牛奶,啤酒\n" * 900,
}


@pytest.mark.parametrize(
    ("name", "encoding"),
    [(name, "utf-8") for name in BIG]
    + [
        ("western", "cp1252"),
        ("chinese", "gb18030"),
        ("chinese", "utf-16"),
        ("groceries", "cp1252"),
    ],
)
def test_itemsets_and_notes_in_parts_equal_those_at_once(tmp_path, name, encoding):
    path = write(tmp_path, BIG[name], encoding)
    at_once = frequent_itemsets(path, 0.05)
    in_parts = frequent_itemsets(path, 0.05, memory="1MB")
    assert in_parts.to_dict() == at_once.to_dict()
    assert in_parts.total == at_once.total
    assert set(read_baskets(path).notes) == set(in_parts.notes)


def test_a_table_in_parts_is_read_by_the_same_rules(tmp_path):
    lines = 'sep=|\nname|"kind"\n' + 'Müller|"a\nb"\nKäse|c\n' * 5000
    path = write(tmp_path, lines, "cp1252")
    at_once = frequent_itemsets(path, 0.1, table=True)
    in_parts = frequent_itemsets(path, 0.1, table=True, memory="1MB")
    assert in_parts.to_dict() == at_once.to_dict()
    assert frozenset(["name=Müller", "kind=a\nb"]) in at_once.to_dict()
    long = frequent_itemsets(path, 0.1, basket="name", item="kind", memory="1MB")
    assert long.to_dict() == {frozenset(["a\nb"]): 1, frozenset(["c"]): 1}
    with pytest.raises(DataError, match=r"csv:15003: 1 cell, but the header has 2"):
        frequent_itemsets(write(tmp_path, lines + "alone\n"), 0.1, table=True, memory="1MB")


@pytest.mark.parametrize(
    "text",
    [
        "0,1,2\nbread,milk,\nbread,milk,tea\ntea,,\n",
        ",0,1,2\n0,bread,milk,\n1,bread,milk,tea\n2,tea,,\n",
        "1,2\nbread,milk\nbread,milk\ntea,\n",
    ],
)
def test_column_numbers_of_a_data_frame_are_not_a_basket(tmp_path, text):
    baskets = read_baskets(write(tmp_path, text))
    assert len(baskets) == 3
    assert baskets_of(baskets)[0] == ("bread", "milk")
    assert "looks like column names" in baskets.notes[0]


def test_numbers_that_are_items_are_not_a_header(tmp_path):
    assert len(read_baskets(write(tmp_path, "0,1,2\n4,7,\n5,7,9\n"))) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{bread,milk}\n{bread,milk}\n{tea}\n", "Each line is enclosed in {}"),
        ("items\n\"['bread', 'milk']\"\n\"['tea']\"\n", "Each line is enclosed in []"),
        ('items\n"bread,milk"\n"bread,tea"\ntea\n', "are a single item with ','"),
    ],
)
def test_lines_in_brackets_or_quotes_are_noted(tmp_path, text, message):
    assert any(message in note for note in read_baskets(write(tmp_path, text)).notes)


def test_brackets_around_single_items_are_items(tmp_path):
    assert read_baskets(write(tmp_path, "(a),(b)\n(a),(c)\n")).notes == []
