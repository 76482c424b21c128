"""`hornbook generate MODEL "prompt" ...`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook.cli.shared_options import add_ignore_config

if TYPE_CHECKING:
    from hornbook.pretrained import Pretrained

# option -> its type and help; the names are those of `hornbook.generation.Request`
_NUMBERS = {
    "n": (int, "number of texts per prompt"),
    "max_new_tokens": (int, "maximum number of new tokens (default: 64)"),
    "min_new_tokens": (int, "minimum number of new tokens"),
    "min_ends": (int, "stop at the n-th stop token (default: 1)"),
    "ignore_ends_before": (int, "ignore stop tokens among the first n tokens"),
    "temperature": (float, "sample instead of taking the best token; higher is more random"),
    "top_k": (int, "sample from the k best tokens"),
    "top_p": (float, "sample from the best tokens whose total probability is p"),
    "min_p": (float, "sample from tokens at least this likely, relative to the best"),
    "typical_p": (float, "sample from the tokens whose information is closest to the entropy"),
    "seed": (int, "the same seed generates the same texts (default: 0)"),
    "best_of": (int, "sample this many texts and keep the n best"),
    "beams": (int, "number of beams (beam search)"),
    "length_penalty": (float, "beam search: values above 0 favor longer texts (default: 1)"),
    "beam_groups": (int, "number of diverse groups of beams, with --diversity-penalty"),
    "diversity_penalty": (float, "penalty for tokens chosen by other groups of beams"),
    "repetition_penalty": (float, "values above 1 penalize tokens that have already occurred"),
    "frequency_penalty": (float, "subtracted from a token for each time it was generated"),
    "presence_penalty": (float, "subtracted from a token that was generated already"),
    "no_repeat_ngram": (int, "size of n-grams that are not repeated"),
    "degeneration_penalty": (float, "contrastive search, with --top-k"),
    "draft_tokens": (int, "number of tokens that the --draft model drafts per step (default: 4)"),
}
# flag -> field of `Request`, and its help; each may be repeated
_TEXTS = {
    "stop": ("stop_strings", "stop before this text"),
    "stop_token": ("stop_ids", "stop at this token, instead of the model's own stop tokens"),
    "bad_word": ("bad_words", "never generate this text"),
    "choice": ("one_of", "generate exactly one of the choices"),
}
# options with which texts are known only at the end
_NO_STREAM = {"n", "beams", "best_of", "degeneration_penalty"}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=Path, help="a model folder")
    parser.add_argument("prompts", metavar="PROMPT", nargs="*", help="text to continue")
    parser.set_defaults(words_of="prompts")
    parser.add_argument(
        "--file",
        metavar="FILE",
        help="prompts, one per line, or JSON lines with `prompt`; - is standard input",
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="write JSON lines to this file")
    for name, (kind, help_line) in _NUMBERS.items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=kind, metavar=kind.__name__.upper(), help=help_line)
    for name, (_, help_line) in _TEXTS.items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, metavar="TEXT", action="append", help=help_line)
    parser.add_argument("--prefix", metavar="TEXT", help="beginning of every generated text")
    parser.add_argument(
        "--only-from", metavar="FILE", help="extract the texts from these passages, one per line"
    )
    parser.add_argument(
        "--draft", metavar="MODEL", type=Path, help="a smaller model for speculative decoding"
    )
    parser.add_argument(
        "--batch-size", type=int, default=8, metavar="INT", help="prompts per batch (default: 8)"
    )
    parser.add_argument(
        "--application",
        choices=("causal_lm", "prefix_lm", "seq2seq"),
        help="application of the model (default: that of its family)",
    )
    parser.add_argument("--family", help="read MODEL as a model of this family")
    add_ignore_config(parser)
    parser.add_argument(
        "--dtype",
        default="float32",
        choices=("float32", "bfloat16", "float16", "int8", "int4"),
        help="dtype of the weights (default: float32)",
    )


def run(options: argparse.Namespace) -> None:
    import time

    from hornbook.data.readers.answer_files import check_ending
    from hornbook.progress import note

    if options.out is not None:
        check_ending(options.out)
    prompts, settings = _prompts(options), _settings(options)
    model = _load(options, options.model)
    begin = time.perf_counter()
    is_single = len(prompts) == 1 and options.out is None and options.file is None
    if model.generation is not None:
        if defaults := model.generation.described():
            note(f"generation_config.json: {defaults}")
        if model.generation.unused:
            note(f"generation_config.json, not used: {', '.join(model.generation.unused)}")
    can_stream = not _NO_STREAM & settings.keys() and model.streams(**settings)
    if is_single and options.draft is None and can_stream:
        amount = _stream(model, prompts[0], settings)
    else:
        if options.draft is not None:
            settings["draft"] = _load(options, options.draft)
        results = model.generate_each(
            prompts, details=True, batch_size=options.batch_size, **settings
        )
        if is_single and settings.get("n", 1) == 1:
            result = next(results)
            print(result.text)
            amount = f"{len(result.token_ids):,} tokens"
        else:
            amount = _lines(options.out, prompts, results)
    note(f"{amount} in {time.perf_counter() - begin:.1f} s, compilation included")


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the options that are set, by their names in `Request`."""
    settings = {name: getattr(options, name) for name in _NUMBERS}
    settings |= {field: getattr(options, name) for name, (field, _) in _TEXTS.items()}
    settings["forced_prefix"] = options.prefix
    if options.only_from is not None:
        settings["only_from"] = _lines_of(options.only_from)
    return {name: value for name, value in settings.items() if value is not None}


def _load(options: argparse.Namespace, folder: Path) -> Pretrained:
    from hornbook.pretrained import load

    return load(
        folder,
        family=options.family,
        application=options.application,
        variable_dtype=options.dtype,
        frozen=True,
        ignore_config=options.ignore_config,
    )


def _stream(model: Pretrained, prompt: str, settings: dict[str, Any]) -> str:
    """Prints a text while it is generated; returns its length, such as `12 characters`."""
    length = 0
    for piece in model.stream(prompt, **settings):
        length += len(piece)
        print(piece, end="", flush=True)
    print()
    return f"{length:,} characters"


def _lines(out: Path | None, prompts: Sequence[str], results: Iterator[Any]) -> str:
    """Prints or writes each text as soon as its batch is done; returns the number of tokens."""
    import sys

    from hornbook.data.readers.answer_files import print_answers, write_answers
    from hornbook.progress import Progress

    tokens = 0
    quiet = True if out is None and sys.stdout.isatty() else None  # the texts show the progress

    def answers() -> Iterator[dict[str, Any]]:
        nonlocal tokens
        with Progress("generating", total=len(prompts), unit="prompts", quiet=quiet) as bar:
            for prompt, texts in zip(prompts, results, strict=True):
                for result in texts if isinstance(texts, list) else [texts]:
                    tokens += len(result.token_ids)
                    yield {
                        "prompt": prompt,
                        "text": result.text,
                        "score": round(result.score, 4),
                        "finish_reason": result.finish_reason,
                    }
                bar.advance()

    if out is None:
        print_answers(answers())
    else:
        print(f"{write_answers(out, answers()):,} texts in {out}")
    return f"{tokens:,} tokens"


def _prompts(options: argparse.Namespace) -> list[str]:
    """Returns the prompts of the command line, or of a file.

    Raises:
        OptionError: neither or both are given.
        DataError: a line of the file is not a prompt.
    """
    from hornbook.data.readers.json_lines import read_json_lines
    from hornbook.data.readers.row_files import suffix_of
    from hornbook.data.readers.text_lines import name_of
    from hornbook.errors import DataError, OptionError

    if (options.file is None) == (not options.prompts):
        raise OptionError("Give prompts as arguments, or as --file FILE, one per line.")
    if options.file is None:
        return list(options.prompts)
    if suffix_of(Path(options.file)) in (".json", ".jsonl", ".ndjson"):  # an array as well
        rows = read_json_lines(options.file)
        prompts = [_checked(row, f"{name_of(options.file)}:{number}") for number, row in rows]
    else:
        prompts = [
            _prompt_of_json(line, f"{name_of(options.file)}:{number}")
            if line.startswith("{")
            else line
            for number, line in _numbered_lines(options.file)
        ]
    if not prompts:
        raise DataError(f"{name_of(options.file)} has no prompts.  Expected one per line.")
    return prompts


def _lines_of(source: str) -> list[str]:
    return [line for _, line in _numbered_lines(source)]


def _numbered_lines(source: str) -> list[tuple[int, str]]:
    """Returns the numbered lines of a text file that are not blank."""
    from hornbook.data.readers.problems import Problems
    from hornbook.data.readers.text_lines import text_lines

    problems = Problems(stop_at_first=True)
    lines = [(number, line.strip()) for number, line in text_lines(source, problems)]
    problems.raise_if_any("Each line must be UTF-8 text.")
    return [(number, line) for number, line in lines if line]


def _prompt_of_json(line: str, where: str) -> str:
    import json

    from hornbook.errors import DataError

    try:
        return _checked(json.loads(line), where)
    except ValueError as error:
        raise DataError(f"{where}: not JSON: {error}") from None


def _checked(row: dict[str, Any], where: str) -> str:
    """Returns the prompt of a row."""
    from hornbook.errors import DataError

    prompt = row.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise DataError(f'{where}: expected {{"prompt": "..."}}, a non-empty text.')
    return prompt
