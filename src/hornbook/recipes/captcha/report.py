"""What a captcha reader gets right and wrong: figures, and the page of a run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.data.captchas.labelled_images import Alphabet
from hornbook.data.captchas.sources import Captcha
from hornbook.recipes.captcha.readings import Readings
from hornbook.recipes.captcha.suspect_labels import (
    LABELS_TO_CHECK,
    NOTHING,
    SURE,
    read_otherwise,
    shown_readings,
    texts_of,
    write_labels_to_check,
)
from hornbook.recipes.run_page import add_curves, add_settings, add_usage, run_page
from hornbook.report import Page, heat_map

if TYPE_CHECKING:
    from hornbook.training.run_folder import RunFolder

PASSED = (0.5, 0.9, 0.95, 0.99, 0.999)  # confidences from which an answer could be let through


def captcha_metrics(
    captchas: Sequence[Captcha], readings: Readings, alphabet: Alphabet
) -> dict[str, Any]:
    """Shares of strings and characters read rightly, and what was taken for what.

    Args:
        captchas: Labelled.
        readings: Of them, in their order.
        alphabet: Of the reader.

    Returns:
        `pictures`; `whole`: share of strings read without an error; `characters`: 1 minus the
        edit distance per character; `probability`: what the true strings got on average;
        `sets`: name -> `pictures` and `whole`; `confused`: `[true, read, times]`, most often
        first, `∅` being nothing.
    """
    truths = [alphabet.text(captcha.label) for captcha in captchas]
    texts = texts_of(readings, alphabet)
    confused: Counter[tuple[str, str]] = Counter()
    errors = 0
    for truth, text in zip(truths, texts, strict=True):
        wrong = [pair for pair in aligned(truth, text) if pair[0] != pair[1]]
        errors += len(wrong)
        confused.update(wrong)
    sets: dict[str, list[bool]] = defaultdict(list)
    for captcha, truth, text in zip(captchas, truths, texts, strict=True):
        sets[captcha.set_name].append(truth == text)
    return {
        "pictures": len(captchas),
        "whole": float(np.mean([truth == text for truth, text in zip(truths, texts, strict=True)])),
        "characters": max(0.0, 1 - errors / max(sum(map(len, truths)), 1)),
        "probability": float(np.mean(readings.of(label_numbers(truths, readings, alphabet)))),
        "sets": {
            name: {"pictures": len(right), "whole": float(np.mean(right))}
            for name, right in sorted(sets.items())
            if len(sets) > 1
        },
        "confused": [[*pair, times] for pair, times in confused.most_common()],
    }


def label_numbers(truths: Sequence[str], readings: Readings, alphabet: Alphabet) -> np.ndarray:
    """Labels as the numbers that candidates have; -1 for what the reader cannot read."""
    slots = readings.candidates.shape[2]
    numbers = np.zeros((len(truths), slots), np.int64)
    for row, truth in zip(numbers, truths, strict=True):
        row[: len(truth)] = [1 + alphabet.characters.find(one) or -1 for one in truth[:slots]]
        if len(truth) > slots:
            row[:] = -1
    return numbers


def aligned(truth: str, text: str) -> list[tuple[str, str]]:
    """Pairs of a true character and what was read for it, with the fewest errors."""
    costs = np.zeros((len(truth) + 1, len(text) + 1), int)
    costs[:, 0], costs[0] = np.arange(len(truth) + 1), np.arange(len(text) + 1)
    for i, wanted in enumerate(truth, 1):
        for j, found in enumerate(text, 1):
            costs[i, j] = min(
                costs[i - 1, j - 1] + (wanted != found), costs[i - 1, j] + 1, costs[i, j - 1] + 1
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
    """The figures as columns and rows to print."""
    columns = ["", "images", "whole strings", "characters"]
    rows: list[list[Any]] = [
        [name or "(in no folder)", found["pictures"], f"{found['whole']:.2%}", None]
        for name, found in metrics["sets"].items()
    ]
    total = [metrics["pictures"], f"{metrics['whole']:.2%}", f"{metrics['characters']:.2%}"]
    rows.append(["all", *total])
    if metrics["confused"]:
        most = ", ".join(f"{a} as {b} ({n})" for a, b, n in metrics["confused"][:5])
        rows.append([f"most often read wrongly: {most}", None, None, None])
    return columns, rows


def write_report(
    run: RunFolder,
    recipe: Any,
    rows: Sequence[Mapping[str, Any]],
    captchas: Sequence[Captcha],
    readings: Readings,
    learned: tuple[Sequence[Captcha], Readings],
) -> str:
    """Writes `report.html`, the whole story of a run on one page, and the labels to check.

    Args:
        run: The `RunFolder`.
        recipe: The fitted recipe.
        rows: One per epoch, from the training loop.
        captchas: The validation images.
        readings: Of the best epoch, of them.
        learned: The training images, unchanged, and the readings of them.

    Returns:
        What to tell the person about the labels, if anything.
    """
    alphabet = recipe.alphabet
    metrics = captcha_metrics(captchas, readings, alphabet)
    doubts = [
        *read_otherwise(captchas, readings, alphabet, sure=SURE),
        *read_otherwise(*learned, alphabet, sure=SURE),
    ]
    doubts.sort(key=lambda row: -row["confidence"])
    page = run_page(
        "Captchas",
        run,
        recipe,
        result=f"{metrics['whole']:.2%} of the validation strings right",
        data={"training": len(learned[0]), "validation": len(captchas)},
        unit="images",
    )
    page.add_heading("Results on the validation images")
    columns, table = metrics_table({**metrics, "confused": []})
    page.add_table(table, columns, "lrrr")
    _add_training(page, rows)
    _add_certainty(page, captchas, readings, alphabet)
    _add_errors(page, captchas, readings, alphabet, metrics["confused"])
    _add_doubts(page, doubts)
    width, height = recipe.image_size
    add_settings(
        page,
        recipe,
        **{
            "characters in the labels": alphabet.characters,
            "length of the labels": alphabet.length,
            "read as": f"{width} x {height} pixels",
        },
    )
    add_usage(
        page,
        [
            f"hornbook predict {run.path} IMAGES --out answers.csv",
            f"hornbook evaluate {run.path} FOLDER",
            f"hornbook label {run.path} UNLABELLED",
            f"hornbook export {run.path} --to onnx",
        ],
        [
            "from hornbook.recipes.captcha import CaptchaReading",
            f"reader = CaptchaReading.load({str(run.path)!r})",
            'reader.predict(["new.png"])',
        ],
    )
    said = write_labels_to_check(run.path, doubts, len(captchas) + len(learned[0]))
    run.write_report(page.html())  # the last: with it a run is finished
    return said


def _add_training(page: Page, rows: Sequence[Mapping[str, Any]]) -> None:
    page.add_heading("Training")
    best = max(rows, key=lambda row: row["probability"])["epoch"]
    page.add_text(
        "The training loss is measured on images that are distorted a little each time and are "
        "therefore harder than the validation images. The epoch kept is the one that gave the "
        f"true strings the highest probability: epoch {best}."
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


def _add_certainty(
    page: Page, captchas: Sequence[Captcha], readings: Readings, alphabet: Alphabet
) -> None:
    """How many answers could be let through at which confidence, and how many would be right."""
    page.add_heading("How sure it is")
    texts = texts_of(readings, alphabet)
    right = np.array(
        [alphabet.text(one.label) == text for one, text in zip(captchas, texts, strict=True)]
    )
    confidence = readings.best()[1]
    rows = []
    for limit in PASSED:
        passed = confidence >= limit
        share = f"{right[passed].mean():.2%}" if passed.any() else None
        rows.append([f"{limit:g}", f"{passed.mean():.2%}", share])
    page.add_table(rows, ["confidence of at least", "of the images", "of them right"], "rrr")
    page.add_text("Images below the limit you choose can be passed to a person.")


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
    used = sorted({one for true, read, _ in confused for one in (true, read)})
    matrix = np.zeros((len(used), len(used)))
    for true, read, times in confused:
        matrix[used.index(true), used.index(read)] = times
    page.add_chart(
        heat_map(matrix, rows=used, columns=used, row_label="true", column_label="read"),
        f"Characters taken for others ({NOTHING}: nothing)",
    )
    page.add_text(
        "The errors it was surest of. Below each: the true text, what was read, the confidence."
    )
    page.add_images(shown_readings(read_otherwise(captchas, readings, alphabet)))


def _add_doubts(page: Page, doubts: Sequence[dict[str, Any]]) -> None:
    page.add_heading("Labels to look at")
    if not doubts:
        page.add_text("Of no image is it sure that the label is wrong.")
        return
    page.add_text(
        f"{len(doubts):,} images, also of those it learned from, are read otherwise than their "
        f"labels say with a confidence of {SURE} or more: {LABELS_TO_CHECK} names them. Where the "
        "labels are wrong, rename the files and train again; the share of errors above counts "
        "such labels as errors of the reader. Below each: the label, what was read, the "
        "confidence."
    )
    page.add_images(shown_readings(doubts))
