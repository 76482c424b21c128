"""Which labelled pictures a captcha reader learns from, and which ones it is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hornbook.data.captchas import Alphabet, Captcha, fingerprint, has_splits, read_captchas
from hornbook.data.pictures import Readable, readable
from hornbook.errors import DataError
from hornbook.progress import note


def pictures_to_learn_from(
    data: str | Path, seed: int
) -> tuple[list[Captcha], list[Captcha], list[tuple[int, int]]]:
    """The readable pictures of both splits, and the sizes of those to learn from."""
    splits = [read_captchas(data, split, seed=seed) for split in ("train", "valid")]
    found = _readable([captcha for split in splits for captcha in split], data)
    train, valid = ([one for one in split if one.path in found.sizes] for split in splits)
    if not train or not valid:
        raise DataError(f"{data}: too few of the pictures can be read to learn from them.")
    return train, valid, [found.sizes[captcha.path] for captcha in train]


def pictures_to_evaluate(data: str | Path, seed: int, held_out: str) -> list[Captcha]:
    """The labelled pictures to measure on: never those that were learned from.

    Args:
        data: See `hornbook.data.captchas`.
        seed: Of the split.
        held_out: Fingerprint of the pictures that were set aside when it was trained.
    """
    captchas = read_captchas(data, "valid", seed=seed)
    if fingerprint(captchas) != held_out and not has_splits(data):
        captchas = read_captchas(data)  # other pictures than those of the training: all
    found = _readable(captchas, data)
    return [captcha for captcha in captchas if captcha.path in found.sizes]


def _readable(captchas: Sequence[Captcha], data: str | Path) -> Readable:
    found = readable(captcha.path for captcha in captchas)
    if found.problems:
        note(found.summary())
    found.raise_if_none(str(data))
    return found


def summary(
    train: Sequence[Captcha],
    valid: Sequence[Captcha],
    sizes: Sequence[tuple[int, int]],
    alphabet: Alphabet,
    size: tuple[int, int],
) -> str:
    """What was found out about the data, for the person to check.

    Args:
        train, valid: The readable pictures.
        sizes: Of those to learn from.
        alphabet: Of all labels.
        size: `(width, height)` that pictures are read in.
    """
    kinds = sorted(set(sizes))
    pixels = f"{len(kinds)} different sizes"
    if len(kinds) == 1:
        pixels = "{} x {}".format(*kinds[0])
    sets = sorted({captcha.set_name for captcha in train} - {""})
    seen = set("".join(alphabet.text(captcha.label) for captcha in train))
    unseen = "".join(sorted(set(alphabet.characters) - seen))
    lines = [
        f"Pictures    {len(train):,} to learn from, {len(valid):,} to check with",
        f"Characters  {len(alphabet.characters)}: {alphabet.characters}",
        f"Case        {alphabet.case}",
        f"Length      {alphabet.length}",
        f"Size        {pixels}, read as {size[0]} x {size[1]}",
        *([f"Sets        {', '.join(sets)}"] if sets else []),
        *([f"Never seen  {unseen}: no picture to learn from has it"] if unseen else []),
    ]
    return "\n".join(lines)
