"""Packaging: the same version everywhere, and archives that install and run."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import hornbook

ROOT = Path(__file__).parent.parent


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options)


def test_the_version_is_the_newest_of_the_changelog_and_the_one_to_cite():
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$", changelog, re.MULTILINE)
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    cited = re.search(r"^version: (.+)\ndate-released: (.+)$", citation, re.MULTILINE).groups()
    assert (hornbook.__version__, cited) == (versions[0][0], versions[0])


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The sdist, and the wheel that is built from the sdist."""
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


def test_the_sdist_has_what_a_packager_needs(archives):
    with tarfile.open(archives[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"check", "LICENSE", "CHANGELOG.md", "tests/test_packaging.py", "docs/style.md"} <= names
    assert not any("__pycache__" in name for name in names)


def test_the_wheel_has_the_code_and_the_model_and_nothing_else(archives):
    names = zipfile.ZipFile(archives[1]).namelist()
    assert {name.split("/")[0] for name in names} == {
        "hornbook",
        f"hornbook-{hornbook.__version__}.dist-info",
    }
    assert "hornbook/pretrained/hornbook-tiny/config.json" in names
    assert "hornbook/py.typed" in names


def test_the_wheel_installs_and_runs(archives, tmp_path):
    target = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", target, archives[1])
    command = (sys.executable, "-m", "hornbook", "--version")
    printed = run(*command, cwd=tmp_path, env={"PYTHONPATH": str(target), "PATH": ""}).stdout
    assert printed.strip() == f"hornbook {hornbook.__version__}"
    where = "import hornbook; print(hornbook.__file__)"
    printed = run(sys.executable, "-c", where, env={"PYTHONPATH": str(target)}).stdout
    assert printed.startswith(str(target))
