"""Standard streams that are closed, full, or cannot encode a character: one message each."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")


def mine(folder, redirection="", **environment):
    (folder / "zh.csv").write_text("牛奶,面包\n牛奶,面包\n茶,牛奶\n", "utf-8")
    command = f"{sys.executable} -m hornbook mine zh.csv --min-support 2 --rules r.csv"
    return subprocess.run(
        ["sh", "-c", f"{command} {redirection}"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("redirection", "environment", "message"),
    [
        (">&-", {}, "Standard output is closed"),
        (">/dev/full", {}, "there is no space left on the disk"),
        ("", {"PYTHONIOENCODING": "ascii"}, "Standard output is in ascii, which cannot encode"),
    ],
)
def test_output_that_cannot_be_printed_is_one_message_and_files_are_written(
    tmp_path, redirection, environment, message
):
    if "/dev/full" in redirection and not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    process = mine(tmp_path, redirection, **environment)
    assert process.returncode == 2
    assert process.stderr.count("hornbook: ") == 1
    assert message in process.stderr
    assert "Traceback" not in process.stderr
    assert "面包" in (tmp_path / "r.csv").read_text("utf-8")


def test_with_a_closed_standard_error_only_notes_are_lost(tmp_path):
    process = mine(tmp_path, "2>&-")
    assert process.returncode == 0
    assert "面包" in process.stdout


def test_a_closed_standard_input_is_empty(tmp_path):
    command = f"{sys.executable} -m hornbook mine - --min-support 2 <&-"
    process = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert process.returncode == 2
    assert "empty" in process.stderr
    assert "Traceback" not in process.stderr
