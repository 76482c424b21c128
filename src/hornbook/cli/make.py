"""`hornbook make captchas FOLDER --count N`."""

from __future__ import annotations

import argparse
from pathlib import Path

from hornbook.data.captcha_styles import LIBRARY, MIXED, STYLE_NAMES


def add_options(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    purpose = "draw labelled captchas, each named after its text"
    captchas = kinds.add_parser("captchas", help=purpose, description=purpose)
    captchas.add_argument("folder", metavar="FOLDER", type=Path, help="a new folder")
    captchas.add_argument("--count", metavar="N", type=int, default=1000, help="default: 1000")
    captchas.add_argument(
        "--style",
        default=MIXED,
        choices=STYLE_NAMES,
        help=f"{LIBRARY} needs the package of that name (default: {MIXED}, of our own)",
    )
    captchas.add_argument(
        "--length", metavar="N|N-M", default="4", help="characters of a text (default: 4)"
    )
    captchas.add_argument(
        "--characters",
        default="digits+lower",
        help="a list such as 0123abc, or digits, lower, upper joined by + (default: digits+lower)",
    )
    captchas.add_argument("--size", metavar="WxH", default="160x60", help="default: 160x60")
    captchas.add_argument(
        "--fonts", metavar="FILE", nargs="+", default=[], help="font files, or folders of them"
    )
    captchas.add_argument("--seed", type=int, default=0, help="of everything (default: 0)")
    captchas.add_argument("--workers", type=int, help="processes (default: one a core)")


def run(options: argparse.Namespace) -> None:
    from hornbook.data.captchas import characters_of
    from hornbook.data.making_captchas import Order, make_captchas

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
    print(f"Learn   hornbook train captcha {options.folder} --out runs/captcha")


def _pair(text: str, between: str, flag: str) -> tuple[int, int]:
    """`160x60` or `4-6` as two numbers; one number stands for both."""
    from hornbook.errors import OptionError

    first, _, second = text.lower().partition(between)
    if not first.isdecimal() or not (second or first).isdecimal() or not int(first):
        raise OptionError(f"{flag} {text}: expected numbers such as 4{between}6.")
    return int(first), int(second or first)
