"""The table of families, in the documentation and on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hornbook.cli import main
from hornbook.models.families import FAMILIES
from hornbook.models.family_table import COLUMNS, family_rows, markdown

PAGE = Path(__file__).parents[2] / "docs" / "families.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text("utf-8") == markdown(), "hornbook families --markdown > docs/families.md"


def test_every_family_has_a_row_with_all_columns():
    rows = family_rows()
    assert [row[0] for row in rows] == list(FAMILIES)
    assert all(len(row) == len(COLUMNS) for row in rows)
    by_name = dict(zip(FAMILIES, rows, strict=True))
    assert by_name["bert"][2] == "base 12x768, large 24x1024"
    assert by_name["gpt2"][6].startswith("causal_lm")
    assert "norm_kind=rms" in by_name["roformer-v2"][7]
    assert by_name["bert"][5] == "classification, token_classification, question_answering"
    assert by_name["electra"][4] == "google: discriminator; huggingface: mlm, discriminator"


@pytest.mark.parametrize("options", [[], ["--markdown"]])
def test_the_command_prints_every_family(capsys, options):
    assert main(["families", *options]) == 0
    output = capsys.readouterr().out
    assert all(name in output for name in FAMILIES)


def test_the_command_does_not_import_keras():
    code = "import sys; from hornbook.cli import main; main(['families']); "
    code += "print('keras' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "False"
