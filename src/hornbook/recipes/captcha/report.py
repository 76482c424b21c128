"""Evaluates a captcha reader: metrics, and the report of a run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.data.captchas.labeled_images import Alphabet
from hornbook.data.captchas.sources import Captcha
from hornbook.recipes.captcha.readings import Readings
from hornbook.recipes.captcha.suspect_labels import (
    LABELS_TO_CHECK,
    MIN_CONFIDENCE,
    NOTHING,
    images_with_captions,
    misread_images,
    texts_of,
    write_labels_to_check,
)
from hornbook.recipes.run_page import add_curves, add_settings, add_usage, run_page
from hornbook.report import Page, heat_map

if TYPE_CHECKING:
    from hornbook.training.run_folder import RunFolder

LIMITS = (0.5, 0.9, 0.95, 0.99, 0.999)  # minimum confidences in the table of accepted answers


def captcha_metrics(
    captchas: Sequence[Captcha], readings: Readings, alphabet: Alphabet
) -> dict[str, Any]:
    """Computes the metrics of readings.

    Args:
        captchas: Labeled images.
        readings: Their readings, in the same order.
        alphabet: Alphabet of the reader.

    Returns:
        `images`, their number; `whole`: share of strings read without an error; `characters`: 1
        minus the edit distance per character; `probability`: mean probability of the true strings;
        `sets`: name -> `images` and `whole`; `confused`: `[true, read, count]`, most frequent
        first, with `∅` for no character.
    """
    truths = [alphabet.text(captcha.label) for captcha in captchas]
    texts = texts_of(readings, alphabet)
    confusions: Counter[tuple[str, str]] = Counter()
    errors = 0
    for truth, text in zip(truths, texts, strict=True):
        own_errors = [pair for pair in aligned(truth, text) if pair[0] != pair[1]]
        errors += len(own_errors)
        confusions.update(own_errors)
    sets: dict[str, list[bool]] = defaultdict(list)
    for captcha, truth, text in zip(captchas, truths, texts, strict=True):
        sets[captcha.set_name].append(truth == text)
    return {
        "images": len(captchas),
        "whole": float(np.mean([truth == text for truth, text in zip(truths, texts, strict=True)])),
        "characters": max(0.0, 1 - errors / max(sum(map(len, truths)), 1)),
        "probability": float(np.mean(readings.of(label_numbers(truths, readings, alphabet)))),
        "sets": {
            name: {"images": len(is_right), "whole": float(np.mean(is_right))}
            for name, is_right in sorted(sets.items())
            if len(sets) > 1
        },
        "confused": [[*pair, count] for pair, count in confusions.most_common()],
    }


def label_numbers(truths: Sequence[str], readings: Readings, alphabet: Alphabet) -> np.ndarray:
    """Returns labels as character indices like those of candidates; -1 for unknown characters."""
    slots = readings.candidates.shape[2]
    numbers = np.zeros((len(truths), slots), np.int64)
    for row, truth in zip(numbers, truths, strict=True):
        row[: len(truth)] = [1 + alphabet.characters.find(one) or -1 for one in truth[:slots]]
        if len(truth) > slots:
            row[:] = -1
    return numbers


def aligned(truth: str, text: str) -> list[tuple[str, str]]:
    """Aligns a text with the truth with the fewest errors; returns pairs of characters."""
    costs = np.zeros((len(truth) + 1, len(text) + 1), int)
    costs[:, 0], costs[0] = np.arange(len(truth) + 1), np.arange(len(text) + 1)
    for i, true in enumerate(truth, 1):
        for j, read in enumerate(text, 1):
            costs[i, j] = min(
                costs[i - 1, j - 1] + (true != read), costs[i - 1, j] + 1, costs[i, j - 1] + 1
            )
    pairs, i, j = [], len(truth), len(text)
    while i or j:
        if i and j and costs[i, j] == costs[i - 1, j - 1] + (truth[i - 1] != text[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((truth[i], text[j]))
        elif i and costs[i, j] == costs[i - 1, j] + 1:
            i -= 1
            pairs.append((truth[i], NOTHING))
        else:
            j -= 1
            pairs.append((NOTHING, text[j]))
    return pairs[::-1]


def metrics_table(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Returns the metrics as columns and rows to print."""
    columns = ["", "images", "whole strings", "characters"]
    rows: list[list[Any]] = [
        [name or "(in no folder)", own["images"], f"{own['whole']:.2%}", None]
        for name, own in metrics["sets"].items()
    ]
    total = [metrics["images"], f"{metrics['whole']:.2%}", f"{metrics['characters']:.2%}"]
    rows.append(["all", *total])
    if metrics["confused"]:
        examples = ", ".join(f"{a} as {b} ({n})" for a, b, n in metrics["confused"][:5])
        rows.append([f"most frequent errors: {examples}", None, None, None])
    return columns, rows


def write_report(
    run: RunFolder,
    recipe: Any,
    rows: Sequence[Mapping[str, Any]],
    captchas: Sequence[Captcha],
    readings: Readings,
    training: tuple[Sequence[Captcha], Readings],
) -> str:
    """Writes `report.html` of a run, and the labels to check.

    Args:
        run: The `RunFolder`.
        recipe: The fitted recipe.
        rows: One per epoch, from the training loop.
        captchas: The validation images.
        readings: Their readings in the best epoch.
        training: The training images, and their readings without distortion.

    Returns:
        A message about the labels for the user, or "".
    """
    alphabet = recipe.alphabet
    metrics = captcha_metrics(captchas, readings, alphabet)
    doubts = [
        *misread_images(captchas, readings, alphabet, min_confidence=MIN_CONFIDENCE),
        *misread_images(*training, alphabet, min_confidence=MIN_CONFIDENCE),
    ]
    doubts.sort(key=lambda row: -row["confidence"])
    page = run_page(
        "Captchas",
        run,
        recipe,
        result=f"{metrics['whole']:.2%} of the validation strings right",
        data={"training": len(training[0]), "validation": len(captchas)},
        unit="images",
    )
    page.add_heading("Results on the validation images")
    columns, table = metrics_table({**metrics, "confused": []})
    page.add_table(table, columns, "lrrr")
    _add_training(page, rows)
    _add_confidence(page, captchas, readings, alphabet)
    _add_errors(page, captchas, readings, alphabet, metrics["confused"])
    _add_doubts(page, doubts)
    width, height = recipe.image_size
    add_settings(
        page,
        recipe,
        **{
            "characters in the labels": alphabet.characters,
            "length of the labels": alphabet.length,
            "resized to": f"{width} x {height} pixels",
        },
    )
    add_usage(
        page,
        [
            f"hornbook predict {run.path} IMAGES --out answers.csv",
            f"hornbook evaluate {run.path} FOLDER",
            f"hornbook label {run.path} UNLABELED",
            f"hornbook export {run.path} --to onnx",
        ],
        [
            "from hornbook.recipes.captcha import CaptchaReading",
            f"reader = CaptchaReading.load({str(run.path)!r})",
            'reader.predict(["new.png"])',
        ],
    )
    message = write_labels_to_check(run.path, doubts, len(captchas) + len(training[0]))
    run.write_report(page.html())  # last, since it marks the run as finished
    return message


def _add_training(page: Page, rows: Sequence[Mapping[str, Any]]) -> None:
    page.add_heading("Training")
    best = max(rows, key=lambda row: row["probability"])["epoch"]
    page.add_text(
        "The training loss is that of randomly distorted images, which are harder than the "
        "validation images. The weights are those of the epoch with the highest probability of "
        f"the true strings: epoch {best}."
    )
    add_curves(
        page,
        rows,
        losses={"training": "loss", "validation": "validation_loss"},
        shares={
            "whole strings": [row["whole"] for row in rows],
            "characters": [row["characters"] for row in rows],
        },
        shares_caption="Share read correctly, validation",
    )


def _add_confidence(
    page: Page, captchas: Sequence[Captcha], readings: Readings, alphabet: Alphabet
) -> None:
    """Adds the share of answers above each confidence, and how many of them are right."""
    page.add_heading("Confidence")
    texts = texts_of(readings, alphabet)
    is_right = np.array(
        [alphabet.text(one.label) == text for one, text in zip(captchas, texts, strict=True)]
    )
    confidence = readings.best()[1]
    rows = []
    for limit in LIMITS:
        is_above = confidence >= limit
        share = f"{is_right[is_above].mean():.2%}" if is_above.any() else None
        rows.append([f"{limit:g}", f"{is_above.mean():.2%}", share])
    page.add_table(rows, ["minimum confidence", "share of images", "right"], "rrr")
    page.add_text("Images below the confidence you choose can be read by a person.")


def _add_errors(
    page: Page,
    captchas: Sequence[Captcha],
    readings: Readings,
    alphabet: Alphabet,
    confused: Sequence[tuple[str, str, int]],
) -> None:
    page.add_heading("Errors")
    if not confused:
        page.add_text("There are none on the validation images.")
        return
    names = sorted({one for true, read, _ in confused for one in (true, read)})
    matrix = np.zeros((len(names), len(names)))
    for true, read, count in confused:
        matrix[names.index(true), names.index(read)] = count
    page.add_chart(
        heat_map(matrix, rows=names, columns=names, row_label="true", column_label="read"),
        f"Confused characters ({NOTHING}: none)",
    )
    page.add_text(
        "The most confident errors. Below each: the true text, the text read, the confidence."
    )
    page.add_images(images_with_captions(misread_images(captchas, readings, alphabet)))


def _add_doubts(page: Page, doubts: Sequence[dict[str, Any]]) -> None:
    page.add_heading("Labels to check")
    if not doubts:
        page.add_text("There are no labels that are probably wrong.")
        return
    page.add_text(
        f"{len(doubts):,} images, training images included, are read differently from their "
        f"labels with a confidence of {MIN_CONFIDENCE} or more: {LABELS_TO_CHECK} lists them. "
        "Correct those that are wrong and train again; the scores above count wrong labels as "
        "errors of the reader. Below each: the label, the text read, the confidence."
    )
    page.add_images(images_with_captions(doubts))
