from pathlib import Path

import pytest
from PIL import Image

from hornbook.data.captchas.labeled_images import (
    characters_of,
    find_alphabet,
    fingerprint,
    label_of,
    leaked,
    read_captchas,
)
from hornbook.data.captchas.sources import read_captcha_folder
from hornbook.errors import DataError, OptionError


def image(path, shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 4), (shade, 0, 0)).save(path)


@pytest.fixture
def folder(tmp_path):
    for number in range(40):
        image(tmp_path / f"ab{number % 10}_{number}.png", number)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["7h2k.png", "7h2k_1.jpg", "7h2k-a1b2.png", "7h2k (2).png", "7h2k.old.png"]
)
def test_the_label_is_the_beginning_of_the_name(name):
    assert label_of(Path(name)) == "7h2k"


def test_a_tenth_is_held_out_reproducibly(folder):
    train, valid = (read_captchas(folder, split) for split in ("train", "valid"))
    assert (len(train), len(valid)) == (36, 4)
    assert valid == read_captchas(folder, "valid")
    assert valid != read_captchas(folder, "valid", seed=1)
    assert {one.path for one in train}.isdisjoint(one.path for one in valid)
    assert len(read_captchas(folder)) == 40


def test_identical_images_are_on_one_side(tmp_path):
    for number in range(40):
        image(tmp_path / f"ab{number % 10}_{number}.png", number % 20)
    train, valid = (read_captchas(tmp_path, split) for split in ("train", "valid"))
    inside = [{one.path.read_bytes() for one in side} for side in (train, valid)]
    assert inside[0].isdisjoint(inside[1])


def test_train_and_valid_folders_are_the_splits(tmp_path):
    image(tmp_path / "train" / "ab.png")
    image(tmp_path / "valid" / "cd.png")
    assert [one.label for one in read_captchas(tmp_path, "train")] == ["ab"]
    assert [one.label for one in read_captchas(tmp_path, "valid")] == ["cd"]


@pytest.mark.parametrize(
    ("train", "valid", "test"), [("Training", "val", "TEST"), ("train_set", "dev", "test_images")]
)
def test_other_split_names_and_a_test_folder(tmp_path, train, valid, test):
    image(tmp_path / train / "ab.png")
    image(tmp_path / valid / "cd.png")
    image(tmp_path / test / "ef.png")
    image(tmp_path / "more" / "gh.png")
    assert [one.label for one in read_captchas(tmp_path, "train")] == ["ab"]
    assert [one.label for one in read_captchas(tmp_path, "valid")] == ["cd"]
    assert [one.label for one in read_captchas(tmp_path, "test")] == ["ef"]
    assert [one.label for one in read_captchas(tmp_path)] == ["ab", "cd"]
    lines = "\n".join(read_captcha_folder(tmp_path).lines())
    assert "1 image in the test split" in lines
    assert "more: 1 image of no split" in lines


def test_validation_images_are_held_out_if_there_is_only_a_test_folder(folder):
    (folder / "Test").mkdir()
    image(folder / "Test" / "zz_1.png")
    train, valid = (read_captchas(folder, split) for split in ("train", "valid"))
    assert (len(train), len(valid)) == (36, 4)
    for path in folder.glob("*.png"):
        path.unlink()
    with pytest.raises(DataError, match="holds no valid images, only test"):
        read_captchas(folder, "valid")


def test_splits_within_sets_are_refused(tmp_path):
    image(tmp_path / "bank" / "train" / "ab.png")
    image(tmp_path / "bank" / "valid" / "cd.png")
    with pytest.raises(DataError, match="splits belong above the sets"):
        read_captchas(tmp_path)


def test_leaked_validation_images_are_found(tmp_path):
    image(tmp_path / "train" / "ab.png", 1)
    image(tmp_path / "valid" / "ab_2.png", 1)
    image(tmp_path / "valid" / "cd.png", 2)
    train, valid = (read_captchas(tmp_path, split) for split in ("train", "valid"))
    assert [path.name for path in leaked(train, valid)] == ["ab_2.png"]


def test_a_table_with_leading_zeros_byte_order_mark_and_windows_line_ends(tmp_path):
    for number in range(4):
        image(tmp_path / f"{number:05}.png")
    rows = "".join(f"{number:05}.png,{7 * number:04}\r\n" for number in range(4))
    (tmp_path / "labels.csv").write_bytes(b"\xef\xbb\xbf" + f"file,label\r\n{rows}".encode())
    alphabet = find_alphabet(read_captchas(tmp_path))
    assert (alphabet.shortest, alphabet.longest) == (4, 4)


def test_each_folder_is_a_set(tmp_path):
    image(tmp_path / "bank" / "ab.png")
    image(tmp_path / "shop" / "cd.png")
    assert [(one.set_name, one.label) for one in read_captchas(tmp_path)] == [
        ("bank", "ab"),
        ("shop", "cd"),
    ]


def test_a_table_takes_precedence_over_file_names(tmp_path):
    image(tmp_path / "1.png")
    image(tmp_path / "2.png")
    (tmp_path / "labels.csv").write_text("file,label\n1.png,A+B\n2.png,c_d\n")
    assert [one.label for one in read_captchas(tmp_path)] == ["A+B", "c_d"]
    (tmp_path / "labels.csv").write_text("file,label\n1.png,ab\n1.png,cd\nnone.png,ef\n2.png,\n")
    with pytest.raises(DataError) as error:
        read_captchas(tmp_path)
    assert "labels.csv:3: 1.png has two labels" in str(error.value)
    assert "labels.csv:4: there is no file" in str(error.value)
    assert "labels.csv:5: the label is empty" in str(error.value)


def test_the_alphabet_is_learned_from_the_labels(folder):
    alphabet = find_alphabet(read_captchas(folder))
    assert (alphabet.characters, alphabet.shortest, alphabet.longest) == ("0123456789ab", 3, 3)


def test_labels_that_do_not_fit_are_listed_with_advice(folder):
    image(folder / "ABCD_1.png")
    captchas = read_captchas(folder)
    with pytest.raises(DataError, match=r"ABCD_1\.png: 'ABCD' has 4 characters") as error:
        find_alphabet(captchas, length="3")
    assert "40 x 3, 1 x 4" in str(error.value)
    with pytest.raises(DataError, match=r"ABCD_1\.png: 'ABCD' has 'ABCD'"):
        find_alphabet(captchas, characters="digits+lower")
    assert find_alphabet(captchas, case="ignored").characters == "0123456789abcd"
    assert find_alphabet(captchas).longest == 4


@pytest.mark.parametrize("text", ["aaa", "7h2k"])
def test_a_single_label_is_refused(tmp_path, text):
    image(tmp_path / f"{text}_1.png")
    image(tmp_path / f"{text}_2.png")
    with pytest.raises(DataError, match="nothing to learn"):
        find_alphabet(read_captchas(tmp_path))


def test_character_sets_have_names():
    assert characters_of("digits") == "0123456789"
    assert characters_of("ba0") == "0ab"
    with pytest.raises(OptionError, match="Did you mean 'digits'"):
        characters_of("digitss")


def test_the_fingerprint_covers_labels_and_images(folder):
    captchas = read_captchas(folder)
    before = fingerprint(captchas)
    assert before == fingerprint(read_captchas(folder))
    image(captchas[0].path, 99)
    assert before != fingerprint(captchas)


def test_too_few_images_to_hold_one_out(tmp_path):
    image(tmp_path / "ab.png")
    with pytest.raises(DataError, match="no two images that differ"):
        read_captchas(tmp_path, "train")
