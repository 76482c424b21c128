"""`hornbook make captchas FOLDER --count N`, `hornbook make vocabulary CORPUS... --out FOLDER`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hornbook.data.captchas.styles import LIBRARY, MIXED, STYLE_NAMES
from hornbook.text.learning import KINDS


def add_options(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    _add_captcha_options(kinds)
    _add_vocabulary_options(kinds)


def run(options: argparse.Namespace) -> None:
    {"captchas": _make_captchas, "vocabulary": _make_vocabulary}[options.what](options)


def _add_captcha_options(kinds: argparse._SubParsersAction[Any]) -> None:
    purpose = "draw labeled captchas, each named after its text"
    captchas = kinds.add_parser("captchas", help=purpose, description=purpose)
    captchas.add_argument("folder", metavar="FOLDER", type=Path, help="a new folder")
    captchas.add_argument(
        "--count", metavar="N", type=int, default=1000, help="number of images (default: 1000)"
    )
    captchas.add_argument(
        "--style",
        default=MIXED,
        choices=STYLE_NAMES,
        help=f"{LIBRARY} needs the package of that name (default: {MIXED}, our own styles)",
    )
    captchas.add_argument(
        "--length", metavar="N|N-M", default="4", help="characters per captcha (default: 4)"
    )
    captchas.add_argument(
        "--characters",
        default="digits+lower",
        help="a list such as 0123abc, or digits, lower, upper joined by + (default: digits+lower)",
    )
    captchas.add_argument(
        "--size", metavar="WxH", default="160x60", help="pixels (default: 160x60)"
    )
    captchas.add_argument(
        "--fonts", metavar="FILE", nargs="+", default=[], help="font files, or folders of them"
    )
    captchas.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    captchas.add_argument("--workers", type=int, help="number of processes (default: one per core)")


def _add_vocabulary_options(kinds: argparse._SubParsersAction[Any]) -> None:
    purpose = "learn a vocabulary from text, JSON lines or Parquet (.gz and .zst too)"
    vocabulary = kinds.add_parser("vocabulary", help=purpose, description=purpose)
    vocabulary.add_argument("corpus", metavar="CORPUS", nargs="+", help="files, folders, patterns")
    vocabulary.add_argument("--out", metavar="FOLDER", type=Path, required=True, help="new folder")
    vocabulary.add_argument(
        "--size",
        metavar="N",
        type=int,
        default=8000,
        help="maximum tokens (default: 8000)",
    )
    vocabulary.add_argument(
        "--kind",
        choices=KINDS,
        default="wordpiece",
        help="as for BERT, GPT-2, or ALBERT and T5 (default: wordpiece)",
    )
    vocabulary.add_argument(
        "--lowercase",
        action=argparse.BooleanOptionalAction,
        help="lower-case all text (default: only for wordpiece)",
    )
    vocabulary.add_argument(
        "--sentinels",
        metavar="N",
        type=int,
        default=0,
        help="sentinel tokens, which --objective span needs; T5 has 100 (default: 0)",
    )
    vocabulary.add_argument(
        "--characters",
        metavar="N",
        type=int,
        default=200_000_000,
        help="characters to learn from, spread over the corpus (default: 200 million)",
    )
    vocabulary.add_argument(
        "--text-field",
        default="text",
        help="name of the text in JSON lines and Parquet (default: text)",
    )
    vocabulary.add_argument(
        "--lines", action="store_true", help="treat each line of a text file as a document"
    )
    vocabulary.add_argument(
        "--skip-bad", action="store_true", help="skip documents that cannot be read, and count them"
    )


def _make_vocabulary(options: argparse.Namespace) -> None:
    from hornbook.data.corpus.documents import sample_texts
    from hornbook.progress import print_table, progress
    from hornbook.text.learning import learn_vocabulary, measure_fit

    def texts(characters: int) -> Iterator[str]:
        names = ("text_field", "lines", "skip_bad")
        reading = {name: getattr(options, name) for name in names}
        return sample_texts(options.corpus, max(characters, 1), **reading)

    tokenizer = learn_vocabulary(
        progress(texts(options.characters), "learning", unit="documents"),
        options.size,
        options.out,
        kind=options.kind,
        lowercase=options.lowercase,
        sentinels=options.sentinels,
        named="--size",
    )
    fit = measure_fit(tokenizer, list(texts(500_000)))
    columns = ["kind", "tokens", "tokens per character", "characters covered"]
    row = [tokenizer.kind, tokenizer.vocabulary_size, fit.tokens / max(fit.characters, 1)]
    print_table("", columns, [[*row, f"{fit.covered:.3%}"]])
    for sample in fit.samples:
        print(f"  {sample}")
    print(f"Train   hornbook pretrain {' '.join(options.corpus)} --vocabulary {options.out}")


def _make_captchas(options: argparse.Namespace) -> None:
    from hornbook.data.captchas.labeled_images import characters_of
    from hornbook.data.captchas.making import Order, make_captchas

    order = Order(
        style=options.style,
        size=_pair(options.size, "x", "--size"),
        fonts=tuple(options.fonts),
        characters=characters_of(options.characters),
        lengths=_pair(options.length, "-", "--length"),
        seed=options.seed,
    )
    paths = make_captchas(options.folder, order, options.count, workers=options.workers)
    print(f"{len(paths):,} captchas in {options.folder}, such as {paths[0].name}")
    print(f"Train   hornbook train captcha {options.folder} --out runs/captcha")


def _pair(text: str, between: str, flag: str) -> tuple[int, int]:
    """Parses `160x60` or `4-6` as two numbers; a single number is both."""
    from hornbook.errors import OptionError

    first, _, second = text.lower().partition(between)
    if not first.isdecimal() or not (second or first).isdecimal() or not int(first):
        raise OptionError(f"{flag} is {text}; expected numbers such as 4{between}6.")
    return int(first), int(second or first)
