"""Runs on a small local Spark, if it is installed."""

from __future__ import annotations

import os
import shutil
import sys
import warnings

import pytest

from hornbook.errors import DataError, OptionError
from hornbook.mining import frequent_itemsets

pytest.importorskip("pyspark", reason="needs pyspark")
if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
    pytest.skip("needs Java", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")

LISTS = [["milk", "bread"], ["milk", "bread", "jam"], ["bread"], ["milk"], ["jam", "bread"]] * 7


@pytest.fixture(scope="module")
def spark():
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.shuffle.partitions", "2")
            .getOrCreate()
        )
        yield session
        session.stop()


def test_partitions_have_the_itemsets_of_a_single_machine(spark):
    frame = spark.createDataFrame([(basket,) for basket in LISTS], ["items"]).repartition(3)
    for support in (0.2, 9):
        expected = frequent_itemsets(LISTS, support)
        itemsets = frequent_itemsets(frame, support)
        assert itemsets.to_dict() == expected.to_dict()
        assert (itemsets.total, itemsets.minimum) == (expected.total, expected.minimum)
    closed = frequent_itemsets(frame, 3, kind="closed").to_dict()
    assert closed == frequent_itemsets(LISTS, 3, kind="closed").to_dict()


def test_rows_of_items_are_grouped_and_the_result_equals_mllib(spark):
    from pyspark.ml.fpm import FPGrowth

    rows = [(i, item) for i, basket in enumerate(LISTS) for item in basket]
    frame = spark.createDataFrame(rows, ["order", "product"])
    ours = frequent_itemsets(frame, 0.2, basket="order", item="product").to_dict()
    baskets = spark.createDataFrame([(basket,) for basket in LISTS], ["items"])
    theirs = FPGrowth(itemsCol="items", minSupport=0.2).fit(baskets).freqItemsets.collect()
    assert ours == {frozenset(row["items"]): row["freq"] for row in theirs}


def test_an_unknown_column_is_named(spark):
    frame = spark.createDataFrame([(1, "a")], ["order", "product"])
    with pytest.raises(DataError, match="Did you mean 'order'"):
        frequent_itemsets(frame, 0.2, basket="ordr", item="product")
    with pytest.raises(DataError, match="0 columns of arrays"):
        frequent_itemsets(frame, 0.2)


def test_tables_and_changes_are_the_same_as_on_a_single_machine(spark, tmp_path):
    rows = ["age,color"] + [f"{20 + i % 37},{['red', 'green', 'blue'][i % 3]}" for i in range(90)]
    path = tmp_path / "people.csv"
    path.write_text("\n".join(rows))
    frame = spark.read.csv(str(path), header=True).repartition(3)
    options = {
        "table": True,
        "bins": 3,
        "exclude": ["color=green"],
        "categories": {"color=red": "warm"},
    }
    expected = frequent_itemsets(path, 0.1, **options).to_dict()
    assert frequent_itemsets(frame, 0.1, **options).to_dict() == expected
    with pytest.raises(OptionError, match="No basket has the item 'color=gren'"):
        frequent_itemsets(frame, 0.1, table=True, exclude=["color=gren"])


def test_an_error_on_a_worker_is_one_message(spark):
    rows = [(list(range(30)),)] * 8
    frame = spark.createDataFrame(rows, ["items"]).repartition(2)
    with pytest.raises(OptionError, match="itemsets"):
        frequent_itemsets(frame, 2, limit=1000)
    frame = spark.createDataFrame([(["a", None],), (["b"],)], ["items"])
    with pytest.raises(DataError, match="is not an item"):
        frequent_itemsets(frame, 1)


def test_the_command_line_mines_files_on_spark(spark, tmp_path, capsys):
    from hornbook.cli import main

    path = tmp_path / "shop.csv"
    path.write_text("\n".join(",".join(basket) for basket in LISTS))
    out = tmp_path / "sets.csv"
    assert main(["mine", str(path), "--spark", "--min-support", "3", "--itemsets", str(out)]) == 0
    assert len(out.read_text().splitlines()) == 1 + len(frequent_itemsets(LISTS, 3))
    words = ["mine", str(path), "--spark", "--min-support", "3", "--exclude", "jam"]
    assert main([*words, "--itemsets", str(out)]) == 0
    assert len(out.read_text().splitlines()) == 1 + len(
        frequent_itemsets(LISTS, 3, exclude=["jam"])
    )
    capsys.readouterr()
