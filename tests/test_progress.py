import io
import os
import subprocess
import sys

import numpy as np
import pytest
from rich.cells import cell_len

from hornbook import progress as module
from hornbook.progress import Progress, format_value, note, print_table, progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves only when the test moves it."""
    now = [0.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    monkeypatch.delenv("HORNBOOK_QUIET", raising=False)

    def move(seconds):
        now[0] += seconds

    return move


@pytest.fixture
def terminal(monkeypatch):
    """Makes standard error and standard output an 80 column terminal and gives its text.

    It is called inside the test: pytest sets its own streams after the fixtures.
    """
    module._console.cache_clear()
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("HORNBOOK_QUIET", raising=False)
    for name, value in (("TERM", "xterm-256color"), ("COLUMNS", "80"), ("LINES", "25")):
        monkeypatch.setenv(name, value)

    def open_terminal():
        screen = Terminal()
        monkeypatch.setattr("sys.stderr", screen)
        monkeypatch.setattr("sys.stdout", screen)
        return screen

    yield open_terminal
    module._console.cache_clear()


def test_a_log_gets_a_line_every_ten_seconds_and_one_at_the_end(clock, capsys):
    with Progress("epoch 1/5", total=100, unit="pairs") as bar:
        for _ in range(25):
            clock(1)
            bar.advance(4, loss=0.2139, F1=0.87)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "epoch 1/5  40/100 · 4.00 pairs/s · 0:15 left · loss 0.214 · F1 0.870",
        "epoch 1/5  80/100 · 4.00 pairs/s · 0:05 left · loss 0.214 · F1 0.870",
        "epoch 1/5  100/100 · 0:25 · 4.00 pairs/s · loss 0.214 · F1 0.870",
    ]


def test_a_log_has_no_control_characters(clock, capsys):
    with Progress("evil\r\x1b[2J", unit="步") as bar:
        clock(11)
        bar.advance(3, text="\x1b[31mred\nline")
    note("one\x07\ntwo")
    err = capsys.readouterr().err
    assert not set(err) & set("\r\x1b\x07")
    assert err.splitlines()[0].endswith("· text  [31mred line")
    assert err.splitlines()[-2:] == ["one ", "two"]


def test_the_time_left_forgets_a_slow_start(clock, capsys):
    with Progress("train", total=200) as bar:
        clock(300)  # compiling
        bar.advance(1)
        for _ in range(99):
            clock(1)
            bar.advance(1)
    lines = capsys.readouterr().err.splitlines()
    assert "1/200 · 0.20 steps/min" in lines[0]
    assert "91/200 · 1.00 steps/s · 1:49 left" in lines[-2]
    assert lines[-1] == "train  100/200 · 6:39 · 0.25 steps/s"


def test_an_error_leaves_a_line_with_where_it_stopped(clock, capsys):
    def interrupted():
        with Progress("train", total=9) as bar:
            bar.advance(2)
            clock(4)
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert capsys.readouterr().err == "train  2/9 steps · stopped after 4.0 s · 0.50 steps/s\n"


def test_an_unknown_total_shows_a_count(clock, capsys):
    items = progress((x for x in "abc"), "reading", unit="files")
    for _ in items:
        clock(4)
    assert capsys.readouterr().err.splitlines() == [
        "reading  3 files · 0.25 files/s · 0:12",
        "reading  3 files · 0:12 · 0.25 files/s",
    ]


def test_progress_yields_the_items_and_uses_their_number(clock, capsys):
    assert list(progress([1, 2, 3], "pages")) == [1, 2, 3]
    assert capsys.readouterr().err.startswith("pages  3/3")


@pytest.mark.parametrize(
    ("variable", "argument", "silent"),
    [("1", None, True), ("0", None, False), ("", True, True), ("1", False, False)],
)
def test_quiet_is_an_argument_or_a_variable(monkeypatch, capsys, variable, argument, silent):
    monkeypatch.setenv("HORNBOOK_QUIET", variable)
    with Progress("x", total=1, quiet=argument) as bar:
        bar.advance()
    note("hello", quiet=argument)
    print_table("", ["a"], [[1]])
    out, err = capsys.readouterr()
    assert (err == "") is silent
    assert "1" in out


def test_a_terminal_keeps_the_last_line_with_time_and_rate(clock, terminal):
    screen = terminal()
    with Progress("训练", total=4, unit="steps") as bar:
        for _ in range(4):
            clock(5)
            bar.advance(1, loss=0.5)
        note("saved")
    output = screen.getvalue()
    assert "\x1b[" in output
    assert "saved\n" in output
    assert output.rstrip().splitlines()[-2].endswith("4/4 · 0:20 · 0.20 steps/s · loss 0.500")


def test_no_color_disables_colors(terminal, monkeypatch):
    screen = terminal()

    def colors():
        module._console.cache_clear()
        screen.truncate(0)
        with Progress("x", total=2) as bar:
            bar.advance(2)
        return [part for part in screen.getvalue().split("\x1b[") if part[:3] in ("32m", "36m")]

    assert colors()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colors()


@pytest.mark.parametrize("columns", ["30", "50", "200"])
def test_the_live_line_is_never_wider_than_the_terminal(clock, terminal, monkeypatch, columns):
    terminal()
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    bar = Progress("描述" * 6, total=10)
    bar.advance(1, 准确率=0.91, perplexity=12.5)
    with module._console().capture() as captured:
        module._console().print(bar._renderable())
    lines = captured.get().splitlines()
    assert len(lines) == 1
    assert cell_len(lines[0]) <= int(columns)
    assert "1/10" in lines[0]


def test_a_bar_inside_a_bar_leaves_both_lines(terminal):
    screen = terminal()
    with Progress("outer", total=1) as outer:
        for _ in progress([1], "inner"):
            pass
        outer.advance()
    final = screen.getvalue()
    assert final.index("inner") < final.rindex("outer")


def test_a_dumb_terminal_gets_plain_lines(terminal, monkeypatch):
    screen = terminal()
    monkeypatch.setenv("TERM", "dumb")
    with Progress("x", total=1) as bar:
        bar.advance()
    assert "\x1b" not in screen.getvalue()
    assert screen.getvalue().startswith("x  1/1")


def test_a_piped_table_is_aligned_with_wide_characters(capsys):
    print_table("结果", ["name", "F1", "n"], [["短文本", 0.8712, 12], ["long", 1.0, None]])
    assert capsys.readouterr().out.splitlines() == [
        "结果",
        "name       F1   n",
        "------  -----  --",
        "短文本  0.871  12",
        "long    1.000",
    ]


def test_a_table_on_a_terminal_shows_markup_as_it_is(terminal):
    screen = terminal()
    print_table("t", ["name", "n"], [["[bold]x[/bold]", 7], ["y", 1234]])
    lines = screen.getvalue().splitlines()
    assert any("[bold]x[/bold]" in line for line in lines)
    assert {len(line.rstrip()) for line in lines if line.rstrip().endswith(("   7", "1234"))} != {0}


def test_a_row_of_the_wrong_length_is_a_value_error():
    with pytest.raises(ValueError, match="2 columns, but a row has 1"):
        print_table("t", ["a", "b"], [[1]])


def test_values_are_short():
    shown = [1234567, np.int64(5), True, 0.0, 0.5, np.float32(0.25), 2e-5, 3e7, np.array(0.125)]
    expected = ["1234567", "5", "True", "0.000", "0.500", "0.250", "2.00e-05", "3.00e+07", "0.125"]
    assert [format_value(value) for value in shown] == expected
    assert format_value(float("nan")) == "nan"
    assert format_value(None) == "None"
    assert format_value([1]) == "[1]"


def test_a_log_does_not_need_rich(clock):
    code = (
        "import sys; sys.modules['rich'] = None\n"
        "from hornbook.progress import Progress\n"
        "with Progress('x', total=1) as bar: bar.advance()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("x  1/1")
