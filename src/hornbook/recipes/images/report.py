"""How well images are told apart: figures, a table, and the page `report.html`."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.data.images.classes import ClassSplit, ImageClasses
from hornbook.data.images.crops import fixed_views
from hornbook.data.images.decoding import read_image
from hornbook.metrics import confusion_matrix, log_loss, top_k_accuracy
from hornbook.recipes.run_page import add_curves, add_settings, add_usage, run_page
from hornbook.report import Page, heat_map

if TYPE_CHECKING:
    from PIL import Image

    from hornbook.training.run_folder import RunFolder

PAIRS = 6  # of classes that are confused, shown side by side
HEATED = 24  # images that show what the network looks at; of many classes the worst
SHOWN = 192  # pixels of an image on the page
TOP = 5  # of so many classes or fewer, the answer is always among the first five
WORST = 20  # classes in the table, where there are many


def class_metrics(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """Measures a classifier.

    Args:
        labels: `(images,)`, numbers of classes.
        probabilities: `(images, classes)`.
        classes: Their names.

    Returns:
        `classes`, their number; `top1`, `top5`, `log_loss`; `recall`, `precision` and `pictures`
        by class, as far as there are images of it; and `score`, by which the best epoch is
        chosen: `top1`, and between equals the log loss.
    """
    answers = probabilities.argmax(axis=1)
    counts = confusion_matrix(labels, answers, range(len(classes)))
    right, true, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    loss = log_loss(labels, probabilities)
    top1 = top_k_accuracy(labels, probabilities, 1)
    there = [number for number in range(len(classes)) if true[number]]
    return {
        "classes": len(classes),
        "top1": top1,
        "top5": top_k_accuracy(labels, probabilities, 5),
        "log_loss": loss,
        "score": top1 - loss / 1e6,
        "recall": {classes[n]: float(right[n] / true[n]) for n in there},
        "precision": {classes[n]: float(right[n] / max(said[n], 1)) for n in there},
        "pictures": {classes[n]: int(true[n]) for n in there},
    }


def metrics_table(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """The metrics as columns and rows: the classes, of many the worst, then all together."""
    names = list(metrics["recall"])
    if len(names) > WORST:
        names = sorted(names, key=lambda name: metrics["recall"][name])[:WORST]
    rows: list[list[Any]] = [
        [name, metrics["pictures"][name], metrics["recall"][name], metrics["precision"][name], None]
        for name in names
    ]
    title = "all" if len(names) == len(metrics["recall"]) else f"all {len(metrics['recall'])}"
    everything = sum(metrics["pictures"].values())
    rows.append([title, everything, metrics["top1"], None, metrics["top5"]])
    columns = ["class", "images", "right", "precision", "top 5"]
    if metrics["classes"] > TOP:
        return columns, rows
    return columns[:-1], [row[:-1] for row in rows]


def write_report(
    run: RunFolder, recipe: Any, rows: Sequence[Mapping[str, Any]], found: ImageClasses
) -> None:
    """Writes `report.html` of a run: figures, curves, confusions, what the network looks at.

    Args:
        run: The run's folder.
        recipe: An `Images`, trained, with the best weights.
        rows: One an epoch, from the training loop.
        found: The images.
    """
    probabilities = recipe.probabilities(found.valid.paths)
    top1 = top_k_accuracy(found.valid.labels, probabilities, 1)
    page = run_page(
        "Images by class",
        run,
        recipe,
        result=f"{recipe.backbone} · {len(recipe.classes)} classes · "
        f"{top1:.3f} of the validation images right",
        data={"training": len(found.train), "validation": len(found.valid)},
        unit="images",
    )
    add_results(page, recipe, found.valid, probabilities)
    _add_training(page, rows, len(recipe.classes))
    page.add_heading("The images")
    page.add_text(found.summary(shown=20))
    add_settings(page, recipe)
    add_usage(
        page,
        [
            f"hornbook predict {run.path} IMAGES --out answers.csv",
            f"hornbook evaluate {run.path} DATA",
        ],
        [
            "from hornbook.recipes.images import Images",
            f"images = Images.load({str(run.path)!r})",
            'images.predict(["new.jpg"], top=3, views=10)',
        ],
    )
    run.write_report(page.html())


def evaluation_page(recipe: Any, split: ClassSplit, probabilities: np.ndarray, title: str) -> str:
    """A page of how good a trained run is on other images."""
    page = Page("Images by class", subtitle=title)
    add_results(page, recipe, split, probabilities)
    return page.html()


def add_results(page: Page, recipe: Any, split: ClassSplit, probabilities: np.ndarray) -> None:
    """Figures, confusions and what the network looks at."""
    metrics = class_metrics(split.labels, probabilities, recipe.classes)
    page.add_heading("Results")
    figures = {"accuracy (top 1)": f"{metrics['top1']:.3f}"}
    if len(recipe.classes) > TOP:
        figures["among the first five (top 5)"] = f"{metrics['top5']:.3f}"
    figures |= {"log loss": f"{metrics['log_loss']:.3f}", "images": f"{len(split):,}"}
    page.add_key_values(figures)
    columns, table = metrics_table(metrics)
    shown = [[f"{x:.3f}" if isinstance(x, float) else x for x in row] for row in table]
    page.add_table(shown, columns, "l" + "r" * (len(columns) - 1))
    page.add_text(
        "Right is the share of a class's images that were given its name; precision is the "
        "share of the images given its name that are of it."
    )
    _add_confusions(page, recipe, split, probabilities)
    _add_heat(page, recipe, split, probabilities)


def _add_training(page: Page, rows: Sequence[Mapping[str, Any]], num_classes: int) -> None:
    if not rows:
        return
    page.add_heading("Training")
    best = max(rows, key=lambda row: row["score"])["epoch"]
    first = "Epoch 0 is the head alone, on the pretrained features as they are. "
    page.add_text(
        (first if rows[0]["epoch"] == 0 else "")
        + f"The best epoch is the one kept: here epoch {best}. The training loss is that of "
        "augmented images and smoothed labels, and therefore higher."
    )
    shares = {"accuracy": [row["top1"] for row in rows]}
    if num_classes > TOP:
        shares["top 5"] = [row["top5"] for row in rows]
    add_curves(
        page,
        rows,
        losses={"training": "loss", "validation": "log_loss"},
        shares=shares,
        shares_caption="On the validation images",
    )


def _add_confusions(page: Page, recipe: Any, split: ClassSplit, probabilities: np.ndarray) -> None:
    """Who was taken for whom: the matrix, and images of the most frequent mistakes."""
    classes = recipe.classes
    answers = probabilities.argmax(axis=1)
    counts = confusion_matrix(split.labels, answers, range(len(classes)))
    page.add_heading("What is taken for what")
    page.add_chart(
        heat_map(
            counts,
            rows=classes,
            columns=classes,
            row_label="class",
            column_label="answer",
            color_by="row",
        ),
        "Classes (rows) and answers (columns)",
    )
    mistakes = counts * (1 - np.eye(len(classes), dtype=counts.dtype))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:PAIRS]
    pairs = [(int(n // len(classes)), int(n % len(classes))) for n in order if mistakes.flat[n]]
    if not pairs:
        page.add_text("Nothing was taken for anything else.")
        return
    page.add_heading("Most confused, side by side", 3)
    page.add_text(
        "Left the image that was most surely taken for another class, right the image of that "
        "class that is surest."
    )
    page.add_images(
        _side_by_side(split, answers, probabilities, classes, one, other, int(counts[one, other]))
        for one, other in pairs
    )


def _side_by_side(
    split: ClassSplit,
    answers: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    one: int,
    other: int,
    count: int,
) -> tuple[bytes, str]:
    """Returns an image of two, and its caption."""
    wrong = np.flatnonzero((split.labels == one) & (answers == other))
    typical = np.flatnonzero(split.labels == other)
    left = wrong[probabilities[wrong, other].argmax()]
    shown = [split.paths[left]]
    often = "once" if count == 1 else f"{count} times"
    caption = f"{classes[one]} taken for {classes[other]} {often}: {split.paths[left].name}"
    if len(typical):
        right = typical[probabilities[typical, other].argmax()]
        shown.append(split.paths[right])
        caption += f" | {split.paths[right].name}"
    return _jpeg(_in_a_row([_thumbnail(path) for path in shown])), caption


def _add_heat(page: Page, recipe: Any, split: ClassSplit, probabilities: np.ndarray) -> None:
    """Grad-CAM of images of all classes, of mistakes first."""
    answers = probabilities.argmax(axis=1)
    sure = probabilities.max(axis=1)
    chosen = _one_of_each_class(split.labels, answers, sure)
    heats = recipe.heat([split.paths[number] for number in chosen], answers[chosen])
    page.add_heading("What the network looks at")
    classes = len(set(split.labels))
    page.add_text(
        (
            "One image of each class, "
            if classes <= HEATED
            else f"One image of each of the {HEATED} classes with the most mistakes, "
        )
        + "where there is one a mistake. Red is where the network sees what speaks for its answer "
        "(Grad-CAM). Where it looks at the background, more varied images of the class help."
    )
    images = []
    for number, heat in zip(chosen, heats, strict=True):
        plain = _thumbnail(split.paths[number])
        answer, label = recipe.classes[answers[number]], recipe.classes[split.labels[number]]
        caption = f"{answer} {sure[number]:.3f}" + ("" if answer == label else f", not {label}")
        images.append((_jpeg(_in_a_row([plain, _heated(plain, heat)])), caption))
    page.add_images(images)


def _one_of_each_class(labels: np.ndarray, answers: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Numbers of images, one per class: its surest mistake, else its surest right answer.

    Of more than `HEATED` classes, those with the most mistakes.
    """
    wrong = answers != labels
    order = np.lexsort((-sure, ~wrong))  # mistakes first, then the surest
    _, first = np.unique(labels[order], return_index=True)  # of each class, in the order of classes
    chosen = order[first]
    if len(chosen) > HEATED:
        mistakes = np.bincount(labels[wrong], minlength=labels.max() + 1)[labels[chosen]]
        chosen = chosen[np.sort(np.argsort(-mistakes, kind="stable")[:HEATED])]
    return chosen


def _thumbnail(path: Path) -> Image.Image:
    """What the network sees of an image."""
    from PIL import Image

    image = read_image(path, near=(2 * SHOWN,) * 2)
    return Image.fromarray(fixed_views(image, size=SHOWN)[0])


def _heated(image: Image.Image, heat: np.ndarray) -> Image.Image:
    """The image in grey, red where `heat`, `(rows, columns)` from 0 to 1, is high."""
    from PIL import Image

    strength = Image.fromarray((255 * heat).astype(np.uint8))
    strength = strength.resize(image.size, Image.Resampling.BICUBIC)
    share = np.asarray(strength, dtype=float)[..., None] / 255
    # from blue over yellow to red, as on a map of temperatures
    places = [0.0, 0.35, 0.65, 1.0]
    colours = np.array([(0, 0, 130), (0, 200, 200), (250, 220, 0), (220, 0, 0)], dtype=float)
    coloured = np.concatenate(
        [np.interp(share, places, colours[:, channel]) for channel in range(3)], axis=-1
    )
    grey = np.asarray(image.convert("L"), dtype=float)[..., None]
    mixed = grey * (1 - 0.55 * np.sqrt(share)) + coloured * 0.55 * np.sqrt(share)
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def _in_a_row(images: Sequence[Image.Image], gap: int = 4) -> Image.Image:
    from PIL import Image

    width = sum(image.width for image in images) + gap * (len(images) - 1)
    sheet = Image.new("RGB", (width, max(image.height for image in images)), "white")
    left = 0
    for image in images:
        sheet.paste(image, (left, 0))
        left += image.width + gap
    return sheet


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()
