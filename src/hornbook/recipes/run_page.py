"""The common parts of the reports of all runs: header, curves, settings, usage."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from hornbook.report import Page, line_chart

FULL_RANGE = (0.0, 1.0)  # of axes of shares, so that the curves of two runs are comparable
SHOWN_PACKAGES = ("hornbook", "keras", "jax", "torch", "tensorflow")


def run_page(
    title: str, run: Any, recipe: Any, *, result: str, data: Mapping[str, int], unit: str
) -> Page:
    """Starts the page of a run, with a header of data, size, time and machine.

    Args:
        title: The task.
        run: The `RunFolder`.
        recipe: The fitted recipe.
        result: The main metrics, in one line.
        data: Number of samples by split: `{"training": 900, "validation": 100}`.
        unit: Name of the samples: `"texts"`.
    """
    page = Page(title, subtitle=f"{run.path.name} · {result}")
    environment = run.environment()
    packages = environment["packages"]
    backend = environment["backend"]
    versions = [
        f"{name} {packages[name]}"
        for name in SHOWN_PACKAGES
        if name in packages and name in ("hornbook", "keras", backend)
    ]
    samples = ", ".join(f"{count:,} {split}" for split, count in data.items())
    now = datetime.datetime.now().astimezone()
    page.add_key_values(
        {
            unit: samples,
            "weights": f"{recipe.network.count_params():,}",
            "training time": duration(run.seconds_trained),
            "finished": now.strftime("%Y-%m-%d %H:%M %Z").strip(),
            "machine": f"{environment['system']}, {environment['cores']} cores",
            "versions": ", ".join(versions),
        }
    )
    return page


def duration(seconds: float) -> str:
    """Formats seconds: `42 s`, `3 min 05 s`, `2 h 14 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def add_curves(
    page: Page,
    rows: Sequence[Mapping[str, Any]],
    *,
    losses: Mapping[str, str],
    shares: Mapping[str, Sequence[float]],
    shares_caption: str,
) -> None:
    """Adds three charts by epoch: the losses, shares on an axis from 0 to 1, the learning rate.

    Args:
        page: The page.
        rows: One per epoch, from the training loop.
        losses: Name of a curve -> key in `rows`.
        shares: Name of a curve -> a value for each of `rows`.
        shares_caption: Caption of their chart.
    """
    epochs = [row["epoch"] for row in rows]
    trained_rows = [row for row in rows if row["loss"] is not None]  # epoch 0 is only evaluated
    curves = {}
    for name, key in losses.items():
        points = [(row["epoch"], row[key]) for row in rows if row[key] is not None]
        curves[name] = ([x for x, _ in points], [y for _, y in points])
    page.add_chart(line_chart(curves, x_label="epoch"), "Loss")
    page.add_chart(
        line_chart(
            {name: (epochs, list(values)) for name, values in shares.items()},
            x_label="epoch",
            include=FULL_RANGE,
        ),
        shares_caption,
    )
    rates = [row["learning_rate"] for row in trained_rows]
    if rates:
        page.add_chart(
            line_chart(
                {"learning rate": ([row["epoch"] for row in trained_rows], rates)},
                x_label="epoch",
                include=(0.0,),
            ),
            "Learning rate at the end of each epoch",
        )


def add_figures(page: Page, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Adds a table of metrics: names, then numbers, fractions with three digits."""
    table = [[f"{x:.3f}" if isinstance(x, float) else x for x in row] for row in rows]
    page.add_table(table, columns, "l" + "r" * (len(columns) - 1))


def add_settings(page: Page, recipe: Any, **more: Any) -> None:
    """Adds the options that had an effect on the run.

    Args:
        page: The page.
        recipe: The fitted recipe.
        more: Further values, by name.
    """
    page.add_heading("Settings")
    page.add_key_values({**recipe.settings(), **more})


def add_usage(page: Page, commands: Sequence[str], python: Sequence[str]) -> None:
    """Adds how to use the run, on the command line and in Python."""
    page.add_heading("How to use this run")
    page.add_code("\n".join([*commands, "", *python]))
