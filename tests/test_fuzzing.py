"""Damaged files are refused in one message, or read; `benchmarks/fuzzing.py` tries more."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
FILES = 60  # per reader; the same ones in every run

spec = importlib.util.spec_from_file_location("fuzz_readers", BENCHMARKS / "fuzz_readers.py")
fuzz_readers = importlib.util.module_from_spec(spec)
sys.modules["fuzz_readers"] = fuzz_readers
spec.loader.exec_module(fuzz_readers)
GROUPS = [sorted(fuzz_readers.READERS)[start::6] for start in range(6)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs fork and /proc")
@pytest.mark.parametrize("names", GROUPS, ids=lambda names: names[0])
def test_every_damaged_file_is_read_or_refused_in_one_message(names):
    command = [sys.executable, BENCHMARKS / "fuzzing.py", *names, "--files", str(FILES)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    counted = [line for line in done.stdout.splitlines() if f"| {FILES} |" in line]
    skipped = [line for line in done.stdout.splitlines() if "skipped:" in line]
    assert len(counted) + len(skipped) == len(names)
    assert len(skipped) <= 1  # PyTorch may be missing, nothing else
