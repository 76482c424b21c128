"""What each public package offers: sorted, there, and nothing else."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import types
from pathlib import Path

import pytest

import hornbook

PACKAGES = [
    "hornbook",
    "hornbook.generation",
    "hornbook.layers",
    "hornbook.mining",
    "hornbook.pretrained",
    "hornbook.recipes",
    "hornbook.report",
]
SUBMODULES = ["generation", "layers", "mining", "models", "recipes"]


@pytest.mark.parametrize("name", PACKAGES)
def test_the_names_of_a_package_are_sorted_and_can_be_imported(name):
    package = importlib.import_module(name)
    constants_first = sorted(package.__all__, key=lambda each: (not each.isupper(), each))
    assert package.__all__ == constants_first
    assert all(getattr(package, each) is not None for each in package.__all__)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_defines_no_public_class_or_function_that_is_not_listed(name):
    package = importlib.import_module(name)
    public = {
        each
        for each, value in vars(package).items()
        if not each.startswith("_")
        and not isinstance(value, types.ModuleType)
        and str(getattr(value, "__module__", "")).startswith(name)
    }
    assert public <= set(package.__all__)


def test_import_hornbook_offers_its_public_names():
    assert set(hornbook.__all__) <= set(dir(hornbook))
    assert list(inspect.signature(hornbook.load).parameters)[:3] == [
        "folder",
        "family",
        "application",
    ]
    assert [getattr(hornbook, name).__name__ for name in SUBMODULES] == [
        f"hornbook.{name}" for name in SUBMODULES
    ]
    assert "bert" in hornbook.families()
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = hornbook.lode


def test_importing_hornbook_imports_neither_keras_nor_numpy():
    program = (
        "import hornbook, sys; hornbook.__version__, dir(hornbook); "
        "assert not {'keras', 'numpy', 'hornbook.pretrained'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_version_is_written_in_one_place():
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8")
    assert hornbook.__version__ not in text
    assert 'path = "src/hornbook/__init__.py"' in text
