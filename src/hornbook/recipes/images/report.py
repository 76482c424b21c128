"""Evaluates an image classifier: metrics, a table, and the page `report.html`."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.data.images.classes import ClassSplit, ImageClasses
from hornbook.data.images.crops import fixed_views
from hornbook.data.images.decoding import read_image
from hornbook.data.images.rows.row_image import ImageFile
from hornbook.metrics import confusion_matrix, log_loss, top_k_accuracy
from hornbook.recipes.run_page import add_curves, add_figures, add_settings, add_usage, run_page
from hornbook.report import Page, heat_map

if TYPE_CHECKING:
    from PIL import Image

    from hornbook.training.run_folder import RunFolder

PAIRS = 6  # pairs of confused classes that are shown side by side
HEAT_MAPS = 24  # Grad-CAM images; with more classes, of those with the most mistakes
SHOWN = 192  # pixels of an image on the page
TOP = 5  # with so few classes, top-5 accuracy is always 1
WORST = 20  # maximum number of classes in the table


def class_metrics(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """Computes the metrics of a classifier.

    Args:
        labels: `(images,)`, class indices.
        probabilities: `(images, classes)`.
        classes: Names of the classes.

    Returns:
        `classes`, their number; `top1`, `top5`, `log_loss`; `recall`, `precision` and `images`, the
        number of images, by class, for classes that have images; and `score`, which determines the
        best epoch: `top1`, with ties broken by the log loss.
    """
    answers = probabilities.argmax(axis=1)
    counts = confusion_matrix(labels, answers, range(len(classes)))
    hits, actual, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    loss = log_loss(labels, probabilities)
    top1 = top_k_accuracy(labels, probabilities, 1)
    present = [index for index in range(len(classes)) if actual[index]]
    return {
        "classes": len(classes),
        "top1": top1,
        "top5": top_k_accuracy(labels, probabilities, 5),
        "log_loss": loss,
        "score": top1 - loss / 1e6,
        "recall": {classes[n]: float(hits[n] / actual[n]) for n in present},
        "precision": {classes[n]: float(hits[n] / max(predicted[n], 1)) for n in present},
        "images": {classes[n]: int(actual[n]) for n in present},
    }


def metrics_table(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Returns the metrics as columns and rows: the (worst) classes, then all together."""
    names = list(metrics["recall"])
    if len(names) > WORST:
        names = sorted(names, key=lambda name: metrics["recall"][name])[:WORST]
    rows: list[list[Any]] = [
        [name, metrics["images"][name], metrics["recall"][name], metrics["precision"][name], None]
        for name in names
    ]
    title = "all" if len(names) == len(metrics["recall"]) else f"all {len(metrics['recall'])}"
    total = sum(metrics["images"].values())
    rows.append([title, total, metrics["top1"], None, metrics["top5"]])
    columns = ["class", "images", "recall", "precision", "top 5"]
    if metrics["classes"] > TOP:
        return columns, rows
    return columns[:-1], [row[:-1] for row in rows]


def write_report(
    run: RunFolder, recipe: Any, rows: Sequence[Mapping[str, Any]], dataset: ImageClasses
) -> None:
    """Writes `report.html` of a run: metrics, curves, confusions, Grad-CAM images.

    Args:
        run: The run folder.
        recipe: The trained `Images`, with the best weights.
        rows: One per epoch, from the training loop.
        dataset: The images.
    """
    probabilities = recipe.probabilities(dataset.valid.paths)
    top1 = top_k_accuracy(dataset.valid.labels, probabilities, 1)
    page = run_page(
        "Image classification",
        run,
        recipe,
        result=f"{recipe.backbone} · {len(recipe.classes)} classes · "
        f"validation accuracy {top1:.3f}",
        data={"training": len(dataset.train), "validation": len(dataset.valid)},
        unit="images",
    )
    add_results(page, recipe, dataset.valid, probabilities)
    _add_training(page, rows, len(recipe.classes))
    page.add_heading("Data")
    page.add_text(dataset.summary(shown=20))
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
    """Returns an HTML page with the results of a trained run on other images."""
    page = Page("Image classification", subtitle=title)
    add_results(page, recipe, split, probabilities)
    return page.html()


def add_results(page: Page, recipe: Any, split: ClassSplit, probabilities: np.ndarray) -> None:
    """Adds metrics, confusions and Grad-CAM images."""
    metrics = class_metrics(split.labels, probabilities, recipe.classes)
    page.add_heading("Results")
    figures = {"top-1 accuracy": f"{metrics['top1']:.3f}"}
    if len(recipe.classes) > TOP:
        figures["top-5 accuracy"] = f"{metrics['top5']:.3f}"
    figures |= {"log loss": f"{metrics['log_loss']:.3f}", "images": f"{len(split):,}"}
    page.add_key_values(figures)
    add_figures(page, *metrics_table(metrics))
    page.add_text(
        "Recall is the share of the images of a class that are classified as it; precision is the "
        "share of the images classified as it that are of the class."
    )
    _add_confusions(page, recipe, split, probabilities)
    _add_heat(page, recipe, split, probabilities)


def _add_training(page: Page, rows: Sequence[Mapping[str, Any]], num_classes: int) -> None:
    if not rows:
        return
    page.add_heading("Training")
    best = max(rows, key=lambda row: row["score"])["epoch"]
    first = "Epoch 0 is the head alone, on the pretrained features. "
    page.add_text(
        (first if rows[0]["epoch"] == 0 else "")
        + f"The weights are those of the best epoch: here epoch {best}. The training loss is that "
        "of augmented images and smoothed labels, and therefore higher."
    )
    shares = {"accuracy": [row["top1"] for row in rows]}
    if num_classes > TOP:
        shares["top 5"] = [row["top5"] for row in rows]
    add_curves(
        page,
        rows,
        losses={"training": "loss", "validation": "log_loss"},
        shares=shares,
        shares_caption="Accuracy on the validation images",
    )


def _add_confusions(page: Page, recipe: Any, split: ClassSplit, probabilities: np.ndarray) -> None:
    """Adds the confusion matrix, and images of the most frequent confusions."""
    classes = recipe.classes
    answers = probabilities.argmax(axis=1)
    counts = confusion_matrix(split.labels, answers, range(len(classes)))
    page.add_heading("Confusion matrix")
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
        page.add_text("There are no confusions.")
        return
    page.add_heading("Most frequent confusions", 3)
    page.add_text(
        "Left: the image most confidently classified as the other class. Right: the image of that "
        "class that is classified most confidently."
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
    """Returns an image of a mistake beside a typical image of the answer, and its caption."""
    mistakes = np.flatnonzero((split.labels == one) & (answers == other))
    typical = np.flatnonzero(split.labels == other)
    left = mistakes[probabilities[mistakes, other].argmax()]
    paths = [split.paths[left]]
    often = "once" if count == 1 else f"{count} times"
    caption = f"{classes[one]} classified as {classes[other]} {often}: {split.paths[left].name}"
    if len(typical):
        right = typical[probabilities[typical, other].argmax()]
        paths.append(split.paths[right])
        caption += f" | {split.paths[right].name}"
    return _jpeg(_in_a_row([_thumbnail(path) for path in paths])), caption


def _add_heat(page: Page, recipe: Any, split: ClassSplit, probabilities: np.ndarray) -> None:
    """Adds Grad-CAM images of all classes, preferably of mistakes."""
    answers = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    indices = _one_of_each_class(split.labels, answers, confidence)
    heats = recipe.heat([split.paths[index] for index in indices], answers[indices])
    page.add_heading("Grad-CAM")
    classes = len(set(split.labels))
    page.add_text(
        (
            "One image of each class, "
            if classes <= HEAT_MAPS
            else f"One image of each of the {HEAT_MAPS} classes with the most mistakes, "
        )
        + "a mistake if there is one. Red regions are evidence for the answer (Grad-CAM). If they "
        "are in the background, more varied images of the class help."
    )
    images = []
    for index, heat in zip(indices, heats, strict=True):
        plain = _thumbnail(split.paths[index])
        answer, label = recipe.classes[answers[index]], recipe.classes[split.labels[index]]
        correction = "" if answer == label else f", not {label}"
        caption = f"{answer} {confidence[index]:.3f}{correction}"
        images.append((_jpeg(_in_a_row([plain, _overlaid(plain, heat)])), caption))
    page.add_images(images)


def _one_of_each_class(
    labels: np.ndarray, answers: np.ndarray, confidence: np.ndarray
) -> np.ndarray:
    """Returns an image index per class: of its most confident mistake, else right answer.

    With more than `HEAT_MAPS` classes, returns those with the most mistakes.
    """
    is_mistake = answers != labels
    order = np.lexsort((-confidence, ~is_mistake))  # mistakes first, then by confidence
    _, first = np.unique(labels[order], return_index=True)  # in the order of classes
    indices = order[first]
    if len(indices) > HEAT_MAPS:
        mistakes = np.bincount(labels[is_mistake], minlength=labels.max() + 1)[labels[indices]]
        indices = indices[np.sort(np.argsort(-mistakes, kind="stable")[:HEAT_MAPS])]
    return indices


def _thumbnail(path: ImageFile) -> Image.Image:
    """Returns the part of an image that the network reads."""
    from PIL import Image

    image = read_image(path, near=(2 * SHOWN,) * 2)
    return Image.fromarray(fixed_views(image, size=SHOWN)[0])


def _overlaid(image: Image.Image, heat: np.ndarray) -> Image.Image:
    """Returns the image in gray with `heat`, `(rows, columns)` from 0 to 1, as colors."""
    from PIL import Image

    strength = Image.fromarray((255 * heat).astype(np.uint8))
    strength = strength.resize(image.size, Image.Resampling.BICUBIC)
    share = np.asarray(strength, dtype=float)[..., None] / 255
    # from blue over yellow to red
    places = [0.0, 0.35, 0.65, 1.0]
    colors = np.array([(0, 0, 130), (0, 200, 200), (250, 220, 0), (220, 0, 0)], dtype=float)
    overlay = np.concatenate(
        [np.interp(share, places, colors[:, channel]) for channel in range(3)], axis=-1
    )
    gray = np.asarray(image.convert("L"), dtype=float)[..., None]
    pixels = gray * (1 - 0.55 * np.sqrt(share)) + overlay * 0.55 * np.sqrt(share)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


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
