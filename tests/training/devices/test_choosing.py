"""Several devices compute the same losses as one, up to the last digits of float32."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from hornbook.errors import HornbookError, OptionError
from hornbook.training.devices.choosing import open_devices
from hornbook.training.devices.torch_processes import run_in_processes

pytestmark = pytest.mark.backend

SCRIPT = Path(__file__).with_name("trained_on_devices.py")
BACKEND = keras.config.backend()


def losses_of(folder, corpus, vocabulary, *trainings):
    """Runs the script; returns the losses of each training: per step, then held-out."""
    child = subprocess.run(
        [sys.executable, SCRIPT, corpus, vocabulary, folder, *map(json.dumps, trainings)],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": BACKEND, "HORNBOOK_QUIET": "1"},
    )
    assert child.returncode == 0, child.stderr
    losses = []
    for number in range(len(trainings)):
        with open(folder / str(number) / "log.csv", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        losses.append([float(line["loss"]) for line in lines] + [float(lines[-1]["held_out_loss"])])
    return np.array(losses)


def test_losses_on_several_devices_equal_those_on_one(tmp_path, little_corpus, little_vocabulary):
    several = [{"devices": "2"}]
    if BACKEND == "jax":
        several.append({"devices": "4", "model_parallel": 2})
    losses = losses_of(tmp_path, little_corpus, little_vocabulary, {}, *several)
    assert losses.shape == (1 + len(several), 4)
    for on_several in losses[1:]:
        np.testing.assert_allclose(on_several, losses[0], rtol=2e-6)


def test_too_many_devices_and_invalid_numbers_are_refused():
    for devices in ("0", "-1", "many", "2.5"):
        with pytest.raises(OptionError, match=f"--devices {devices}: expected all"):
            open_devices(devices)
    if BACKEND != "torch":  # where a CPU can be shared by any number of processes
        with pytest.raises(OptionError, match=r"--devices 64, but .* sees 1"):
            open_devices("64")
    assert open_devices("all").count == open_devices("1").count == 1


@pytest.mark.skipif(BACKEND != "torch", reason="processes are PyTorch's")
def test_an_error_in_one_process_is_raised_by_the_parent():
    from hornbook.pretrained import open_folder  # the new processes can import it too

    with pytest.raises(HornbookError, match="There is no model folder nowhere"):
        run_in_processes(2, open_folder, "nowhere")
