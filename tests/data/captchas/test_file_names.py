"""Names of captcha files: one rule for all of them, and numbers of files are no labels."""

import random
import re

import pytest

from hornbook.data.captchas.file_names import check_labels, find_rule
from hornbook.errors import DataError


def labels_of(names):
    rule = find_rule(names)
    labels = [rule.label(name) for name in names]
    check_labels(labels, names, "data")
    return labels


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["8-3=_1.png", "8+3=_2.png", "0-7=_3.png"], ["8-3=", "8+3=", "0-7="]),
        (["8-3=.png", "8+3=_2.png", "1+1=.jpg"], ["8-3=", "8+3=", "1+1="]),
        (["8-3=.png", "9-3=.png", "7-2=_1.png"], ["8-3=", "9-3=", "7-2="]),
        (["8-3=-1.png", "8+3=-2.png", "0-7=-3.png"], ["8-3=", "8+3=", "0-7="]),
        (["3x4=_1.png", "3×4=_2.png", "6÷2=_3.png"], ["3x4=", "3×4=", "6÷2="]),
        (["3*4=.png", "9-2=?.png", "7+2=.png"], ["3*4=", "9-2=?", "7+2="]),
        (["(3+4)=_1.png", "1.5+2=_2.png", "4+4=_3.png"], ["(3+4)=", "1.5+2=", "4+4="]),
        (["7h2k.png", "7h2k_1.jpg", "9h2k-a1b2.png"], ["7h2k", "7h2k", "9h2k"]),
        (["7h2k-1.png", "8h2k-2.png", "abcd-3.png"], ["7h2k", "8h2k", "abcd"]),
        (["ab-12.png", "cdx45.png", "ef-78.png"], ["ab-12", "cdx45", "ef-78"]),
        (["7h2k (2).png", "7h2k.old.png", "aaaa.png"], ["7h2k", "7h2k", "aaaa"]),
        (["7h2k - Copy.png", "abcd.jfif", "efgh"], ["7h2k", "abcd", "efgh"]),
        (["11_1.png", "12_2.png", "13_3.png", "11_4.png"], ["11", "12", "13", "11"]),
        (["e\u0301a_1.png", "ab_2.png", "cd_3.png"], ["éa", "ab", "cd"]),
    ],
)
def test_one_rule_applies_to_all_names_of_a_folder(names, labels):
    assert labels_of(names) == labels


def test_ambiguous_names_are_refused():
    with pytest.raises(DataError, match=r"ambiguous: 1-23 could mean '1' or '1-23'"):
        find_rule(["1-23.png", "5.png", "abcd.png"])


FILE_NUMBERS = {
    "captcha_0001": [f"captcha_{n:04}.png" for n in range(10)],
    "image_0001": [f"image_{n:04}.jpg" for n in range(10)],
    "img (1)": [f"img ({n}).png" for n in range(1, 9)],
    "00000": [f"{n:05}.png" for n in range(10)],
    "from 1": [f"{n}.jpg" for n in range(1, 30)],
    "some left out": [f"{n:04}.png" for n in range(40) if n % 7],
    "in tens": [f"{n:04}.png" for n in range(0, 900, 10)],
    "img17": [f"img{n}.png" for n in (17, 4032, 77, 250)],
    "frame12": [f"frame{n}.png" for n in range(5)],
    "x001": [f"x{n:03}.png" for n in range(5)],
    "0001_a": [f"{n:04}_a.png" for n in range(9)],
    "0001 twice": [f"{n:04}_{view}.png" for n in range(9) for view in "ab"],
    "IMG_2019": [f"IMG_20190101_{n:06}.jpg" for n in range(9)],
    "checksums": [f"{n * 0x1234567890ABCDEF12345 % 2**128:032x}.png" for n in range(1, 9)],
    "uuid": [f"{n:08x}-5d1e-4b5a-9d3c-0242ac1200{n:02}.png" for n in range(10, 19)],
    "times": [f"{1548072345123 + 998_877 * n * n}.png" for n in range(9)],
    "some named": [*(f"a{n}b{n}.png" for n in range(9)), *(f"image_{n}.png" for n in range(4))],
}


@pytest.mark.parametrize("kind", FILE_NUMBERS)
def test_file_numbers_and_checksums_are_not_labels(kind):
    with pytest.raises(DataError, match=r"(?s)^data: .*labels\.csv"):
        labels_of(FILE_NUMBERS[kind])


def test_digits_that_are_not_consecutive_are_labels():
    chance = random.Random(0)
    names = [f"{n:04}.png" for n in chance.sample(range(10_000), 500)]
    assert labels_of(names) == [name[:4] for name in names]
    names = [f"{n:04}.png" for n in chance.sample(range(10_000), 7_000)]  # most that there are
    assert labels_of(names)[0] == names[0][:4]
    names = [f"{n % 10}_{n}.png" for n in range(60)]  # one digit each
    assert labels_of(names)[:3] == ["0", "1", "2"]


def test_a_label_at_the_end_of_the_name_is_refused_with_advice():
    names = [f"{n:04}_{text}.png" for n, text in enumerate(["7h2k", "ab3d", "99xx", "k2k2"])]
    with pytest.raises(DataError, match=re.escape("rename 0000_7h2k.png to 7h2k_0000.png")):
        labels_of(names)


def test_the_summary_has_the_rule_and_an_example():
    names = ["7h2k_1.png", "abcd_2.png"]
    line = find_rule(names).summary(names)
    assert "up to the first '_'" in line
    assert "every name has one" in line
    assert line.endswith("7h2k_1.png -> 7h2k")


def test_split_names_are_not_labels():
    with pytest.raises(DataError, match="only tell the split of an image"):
        labels_of(["train_1.png", "train_2.png", "test_1.png", "test_2.png"])
