"""The commands of text matching from end to end, and their error messages."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hornbook.cli import COMMANDS, main
from hornbook.recipes import RECIPES, recipe_named


def run_python(code, *arguments, **options):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        **options,
    )


def flags_of(fields):
    return [
        word for name, value in fields.items() for word in (f"--{name.replace('_', '-')}", value)
    ]


def train_words(data, out, tiny_fields, **changes):
    return ["train", "text-matching", data, "--out", out, *flags_of({**tiny_fields, **changes})]


@pytest.fixture
def refused(capsys):
    """Runs a command that must exit with status 2 and a single message, which it returns."""

    def refused(*words):
        assert main(words) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("hornbook: ") == 1
        assert "Traceback" not in captured.err
        before, _, message = captured.err.partition("hornbook: ")
        assert not before or before.startswith(("Data ", "Evaluated on "))
        return message

    return refused


@pytest.fixture
def names():
    """Returns everything below a folder, to check that nothing was left there."""
    return lambda folder: sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def write_pairs(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join(lines).encode("utf-8"))
    return path


GOOD = [
    json.dumps({"source": f"text {n}", "target": f"text {n + n % 2}", "label": 1 - n % 2})
    for n in range(40)
]


def test_train_evaluate_and_predict(matching_data, tiny_fields, tmp_path, monkeypatch, capsys):
    run, answers = tmp_path / "run", tmp_path / "answers.jsonl"
    assert main(train_words(matching_data, run, tiny_fields, epochs=1)) == 0
    out = capsys.readouterr().out
    assert "ROC AUC" in out
    assert f"hornbook predict {run}" in out
    assert {path.name for path in run.iterdir()} == {
        "recipe.json", "environment.json", "metrics.jsonl", "log.txt", "model", "report.html"
    }  # fmt: skip

    assert main(["evaluate", run, matching_data, "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    saved = json.loads((run / "metrics.jsonl").read_text("utf-8"))
    assert metrics["mean_f1"] == saved["mean_f1"]
    assert main(["evaluate", run, matching_data]) == 0
    assert "accuracy" in capsys.readouterr().out

    unseen = matching_data / "unseen.jsonl"
    questions = [json.loads(line) for line in unseen.read_text("utf-8").splitlines()]
    assert main(["predict", run, unseen, "--out", answers]) == 0
    rows = [json.loads(line) for line in answers.read_text("utf-8").splitlines()]
    assert [{name: row[name] for name in questions[0]} for row in rows] == questions
    assert all(row["label"] in (0, 1) and 0 <= row["probability"] <= 1 for row in rows)
    capsys.readouterr()

    assert main(["predict", run, unseen]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == rows

    lines = "".join(line + "\n" for line in unseen.read_text("utf-8").splitlines()[:3])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    assert main(["predict", run, "--out", tmp_path / "answers.csv"]) == 0
    with open(tmp_path / "answers.csv", encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["source"] for row in table] == [row["source"] for row in questions[:3]]

    assert main(["info", run]) == 0
    assert "all files are correct" in capsys.readouterr().out


def test_python_m_hornbook_is_the_command_line(matching_run, matching_data):
    child = subprocess.run(
        [sys.executable, "-m", "hornbook", "predict", matching_run, matching_data / "unseen.jsonl"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert child.returncode == 0, child.stderr
    assert len([json.loads(line) for line in child.stdout.splitlines()]) == 60


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "no pairs"),
        ([*GOOD[:4], '{"source": "a", '], "train.jsonl:5"),
        ([*GOOD[:4], '{"source": "a", "target": "b", "label": 2}'], "expected 0 or 1"),
        ([*GOOD[:4], '{"text": "a", "target": "b", "label": 1}'], "'source' is missing"),
        ([line.replace('"label": 0', '"label": 1') for line in GOOD], "label 1"),
    ],
    ids=["empty", "broken line", "unknown label", "wrong column", "one label"],
)
def test_unusable_training_data_is_refused(tmp_path, tiny_fields, refused, names, lines, expected):
    write_pairs(tmp_path / "data" / "train.jsonl", *lines)
    message = refused(*train_words(tmp_path / "data", tmp_path / "run", tiny_fields))
    assert expected in message
    assert names(tmp_path) == ["data", "data/train.jsonl"]


def test_a_missing_folder_is_refused(tmp_path, tiny_fields, refused, names, matching_run):
    assert "nowhere" in refused(*train_words(tmp_path / "nowhere", tmp_path / "run", tiny_fields))
    assert "nowhere" in refused("evaluate", matching_run, tmp_path / "nowhere")
    assert "nowhere" in refused("predict", matching_run, tmp_path / "nowhere.jsonl")
    assert "nowhere" in refused("predict", tmp_path / "nowhere", tmp_path / "x.jsonl")
    assert "nowhere" in refused("info", tmp_path / "nowhere")
    assert names(tmp_path) == []


def test_an_invalid_option_is_refused_before_anything_is_written(
    tmp_path, tiny_fields, refused, names, matching_data
):
    words = train_words(matching_data, tmp_path / "run", tiny_fields, epochs=0, hidden_size=100)
    message = refused(*words, "--dropout", "1.5")
    assert message.startswith("Invalid options:\n")
    assert "--hidden-size is 100, expected at least 64 and a multiple of 64" in message
    assert all(name in message for name in ("--epochs is 0", "--dropout is 1.5"))
    assert names(tmp_path) == []


def test_the_command_that_training_prints_runs_as_printed(
    tmp_path, tiny_fields, monkeypatch, capsys
):
    for criterion in ("short A", "long"):
        write_pairs(tmp_path / "my data" / criterion / "train.jsonl", *GOOD)
    monkeypatch.chdir(tmp_path)
    assert main(train_words("my data", "my run", tiny_fields)) == 0
    captured = capsys.readouterr()
    assert captured.err.count("Data  ") == 1
    [line] = [line for line in captured.out.splitlines() if line.startswith("Use it ")]
    words = shlex.split(line.removeprefix("Use it "))
    assert words[0] == "hornbook"
    assert main(words[1:]) == 0
    answers = (tmp_path / "answers.jsonl").read_text("utf-8").splitlines()
    assert len(answers) == len(GOOD)
    shutil.copy("my data/long/train.jsonl", "my data/long/test.jsonl")
    assert main(["evaluate", "my run", "my data/long/test.jsonl"]) == 0
    shutil.copy("my data/long/train.jsonl", "test.jsonl")
    assert main(["evaluate", "my run", "test.jsonl"]) == 2
    assert "'test'" in (message := capsys.readouterr().err)
    assert "--criterion" not in message


def test_a_folder_of_only_test_files_is_evaluated(matching_run, matching_data, tmp_path, capsys):
    for folder in matching_data.iterdir():
        if folder.is_dir():
            (tmp_path / folder.name).mkdir()
            shutil.copy(folder / "valid.jsonl", tmp_path / folder.name / "test.jsonl")
    figures = []
    for words in ([matching_data], [tmp_path], [tmp_path, "--split", "test"]):
        assert main(["evaluate", matching_run, *words, "--json"]) == 0
        figures.append(json.loads(capsys.readouterr().out))
    assert figures[0] == figures[1] == figures[2]
    assert main(["evaluate", matching_run, tmp_path, "--split", "valid"]) == 2
    assert "has no validation data" in capsys.readouterr().err
    assert main(["evaluate", matching_run, matching_data, "--split", "train"]) == 0
    assert "training pairs" in capsys.readouterr().err


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path, matching_run, capsys):
    criterion = json.loads((matching_run / "model" / "recipe.json").read_text("utf-8"))["learned"][
        "criteria"
    ][0]
    file = tmp_path / "pairs.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(GOOD[:3]).encode())
    assert main(["predict", matching_run, file, "--criterion", criterion]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["source"] for row in rows] == ["text 0", "text 1", "text 2"]


def test_an_existing_run_is_refused(matching_run, matching_data, tiny_fields, refused, names):
    before = names(matching_run)
    assert "--resume" in refused(*train_words(matching_data, matching_run, tiny_fields))
    assert names(matching_run) == before


def test_a_finished_run_can_be_resumed_any_number_of_times(
    matching_run, matching_data, tiny_fields, refused, names, capsys
):
    before = {name: (matching_run / name).stat().st_mtime_ns for name in names(matching_run)}
    words = train_words(matching_data, matching_run, tiny_fields)
    for _ in range(2):
        assert main([*words, "--resume"]) == 0
        captured = capsys.readouterr()
        assert f"{matching_run} is finished; there is nothing to resume." in captured.err
        assert "Validation" not in captured.out
        assert f"Run     {matching_run}" in captured.out
    words = train_words(matching_data, matching_run, tiny_fields, epochs=4)
    assert main([*words, "--resume"]) == 2
    assert "epochs: 3 then, 4 now" in capsys.readouterr().err
    now = {name: (matching_run / name).stat().st_mtime_ns for name in names(matching_run)}
    assert now == before


def test_a_folder_that_is_not_a_run_is_refused(tmp_path, refused, matching_data):
    assert "not a run" in refused("predict", matching_data, matching_data / "unseen.jsonl")
    assert "not a run" in refused("evaluate", tmp_path, matching_data)


@pytest.mark.parametrize("name", ["model.safetensors", "recipe.json", "vocab.txt", "manifest.json"])
def test_a_damaged_run_is_refused(tmp_path, matching_run, matching_data, refused, name):
    run = tmp_path / "run"
    shutil.copytree(matching_run, run)
    content = bytearray((run / "model" / name).read_bytes())
    content[len(content) // 2] ^= 4
    (run / "model" / name).write_bytes(content)
    message = refused("predict", run, matching_data / "unseen.jsonl", "--out", tmp_path / "a.csv")
    assert name in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_a_truncated_recipe_json_is_refused(tmp_path, matching_run, matching_data, refused):
    run = tmp_path / "run"
    shutil.copytree(matching_run, run)
    (run / "recipe.json").write_text((run / "recipe.json").read_text("utf-8")[:20], "utf-8")
    assert "recipe.json" in refused("evaluate", run, matching_data)


def test_a_row_that_is_not_a_pair_leaves_no_answers(tmp_path, matching_run, refused, names):
    criterion = recipe_criteria(matching_run)[0]
    file = write_pairs(tmp_path / "pairs.jsonl", *GOOD[:2], '{"source": 3}')
    out = tmp_path / "answers.jsonl"
    message = refused("predict", matching_run, file, "--out", out, "--criterion", criterion)
    assert "pairs.jsonl:3" in message
    assert names(tmp_path) == ["pairs.jsonl"]


def recipe_criteria(run):
    return json.loads((run / "model" / "recipe.json").read_text("utf-8"))["learned"]["criteria"]


def test_an_unknown_criterion_is_refused(tmp_path, matching_run, refused):
    file = write_pairs(tmp_path / "pairs.jsonl", *GOOD[:2])
    assert "Did you mean" in refused(
        "predict", matching_run, file, "--criterion", recipe_criteria(matching_run)[0] + "x"
    )


def test_an_unknown_suffix_is_refused(tmp_path, matching_run, matching_data, refused, names):
    words = ["predict", matching_run, matching_data / "unseen.jsonl"]
    assert ".jsonl" in refused(*words, "--out", tmp_path / "answers.xlsx")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "words",
    [
        ["train", "soup", "data", "--out", "run"],
        ["train", "text-matching", "data", "--out", "run", "--wings", "2"],
        ["train", "text-matching", "data", "--out", "run", "--epochs", "many"],
        ["train", "text-matching", "data", "--out", "run", "--compute-dtype", "int3"],
        ["fly"],
        [],
    ],
)
def test_an_unknown_word_is_one_message_and_a_pointer_to_the_help(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    message, where = capsys.readouterr().err.splitlines()
    assert message.startswith("hornbook")
    assert where.startswith("See:  hornbook")


def test_a_file_in_place_of_a_folder_is_refused(
    tmp_path, matching_data, matching_run, tiny_fields, refused, names
):
    (tmp_path / "file").write_text("mine")
    target = tmp_path / "file" / "run"
    assert "a file is where" in refused(*train_words(matching_data, target, tiny_fields))
    words = ["predict", matching_run, matching_data / "unseen.jsonl"]
    assert "a file is where" in refused(*words, "--out", target.with_suffix(".csv"))
    assert names(tmp_path) == ["file"]


def test_a_read_only_folder_is_refused(
    tmp_path, matching_data, matching_run, tiny_fields, refused, names
):
    if os.name == "nt" or os.geteuid() == 0:
        pytest.skip("an administrator may write everywhere")
    tmp_path.chmod(0o500)
    try:
        assert "may not" in refused(*train_words(matching_data, tmp_path / "run", tiny_fields))
        words = ["predict", matching_run, matching_data / "unseen.jsonl"]
        assert "may not" in refused(*words, "--out", tmp_path / "answers.csv")
        assert names(tmp_path) == []
    finally:
        tmp_path.chmod(0o700)


FULL_DISK = """
import resource, sys
from hornbook.cli import main
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="no limit on the size of files there")
def test_a_full_disk_leaves_nothing_half_written(tmp_path, matching_data, tiny_fields):
    words = train_words(matching_data, tmp_path / "run", tiny_fields)
    child = run_python(FULL_DISK, 60_000, *words, env={**os.environ, "HORNBOOK_QUIET": "1"})
    assert child.returncode == 2, child.stderr
    assert "no space left" in child.stderr
    assert child.stderr.count("hornbook: ") == 1
    assert "Traceback" not in child.stderr
    names = {path.name for path in tmp_path.rglob("*")}
    assert not [name for name in names if ".tmp-" in name]
    assert "model.safetensors" not in names


LOADED = """
import sys
from hornbook.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stopped:
    assert not stopped.code, stopped.code
slow = {"keras", "jax", "torch", "tensorflow", "rich", "numpy"} & set(sys.modules)
print("loaded", *sorted(slow), file=sys.stderr)
"""


def test_help_imports_nothing_slow():
    child = run_python(LOADED, "--help")
    assert child.stderr.strip() == "loaded"
    assert all(re.search(rf"^    {name}\s", child.stdout, re.MULTILINE) for name in COMMANDS)


def test_the_help_of_each_command_does_not_import_keras():
    code = LOADED.replace("    main(sys.argv[1:])", "    main([sys.argv[1], '--help'])")
    for name in COMMANDS:
        child = run_python(code, name)
        assert child.returncode == 0, child.stderr
        assert "keras" not in child.stderr
        assert COMMANDS[name] in " ".join(child.stdout.split())


@pytest.mark.parametrize("name", RECIPES)
def test_the_help_of_a_recipe_lists_every_option_without_importing_keras(name):
    child = run_python(LOADED, "train", name, "--help")
    assert "keras" not in child.stderr
    for field in recipe_named(name).field_names():
        assert f"--{field.replace('_', '-')}" in child.stdout


def test_every_command_has_a_file_and_every_file_is_a_command():
    folder = Path(sys.modules["hornbook.cli"].__file__).parent / "commands"
    assert {path.stem for path in folder.glob("*.py")} == {"__init__", *COMMANDS}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tran"], "hornbook: Unknown command 'tran'.  Did you mean 'train'?"),
        (["train", "txt-classification"], "Did you mean 'text-classification'?"),
        (["mine", "a.csv", "--min-supprot=3"], "--min-supprot.  Did you mean '--min-support'?"),
        (["mine", "a.csv", "--kind", "big"], "Unknown --kind 'big'.  Known: all, closed, maximal."),
    ],
)
def test_the_closest_word_is_suggested_for_a_mistyped_one(words, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert message in lines[0]
    assert lines[1].startswith("See:  hornbook")
    assert len(lines) == 2
