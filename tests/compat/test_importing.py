"""Scripts that import bert4keras and keras run by `python -m hornbook.compat`."""

import importlib
import subprocess
import sys

import keras
import pytest

SCRIPT = """
import sys
import keras
from keras.layers import Lambda, Dense
from keras.models import Model
import bert4keras.backend as backend
from bert4keras import models
from bert4keras.layers import *
from beside import K
assert K is backend.K
assert keras.models.Model is Model
assert hasattr(Model, "fit_generator")
assert Loss.__module__.startswith("hornbook.compat")
print("ran", sys.argv[1:], __name__, callable(models.build_transformer_model))
if len(sys.argv) > 2:
    K.gradients(1, 2)
"""


def run(folder, *arguments):
    (folder / "script.py").write_text(SCRIPT, "utf-8")
    (folder / "beside.py").write_text("from bert4keras.backend import keras, K\n", "utf-8")
    command = [sys.executable, "-m", "hornbook.compat", str(folder / "script.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_script_runs_unedited_and_an_error_says_what_to_do(tmp_path):
    result = run(tmp_path, "a", "b")
    assert result.stdout == "ran ['a', 'b'] __main__ True\n"
    assert result.returncode == 2
    assert result.stderr.startswith(f"hornbook: {tmp_path / 'script.py'}:16: K.gradients is not")
    assert "train_step" in result.stderr
    assert "Traceback" not in result.stderr


def test_keras_itself_is_unchanged():
    import hornbook.compat.keras  # noqa: F401

    assert not hasattr(keras.Model, "fit_generator")
    assert not hasattr(keras.layers.Layer, "get_output_at")


@pytest.mark.parametrize(
    "name", ["backend", "layers", "models", "optimizers", "snippets", "tokenizers"]
)
def test_all_names_of_a_module_can_be_imported(name):
    module = importlib.import_module(f"hornbook.compat.bert4keras.{name}")
    exec(f"from hornbook.compat.bert4keras.{name} import *", names := {})
    assert set(getattr(module, "__all__", ())) <= set(names)
