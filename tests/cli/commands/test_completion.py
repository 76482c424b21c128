from __future__ import annotations

import shutil
import subprocess

import pytest

from hornbook.cli import COMMANDS, main, make_parser
from hornbook.cli.commands.completion import words_of
from hornbook.cli.completion_scripts import SCRIPTS
from hornbook.data.objectives.tasks import OBJECTIVES
from hornbook.recipes import RECIPES


@pytest.fixture(scope="module")
def commands():
    return words_of(make_parser())


@pytest.fixture(scope="module")
def complete(tmp_path_factory, commands):
    """Completes a line as bash does on a tab."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    file = tmp_path_factory.mktemp("completion") / "hornbook.bash"
    file.write_text(SCRIPTS["bash"](commands), "utf-8")
    subprocess.run([bash, "-n", file], check=True)

    def complete(line):
        words = ["hornbook", *line.split(" ")]
        names = " ".join(f"'{word}'" for word in words)
        code = (
            f"source {file}; COMP_WORDS=({names}); COMP_CWORD={len(words) - 1}; "
            'set -u; _hornbook; printf "%s\\n" "${COMPREPLY[@]-}"'
        )
        child = subprocess.run([bash, "-c", code], capture_output=True, text=True, check=True)
        assert child.stderr == ""
        return child.stdout.split()

    return complete


def test_bash_completes_commands_options_and_choices(complete):
    assert complete("pre") == ["pretrain", "predict"]
    assert set(complete("")) == set(COMMANDS)
    assert set(complete("train ")) == set(RECIPES) - {"pretraining"}
    assert complete("train text-c") == ["text-classification"]
    assert complete("train text-classification data --ep") == ["--epochs"]
    assert complete("train text-classification --ngrams ") == ["auto", "add", "none"]
    assert set(complete("pretrain corpus --objective ")) == set(OBJECTIVES)
    assert complete("completion z") == ["zsh"]
    assert "--verbose" in complete("info --")


def test_bash_leaves_files_to_its_own_completion(complete):
    assert complete("evaluate run") == []
    assert complete("train captcha data --out ") == []


@pytest.mark.parametrize("shell", SCRIPTS)
def test_each_script_has_every_command_and_is_valid_for_its_shell(commands, shell, tmp_path):
    script = SCRIPTS[shell](commands)
    assert all(name in script for name in (*COMMANDS, "--no-conditional"[2:], "double"))
    if shutil.which(shell):
        file = tmp_path / "script"
        file.write_text(script, "utf-8")
        subprocess.run([shell, "-n", file], check=True)


def test_the_command_prints_the_script(commands, capsys):
    assert main(["completion", "fish"]) == 0
    assert capsys.readouterr().out == SCRIPTS["fish"](commands)
    with pytest.raises(SystemExit):
        main(["completion", "fisch"])
    assert "Did you mean 'fish'" in capsys.readouterr().err
