"""Files of labels are known by what is in them, and give text exactly as it stands there."""

import json
from pathlib import Path

import pytest

from hornbook.data.captchas.label_files import is_labelish, read_label_file
from hornbook.data.captchas.labeled_images import read_captchas
from hornbook.data.captchas.sources import read_captcha_folder
from hornbook.errors import DataError

TEXTS = ["0007", "0014", "ab d", "7,7", "8-3="]
SIMPLE = ["0007", "0014", "4226", "abcd", "8-3="]


def images(folder, count=5, ending=".png"):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number:05}{ending}").write_bytes(b"%d" % number)
    return [f"{number:05}{ending}" for number in range(count)]


def labels(folder, split=None):
    return [captcha.label for captcha in read_captchas(folder, split)]


FORMATS = {
    "labels.csv": lambda rows: "file,label\r\n" + "".join(f'{n},"{t}"\r\n' for n, t in rows),
    "my_labels.csv": lambda rows: (
        "\ufeffimage_id,text\n" + "".join(f'{n},"{t}"\n' for n, t in rows)
    ),
    "train_labels.csv": lambda rows: "".join(f'{n},"{t}"\n' for n, t in rows),
    "labels.txt": lambda rows: "".join(f"{n}\t{t}\n" for n, t in rows),
    "gt.txt": lambda rows: "".join(f"{n} {t}\n" for n, t in rows),
    "rec_gt_train.txt": lambda rows: "".join(f"./crop/img/{n}\t{t}\n" for n, t in rows),
    "labels.tsv": lambda rows: "text\tfilename\n" + "".join(f"{t}\t{n}\n" for n, t in rows),
    "x.csv": lambda rows: "id;file;label\n" + "".join(f'1;{n};"{t}"\n' for n, t in rows),
    "excel.csv": lambda rows: "sep=;\nfile;label\n" + "".join(f"{n};{t}\n" for n, t in rows),
    "quoted.tsv": lambda rows: '"file"\t"label"\n' + "".join(f"{n}\t{t}\n" for n, t in rows),
    "paths.txt": lambda rows: "".join(f"C:\\data\\{n}|{t}\n" for n, t in rows),
    "labels.json": lambda rows: json.dumps(dict(rows)),
    "list.json": lambda rows: json.dumps([{"file": n, "label": t} for n, t in rows]),
    "anno.json": lambda rows: json.dumps({"data": [{"img": n, "text": t} for n, t in rows]}),
    "labels.jsonl": lambda rows: "".join(
        json.dumps({"file_name": n, "text": t}) + "\n" for n, t in rows
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_label_files_is_read(name, tmp_path):
    names = images(tmp_path)
    rows = list(zip(names, TEXTS, strict=True))
    (tmp_path / name).write_text(FORMATS[name](rows), "utf-8")
    assert labels(tmp_path) == TEXTS
    folder = read_captcha_folder(tmp_path)
    folder.captchas("train")
    assert f"of {tmp_path / name}: 5 images, e.g. 00000.png -> 0007" in "\n".join(folder.lines())


def test_names_may_lack_suffixes_and_have_folders(tmp_path):
    images(tmp_path / "images")
    rows = "".join(f"{number:05},{text}\n" for number, text in enumerate(SIMPLE))
    (tmp_path / "labels.csv").write_text("name,label\n" + rows)
    assert labels(tmp_path) == SIMPLE
    assert labels(tmp_path / "images") == SIMPLE  # beside the folder, and called labels


def test_label_files_named_after_splits_define_them(tmp_path):
    names = images(tmp_path)
    (tmp_path / "train_labels.csv").write_text("".join(f"{n},a{n[4]}\n" for n in names[:3]))
    (tmp_path / "val_labels.csv").write_text(f"{names[3]},b3\n")
    (tmp_path / "test_labels.csv").write_text(f"{names[4]},c4\n")
    assert labels(tmp_path, "train") == ["a0", "a1", "a2"]
    assert (labels(tmp_path, "valid"), labels(tmp_path, "test")) == (["b3"], ["c4"])


def test_equal_names_in_two_splits_are_resolved_by_the_label_file(tmp_path):
    for split in ("train", "test"):
        images(tmp_path / split, 3)
        rows = "".join(f"{number:05}.png\t{split[1]}{number}\n" for number in range(3))
        (tmp_path / f"rec_gt_{split}.txt").write_text(rows)
    assert labels(tmp_path) == ["r0", "r1", "r2"]
    assert labels(tmp_path, "test") == ["e0", "e1", "e2"]


def test_images_without_a_row_are_counted_and_listed(tmp_path):
    names = images(tmp_path)
    (tmp_path / "labels.csv").write_text(f"file,label\n{names[0]},ab\n{names[1]},cd\n")
    folder = read_captcha_folder(tmp_path)
    assert len(folder.captchas("train")) == 2
    assert "3 of 5 images, which have no row in the labels: 00002.png" in "\n".join(folder.lines())


def test_rows_without_an_image_are_listed(tmp_path):
    names = images(tmp_path, 3)
    rows = "".join(f"{n},ab\n" for n in [*names, "gone.png"])
    (tmp_path / "train_labels.csv").write_text("file,label\n" + rows)
    with pytest.raises(DataError, match=r"train_labels\.csv:5: there is no file .*gone\.png"):
        read_captchas(tmp_path)


def test_two_label_files_must_agree(tmp_path):
    names = images(tmp_path)
    (tmp_path / "labels.csv").write_text("".join(f"{n},a{n[4]}\n" for n in names))
    (tmp_path / "labels.txt").write_text("".join(f"{n}\ta{n[4]}\n" for n in names))
    assert labels(tmp_path)[1] == "a1"
    (tmp_path / "labels.txt").write_text(f"{names[1]}\tzz\n")
    with pytest.raises(DataError, match=r"labels\.txt:1: 00001\.png is zz here, but a1 in labels"):
        read_captchas(tmp_path)


def test_a_label_file_that_names_no_image_is_reported(tmp_path):
    for text in ("7h2k", "ab3d", "99xx"):
        (tmp_path / f"{text}_1.png").write_bytes(b"x")
    (tmp_path / "labels.txt").write_text("other.png\tabcd\n")
    (tmp_path / "notes.csv").write_text("when,what\n1,2\n")
    folder = read_captcha_folder(tmp_path)
    assert [captcha.label for captcha in folder.captchas("train")] == ["7h2k", "99xx", "ab3d"]
    lines = "\n".join(folder.lines())
    assert "labels.txt, which names no image of this folder" in lines
    assert "1 file passed over: 1 .csv" in lines


def test_numbers_in_another_table_are_not_image_names(tmp_path):
    for text in ("17", "42", "99", "63", "17_b"):
        (tmp_path / f"{text}.png").write_bytes(b"x")
    (tmp_path / "prices.csv").write_text("17,42\n42,99\n")
    assert labels(tmp_path) == ["17", "17", "42", "63", "99"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("00000.png,ab,cd\n00001.png,ef,gh\n", "3 columns and no header"),
        ("file,a,b\n00000.png,ab,cd\n00001.png,ef,gh\n", "which column is the label"),
        ("file,label\n00000.png,ab\n00000.png,cd\n", "has two labels, ab and cd"),
        ("file,label\n00000.png,\n", "the label is empty"),
        ("file,label\n", "labels.csv"),
    ],
)
def test_errors_in_a_label_file_are_one_message(content, message, tmp_path):
    images(tmp_path, 3)
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        read_captchas(tmp_path)


def test_a_label_file_may_be_the_data(tmp_path):
    names = images(tmp_path)
    (tmp_path / "x.txt").write_text("".join(f"{n} k{n[4]}\n" for n in names))
    assert labels(tmp_path / "x.txt")[:2] == ["k0", "k1"]
    (tmp_path / "y.txt").write_text("nothing of it\n")
    with pytest.raises(DataError, match="names none of the images"):
        read_captchas(tmp_path / "y.txt")


def test_outputs_of_label_and_predict_are_not_label_files(tmp_path):
    names = [f"{text}_1.png" for text in ("7h2k", "ab3d", "99xx", "k2k2")]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "undo-20260101-000000.csv").write_text(
        "old,new\n" + "".join(f"x{n},{n}\n" for n in names)
    )
    (tmp_path / "answers.csv").write_text(
        "file,text,confidence,error\n" + "".join(f"{n},wrong,0.9,\n" for n in names)
    )
    (tmp_path / "answers.jsonl").write_text(
        "".join(json.dumps({"file": n, "text": "wrong", "confidence": 0.9}) + "\n" for n in names)
    )
    assert labels(tmp_path) == ["7h2k", "99xx", "ab3d", "k2k2"]
    folder = read_captcha_folder(tmp_path)
    assert "3 files passed over: 2 .csv, 1 .jsonl" in "\n".join(folder.lines())


def test_names_of_label_files():
    label_files = ["labels.csv", "train_labels.csv", "rec_gt_train.txt", "gt.txt", "标注.txt"]
    other = ["lengths.csv", "answers.csv", "notes.txt", "undo-1.csv"]
    assert [name for name in [*label_files, *other] if is_labelish(Path(name))] == label_files


@pytest.mark.parametrize(
    "labels",
    [["1", "2", "3", "4"], ["0", "1", "2", "3"], ["0001", "0002", "0003", "0004"], list("3142")],
)
def test_labels_that_only_number_the_rows_are_refused(tmp_path, labels):
    names = [f"{name}.png" for name in ("ab", "cd", "ef", "gh")]
    table = tmp_path / "labels.csv"
    rows = zip(names, labels, strict=True)
    table.write_text("file,label\n" + "".join(f"{name},{label}\n" for name, label in rows))
    with pytest.raises(DataError, match="the labels look like row numbers"):
        read_label_file(table, set(names))


@pytest.mark.parametrize("labels", [["7", "8", "9", "10"], ["1", "2", "2", "4"], list("1379")])
def test_numbers_that_do_not_number_the_rows_are_labels(tmp_path, labels):
    names = [f"{name}.png" for name in ("ab", "cd", "ef", "gh")]
    table = tmp_path / "labels.csv"
    rows = zip(names, labels, strict=True)
    table.write_text("file,label\n" + "".join(f"{name},{label}\n" for name, label in rows))
    read = read_label_file(table, set(names))
    assert [row.label for row in read] == labels


def test_every_text_of_one_digit_in_any_order_is_a_label(tmp_path):
    labels = list("3104529867")
    names = {f"{name}.png" for name in "abcdefghij"}
    table = tmp_path / "labels.csv"
    rows = zip(sorted(names), labels, strict=True)
    table.write_text("file,label\n" + "".join(f"{name},{label}\n" for name, label in rows))
    assert [row.label for row in read_label_file(table, names)] == labels


def test_a_json_object_that_labels_an_image_twice_is_refused(tmp_path):
    table = tmp_path / "labels.json"
    table.write_text('{"ab.png": "x", "ab.png": "y"}')
    with pytest.raises(DataError, match=r"the key 'ab\.png' occurs more than once"):
        read_label_file(table, {"ab.png"})


def test_a_first_line_with_fewer_columns_than_the_others_is_named(tmp_path):
    names = images(tmp_path)
    rows = "".join(f"{number}\t{name}\n" for number, name in enumerate(names))
    (tmp_path / "labels.csv").write_text("file\n" + rows)
    with pytest.raises(DataError, match=r"labels\.csv:1: expected at least 2 columns, .* found 1"):
        read_captcha_folder(tmp_path)


def test_one_separator_is_detected_per_file(tmp_path):
    names = images(tmp_path)
    rows = "".join(f"{name},ab{number}\n" for number, name in enumerate(names))
    (tmp_path / "labels.csv").write_text("fi\tle,label\n" + rows)
    assert sorted(labels(tmp_path)) == [f"ab{number}" for number in range(5)]
