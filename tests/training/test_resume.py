"""A run that is killed repeatedly ends with the same bytes as an uninterrupted one."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the child processes are forked"),
]

SCRIPT = Path(__file__).with_name("killed_training.py")
KILLED = -signal.SIGKILL
COMPARED = ("model/model.safetensors", "model/recipe.json", "model/vocab.txt", "metrics.jsonl")


def train(data, run, fields, *moments, hash_seed):
    """Runs the script; returns the exit status at each moment, and the finished process."""
    child = subprocess.run(
        [sys.executable, SCRIPT, data, run, json.dumps(fields), *moments],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONHASHSEED": str(hash_seed),
            "HORNBOOK_QUIET": "1",
            # each process reuses what the earlier ones compiled
            "JAX_COMPILATION_CACHE_DIR": str(run.parent / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        },
    )
    assert child.returncode == 0, child.stderr
    statuses = [
        line.split(" ") for line in child.stdout.splitlines() if line.split(" ")[0] in moments
    ]
    return {moment: int(status) for moment, status in statuses}, child


def digests(run):
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in COMPARED}


@pytest.mark.only_on("torch", "tensorflow")  # JAX runs the longer one below
def test_a_killed_run_ends_with_the_same_bytes_whatever_the_hash_seed(
    matching_data, matching_run, tiny_fields, tmp_path
):
    statuses, _ = train(
        matching_data, tmp_path / "run", tiny_fields, "step:7", "never", hash_seed=1
    )
    assert statuses == {"step:7": KILLED, "never": 0}
    assert digests(tmp_path / "run") == digests(matching_run)


@pytest.mark.only_on("jax")
def test_a_run_killed_six_times_stopped_and_out_of_disk_ends_with_the_same_bytes(
    matching_data, matching_run, tiny_fields, tmp_path
):
    run = tmp_path / "run"
    killed = (
        "step:2",  # in the first epoch
        "writing:3",  # in the middle of a snapshot
        "replacing:step-00000004",  # the first epoch's end: its snapshot replaces the last step's
        "replacing:model",  # between two epochs: the best model is saved again
        "step:7",  # in a later epoch
    )
    moments = (*killed, "full:8", "stop:9", "report", "never")
    statuses, child = train(matching_data, run, tiny_fields, *moments, hash_seed=2)
    others = {"full:8": 2, "stop:9": 143, "report": KILLED, "never": 0}
    assert statuses == {**dict.fromkeys(killed, KILLED), **others}
    assert digests(run) == digests(matching_run)
    assert sorted(path.name for path in run.iterdir()) == sorted(
        path.name for path in matching_run.iterdir()
    )
    [line] = [line for line in child.stderr.splitlines() if line.startswith("hornbook: Could not")]
    assert "checkpoints/step-00000009: there is no space left on the disk." in line
    assert child.stderr.count("Then continue with --resume.") == 1
    assert "Traceback" not in child.stderr
    [line] = [line for line in child.stderr.splitlines() if line.startswith("Continue with:")]
    assert line.startswith("Continue with:  hornbook train text-matching ")
    assert line.count("--resume") == 1
