"""How the backend of Keras is chosen, in fresh processes."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import subprocess
import sys

import pytest

from hornbook.backend import BACKENDS

INSTALLED = [name for name in BACKENDS if importlib.util.find_spec(name)]

PROGRAM = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):  # hides installed packages
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: (
    None if name.split(".")[0] in {missing!r} else find_spec(name, package)
)
sys.meta_path.insert(0, Missing())
{program}
"""


def run(program, home, *, missing=(), **environment):
    """Runs a program in a process where the `missing` packages are not installed."""
    variables = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(program=program, missing=set(missing))],
        env={**variables, "KERAS_HOME": str(home), "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


ASK = """
import hornbook, os
from hornbook import backend
backend.announce()
backend.announce()
assert "keras" not in sys.modules, "choosing must not import anything slow"
print(os.environ.get("KERAS_BACKEND"), backend.reason(), sep="; ")
"""


def ask(home, **options):
    process = run(ASK, home, **options)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip(), process.stderr.splitlines()


def test_the_first_installed_backend_is_chosen_and_announced_in_one_line(tmp_path):
    name = INSTALLED[0]
    answer, lines = ask(tmp_path)
    assert answer == f"{name}; it is installed and KERAS_BACKEND is not set"
    assert lines == [f"Keras backend: {name} (it is installed and KERAS_BACKEND is not set)"]


@pytest.mark.skipif(len(INSTALLED) < 2, reason="needs two installed backends")
def test_without_the_first_backend_the_next_one_is_chosen(tmp_path):
    answer, lines = ask(tmp_path, missing=INSTALLED[:1])
    assert answer.startswith(INSTALLED[1])
    assert len(lines) == 1


def test_keras_backend_is_followed_and_nothing_is_announced(tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({"backend": INSTALLED[0]}))
    answer, lines = ask(tmp_path, KERAS_BACKEND=INSTALLED[-1])
    assert answer == f"{INSTALLED[-1]}; KERAS_BACKEND is {INSTALLED[-1]}"
    assert lines == []


def test_keras_json_is_followed_if_keras_backend_is_not_set(tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({"backend": INSTALLED[-1]}))
    answer, lines = ask(tmp_path)
    assert answer == f"None; {tmp_path / 'keras.json'} names {INSTALLED[-1]}"
    assert lines == []


@pytest.mark.skipif(len(INSTALLED) < 2, reason="needs two installed backends")
def test_a_missing_backend_in_keras_json_is_skipped_and_announced(tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "tensorflow"}))
    answer, lines = ask(tmp_path, missing=["tensorflow"])
    assert answer.startswith(INSTALLED[0])
    assert lines == [
        f"Keras backend: {INSTALLED[0]} ({tmp_path / 'keras.json'} names tensorflow, "
        "which is not installed)"
    ]


def test_the_keras_json_written_by_keras_is_ignored(tmp_path):
    # the file that Keras itself writes, whatever version is installed
    done = run("import keras", tmp_path, KERAS_BACKEND=INSTALLED[0])
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "keras.json").read_text())["backend"] == "tensorflow"
    answer, lines = ask(tmp_path, missing=[] if INSTALLED[0] == "tensorflow" else ["tensorflow"])
    assert answer == f"{INSTALLED[0]}; it is installed and KERAS_BACKEND is not set"
    assert lines == [
        f"Keras backend: {INSTALLED[0]} (it is installed and KERAS_BACKEND is not set)"
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"backend": 3}', '{"backend": "abacus"}'])
def test_a_keras_json_without_a_known_backend_is_ignored(tmp_path, text):
    (tmp_path / "keras.json").write_text(text)
    answer, _ = ask(tmp_path)
    assert answer.startswith(INSTALLED[0])


def refusal(home, **options):
    """The one message with which the program is refused."""
    program = (
        "from hornbook import backend, errors\n"
        "try:\n    backend.announce()\n"
        "except errors.HornbookError as error:\n    print(error)"
    )
    process = run(program, home, **options)
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_without_any_backend_the_message_says_what_to_install(tmp_path):
    message = refusal(tmp_path, missing=BACKENDS)
    assert "no backend is installed" in message
    assert "pip install 'hornbook[torch]'" in message


def test_a_chosen_backend_that_is_missing_is_refused_with_two_remedies(tmp_path):
    message = refusal(tmp_path, missing=["tensorflow"], KERAS_BACKEND="tensorflow")
    assert "KERAS_BACKEND is tensorflow, but tensorflow is not installed" in message
    assert "pip install 'hornbook[tensorflow]'" in message
    assert f"export KERAS_BACKEND={INSTALLED[0]}" in message


def test_an_unknown_backend_is_refused_with_the_three_names(tmp_path):
    message = refusal(tmp_path, KERAS_BACKEND="pytorch")
    assert "KERAS_BACKEND=pytorch" in message
    assert "Did you mean 'torch'?" in message
    assert all(name in message.splitlines()[1] for name in BACKENDS)


def test_keras_imported_before_has_decided(tmp_path):
    program = "import keras, hornbook; from hornbook import backend; print(backend.reason())"
    done = run(program, tmp_path, KERAS_BACKEND=INSTALLED[0])
    assert done.stdout.strip() == "Keras was imported before hornbook", done.stderr


@pytest.mark.parametrize("name", [name for name in INSTALLED if name != "tensorflow"])
def test_tensorflow_is_not_needed(tmp_path, name):
    program = (
        "import hornbook, keras; from hornbook.models.transformer import Transformer; "
        "print(keras.config.backend(), 'tensorflow' in sys.modules)"
    )
    others = set(BACKENDS) - {name}
    done = run(program, tmp_path, missing=others)
    assert done.stdout.strip() == f"{name} False", done.stderr


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps otherwise")
def test_kept_memory_is_not_asked_for_again():
    program = """
import resource, sys
import numpy as np
from hornbook.backend import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(16_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    faults = {}
    for word in ("keep", "not"):
        done = subprocess.run([sys.executable, "-c", program, word], capture_output=True, text=True)
        faults[word] = int(done.stdout)
    assert faults["keep"] < 50 < 200 < faults["not"]
