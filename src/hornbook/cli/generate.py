"""`hornbook generate MODEL "prompt" ...`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hornbook.cli.model_options import add_ignore_config

# option of the command -> what it is; the names are those of `hornbook.generation.Request`
_NUMBERS = {
    "n": (int, "texts of each prompt"),
    "max_new_tokens": (int, "the longest a text gets (default: 64)"),
    "min_new_tokens": (int, "no end before so many"),
    "min_ends": (int, "end with the so many-th stop token (default: the first)"),
    "ignore_ends_before": (int, "stop tokens among the first so many tokens do not count"),
    "temperature": (float, "draw tokens instead of taking the best; higher is wilder"),
    "top_k": (int, "draw among so many best tokens"),
    "top_p": (float, "draw among the best tokens that have this much probability together"),
    "min_p": (float, "draw among tokens this likely, compared with the best"),
    "typical_p": (float, "draw among the tokens that surprise as much as usual"),
    "seed": (int, "the same seed writes the same texts (default: 0)"),
    "best_of": (int, "draw so many and keep the n best"),
    "beams": (int, "search with so many beginnings"),
    "length_penalty": (float, "of the search: above 0 likes longer texts (default: 1)"),
    "beam_groups": (int, "groups of beams that avoid each other, with --diversity-penalty"),
    "diversity_penalty": (float, "how much they do"),
    "repetition_penalty": (float, "above 1 dislikes tokens that are there already"),
    "frequency_penalty": (float, "taken off a token each time it was written"),
    "presence_penalty": (float, "taken off a token that was written at all"),
    "no_repeat_ngram": (int, "no so many tokens in a row come twice"),
    "degeneration_penalty": (float, "contrastive search, with --top-k"),
    "draft_tokens": (int, "how many tokens the --draft writes ahead (default: 4)"),
}
# flag -> field of `Request`, what it is; each may come several times
_TEXTS = {
    "stop": ("stop_strings", "end before this text"),
    "stop_token": ("stop_ids", "end with this token, instead of the model's own"),
    "bad_word": ("bad_words", "never write this"),
    "choice": ("one_of", "write one of these, and nothing else"),
}
# what knows its texts only when all of them are there
_NO_STREAM = {"n", "beams", "best_of", "degeneration_penalty"}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=Path, help="a model folder")
    parser.add_argument("prompts", metavar="PROMPT", nargs="*", help="what to go on with")
    parser.set_defaults(words_of="prompts")
    parser.add_argument(
        "--file", metavar="FILE", help="prompts, one a line, or JSON lines with `prompt`; -: stdin"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="write JSON lines there")
    for name, (kind, help_line) in _NUMBERS.items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=kind, metavar=kind.__name__.upper(), help=help_line)
    for name, (_, help_line) in _TEXTS.items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, metavar="TEXT", action="append", help=help_line)
    parser.add_argument("--prefix", metavar="TEXT", help="what every text begins with")
    parser.add_argument(
        "--only-from", metavar="FILE", help="cut the texts out of these passages, one a line"
    )
    parser.add_argument(
        "--draft", metavar="MODEL", type=Path, help="a smaller model that writes ahead"
    )
    parser.add_argument(
        "--batch-size", type=int, default=8, metavar="INT", help="prompts side by side (default: 8)"
    )
    parser.add_argument(
        "--application",
        choices=("causal_lm", "prefix_lm", "seq2seq"),
        help="what the model is to be (default: what its family is)",
    )
    parser.add_argument("--family", help="read MODEL as this family")
    add_ignore_config(parser)
    parser.add_argument(
        "--dtype",
        default="float32",
        choices=("float32", "bfloat16", "float16", "int8", "int4"),
        help="what the weights are kept in (default: float32)",
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
    alone = len(prompts) == 1 and options.out is None and options.file is None
    if model.generation is not None:
        if taken := model.generation.described():
            note(f"generation_config.json: {taken}")
        if model.generation.unused:
            note(f"generation_config.json, not used: {', '.join(model.generation.unused)}")
    can_stream = not _NO_STREAM & settings.keys() and model.streams(**settings)
    if alone and options.draft is None and can_stream:
        written = _stream(model, prompts[0], settings)
    else:
        if options.draft is not None:
            settings["draft"] = _load(options, options.draft)
        found = model.generate_each(
            prompts, details=True, batch_size=options.batch_size, **settings
        )
        if alone and settings.get("n", 1) == 1:
            result = next(found)
            print(result.text)
            written = f"{len(result.token_ids):,} tokens"
        else:
            written = _lines(options.out, prompts, found)
    note(f"{written} in {time.perf_counter() - begin:.1f} s, compilation included")


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, by the names of `Request`."""
    given = {name: getattr(options, name) for name in _NUMBERS}
    given |= {field: getattr(options, name) for name, (field, _) in _TEXTS.items()}
    given["forced_prefix"] = options.prefix
    if options.only_from is not None:
        given["only_from"] = _lines_of(options.only_from)
    return {name: value for name, value in given.items() if value is not None}


def _load(options: argparse.Namespace, folder: Path):
    from hornbook.pretrained import load

    return load(
        folder,
        family=options.family,
        application=options.application,
        variable_dtype=options.dtype,
        frozen=True,
        ignore_config=options.ignore_config,
    )


def _stream(model, prompt: str, settings: dict[str, Any]) -> str:
    """Prints one text as it is written, and returns how much it is."""
    length = 0
    for piece in model.stream(prompt, **settings):
        length += len(piece)
        print(piece, end="", flush=True)
    print()
    return f"{length:,} characters"


def _lines(out: Path | None, prompts: Sequence[str], found: Iterator[Any]) -> str:
    """Prints or writes each text as soon as its batch is there, and returns how much they are."""
    import sys

    from hornbook.data.readers.answer_files import print_answers, write_answers
    from hornbook.progress import Progress

    tokens = 0
    quiet = True if out is None and sys.stdout.isatty() else None  # the texts show how far it is

    def answers() -> Iterator[dict[str, Any]]:
        nonlocal tokens
        with Progress("writing", total=len(prompts), unit="prompts", quiet=quiet) as bar:
            for prompt, results in zip(prompts, found, strict=True):
                for result in results if isinstance(results, list) else [results]:
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
    """The prompts of the command line, or of a file.

    Raises:
        OptionError: there are none, or both.
        DataError: a line of the file is no prompt.
    """
    from hornbook.data.readers.json_lines import read_json_lines
    from hornbook.data.readers.row_files import suffix_of
    from hornbook.data.readers.text_lines import name_of
    from hornbook.errors import DataError, OptionError

    if (options.file is None) == (not options.prompts):
        raise OptionError("Give prompts as words of the command, or as --file FILE, one a line.")
    if options.file is None:
        return options.prompts
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
        raise DataError(f"{name_of(options.file)} has no prompts.  Expected one a line.")
    return prompts


def _lines_of(source: str) -> list[str]:
    return [line for _, line in _numbered_lines(source)]


def _numbered_lines(source: str) -> list[tuple[int, str]]:
    """The lines of a text file that are not blank, each with its number."""
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
    """The prompt of a row."""
    from hornbook.errors import DataError

    prompt = row.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise DataError(f'{where}: expected {{"prompt": "..."}}, a text that is not empty.')
    return prompt
