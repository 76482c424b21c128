"""The commands and the Python of every page of the documentation are ones that exist."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest

from hornbook import cli
from hornbook.recipes import RECIPES

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if page.name not in ("CHANGELOG.md", "LOG.md")
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, kind: str) -> list[str]:
    text = (ROOT / page).read_text("utf-8")
    return [block for language, block in BLOCK.findall(text) if language == kind]


def commands(page: str) -> list[list[str]]:
    """The words of each `hornbook ...` in a block, as a shell would pass them."""
    found = []
    for block in [*blocks(page, ""), *blocks(page, "bash"), *blocks(page, "sh")]:
        for line in block.replace("\\\n", " ").splitlines():
            line = re.sub(r"\[options\]|[\[\]]", "", line)  # optional arguments are parsed too
            for part in re.split(r"&&|\|(?!\|)|;", line):
                words = shlex.split(part.split(">")[0], comments=True)
                while words and re.match(r"\w+=", words[0]):
                    words = words[1:]
                if words and words[0] == "hornbook":
                    found.append(words[1:])
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_every_command_of_a_page_is_valid(page, monkeypatch, capsys):
    monkeypatch.setattr(cli, "_run", lambda options: 0)
    for words in commands(page):
        try:
            status = cli.main(words)
        except SystemExit as stop:
            status = stop.code or 0
        assert status == 0, f"hornbook {shlex.join(words)}: {capsys.readouterr().err}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_the_python_of_a_page_uses_existing_names(page):
    for block in blocks(page, "python"):
        names = {}
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == "hornbook":
                        names[alias.asname or "hornbook"] = importlib.import_module(alias.name)
            elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "hornbook":
                module = importlib.import_module(node.module)
                for alias in node.names:
                    names[alias.asname or alias.name] = getattr(module, alias.name)
        for node in ast.walk(ast.parse(block)):
            value = getattr(node, "value", None)
            if isinstance(node, ast.Attribute) and getattr(value, "id", None) in names:
                getattr(names[value.id], node.attr)


def test_every_recipe_has_a_page_in_both_languages_and_is_in_the_api_reference():
    reference = (ROOT / "docs/api/recipes.md").read_text("utf-8")
    for name, target in RECIPES.items():
        assert f"::: {target.replace(':', '.')}\n" in reference
        for ending in (".md", ".zh.md"):
            assert (ROOT / "docs/recipes" / (name + ending)).is_file(), name


def test_every_path_of_a_page_exists():
    missing = []
    for page in PAGES:
        for path in re.findall(
            r"`((?:[\w-]+/)+[\w-]+\.(?:py|md))`", (ROOT / page).read_text("utf-8")
        ):
            places = (
                ROOT,
                ROOT / "src",
                ROOT / "src/hornbook",
                ROOT / "docs",
                (ROOT / page).parent,
            )
            if not any((place / path).exists() for place in places):
                missing.append(f"{page}: {path}")
    assert not missing
