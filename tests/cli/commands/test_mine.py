from __future__ import annotations

import csv
import io
import json
import sys

import pytest

from hornbook.cli import main
from hornbook.mining import association_rules, frequent_itemsets

SHOP = "milk,bread\nmilk,bread,jam\nbread\nmilk\njam,bread\n" * 3


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text(SHOP)
    return path


def baskets():
    return [line.split(",") for line in SHOP.splitlines()]


def test_rules_and_a_summary_of_the_data_are_printed(shop, capsys):
    assert main(["mine", str(shop), "--min-support", "0.1", "--min-confidence", "0.6"]) == 0
    out, err = capsys.readouterr()
    rules = association_rules(frequent_itemsets(baskets(), 0.1), 0.6)
    assert f"{len(rules)} of {len(rules)} rules" in out
    assert all(name in out for name in ("support", "confidence", "lift"))
    assert any(line.split()[:2] == ["jam", "bread"] for line in out.splitlines())
    assert "Read 15 baskets of 1.8 items on average, 3 distinct items" in err
    assert "itemsets and" in err
    assert " s." in err


def test_rules_and_itemsets_are_written_in_every_format(shop, tmp_path, capsys):
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    itemsets = frequent_itemsets(baskets(), 3)
    rules = association_rules(itemsets, 0.5)
    expected = {(frozenset(a), frozenset(c)) for a, c in rules}
    for ending in ("csv", "tsv", "jsonl", "parquet"):
        out, sets = tmp_path / f"rules.{ending}", tmp_path / f"sets.{ending}"
        words = ["mine", str(shop), "--min-support", "3", "--rules", str(out)]
        assert main([*words, "--itemsets", str(sets)]) == 0
        if ending == "parquet":
            rows = parquet.read_table(out).to_pylist()
            pairs = {(frozenset(r["antecedent"]), frozenset(r["consequent"])) for r in rows}
            counts = {
                frozenset(r["items"]): r["count"] for r in parquet.read_table(sets).to_pylist()
            }
        elif ending == "jsonl":
            rows = [json.loads(line) for line in out.read_text().splitlines()]
            pairs = {(frozenset(r["antecedent"]), frozenset(r["consequent"])) for r in rows}
            lines = [json.loads(line) for line in sets.read_text().splitlines()]
            counts = {frozenset(r["items"]): r["count"] for r in lines}
        else:
            sign = "\t" if ending == "tsv" else ","
            rows = list(csv.DictReader(io.StringIO(out.read_text()), delimiter=sign))
            pairs = {
                (frozenset(r["antecedent"].split(";")), frozenset(r["consequent"].split(";")))
                for r in rows
            }
            lines = csv.DictReader(io.StringIO(sets.read_text()), delimiter=sign)
            counts = {frozenset(r["items"].split(";")): int(r["count"]) for r in lines}
        assert pairs == expected
        assert counts == itemsets.to_dict()
        assert float(rows[0]["lift"]) == pytest.approx(rules.sorted_by("lift").measure("lift")[0])
    capsys.readouterr()


def test_an_item_with_the_item_separator_is_quoted_in_csv(tmp_path, capsys):
    path = tmp_path / "odd.csv"
    path.write_text('"a;b","c ""x"""\n' * 3 + "d,e\n")
    assert main(["mine", str(path), "--itemsets", str(tmp_path / "sets.csv")]) == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "sets.csv").read_text())))
    items = {frozenset(next(csv.reader([row["items"]], delimiter=";"))) for row in rows}
    assert frozenset(["a;b", 'c "x"']) in items
    capsys.readouterr()


def test_rules_can_be_selected_by_item(shop, tmp_path, capsys):
    def rules_with(*words):
        out = tmp_path / "rules.jsonl"
        base = ["mine", str(shop), "--min-support", "1", "--min-confidence", "0"]
        assert main([*base, "--rules", str(out), *words]) == 0
        return [json.loads(line) for line in out.read_text().splitlines()]

    all_rules = rules_with()
    assert rules_with("--consequent", "jam") == [
        rule for rule in all_rules if rule["consequent"] == ["jam"]
    ]
    assert rules_with("--contains", "jam") == [
        rule for rule in all_rules if "jam" in rule["antecedent"] + rule["consequent"]
    ]
    assert {
        tuple(rule["antecedent"] + rule["consequent"]) for rule in rules_with("--exclude", "jam")
    } == {
        ("milk", "bread"),
        ("bread", "milk"),
    }
    assert len(rules_with("--prune")) < len(all_rules)
    assert len(rules_with("--max-p-value", "0.0001")) < len(all_rules)
    assert len(rules_with("--consequents", "any")) > len(all_rules)
    assert [rule["confidence"] for rule in rules_with("--sort", "confidence")] == sorted(
        (rule["confidence"] for rule in all_rules), reverse=True
    )
    capsys.readouterr()


def test_kind_and_maximum_length_select_itemsets(shop, tmp_path, capsys):
    out = tmp_path / "sets.jsonl"

    def itemsets_with(*words):
        assert main(["mine", str(shop), "--min-support", "3", "--itemsets", str(out), *words]) == 0
        return {frozenset(json.loads(line)["items"]) for line in out.read_text().splitlines()}

    assert itemsets_with("--kind", "closed") == set(
        frequent_itemsets(baskets(), 3, kind="closed").to_dict()
    )
    assert itemsets_with("--kind", "maximal") == {frozenset(["milk", "bread", "jam"])}
    assert itemsets_with("--max-length", "1") == {frozenset([i]) for i in ("milk", "bread", "jam")}
    capsys.readouterr()


def test_standard_input_tables_and_percentages_are_read(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(SHOP.encode())))
    )
    assert main(["mine", "-", "--min-support", "10%"]) == 0
    assert "Frequent means in 2 baskets" in capsys.readouterr().err
    table = tmp_path / "orders.csv"
    table.write_text("order_id,product\n1,milk\n1,bread\n2,milk\n2,bread\n3,jam\n")
    words = ["mine", str(table), "--basket", "order_id", "--item", "product"]
    assert main([*words, "--min-support", "2"]) == 0
    out, err = capsys.readouterr()
    assert "Read 3 baskets" in err
    assert "milk" in out
    assert main(["mine", str(table), "--min-support", "1"]) == 0
    assert "Frequent means in 1 basket or more." in capsys.readouterr().err


def test_a_table_read_as_lines_is_noted(tmp_path, capsys):
    table = tmp_path / "orders.csv"
    table.write_text("order_id,product\n" + "".join(f"{i // 2},p{i % 3}\n" for i in range(20)))
    assert main(["mine", str(table)]) == 0
    assert "looks like column names" in capsys.readouterr().err


def test_closed_sets_are_printed_where_rules_would_need_too_many(tmp_path, capsys):
    path = tmp_path / "many.dat"
    path.write_text("\n".join([" ".join(map(str, range(40)))] * 4 + ["1 2"]))
    assert main(["mine", str(path), "--kind", "closed", "--min-support", "2"]) == 0
    out, err = capsys.readouterr()
    assert "2 itemsets and 0 rules" in err
    assert "only closed ones" in err
    assert "1, 2" in out
    words = ["mine", str(path), "--kind", "closed", "--rules", str(tmp_path / "rules.csv")]
    assert main(words) == 2
    assert "itemsets or more" in capsys.readouterr().err


def test_infinity_is_a_category_of_its_own(tmp_path, capsys):
    path = tmp_path / "inf.csv"
    path.write_text("a,b\n1,inf\n2,3\n3,4\n")
    out = tmp_path / "sets.jsonl"
    words = ["mine", str(path), "--table", "--bins", "2", "--itemsets", str(out)]
    assert main(words) == 0
    assert {"a=1..2", "b=inf"} <= {
        i for r in out.read_text().split("\n") if r for i in json.loads(r)["items"]
    }
    capsys.readouterr()


def test_categories_are_read_from_a_file(shop, tmp_path, capsys):
    categories = tmp_path / "categories.csv"
    categories.write_text("item,category\njam,spread\nbread,bakery\n")
    out = tmp_path / "sets.jsonl"
    words = ["mine", str(shop), "--min-support", "3", "--itemsets", str(out)]
    assert main([*words, "--categories", str(categories)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    counts = {frozenset(row["items"]): row["count"] for row in rows}
    assert counts[frozenset(["bakery", "spread"])] == 6
    capsys.readouterr()


def test_the_report_is_one_page_with_charts_and_sentences(shop, tmp_path, capsys):
    page = tmp_path / "page.html"
    words = ["mine", str(shop), "--min-support", "3", "--report", str(page), "--top", "2"]
    assert main(words) == 0
    text = page.read_text()
    assert text.count("<svg") >= 2
    assert "Of the baskets with jam, 100% also have bread" in text
    assert "http" not in text.split("<body>")[1].replace("http://www.w3.org", "")
    capsys.readouterr()


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("", [], "is empty"),
        ("a,b\n", [], "only one basket"),
        ("a,,b\nc,d\n", [], "1 items are empty (lines 1)"),
        ('a,"b\nc\n', [], "file.csv:1: a quote opens a cell here and is never closed"),
        (SHOP, ["--min-support", "0"], "2^3 - 1 = 7"),
        (SHOP, ["--min-support", "1.5"], "cannot exceed 1"),
        (SHOP, ["--min-support", "99"], "only 15"),
        (SHOP, ["--min-support", "few"], "expected a share such as"),
        (SHOP, ["--min-confidence", "3"], "a share from 0 to 1"),
        (SHOP, ["--limit", "3", "--min-support", "1"], "more than 3 itemsets"),
        (SHOP, ["--consequent", "brad"], "Did you mean 'bread'?"),
        (SHOP, ["--exclude", "brad"], "Did you mean 'bread'?"),
        (SHOP, ["--rules", "rules.xls"], ".csv, .tsv, .jsonl, .parquet"),
        (SHOP, ["--sort", "beauty"], "Known: "),
        (SHOP, ["--memory", "much"], "--memory is 'much', which is not an amount of memory"),
        (SHOP, ["--separator", "dash"], "Known: tab"),
        (SHOP, ["--separator", "dash", "--table"], "Known: tab"),
        (SHOP, ["--min-confidence", "nan"], "a share from 0 to 1"),
        (SHOP, ["--max-p-value", "5"], "a share from 0 to 1"),
        (SHOP, ["--top", "-1"], "--top is -1; it must be at least 1"),
        (SHOP, ["--limit", "0"], "--limit is 0; it must be at least 1"),
        (SHOP, ["--bins", "3"], "add --table"),
        (SHOP, ["--bins", "0", "--table"], "--bins is 0; it must be at least 2"),
        (SHOP, ["--table", "--basket", "a"], "use one"),
        (SHOP, ["--kind", "closed", "--max-length", "2"], "omit --max-length"),
        (SHOP, ["--report", "page.txt"], "--report is page.txt, but a page must end in .html"),
        (SHOP, ["--max-length", "0"], "--max-length is 0; it must be an integer of at least 1"),
        (SHOP, ["--contains", "brad"], "Did you mean 'bread'?"),
        ("a,b\n1,x\nnan,y\n", ["--table"], "Column 'a' has 1 missing values (rows 2)"),
        ("a,a\n1,0\n", ["--table"], "file.csv:1: the column 'a' occurs twice"),
        ("a,b\n", ["--table"], "no rows"),
        ("order,product\n1,a\n2,b\n", ["--basket", "ordr", "--item", "product"], "'order'"),
        ("order,product\n1,a\n2\n", ["--table"], "file.csv:3: 1 cell, but the header has 2"),
        (
            "a,b\n" + ",".join(map(str, range(40))) + "\n" * 2 + ",".join(map(str, range(40))),
            ["--min-support", "2"],
            "itemsets or more",
        ),
    ],
)
def test_invalid_input_is_one_clear_message_and_status_two(tmp_path, capsys, text, words, message):
    path = tmp_path / "file.csv"
    path.write_text(text)
    before = sorted(tmp_path.iterdir())
    assert main(["mine", str(path), *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert sorted(tmp_path.iterdir()) == before
