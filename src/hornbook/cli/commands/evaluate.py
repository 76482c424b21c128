"""`hornbook evaluate RUN DATA`, `hornbook evaluate MODEL FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hornbook.cli.shared_options import add_encoding, add_ignore_config

# options for language models only
_OF_MODELS = ("window", "stride", "lines", "application", "family", "dtype")


Figures = dict[str, Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders",
        metavar="RUN|MODEL",
        nargs="+",
        type=Path,
        help="a trained run, or several as an ensemble, or a model folder",
    )
    parser.add_argument(
        "data",
        metavar="DATA",
        type=Path,
        help="for a run: labeled data, as for training; for a model: a text file, or .jsonl with "
        "`text` and optionally `prompt`; - is standard input",
    )
    parser.add_argument(
        "--split",
        choices=("train", "valid", "test"),
        help="split of a run's DATA (default: valid; if there is none, test or all)",
    )
    parser.add_argument("--json", action="store_true", help="print the metrics as JSON")
    add_encoding(parser)
    group = parser.add_argument_group("language models")
    group.add_argument("--window", type=int, metavar="N", help="tokens per window")
    group.add_argument(
        "--stride",
        type=int,
        metavar="N",
        help="tokens between windows (default: half a window)",
    )
    group.add_argument(
        "--lines", action="store_const", const=True, help="treat each line as a text"
    )
    group.add_argument(
        "--application",
        choices=("encoder", "causal_lm", "prefix_lm", "seq2seq"),
        help="application of the model (default: that of its family)",
    )
    group.add_argument("--family", help="read MODEL as a model of this family")
    add_ignore_config(group)
    group.add_argument(
        "--dtype",
        metavar="TYPE",
        help="dtype of the weights, as variable_dtype of hornbook.load; compared with float32 "
        "(default: float32)",
    )
    group = parser.add_argument_group("images")
    group.add_argument("--views", type=int, metavar="N", help="views to average: 1, 2 or 10")
    group.add_argument("--report", type=Path, metavar="PAGE.html", help="write an HTML report")


def run(options: argparse.Namespace) -> None:
    from hornbook.errors import OptionError

    folder = options.folders[0]
    is_model = _is_model(folder)
    names = [name for name in _OF_MODELS if getattr(options, name) is not None]
    if names and not is_model:
        raise OptionError(f"--{names[0]} is for language models, and {folder} is a trained run.")
    if options.split is not None and is_model:
        raise OptionError(f"--split is for runs, and {folder} is a model, measured on whole files.")
    image_options = [name for name in ("views", "report") if getattr(options, name) is not None]
    if image_options and is_model:
        raise OptionError(f"--{image_options[0]} is for images runs, and {folder} is a model.")
    if is_model and len(options.folders) > 1:
        raise OptionError("Only runs can form an ensemble: name one model.")
    title = f"{' + '.join(map(str, options.folders))} on {options.data}"
    _show(options, title, *(_of_model(options) if is_model else _of_run(options)))


def _is_model(folder: Path) -> bool:
    """Whether a folder is a model, and not a run or a model that needs its recipe."""
    from hornbook.pretrained.opening.bundled import model_folder
    from hornbook.pretrained.opening.model_folder import CONFIG_NAMES
    from hornbook.recipes.recipe import read_saved

    folder = model_folder(folder)
    if not any((folder / name).is_file() for name in CONFIG_NAMES):
        return False
    if not (folder / "recipe.json").is_file():
        return True
    return bool(read_saved(folder)[0]["recipe"] == "pretraining")


def _of_run(options: argparse.Namespace) -> tuple[Figures, list[str], list[list[Any]]]:
    from hornbook.recipes import open_runs
    from hornbook.recipes.fields import check_choices

    recipe = open_runs(options.folders)
    choices = {name: getattr(options, name) for name in ("split", "views", "report")}
    metrics = recipe.evaluate(options.data, **check_choices(recipe, "evaluate", choices))
    return metrics, *recipe.table(metrics)


def _of_model(options: argparse.Namespace) -> tuple[Figures, list[str], list[list[Any]]]:
    """Returns metrics and a table; other dtypes are compared with float32."""
    from hornbook.pretrained import load
    from hornbook.pretrained.opening.model_folder import policy
    from hornbook.pretrained.tasks.corpus_scoring import evaluate_corpus, read_corpus

    metrics: dict[str, Figures] = {}
    corpus = None
    dtypes = dict.fromkeys(["float32", options.dtype or "float32"])
    for dtype in dtypes:
        policy(variable_dtype=dtype)  # raises before anything is measured
    for dtype in dtypes:
        model = load(
            options.folders[0],
            family=options.family,
            application=options.application,
            variable_dtype=dtype,
            ignore_config=options.ignore_config,
        )
        is_masked = model.config.application == "encoder"
        corpus = corpus or read_corpus(options.data, lines=bool(options.lines) or is_masked)
        sizes = {"window": options.window, "stride": options.stride}
        metrics[dtype] = evaluate_corpus(model, corpus, **sizes)
        del model  # before the next one is loaded
    return _with_change(metrics, "pseudo-" if is_masked else "")


def _with_change(
    metrics: dict[str, Figures], kind: str
) -> tuple[Figures, list[str], list[list[Any]]]:
    """Returns the metrics of the last dtype, and a table of all dtypes."""
    *_, dtype = metrics
    names = {
        "texts": "texts",
        "tokens": "tokens",
        "unknown_tokens": "unknown tokens",
        "characters": "characters",
        "bytes": "bytes",
        "perplexity": f"{kind}perplexity per token",
        "perplexity_per_character": f"{kind}perplexity per character",
        "perplexity_per_byte": f"{kind}perplexity per byte",
        "bits_per_byte": "bits per byte",
        "window": "window",
        "stride": "stride",
    }
    rows = [
        [title, *(one[name] for one in metrics.values())]
        for name, title in names.items()
        if name in metrics[dtype]
    ]
    figures = {"dtype": dtype, **metrics[dtype]}
    if dtype != "float32":
        reference = metrics["float32"]["perplexity"]
        figures |= {
            "perplexity_of_float32": reference,
            "perplexity_change": figures["perplexity"] / reference - 1,
        }
        rows.append(["change in perplexity", None, f"{figures['perplexity_change']:+.3%}"])
    return figures, ["", *metrics], rows


def _show(
    options: argparse.Namespace,
    title: str,
    figures: Figures,
    head: list[str],
    rows: list[list[Any]],
) -> None:
    import json

    from hornbook.progress import print_table

    if options.json:
        print(json.dumps(figures, ensure_ascii=False, indent=2))
    else:
        print_table(title, head, rows)
