"""Labels that may be wrong: images that a finished reader surely reads otherwise.

People mistype, and a file is soon named after the wrong image.  The reader is small and never
sees an image twice as it is, so it does not learn such labels by heart; of a set with a twentieth
of its labels wrong, it reads these images as they are, also the ones it learned from.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hornbook.data.captchas.labelled_images import Alphabet
from hornbook.data.captchas.sources import Captcha
from hornbook.data.images.decoding import read_image
from hornbook.data.readers.answer_files import write_answers
from hornbook.recipes.captcha.readings import Readings

SURE = 0.8  # confidence from which on it is the label that is doubted
LABELS_TO_CHECK = "labels_to_check.csv"
WORST = 40  # images on the page
WIDTH = 208  # pixels of one of them on the page
NOTHING = "∅"  # a character that was left out, or read where there is none


def texts_of(readings: Readings, alphabet: Alphabet) -> list[str]:
    """What was read."""
    strings, _, _ = readings.best()
    return ["".join(alphabet.characters[one - 1] for one in row if one) for row in strings]


def read_otherwise(
    captchas: Sequence[Captcha], readings: Readings, alphabet: Alphabet, *, sure: float = 0.0
) -> list[dict[str, Any]]:
    """The images that are read otherwise than their labels say, the surest first.

    Args:
        captchas: Labelled.
        readings: Of them, in their order.
        alphabet: Of the reader.
        sure: Confidence from which on one counts.

    Returns:
        Rows of `file`, `label`, `read` and `confidence`.
    """
    texts, confidences = texts_of(readings, alphabet), readings.best()[1].tolist()
    rows = [
        {
            "file": str(captcha.path),
            "label": alphabet.text(captcha.label),
            "read": text,
            "confidence": round(confidence, 6),
        }
        for captcha, text, confidence in zip(captchas, texts, confidences, strict=True)
        if alphabet.text(captcha.label) != text and confidence >= sure
    ]
    return sorted(rows, key=lambda row: (-row["confidence"], row["file"]))


def write_labels_to_check(folder: Path, rows: Sequence[dict[str, Any]], images: int) -> str:
    """Writes `labels_to_check.csv` into a run folder.

    Args:
        folder: Of the run.
        rows: From `read_otherwise`.
        images: How many were read.

    Returns:
        What to tell the person; nothing, and nothing is written, where no label is doubted.
    """
    if not rows:
        return ""
    write_answers(folder / LABELS_TO_CHECK, rows)
    return (
        f"{len(rows):,} of {images:,} images are surely read otherwise than their labels say. "
        f"Look whether the labels are right: {folder / LABELS_TO_CHECK}"
    )


def shown_readings(
    rows: Sequence[dict[str, Any]], most: int = WORST
) -> Iterator[tuple[bytes, str]]:
    """The first images of `read_otherwise` as PNG files, each with both texts and the confidence.

    Args:
        rows: From `read_otherwise`.
        most: Number of images.
    """
    from PIL import Image

    for row in rows[:most]:
        image = read_image(row["file"])
        scale = max(1, WIDTH // image.width)  # small images would be hard to read
        if image.width > WIDTH:
            image.thumbnail((WIDTH, WIDTH))
        elif scale > 1:
            size = (scale * image.width, scale * image.height)
            image = image.resize(size, Image.Resampling.NEAREST)
        file = io.BytesIO()
        image.save(file, "PNG", optimize=True)
        shown = f"{row['label']} → {row['read'] or NOTHING} ({row['confidence']:.2f})"
        yield file.getvalue(), shown
