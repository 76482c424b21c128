from __future__ import annotations

import io
import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from hornbook.data.texts.pairs import (
    READING,
    Pair,
    common_criteria,
    criteria_lines,
    fingerprint,
    group_criteria,
    labeled_pairs,
    read_pairs,
    read_pairs_to_predict,
    split_off,
)
from hornbook.data.texts.summary import overlap
from hornbook.errors import DataError, OptionError


def write_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return path


def row(source="甲", target="乙", **more):
    return {"source": source, "target": target, **more}


def many(count, **more):
    return [row(f"甲{n}", f"乙{n}", label=n % 2, **more) for n in range(count)]


def texts(data):
    return [(pair.source, pair.target) for pair in data.pairs]


def test_a_folder_has_a_folder_per_criterion(tmp_path):
    write_rows(tmp_path / "b-A" / "train.jsonl", [row(label=0), row("丙", label="1")])
    write_rows(tmp_path / "b-A" / "valid.jsonl", [row("丁", label=True)])
    write_rows(tmp_path / "a" / "train.jsonl", [row(label=False)])
    write_rows(tmp_path / "a" / "valid.jsonl", [row("戊", label="0")])
    (tmp_path / "notes").mkdir()
    (tmp_path / "README.txt").write_text("x")
    train, valid = read_pairs(tmp_path), read_pairs(tmp_path, "valid")
    assert [(p.criterion, p.source, p.label) for p in train.pairs] == [
        ("a", "甲", 0),
        ("b-A", "甲", 0),
        ("b-A", "丙", 1),
    ]
    assert [(p.source, p.label) for p in valid.pairs] == [("戊", 0), ("丁", 1)]
    assert train.criteria == valid.criteria == ["a", "b-A"]
    assert train.groups == {"A": ["b-A"], "all": ["a"]}
    assert train.pairs[2].where == f"{tmp_path}{os.sep}b-A{os.sep}train.jsonl:2"


def test_the_files_of_the_sohu_contest_are_read(tmp_path):
    for kind, name in (("A", "短短匹配A类"), ("B", "短短匹配B类")):
        for split in ("train", "valid"):
            rows = [row(f"{kind}{split}", **{f"label{kind}": "1"})]
            write_rows(tmp_path / name / f"{split}.txt", rows)
        write_rows(tmp_path / name / "test_with_id.txt", [row(id="7")])
    data = read_pairs(tmp_path)
    assert [(p.criterion, p.label) for p in data.pairs] == [("短短匹配A类", 1), ("短短匹配B类", 1)]
    assert data.groups == {"A": ["短短匹配A类"], "B": ["短短匹配B类"]}
    (pair,) = read_pairs_to_predict(tmp_path / "短短匹配A类" / "test_with_id.txt", "短短匹配A类")
    assert (pair.label, pair.criterion, pair.extra) == (None, "短短匹配A类", {"id": "7"})


def test_the_criterion_selects_one_of_two_labels(tmp_path):
    write_rows(tmp_path / "x-B" / "train.jsonl", [row(labelA=1, labelB=0), row("丙", labelB=1)])
    write_rows(tmp_path / "x-B" / "valid.jsonl", [row(labelA=1, labelB=0)])
    assert [pair.label for pair in read_pairs(tmp_path).pairs] == [0, 1]
    write_rows(tmp_path / "y" / "train.jsonl", [row(labelA=1, labelB=0)])
    with pytest.raises(DataError, match=r"train\.jsonl:1: the row has labelA and labelB"):
        read_pairs(tmp_path)


def test_a_folder_of_split_files_is_one_criterion(tmp_path):
    write_rows(tmp_path / "LCQMC" / "train.jsonl", many(3))
    write_rows(tmp_path / "LCQMC" / "valid.jsonl", many(2))
    data = read_pairs(tmp_path / "LCQMC")
    assert (len(data.pairs), data.criteria) == (3, ["LCQMC"])


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv"])
def test_one_file_has_criteria_in_a_column(tmp_path, kind):
    path = tmp_path / f"pairs.{kind}"
    rows = [*many(40, criterion="x"), *many(20, criterion="y")]
    if kind == "jsonl":
        write_rows(path, rows)
    else:
        comma = "," if kind == "csv" else "\t"
        lines = [comma.join(rows[0]), *(comma.join(map(str, r.values())) for r in rows)]
        path.write_text("\n".join(lines), "utf-8")
    train, valid = read_pairs(path), read_pairs(path, "valid")
    assert len(train.pairs) + len(valid.pairs) == 60
    assert train.criteria == valid.criteria == ["x", "y"]
    assert not set(texts(train)) & set(texts(valid))


def test_without_validation_data_a_tenth_of_each_stratum_is_held_out(tmp_path):
    path = write_rows(tmp_path / "pairs.jsonl", many(200))
    train, valid = read_pairs(path), read_pairs(path, "valid")
    assert labeled_pairs(path).training().held_out == f"10% of {path.name} held out"
    assert Counter(pair.label for pair in valid.pairs) == {0: 10, 1: 10}
    assert {*texts(train), *texts(valid)} == {(r["source"], r["target"]) for r in many(200)}
    assert read_pairs(path, "valid", seed=1).pairs != valid.pairs


def test_the_split_depends_on_the_texts_not_on_their_order():
    pairs = [Pair(f"甲{n}", f"乙{n}", n % 2, "x", f"f:{n}") for n in range(200)]
    twins = [Pair(p.target, p.source, p.label, "y", p.where) for p in pairs[:100]]
    train, valid = split_off([*pairs, *twins], seed=3)
    again, same = split_off([*reversed(twins), *reversed(pairs)], seed=3)
    assert sorted(p.where + p.criterion for p in valid) == sorted(
        p.where + p.criterion for p in same
    )
    assert len(train) == len(again)
    assert not {p.where for p in train} & {p.where for p in valid}
    assert Counter(p.criterion for p in valid) == {"x": 20, "y": 10}
    assert Counter(p.label for p in valid) == {0: 15, 1: 15}


def test_every_invalid_row_of_every_file_is_reported(tmp_path):
    bad = [
        row(label=2),
        row(label="yes"),
        row(label=None),
        row(label=1.5),
        row(label=[1]),
        row(),
        {"source": "甲", "label": 1},
        row("", label=1),
        row(" \n", label=1),
        row(3, label=1),
    ]
    first = write_rows(tmp_path / "a" / "train.jsonl", bad)
    second = write_rows(tmp_path / "b" / "train.jsonl", [row(label=1), row(label=-1)])
    with pytest.raises(DataError) as caught:
        read_pairs(tmp_path)
    message = str(caught.value)
    assert message.startswith("11 problems")
    for number in range(1, 11):
        assert f"{first}:{number}: " in message
    assert "'label' is 2; expected 0 or 1" in message
    assert "'label' is missing" in message
    assert "'target' is missing" in message
    assert "'source' is not a text" in message
    assert "and 1 more" in message
    write_rows(first, [row(label=1)])
    with pytest.raises(DataError, match="'label' is -1") as caught:
        read_pairs(tmp_path)
    assert f"{second}:2" in str(caught.value)


def test_folders_without_data_are_refused_with_what_is_expected(tmp_path):
    with pytest.raises(DataError, match="There is no file or folder"):
        read_pairs(tmp_path / "none")
    with pytest.raises(DataError, match=r"Expected train\.jsonl in it, or a folder per criterion"):
        read_pairs(tmp_path)
    write_rows(tmp_path / "train.jsonl", [])
    with pytest.raises(DataError, match="no pairs to use as train data"):
        read_pairs(tmp_path)
    write_rows(tmp_path / "train.txt", [])
    with pytest.raises(DataError, match=r"more than one train file: train\.jsonl, train\.txt"):
        read_pairs(tmp_path)
    with pytest.raises(DataError, match=r"no test data.\nIt holds train\.jsonl, train\.txt"):
        read_pairs(tmp_path, "test")
    with pytest.raises(OptionError, match="Did you mean 'test'"):
        read_pairs(tmp_path, "tests")


def test_criteria_may_have_files_with_any_split_name(tmp_path):
    for criterion in ("x", "y"):
        write_rows(tmp_path / criterion / "TRAIN.jsonl", many(4))
        write_rows(tmp_path / criterion / "dev.jsonl", many(2))
        write_rows(tmp_path / criterion / "test.jsonl", many(2))
    write_rows(tmp_path / "z" / "data.jsonl", many(4))
    (tmp_path / "notes.csv").write_text("x")
    data = labeled_pairs(tmp_path)
    splits = data.training()
    assert (len(splits.train), len(splits.valid), len(data.samples("test"))) == (8, 4, 4)
    assert common_criteria(splits.train, splits.valid) == ["x", "y"]
    test, unused = splits.notes
    assert f"{Path('x') / 'test.jsonl'}, {Path('y') / 'test.jsonl'} are for" in test
    assert unused == "Not used: notes.csv, z/"


def test_split_folders_may_have_one_file_per_criterion_or_parts(tmp_path):
    for split in ("train", "valid"):
        for name in ("LCQMC", "AFQMC"):
            write_rows(tmp_path / "a" / split / f"{name}.jsonl", many(4))
        for name in ("part-1", "part-2"):
            write_rows(tmp_path / "b" / split / f"{name}.jsonl", many(4))
    assert read_pairs(tmp_path / "a").criteria == ["AFQMC", "LCQMC"]
    assert read_pairs(tmp_path / "b").criteria == ["b"]
    assert len(read_pairs(tmp_path / "b").pairs) == 8


def test_white_space_around_a_criterion_is_stripped_and_reported(tmp_path):
    names = ["x", "x ", "\u3000x", " "]
    rows = [row(f"{n}", label=n % 2, criterion=names[n % 4]) for n in range(8)]
    splits = labeled_pairs(write_rows(tmp_path / "pairs.jsonl", rows)).training()
    assert {pair.criterion for pair in [*splits.train, *splits.valid]} == {"x", "pairs"}
    assert "White space around 4 criterion names is ignored" in splits.notes[0]
    unlabeled_pairs = read_pairs_to_predict(tmp_path / "pairs.jsonl", "y")
    assert {pair.criterion for pair in unlabeled_pairs} == {"x", "y"}


def test_another_file_is_evaluated_as_a_whole(tmp_path, capsys):
    data = labeled_pairs(write_rows(tmp_path / "pairs.jsonl", many(40)))
    train, valid = data.samples("train"), data.samples("valid")
    assert data.to_measure(fingerprint(train)) == valid
    assert len(data.to_measure("other")) == len(train) + len(valid) == 40
    assert "Evaluated on 40 pairs of" in capsys.readouterr().err


def test_validation_pairs_that_are_training_pairs_are_counted_in_either_order(tmp_path):
    write_rows(tmp_path / "train.jsonl", [row("甲", "乙", label=1), row("丙", "丁", label=0)])
    write_rows(tmp_path / "valid.jsonl", [row("乙", "甲", label=1), row("丙", "戊", label=0)])
    splits = labeled_pairs(tmp_path).training()
    count, place = overlap(splits.train, splits.valid, READING, tmp_path)
    assert "1 of 2 validation pairs are training pairs too" in count
    assert place.strip() == "valid.jsonl:1 = train.jsonl:1"


@pytest.mark.parametrize(("label", "meant"), [(1.0, 1), ("0.0", 0), ("1.0", 1), ("\ufeff1 ", 1)])
def test_spellings_of_labels_0_and_1(tmp_path, label, meant):
    path = write_rows(tmp_path / "valid.jsonl", [row(label=label)])
    write_rows(tmp_path / "train.jsonl", [row(label=1)])
    assert [pair.label for pair in read_pairs(path.parent, "valid").pairs] == [meant]


def test_criteria_are_shown_with_their_pairs_and_matches(tmp_path):
    for name in ("LCQMC", "LCQMc"):
        write_rows(tmp_path / name / "train.jsonl", many(40 if name == "LCQMC" else 4))
        write_rows(tmp_path / name / "valid.jsonl", many(2))
    several = criteria_lines(labeled_pairs(tmp_path).training())
    assert several[0].split() == ["Criteria", "2"]
    assert "LCQMC: 40 training pairs (50% match), 2 validation pairs (50% match)" in several[1]
    assert "'LCQMc' has 4 rows" in several[-1]
    assert "the same as 'LCQMC'" in several[-1]
    [one] = criteria_lines(labeled_pairs(tmp_path / "LCQMC").training())
    assert one.split() == ["Labels", "2:", "0", "(20),", "1", "(20)"]


def test_a_criterion_whose_pairs_all_have_one_label_is_refused():
    pairs = [Pair(f"{n}", "b", int(n < 6), "xy"[n % 2], f"f:{n}") for n in range(8)]
    common_criteria(pairs, pairs)
    with pytest.raises(DataError, match="x: all training pairs have label 1"):
        common_criteria([pair for pair in pairs if pair.label or pair.criterion == "y"], pairs)


def test_a_separate_last_letter_is_the_group():
    alone = ["短短匹配A类", "长长匹配B类", "x-A", "x_B", "x B", "短长A"]
    assert group_criteria(alone) == {
        "A": ["x-A", "短短匹配A类", "短长A"],
        "B": ["x B", "x_B", "长长匹配B类"],
    }
    assert set(group_criteria(["句子相似-STSB", "DATA", "LCQMC", "A股", "a"])) == {"all"}


def test_pairs_to_predict_come_in_order_with_the_other_fields(tmp_path, monkeypatch):
    rows = [row("甲", id=1, criterion="x"), row("丙", label="?", note=None)]
    path = write_rows(tmp_path / "a.jsonl", rows)
    unlabeled_pairs = list(read_pairs_to_predict(path, "y"))
    assert [(p.source, p.criterion, p.label) for p in unlabeled_pairs] == [
        ("甲", "x", None),
        ("丙", "y", None),
    ]
    assert [p.extra for p in unlabeled_pairs] == [{"id": 1}, {"label": "?", "note": None}]
    assert unlabeled_pairs[1].where == f"{path}:2"
    for content in (path.read_bytes(), "\nsource,target\n甲,乙\n丙,乙\n".encode()):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert [p.source for p in read_pairs_to_predict("-")] == ["甲", "丙"]


def test_an_invalid_row_to_predict_stops_at_its_line(tmp_path, monkeypatch):
    content = b'{"source": "a", "target": "b"}\n{"source": "a"}\n{"source": "c", "target": "d"}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    unlabeled_pairs = read_pairs_to_predict("-")
    assert next(unlabeled_pairs).target == "b"
    with pytest.raises(DataError, match="standard input:2: 'target' is missing"):
        next(unlabeled_pairs)


def test_the_real_matching_data_is_read():
    root = Path(os.environ.get("HORNBOOK_DATA") or Path(__file__).parents[4] / "shared/data")
    folder = root / "matching"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; set HORNBOOK_DATA to the folder with real data")
    for split in ("train", "valid"):
        data = read_pairs(folder, split)
        files = sorted(folder.glob(f"*/{split}.jsonl"))
        assert len(data.pairs) == sum(file.read_bytes().count(b"\n") for file in files)
        assert len(data.criteria) == 6
