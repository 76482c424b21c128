"""Which labelled images a captcha reader learns from, and which ones it is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hornbook.data.captchas.labelled_images import (
    Alphabet,
    fingerprint,
    leaked,
    side_of,
    split_off,
    train_and_valid,
)
from hornbook.data.captchas.sources import Captcha, CaptchaFolder, read_captcha_folder
from hornbook.data.images.decoding import Readable, readable
from hornbook.errors import DataError
from hornbook.progress import note

_SET_ASIDE = "those set aside in the training"


@dataclass(frozen=True)
class CaptchaData:
    """What a captcha reader learns from.

    Attributes:
        train, valid: The readable images of both splits.
        sizes: Of those to learn from.
        held_out: Fingerprint of all images that are set aside.
        lines: Where the labels come from, and what is not used.
    """

    train: list[Captcha]
    valid: list[Captcha]
    sizes: list[tuple[int, int]]
    held_out: str
    lines: list[str]


def images_to_learn_from(data: str | Path, seed: int) -> CaptchaData:
    """Reads the labels of both splits, and looks which images can be used.

    Raises:
        DataError: no images to learn from, or what is wrong with the labels.
    """
    folder = read_captcha_folder(data)
    if "train" not in folder.splits:
        raise DataError(
            f"{data} has no images to learn from, only {folder.names()}.\n"
            "Add a folder train, or measure a trained run on it with hornbook evaluate."
        )
    splits = train_and_valid(folder, seed=seed)
    found = _readable([captcha for split in splits for captcha in split], data)
    train, valid = ([one for one in split if one.path in found.sizes] for split in splits)
    if not train or not valid:
        raise DataError(f"{data}: too few of the images can be read to learn from them.")
    lines = folder.lines()
    if "valid" in folder.splits and (both := leaked(train, valid)):
        lines.append(
            f"Leaked      {len(both):,} validation images are learned from too, so the figures "
            f"flatter: {', '.join(path.name for path in both[:3])}"
        )
    sizes = [found.sizes[captcha.path] for captcha in train]
    return CaptchaData(train, valid, sizes, fingerprint(splits[1]), lines)


def images_to_evaluate(
    data: str | Path, seed: int, held_out: str, split: str | None = None
) -> list[Captcha]:
    """The labelled images to measure on; what they are is said.

    Args:
        data: See `hornbook.data.captchas.sources`.
        seed: Of the split.
        held_out: Fingerprint of the images that were set aside when it was trained.
        split: `"train"`, `"valid"`, `"test"`; None: those to validate with, which are those that
            were set aside when the folder is that of the training; else those of the test split,
            else all.
    """
    folder = read_captcha_folder(data)
    captchas, named = _chosen(folder, seed, held_out, split)
    told = [] if named == _SET_ASIDE else folder.lines()  # the training has said them
    note("\n".join([*told, f"Measured    on {len(captchas):,} images: {named}"]))
    found = _readable(captchas, data)
    return [captcha for captcha in captchas if captcha.path in found.sizes]


def _chosen(
    folder: CaptchaFolder, seed: int, held_out: str, split: str | None
) -> tuple[list[Captcha], str]:
    """The images, and which they are."""
    if split is None and "valid" in folder.splits:
        split = "valid"
    if split in folder.splits and (split != "train" or "valid" in folder.splits):
        return side_of(folder, split or "", seed=seed), f"the {split} split"
    if split == "test" or "train" not in folder.splits:
        if split is None:
            return folder.captchas("test"), "the test split"
        raise DataError(f"{folder.path} holds no {split} images, only {folder.names()}.")
    everything = folder.captchas("train")
    sides = split_off(everything, seed=seed)  # perhaps the folder of the training
    if fingerprint(sides[1]) == held_out:
        if split == "train":
            return sides[0], "those it learned from"
        return sides[1], _SET_ASIDE
    if split == "valid":
        raise DataError(
            f"{folder.path} holds no valid images, and it is not the folder of the training, of "
            "which some were set aside."
        )
    if split is None and "test" in folder.splits:
        return folder.captchas("test"), "the test split"
    return everything, "all"


def _readable(captchas: Sequence[Captcha], data: str | Path) -> Readable:
    found = readable(captcha.path for captcha in captchas)
    if found.problems:
        note(found.summary())
    found.raise_if_none(str(data))
    return found


def summary(data: CaptchaData, alphabet: Alphabet, size: tuple[int, int]) -> str:
    """What was found out about the data, for the person to check.

    Args:
        data: The images.
        alphabet: Of all labels.
        size: `(width, height)` that images are read in.
    """
    train = data.train
    kinds = sorted(set(data.sizes))
    pixels = f"{len(kinds)} different sizes"
    if len(kinds) == 1:
        pixels = "{} x {}".format(*kinds[0])
    sets = sorted({captcha.set_name for captcha in train} - {""})
    seen = set("".join(alphabet.text(captcha.label) for captcha in train))
    unseen = "".join(sorted(set(alphabet.characters) - seen))
    lines = [
        f"Images      {len(train):,} for training, {len(data.valid):,} for validation",
        *data.lines,
        f"Characters  {len(alphabet.characters)}: {alphabet.characters}",
        f"Case        {alphabet.case}",
        f"Length      {alphabet.length}",
        f"Size        {pixels}, read as {size[0]} x {size[1]}",
        *([f"Sets        {', '.join(sets)}"] if sets else []),
        *([f"Never seen  {unseen}: no image to learn from has it"] if unseen else []),
    ]
    return "\n".join(lines)
