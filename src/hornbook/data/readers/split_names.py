"""Decides which split a file or folder name means: `dev.jsonl`, `Testing`, `x_train`, `验证集`.

A name is split into words, and only whole words count: `trainer` and `validity` mean no split.  A
folder name may hold only its split and neutral words (`train_images`, but not `train_station`,
which is a class), unless a sibling differs in the split alone (`imdb_train` beside `imdb_test`).  A
file name may hold other words (`imdb_test.csv`, `train.char.bmes`).  A name with two splits means
none: `train_test.csv`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from hornbook.errors import OptionError, did_you_mean

TRAIN, VALID, TEST = SPLITS = ("train", "valid", "test")

_WORDS = {
    TRAIN: "train training trn trainset trainingset traindata trainingdata 训练 訓練",
    VALID: "val valid validation validate vld valset validset validationset dev devel development "
    "devset eval evaluation evalset evaluationset vali heldout holdout "
    "验证 驗證 校验 校驗 开发 開發",
    TEST: "test testing tst testset testingset testdata testingdata 测试 測試 评测 評測",
}
_SPLIT_OF = {word: split for split, words in _WORDS.items() for word in words.split()}
# words beside the split that do not change its meaning
_NEUTRAL = """set data dataset datasets split splits part of file files folder dir image images img
imgs picture pictures pic pics photo photos text texts row rows sample samples example examples pair
pairs 集 数据 數據 数据集 數據集 样本 樣本 图片 圖片 文本 文件"""
_ENDINGS = """jsonl ndjson json csv tsv txt tab parquet pq arrow feather xls xlsx bio bioes bmes
bmeso iob iob2 conll conllu seg tags ann xml npz npy pkl record tfrecord dat gz zst bz2 xz zip tar
tgz"""
_WITH_DIGIT = {ending for ending in _ENDINGS.split() if ending[-1].isdigit()}
_CHINESE_SUFFIX = "集|数据集|數據集|数据|數據|样本|樣本|图片|圖片|文本|文件"
_CHINESE = re.compile(
    f"({'|'.join(word for word in _SPLIT_OF if not word.isascii())})({_CHINESE_SUFFIX})?$"
)
# words end before a capital after a lowercase letter, and between letters, digits and Chinese
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


class _Name(NamedTuple):
    split: str | None
    rest: tuple[str, ...]  # the words beside it that are not neutral
    is_file: bool
    at_an_end: bool  # whether the split is the first or the last word


def split_of(name: str) -> str | None:
    """Returns the split that a file or folder name means by itself.

    Args:
        name: A name without its folder: `train.jsonl.gz`, `Training`.

    Returns:
        `"train"`, `"valid"`, `"test"`, or None.  `dev` and `eval` are `"valid"`.
    """
    read = _read(name)
    if not read.rest or (read.is_file and read.at_an_end):
        return read.split
    return None


def check_split(split: str) -> None:
    """Raises OptionError when `split` is none of `SPLITS`."""
    if split not in SPLITS:
        raise OptionError(f"split is {split!r}. {did_you_mean(str(split), SPLITS)}")


def splits_in(names: Iterable[str]) -> dict[str, list[str]]:
    """Assigns names of one folder to splits.

    Names that hold only their split have precedence: beside `train.jsonl`,
    `train_unlabeled.jsonl` is ignored.  Folder prefixes are recognized by comparing siblings.

    Args:
        names: Names of sibling files, or of sibling folders.

    Returns:
        `{split: names}` in the order `"train"`, `"valid"`, `"test"`, without empty splits.  It is
        up to the caller to refuse several names for one split.
    """
    names = list(names)
    read = {name: _read(name) for name in names}
    siblings: dict[tuple[str, ...], set[str]] = {}
    for one in read.values():
        if one.split is not None:
            siblings.setdefault(one.rest, set()).add(one.split)
    names_of: dict[str, list[str]] = {}
    for split in SPLITS:
        own = [name for name in names if read[name].split == split]
        exact = [name for name in own if not read[name].rest]
        wider = [
            name
            for name in own
            if read[name].at_an_end and (read[name].is_file or len(siblings[read[name].rest]) > 1)
        ]
        if exact or wider:
            names_of[split] = exact or wider
    return names_of


def _read(name: str) -> _Name:
    """Splits a name into words."""
    words = _words(unicodedata.normalize("NFKC", name))
    length = len(words)
    endings = _ENDINGS.split()
    while length > 1 and words[length - 1] in endings:
        length -= 1
    is_file = length < len(words) and "." in name
    words = [word for word in words[: length if is_file else None] if not _is_neutral(word)]
    splits = {_SPLIT_OF[word] for word in words if word in _SPLIT_OF}
    if len(splits) != 1:
        return _Name(None, tuple(words), is_file, at_an_end=False)
    rest = tuple(word for word in words if word not in _SPLIT_OF)
    at_an_end = words[0] in _SPLIT_OF or words[-1] in _SPLIT_OF
    return _Name(splits.pop(), rest, is_file, at_an_end)


def _words(name: str) -> list[str]:
    words: list[str] = []
    for word in _WORD.findall(name):
        chinese = _CHINESE.search(word)
        if word.lower() == "out" and words[-1:] in (["held"], ["hold"]):  # held_out, hold-out
            words[-1] += "out"
        elif words and words[-1] + word in _WITH_DIGIT:
            words[-1] += word
        elif chinese and (chinese.group(2) or chinese.start() == 0):  # 压力测试 is no 测试集
            words += [part for part in (word[: chinese.start()], chinese.group(1)) if part]
        else:
            words.append(word.lower())
    return words


def _is_neutral(word: str) -> bool:
    """Whether a word is a part or version number, the `x` of `x_train`, or in `_NEUTRAL`."""
    return word.isdigit() or (len(word) == 1 and word.isascii()) or word in _NEUTRAL.split()
