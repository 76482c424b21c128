"""Selects the labeled images that a captcha reader is trained and evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hornbook.data.captchas.captcha_rows import Captchas, find_captchas
from hornbook.data.captchas.labeled_images import (
    Alphabet,
    fingerprint,
    leaked,
    side_of,
    split_off,
    train_and_valid,
)
from hornbook.data.captchas.sources import Captcha
from hornbook.data.images.decoding import Readable, readable
from hornbook.errors import DataError
from hornbook.progress import note

_HELD_OUT = "those held out in training"


@dataclass(frozen=True)
class CaptchaData:
    """The training and validation data of a captcha reader.

    Attributes:
        train, valid: The readable images of both splits.
        sizes: Sizes of the training images.
        held_out: Fingerprint of the validation images.
        lines: The sources of the labels, and the files that are not used.
    """

    train: list[Captcha]
    valid: list[Captcha]
    sizes: list[tuple[int, int]]
    held_out: str
    lines: list[str]


def training_images(data: Any, seed: int) -> CaptchaData:
    """Reads the labels of both splits, and checks which images are readable.

    Raises:
        DataError: there are no training images, or the labels are invalid.
    """
    folder = find_captchas(data)
    if "train" not in folder.splits:
        raise DataError(
            f"{folder.path} has no training images, only {folder.names()}.\n"
            "Add a split train, or evaluate a trained run on it with hornbook evaluate."
        )
    splits = train_and_valid(folder, seed=seed)
    images = _readable([captcha for split in splits for captcha in split], folder.path)
    train, valid = ([one for one in split if one.path in images.sizes] for split in splits)
    if not train or not valid:
        raise DataError(f"{folder.path} has too few readable images for training.")
    lines = folder.lines()
    if "valid" in folder.splits and (paths := leaked(train, valid)):
        lines.append(
            f"Leaked      {len(paths):,} validation images are training images too, so the scores "
            f"are too high: {', '.join(path.name for path in paths[:3])}"
        )
    sizes = [images.sizes[captcha.path] for captcha in train]
    return CaptchaData(train, valid, sizes, fingerprint(splits[1]), lines)


def images_to_evaluate(
    data: Any, seed: int, held_out: str, split: str | None = None
) -> list[Captcha]:
    """Returns the labeled images to evaluate on, and prints which ones they are.

    Args:
        data: A folder, see `hornbook.data.captchas.sources`; or rows, see `captcha_rows`.
        seed: Seed of the split.
        held_out: Fingerprint of the validation images in training.
        split: `"train"`, `"valid"` or `"test"`.  Defaults to the validation images (those held out
            in training if `data` is the training data), else the test split, else all images.
    """
    folder = find_captchas(data)
    captchas, description = _selected(folder, seed, held_out, split)
    lines = [] if description == _HELD_OUT else folder.lines()  # `fit` has printed them
    note("\n".join([*lines, f"Evaluated   on {len(captchas):,} images: {description}"]))
    images = _readable(captchas, folder.path)
    return [captcha for captcha in captchas if captcha.path in images.sizes]


def _selected(
    folder: Captchas, seed: int, held_out: str, split: str | None
) -> tuple[list[Captcha], str]:
    """Returns the images, and a description of which they are."""
    if split is None and "valid" in folder.splits:
        split = "valid"
    if split in folder.splits and (split != "train" or "valid" in folder.splits):
        return side_of(folder, split or "", seed=seed), f"the {split} split"
    if split == "test" or "train" not in folder.splits:
        if split is None:
            return folder.captchas("test"), "the test split"
        raise DataError(f"{folder.path} has no {split} images, only {folder.names()}.")
    captchas = folder.captchas("train")
    sides = split_off(captchas, seed=seed)  # perhaps this is the training folder
    if fingerprint(sides[1]) == held_out:
        if split == "train":
            return sides[0], "the training images"
        return sides[1], _HELD_OUT
    if split == "valid":
        raise DataError(
            f"{folder.path} has no valid images, and it is not the data the model was trained on, "
            "of which some were held out."
        )
    if split is None and "test" in folder.splits:
        return folder.captchas("test"), "the test split"
    return captchas, "all"


def _readable(captchas: Sequence[Captcha], place: Path | str) -> Readable:
    images = readable(captcha.path for captcha in captchas)
    if images.problems:
        note(images.summary())
    images.raise_if_none(str(place))
    return images


def summary(data: CaptchaData, alphabet: Alphabet, size: tuple[int, int]) -> str:
    """Describes the data, for the user to check.

    Args:
        data: The images.
        alphabet: Alphabet of all labels.
        size: `(width, height)` that images are resized to.
    """
    train = data.train
    kinds = sorted(set(data.sizes))
    pixels = f"{len(kinds)} different sizes"
    if len(kinds) == 1:
        pixels = "{} x {}".format(*kinds[0])
    sets = sorted({captcha.set_name for captcha in train} - {""})
    characters = set("".join(alphabet.text(captcha.label) for captcha in train))
    unseen = "".join(sorted(set(alphabet.characters) - characters))
    lines = [
        f"Images      {len(train):,} for training, {len(data.valid):,} for validation",
        *data.lines,
        f"Characters  {len(alphabet.characters)}: {alphabet.characters}",
        f"Case        {alphabet.case}",
        f"Length      {alphabet.length}",
        f"Size        {pixels}, resized to {size[0]} x {size[1]}",
        *([f"Sets        {', '.join(sets)}"] if sets else []),
        *([f"Never seen  {unseen}: not in any training image"] if unseen else []),
    ]
    return "\n".join(lines)
