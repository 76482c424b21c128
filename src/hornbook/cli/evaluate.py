"""`hornbook evaluate RUN DATA`, `hornbook evaluate MODEL FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path

# what is for a language model only
_OF_MODELS = ("window", "stride", "lines", "application", "family", "dtype")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", metavar="RUN|MODEL", type=Path, help="a trained run, or the folder of a model"
    )
    parser.add_argument(
        "data",
        metavar="DATA",
        type=Path,
        help="of a run labelled data, as for training; of a model a text file, or .jsonl with "
        "`text` and perhaps `prompt`; -: standard input",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    group = parser.add_argument_group("language models")
    group.add_argument("--window", type=int, metavar="N", help="read so many tokens at once")
    group.add_argument(
        "--stride", type=int, metavar="N", help="from one window to the next (default: half of it)"
    )
    group.add_argument(
        "--lines", action="store_const", const=True, help="each line is a text of its own"
    )
    group.add_argument(
        "--application",
        choices=("encoder", "causal_lm", "prefix_lm", "seq2seq"),
        help="what the model is to be (default: what its family is)",
    )
    group.add_argument("--family", help="read MODEL as this family")
    group.add_argument("--dtype", choices=("float32", "bfloat16", "float16"))


def run(options: argparse.Namespace) -> None:
    from hornbook.errors import OptionError
    from hornbook.pretrained.folder import CONFIG_NAMES

    folder = options.folder
    is_model = not (folder / "recipe.json").is_file() and any(
        (folder / name).is_file() for name in CONFIG_NAMES
    )
    given = [name for name in _OF_MODELS if getattr(options, name) is not None]
    if given and not is_model:
        raise OptionError(f"--{given[0]} is for a language model, and {folder} is none.")
    title = f"{folder} on {options.data}"
    _show(options, title, *(_of_model(options) if is_model else _of_run(options)))


def _of_run(options: argparse.Namespace):
    from hornbook.recipes import open_run

    recipe = open_run(options.folder)
    metrics = recipe.evaluate(options.data)
    return metrics, *recipe.table(metrics)


def _of_model(options: argparse.Namespace):
    from hornbook.pretrained import load
    from hornbook.pretrained.corpus import evaluate_corpus

    model = load(
        options.folder,
        family=options.family,
        application=options.application,
        variable_dtype=options.dtype or "float32",
    )
    figures = evaluate_corpus(
        model,
        options.data,
        lines=bool(options.lines),
        window=options.window,
        stride=options.stride,
    )
    masked = "pseudo-" if model.config.application == "encoder" else ""
    rows = [
        ["texts", f"{figures['texts']:,}"],
        ["tokens", f"{figures['tokens']:,}"],
        ["unknown tokens", f"{figures['unknown_tokens']:,}"],
        ["characters", f"{figures['characters']:,}"],
        ["bytes", f"{figures['bytes']:,}"],
        [f"{masked}perplexity by token", f"{figures['perplexity']:,.4f}"],
        [f"{masked}perplexity by character", f"{figures['perplexity_per_character']:,.4f}"],
        [f"{masked}perplexity by byte", f"{figures['perplexity_per_byte']:,.4f}"],
        ["bits by byte", f"{figures['bits_per_byte']:.4f}"],
    ]
    if "window" in figures:
        rows.append(["window and stride", f"{figures['window']:,} and {figures['stride']:,}"])
    return figures, ["", ""], rows


def _show(options: argparse.Namespace, title: str, figures: dict, head: list, rows: list) -> None:
    import json

    from hornbook.progress import print_table

    if options.json:
        print(json.dumps(figures, ensure_ascii=False, indent=2))
    else:
        print_table(title, head, rows)
