"""Files are read completely, up to a maximum length."""

from __future__ import annotations

import os

import pytest

from hornbook.errors import CheckpointError, DataError
from hornbook.files import bounded_bytes, bounded_text, read_rows
from hornbook.pretrained.opening.model_folder import read_config_file


def test_a_file_of_maximum_length_is_read_and_a_longer_one_refused(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf{}")
    assert bounded_text(path, 5) == "{}"
    with pytest.raises(DataError, match=r"a.json is too long"):
        bounded_bytes(path, 4, DataError)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs /dev/zero")
def test_an_endless_device_is_refused(tmp_path):
    (tmp_path / "config.json").symlink_to("/dev/zero")
    with pytest.raises(CheckpointError):  # no regular file, or too long
        read_config_file(tmp_path)


def test_a_configuration_that_is_too_long_is_refused_before_it_is_parsed(tmp_path):
    with open(tmp_path / "config.json", "wb") as file:
        file.truncate(2**40)  # a hole: no disk is needed
    with pytest.raises(CheckpointError, match="too long: the maximum is 16 MiB"):
        read_config_file(tmp_path)


def test_rows_are_read_and_a_damaged_one_is_named_with_its_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"epoch": 1}\n{"epoch": 2}\n')
    assert read_rows(path) == [{"epoch": 1}, {"epoch": 2}]
    for broken in ('{"epoch": 1}\n{"epo', '{"epoch": 1}\n[]', '{"epoch": 1}\n' + "9" * 5000):
        path.write_text(broken)
        with pytest.raises(CheckpointError, match=r"metrics.jsonl:2: damaged"):
            read_rows(path)
    path.write_bytes(b"\xff")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_rows(path)
