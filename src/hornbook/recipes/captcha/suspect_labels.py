"""Finds labels that may be wrong: images that a trained reader confidently reads differently.

People mistype, and files get the names of other images.  The reader is small and never sees the
same image twice, so it does not memorize such labels: if a twentieth of the labels are wrong, it
still reads these images correctly, training images included.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hornbook.data.captchas.labeled_images import Alphabet
from hornbook.data.captchas.sources import Captcha
from hornbook.data.images.decoding import read_image
from hornbook.data.readers.answer_files import write_answers
from hornbook.recipes.captcha.readings import Readings

MIN_CONFIDENCE = 0.8  # of a reading that casts doubt on a label
LABELS_TO_CHECK = "labels_to_check.csv"
WORST = 40  # images on the page
WIDTH = 208  # pixels of an image on the page
NOTHING = "∅"  # in place of a character that was missed, or read where there is none


def texts_of(readings: Readings, alphabet: Alphabet) -> list[str]:
    """Returns the most probable texts."""
    strings, _, _ = readings.best()
    return ["".join(alphabet.characters[one - 1] for one in row if one) for row in strings]


def misread_images(
    captchas: Sequence[Captcha],
    readings: Readings,
    alphabet: Alphabet,
    *,
    min_confidence: float = 0.0,
) -> list[dict[str, Any]]:
    """Returns the images that are read differently from their labels, most confident first.

    Args:
        captchas: Labeled images.
        readings: Their readings, in the same order.
        alphabet: Alphabet of the reader.
        min_confidence: Minimum confidence of a reading.

    Returns:
        Rows of `file`, which may be the image of a row, `label`, `read` and `confidence`.
    """
    texts, confidences = texts_of(readings, alphabet), readings.best()[1].tolist()
    rows = [
        {
            "file": captcha.path,
            "label": alphabet.text(captcha.label),
            "read": text,
            "confidence": round(confidence, 6),
        }
        for captcha, text, confidence in zip(captchas, texts, confidences, strict=True)
        if alphabet.text(captcha.label) != text and confidence >= min_confidence
    ]
    return sorted(rows, key=lambda row: (-row["confidence"], str(row["file"])))


def write_labels_to_check(folder: Path, rows: Sequence[dict[str, Any]], images: int) -> str:
    """Writes `labels_to_check.csv` into a run folder.

    Args:
        folder: The run folder.
        rows: From `misread_images`.
        images: Number of images that were read.

    Returns:
        A message for the user; "" if there are no rows, in which case nothing is written.
    """
    if not rows:
        return ""
    named = ({**row, "file": str(row["file"])} for row in rows)
    write_answers(folder / LABELS_TO_CHECK, named)
    return (
        f"{len(rows):,} of {images:,} images are confidently read differently from their labels. "
        f"Check these labels: {folder / LABELS_TO_CHECK}"
    )


def images_with_captions(
    rows: Sequence[dict[str, Any]], maximum: int = WORST
) -> Iterator[tuple[bytes, str]]:
    """Yields images as PNG files, each with a caption of both texts and the confidence.

    Args:
        rows: From `misread_images`.
        maximum: Maximum number of images.
    """
    from PIL import Image

    for row in rows[:maximum]:
        image = read_image(row["file"])
        scale = max(1, WIDTH // image.width)  # small images are hard to read
        if image.width > WIDTH:
            image.thumbnail((WIDTH, WIDTH))
        elif scale > 1:
            size = (scale * image.width, scale * image.height)
            image = image.resize(size, Image.Resampling.NEAREST)
        file = io.BytesIO()
        image.save(file, "PNG", optimize=True)
        caption = f"{row['label']} → {row['read'] or NOTHING} ({row['confidence']:.2f})"
        yield file.getvalue(), caption
