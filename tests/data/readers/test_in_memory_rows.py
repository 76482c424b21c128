"""Rows in memory are the same rows, whatever holds them."""

from __future__ import annotations

import numpy as np
import pandas
import polars
import pyarrow
import pytest

from hornbook.data.readers.in_memory_rows import each_sample, memory_splits
from hornbook.data.texts.labeled import fingerprint, labeled_texts, text_to_predict
from hornbook.data.texts.pairs import labeled_pairs
from hornbook.errors import DataError, OptionError

ROWS = [{"text": f"text {n}", "label": "ab"[n % 2], "id": n} for n in range(40)]
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}


class Dataset:
    """As much of a Hugging Face `Dataset` as is public: rows are dictionaries."""

    features = COLUMNS

    def __init__(self, rows, kind=None):
        self.rows, self.kind = rows, kind

    def __len__(self):
        return len(self.rows)

    def with_format(self, kind):
        return Dataset(self.rows, kind)

    def __iter__(self):
        assert self.kind is None
        return iter(self.rows)


KINDS = {
    "dictionaries": ROWS,
    "generator": lambda: (row for row in ROWS),
    "tuples": [(row["text"], row["label"]) for row in ROWS],
    "pandas": pandas.DataFrame(COLUMNS),
    "polars": polars.DataFrame(COLUMNS),
    "lazy": polars.DataFrame(COLUMNS).lazy(),
    "arrow": pyarrow.table(COLUMNS),
    "batch": pyarrow.RecordBatch.from_pydict(COLUMNS),
    "dataset": Dataset(ROWS, "torch"),
}


@pytest.fixture(params=KINDS)
def data(request):
    return KINDS[request.param]() if request.param == "generator" else KINDS[request.param]


def test_every_kind_gives_the_same_samples_and_the_same_share_held_out(data):
    splits = labeled_texts(data).training()
    expected = labeled_texts(ROWS).training()
    assert (splits.train, splits.valid) == (expected.train, expected.valid)
    assert len(splits.valid) == 4
    assert splits.held_out == "10% of the rows held out"
    assert splits.train[0].where == "row 1"


def test_rows_in_memory_and_in_a_file_are_the_same_data(tmp_path):
    file = tmp_path / "rows.csv"
    pandas.DataFrame(COLUMNS).to_csv(file, index=False)
    train, again = (labeled_texts(source).training().train for source in (file, ROWS))
    assert fingerprint(train) == fingerprint(again)
    assert [text.text for text in labeled_texts(ROWS).to_measure(fingerprint(train))] == [
        text.text for text in labeled_texts(file).samples("valid")
    ]


def test_a_dictionary_has_a_split_per_key():
    data = {"train": ROWS[:30], "validation": KINDS["pandas"][30:], "unsupervised": ROWS}
    splits = labeled_texts(data).training()
    assert (len(splits.train), len(splits.valid)) == (30, 10)
    assert splits.valid[0].where == "validation row 1"
    assert splits.notes == ["Not used: unsupervised"]
    assert labeled_texts(data | {"test": ROWS[:2]}).samples("test")[1].text == "text 1"
    with pytest.raises(DataError, match="The data has no test data"):
        labeled_texts(data).samples("test")


def test_errors_name_the_row():
    rows = [*ROWS, {"text": "", "label": "a"}, {"text": "x"}, 3]
    with pytest.raises(DataError) as error:
        labeled_texts(rows).training()
    assert "row 41: 'text' is not a text with letters in it" in str(error.value)
    assert "row 42: 'label' is missing" in str(error.value)
    assert "row 43: 3 is not a dictionary, or a tuple (text, label)" in str(error.value)
    with pytest.raises(DataError, match="row 1: 'text' is not a text"):
        labeled_texts(pandas.DataFrame({"text": [None], "label": ["a"]})).training()


def test_a_table_without_a_column_is_answered_with_the_nearest():
    with pytest.raises(DataError, match=r"The table lacks\n  'label'.*Did you mean 'labels'"):
        labeled_texts(pandas.DataFrame({"text": ["a"], "labels": ["b"]})).training()


@pytest.mark.parametrize("data", [3, None, {"text": ["a"]}, {"train": {"text": ["a"]}}])
def test_data_that_is_not_rows_is_refused(data):
    with pytest.raises(OptionError, match=r"expected a list|a set of rows per split"):
        memory_splits(data)


def test_numpy_scalars_and_arrays_are_converted():
    rows = [{"text": "a", "label": np.array(["x", "y"])}, {"text": "b", "label": ("x",)}] * 4
    splits = labeled_texts([{**row, "text": f"{row['text']} {n}"} for n, row in enumerate(rows)])
    assert {text.labels for text in splits.training().train} == {("x", "y"), ("x",)}
    numbers = [{"text": f"{n}", "label": np.int64(n % 2)} for n in range(8)]
    assert {type(text.labels[0]) for text in labeled_texts(numbers).training().train} == {int}


def test_criteria_of_pairs_in_memory():
    pairs = [(f"a {n}", f"b {n}", n % 2) for n in range(40)]
    splits = labeled_pairs(pairs).training()
    assert {pair.criterion for pair in splits.train} == {"match"}
    rows = [
        {"source": a, "target": b, "label": label, "criterion": "AB"[n // 20]}
        for n, (a, b, label) in enumerate(pairs)
    ]
    splits = labeled_pairs(pandas.DataFrame(rows)).training()
    assert {pair.criterion for pair in splits.valid} == {"A", "B"}
    with pytest.raises(DataError, match=r"row 2: .* tuple \(source, target, label\)"):
        labeled_pairs([*pairs[:1], ("a", "b")]).training()


def test_samples_to_predict_come_from_tables_and_lists():
    assert list(each_sample(["a", ("b", "c")])) == ["a", ("b", "c")]
    assert list(each_sample(KINDS["polars"])) == ROWS
    assert list(each_sample(KINDS["dataset"])) == ROWS
    assert text_to_predict({"text": "a", "id": np.int64(3)}, "row 1").extra == {"id": 3}
    with pytest.raises(DataError, match="row 7: 'text' is missing"):
        text_to_predict({"words": "a"}, "row 7")
