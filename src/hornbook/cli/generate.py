"""`hornbook generate MODEL "prompt" ...`."""

from __future__ import annotations

import argparse
from pathlib import Path

# option of the command -> what it is; the names are those of `hornbook.generation.Request`
_NUMBERS = {
    "n": (int, "texts of each prompt"),
    "max_new_tokens": (int, "the longest a text gets (default: 64)"),
    "min_new_tokens": (int, "no end before so many"),
    "temperature": (float, "draw tokens instead of taking the best; higher is wilder"),
    "top_k": (int, "draw among so many best tokens"),
    "top_p": (float, "draw among the best tokens that have this much probability together"),
    "min_p": (float, "draw among tokens this likely, compared with the best"),
    "typical_p": (float, "draw among the tokens that surprise as much as usual"),
    "seed": (int, "the same seed writes the same texts (default: 0)"),
    "best_of": (int, "draw so many and keep the n best"),
    "beams": (int, "search with so many beginnings"),
    "length_penalty": (float, "of the search: above 0 likes longer texts (default: 1)"),
    "repetition_penalty": (float, "above 1 dislikes tokens that are there already"),
    "no_repeat_ngram": (int, "no so many tokens in a row come twice"),
    "degeneration_penalty": (float, "contrastive search, with --top-k"),
}
# what knows its texts only when all of them are there
_NO_STREAM = {"n", "beams", "best_of", "degeneration_penalty"}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=Path, help="a model folder")
    parser.add_argument("prompts", metavar="PROMPT", nargs="*", help="what to go on with")
    parser.add_argument(
        "--file", metavar="FILE", help="prompts, one a line, or JSON lines with `prompt`; -: stdin"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="write JSON lines there")
    for name, (kind, help_line) in _NUMBERS.items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=kind, metavar=kind.__name__.upper(), help=help_line)
    parser.add_argument("--stop", metavar="TEXT", action="append", help="end before this text")
    parser.add_argument(
        "--application",
        choices=("causal_lm", "prefix_lm", "seq2seq"),
        help="what the model is to be (default: what its family is)",
    )
    parser.add_argument("--family", help="read MODEL as this family")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"))


def run(options: argparse.Namespace) -> None:
    import time

    from hornbook.data.answers import check_ending, print_answers, write_answers
    from hornbook.pretrained import load
    from hornbook.progress import note

    if options.out is not None:
        check_ending(options.out)
    prompts = _prompts(options)
    settings = {name: getattr(options, name) for name in _NUMBERS}
    settings = {name: value for name, value in settings.items() if value is not None}
    if options.stop:
        settings["stop_strings"] = options.stop
    model = load(
        options.model,
        family=options.family,
        application=options.application,
        variable_dtype=options.dtype,
    )
    alone = len(prompts) == 1 and options.out is None and options.file is None
    if alone and not _NO_STREAM & settings.keys():
        _stream(model, prompts[0], settings)
        return
    begin = time.perf_counter()
    tokens = 0

    def answers():
        nonlocal tokens
        several = settings.get("n", 1) > 1
        for prompt, found in zip(
            prompts, model.generate(prompts, details=True, **settings), strict=True
        ):
            for result in found if several else [found]:
                tokens += len(result.token_ids)
                yield {
                    "prompt": prompt,
                    "text": result.text,
                    "score": round(result.score, 4),
                    "finish_reason": result.finish_reason,
                }

    if options.out is None:
        print_answers(answers())
    else:
        count = write_answers(options.out, answers())
        print(f"{count:,} texts in {options.out}")
    seconds = time.perf_counter() - begin
    note(f"{tokens:,} tokens in {seconds:.1f} s, compilation included")


def _stream(model, prompt: str, settings: dict) -> None:
    """Prints one text as it is written."""
    import time

    from hornbook.progress import note

    begin, length = time.perf_counter(), 0
    for piece in model.stream(prompt, **settings):
        length += len(piece)
        print(piece, end="", flush=True)
    print()
    seconds = time.perf_counter() - begin
    note(f"{length:,} characters in {seconds:.1f} s, compilation included")


def _prompts(options: argparse.Namespace) -> list[str]:
    """The prompts of the command line, or of a file.

    Raises:
        OptionError: there are none, or both.
        DataError: a line of the file is no prompt.
    """
    from hornbook.data.problems import Problems
    from hornbook.data.text_lines import name_of, text_lines
    from hornbook.errors import DataError, OptionError

    if (options.file is None) == (not options.prompts):
        raise OptionError("Give prompts as words of the command, or as --file FILE, one a line.")
    if options.file is None:
        return options.prompts
    problems = Problems(stop_at_first=True)
    lines = [(n, line.strip()) for n, line in text_lines(options.file, problems)]
    problems.raise_if_any("Each line must be one prompt.")
    prompts = []
    for number, line in lines:
        if line.startswith("{"):
            prompts.append(_prompt_of_json(line, f"{name_of(options.file)}:{number}"))
        elif line:
            prompts.append(line)
    if not prompts:
        raise DataError(f"{name_of(options.file)} has no prompts.  Expected one a line.")
    return prompts


def _prompt_of_json(line: str, where: str) -> str:
    import json

    from hornbook.errors import DataError

    try:
        prompt = json.loads(line).get("prompt")
    except ValueError as error:
        raise DataError(f"{where}: not JSON: {error}") from None
    if not isinstance(prompt, str) or not prompt:
        raise DataError(f'{where}: expected {{"prompt": "..."}}, a text that is not empty.')
    return prompt
