"""--quiet and --verbose, for every command."""

from __future__ import annotations

import argparse
import os
import sys

import pytest

from hornbook import cli
from hornbook.cli import main, make_parser, run_program
from hornbook.progress import note


def leaves(parser):
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from leaves(command)
            return
    yield parser


@pytest.fixture
def noting(monkeypatch):
    """`hornbook families` prints a result and a note."""
    monkeypatch.delenv("HORNBOOK_QUIET", raising=False)

    def run(options):
        note("a note")
        print("a result")

    monkeypatch.setattr("hornbook.cli.commands.families.run", run)


def test_every_command_has_quiet_and_verbose():
    for command in leaves(make_parser()):
        flags = {flag for action in command._actions for flag in action.option_strings}
        assert {"--quiet", "--verbose"} <= flags, command.prog


@pytest.mark.parametrize("words", [["families", "--quiet"], ["--quiet", "families"]])
def test_quiet_prints_only_results_and_errors_and_restores_the_environment(noting, capsys, words):
    assert main(words) == 0
    assert capsys.readouterr() == ("a result\n", "")
    assert main(["families"]) == 0
    assert capsys.readouterr() == ("a result\n", "a note\n")
    assert main(["info", "nowhere", "--quiet"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert "HORNBOOK_QUIET" not in os.environ


def test_verbose_notes_the_machine_and_the_time_and_prints_tracebacks(noting, capsys):
    assert main(["families", "--verbose"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("hornbook: ")
    assert "backend: " in err
    assert "peak memory" in err.splitlines()[-1]
    assert main(["info", "nowhere", "--verbose"]) == 2
    assert "Traceback" in capsys.readouterr().err
    assert main(["info", "nowhere"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["--verbose"]])
def test_a_bug_is_one_message_and_with_verbose_a_traceback(monkeypatch, capsys, more):
    def run(options):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(cli, "_run", run)
    monkeypatch.setattr(sys, "argv", ["hornbook", "families", *more])
    assert run_program() == 1
    err = capsys.readouterr().err
    assert "hornbook: internal error: ZeroDivisionError: by zero\n" in err
    assert ("Traceback" in err) == bool(more)


def test_train_pretraining_is_pretrain(monkeypatch, tmp_path):
    runs = []
    monkeypatch.setattr("hornbook.cli.commands.pretrain.run", lambda options: runs.append(options))
    words = ["a.txt", "b.txt", "--out", str(tmp_path), "--encoding", "gb18030"]
    assert main(["train", "pretraining", *words]) == main(["pretrain", *words]) == 0
    assert vars(runs[0]) == vars(runs[1])
    assert runs[0].corpus == ["a.txt", "b.txt"]
    assert runs[0].encoding == "gb18030"
