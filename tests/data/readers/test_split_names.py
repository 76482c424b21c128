from __future__ import annotations

import pytest

from hornbook.data.readers.split_names import SPLITS, split_of, splits_in

TRAIN = """train Train TRAIN training Training trn trainset train_set train-set TrainSet trainData
training_data train.jsonl TRAIN.CSV train.jsonl.gz train.txt.zst x_train X_train.npy train_x
imdb_train.jsonl cnews.train.txt train.char.bmes train-00000-of-00001 train2017 train_v2.tsv
train-00000-of-00001.parquet train_images train_0.jsonl.gz 训练集 训练 训练数据.csv 訓練集
情感训练集.tsv reviews-train.csv train_clean.jsonl train.iob2 train.jsonl.bz2"""
VALID = """val valid validation Validation VAL val_set val-set valset dev Dev devel development
dev_set devset eval evaluation heldout held_out hold-out holdout.csv vali dev.jsonl
validation.jsonl valid.tsv.gz imdb_dev.csv val2014
验证集 验证 驗證集 开发集 开发集.jsonl 校验集 ValData data.dev.txt"""
TEST = """test Test TEST testing Testing tst test_set testset test.jsonl imdb_test.csv test_a.json
x_test test-00000-of-00003 测试集 测试 測試集 测试集.txt test.char.bmes TestSet"""
NONE = """trainer trainers trains testament tester testimony valley validity invalid value device
developer evaluator attest latest contest retrain strain untrained trained protest
train_station steam_train test_tube crash_test blood-test valid_ticket dev_board training.shoes
steam_train.jpg test_strip.png train_test train_test.csv train_val trainval train-dev.jsonl
dev_and_test.csv notes.csv data.jsonl README.md labels.csv vocab.txt 压力测试 训练师 测试员
0 1 cats pos neg x y images"""


@pytest.mark.parametrize(
    ("name", "split"),
    [
        (name, split)
        for names, split in ((TRAIN, "train"), (VALID, "valid"), (TEST, "test"), (NONE, None))
        for name in names.split()
    ],
)
def test_a_name_means_a_split_or_none(name, split):
    assert split_of(name) == split


@pytest.mark.parametrize("name", ["train set", "Test Set", "val images", "test (1).csv"])
def test_blanks_and_brackets_separate_words(name):
    assert split_of(name) is not None


@pytest.mark.parametrize("name", ["", ".", "_", "...", ".gz", "-", "csv", "\u200b"])
def test_a_name_without_words_means_none(name):
    assert split_of(name) is None


def test_prefixes_are_recognized_by_siblings():
    assert splits_in(["imdb_train", "imdb_test"]) == {
        "train": ["imdb_train"],
        "test": ["imdb_test"],
    }
    assert splits_in(["steam_train", "bus", "tram"]) == {}
    assert splits_in(["steam_train", "crash_test"]) == {}
    assert splits_in(["train_flowers", "val_flowers", "notes"]) == {
        "train": ["train_flowers"],
        "valid": ["val_flowers"],
    }


def test_a_plain_split_name_is_preferred():
    files = ["test.csv", "train_unlabeled.jsonl", "train.jsonl", "dev.jsonl", "notes.csv"]
    assert splits_in(files) == {
        "train": ["train.jsonl"],
        "valid": ["dev.jsonl"],
        "test": ["test.csv"],
    }
    assert list(splits_in(files)) == list(SPLITS)


def test_two_names_of_one_split_are_both_returned():
    assert splits_in(["valid.jsonl", "dev.jsonl"]) == {"valid": ["valid.jsonl", "dev.jsonl"]}
    assert splits_in(["train_a.csv", "train_b.csv"]) == {"train": ["train_a.csv", "train_b.csv"]}
