"""`hornbook demo`."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import Any

CRITERIA = 2  # of six: short texts, on the same topic or with the same meaning
PAIRS = 500  # per criterion
# the same for both models
FIELDS: dict[str, Any] = {"epochs": 4, "batch_size": 32, "max_length": 64, "learning_rate": 1e-3}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", metavar="RUN", type=Path, help="new run folder (default: runs/demo-1, -2 ...)"
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")


def run(options: argparse.Namespace) -> None:
    from hornbook import backend
    from hornbook.data.demo.matching import write_demo_data
    from hornbook.errors import HornbookError
    from hornbook.pretrained.opening.bundled import NAMES, model_folder
    from hornbook.pretrained.opening.model_folder import read_config_file
    from hornbook.progress import print_table, without_notes
    from hornbook.recipes.text_matching import TextMatching

    backend.announce()
    [tiny] = NAMES
    folders = _folders(options.out) if options.out else _free_folders(Path("runs"))
    for folder in folders:
        if folder.exists():
            raise HornbookError(
                f"{folder} exists already and is not overwritten.\nName another folder with --out."
            )
    out, data, from_scratch = folders
    print(f"Fine-tuning {tiny}, which comes with hornbook, to match texts by two criteria.")
    print("The pairs are generated; nothing is downloaded.\n")
    write_demo_data(data, pairs_per_criterion=PAIRS, seed=options.seed, criteria=CRITERIA)
    _, config = read_config_file(model_folder(tiny))
    sizes = {name: config[name] for name in ("hidden_size", "num_hidden_layers")}
    print("First, for comparison, a model of the same size trained from random weights.\n")
    other = TextMatching(seed=options.seed, **sizes, **FIELDS).fit(data, from_scratch)
    with without_notes():
        from_random = other.evaluate(data)["mean_f1"]
    print(f"\nNow {tiny}.\n")
    matching = TextMatching(pretrained=tiny, seed=options.seed, **FIELDS)
    matching.references = {"A model of the same size, from random weights": from_random}
    matching.fit(data, out)
    with without_notes():
        metrics = matching.evaluate(data)
    columns, rows = matching.table(metrics)
    print_table("Validation pairs", columns, rows)
    scores = [
        [f"from {tiny}", metrics["mean_f1"]],
        ["from random weights", from_random],
    ]
    print_table("The same data, epochs and size", ["", "mean F1"], scores)
    print_table(*_predictions(matching, data / "unseen.jsonl"))
    print(f"Run folder  {out}")
    print(f"Report      {out / 'report.html'}\n")
    print("Next:")
    print(f"  hornbook predict {out} {data / 'unseen.jsonl'} --out answers.jsonl")
    print("  hornbook train text-matching YOUR_FOLDER --out runs/mine")
    print(f"  hornbook info {out}")


def _folders(out: Path) -> list[Path]:
    """Returns the folders of the run, its data, and the run it is compared with."""
    return [out, *(out.with_name(f"{out.name}-{end}") for end in ("data", "from-scratch"))]


def _free_folders(parent: Path) -> list[Path]:
    """Returns folders with the first number for which none exists."""
    for number in itertools.count(1):
        folders = _folders(parent / f"demo-{number}")
        if not any(folder.exists() for folder in folders):
            break
    return folders


def _predictions(matching: Any, file: Path) -> tuple[str, list[str], list[list[Any]]]:
    """Returns a table of one unseen pair per criterion."""
    answers = list(matching.predict_files([file]))
    first = {answer["criterion"]: answer for answer in reversed(answers)}
    rows = [
        [
            name,
            _short(answer["source"]),
            _short(answer["target"]),
            f"{answer['probability']:.2f}",
            "yes" if answer["label"] else "no",
        ]
        for name, answer in sorted(first.items())
    ]
    columns = ["criterion", "source", "target", "probability", "match"]
    return "Unseen pairs", columns, rows


def _short(text: str, length: int = 24) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
