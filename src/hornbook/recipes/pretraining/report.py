"""Writes `report.html` and the model card of a pretraining run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from hornbook.recipes.fields import options_of
from hornbook.recipes.run_page import FULL_RANGE, add_settings, add_usage, run_page
from hornbook.report import Page, line_chart

WHAT = {
    "mlm": "It learned to predict masked words",
    "causal_lm": "It learned to predict the next token",
    "prefix_lm": "It learned to continue texts after a prefix that is read in both directions",
    "span": "It learned to generate spans that were removed from texts",
    "electra": "It learned to distinguish the tokens of a generator from the original ones",
}


def command_of(recipe: Any, corpus: str) -> str:
    """Returns the command that trains this model."""
    words = ["hornbook", "pretrain", *corpus.split(" "), "--out", "RUN"]
    for item in options_of(recipe):
        value = getattr(recipe, item.name)
        if value == item.default or item.name in recipe.may_change_on_resume:
            continue
        flag = "--" + item.name.replace("_", "-")
        if item.kind is bool:
            words.append(flag if value else f"--no-{flag[2:]}")
        else:
            words += [flag, str(value)]
    return shlex.join(words)


def model_card(recipe: Any) -> str:
    """Returns the `README.md` of the model folder: data, license, steps, losses, the command."""
    story, config = recipe.story, recipe.transformer.config
    table = ""
    if story:
        table = f"""
| | |
|---|---|
| text | {story["corpus"]} |
| license of the text | {recipe.license or "not stated"} |
| documents, tokens | {story["documents"]:,}, {story["tokens"]:,} |
| steps | {story["step"]:,} |
| tokens seen in training | {story["seen"]:,} |
| training loss | {_figure(story["loss"])} |
| loss on held-out rows | {_figure(story["held_out_loss"])} |
| accuracy on held-out rows | {story["accuracy"]:.1%} |

Made by

```
{command_of(recipe, story["corpus"])}
```
"""
    return f"""# {config.family}, {config.num_hidden_layers} layers, width {config.hidden_size}

Pretrained from raw text with hornbook. {WHAT[recipe.objective]}.
{table}
```python
import hornbook

model = hornbook.load("this folder")
```

The model reproduces its training text, right or wrong: check its outputs on your own texts before
you rely on it.
"""


def write_report(run: Any, recipe: Any, rows: Sequence[Mapping[str, Any]], log: Any) -> None:
    """Writes `report.html` of a run.

    Args:
        run: The `RunFolder`.
        recipe: The fitted recipe.
        rows: One per measurement, from the training loop.
        log: The `TrainingLog` of the run.
    """
    best = min(rows, key=lambda row: row["held_out_loss"])
    story = recipe.story
    page = run_page(
        "Pretraining",
        run,
        recipe,
        result=f"{recipe.objective} · {rows[-1]['step']:,} steps · "
        f"held-out loss {best['held_out_loss']:.3f}, accuracy {best['accuracy']:.1%}",
        data={"documents": story["documents"], "tokens": story["tokens"]},
        unit="corpus",
    )
    page.add_text(
        f"{WHAT[recipe.objective]}, in {story['documents']:,} documents of {story['tokens']:,} "
        f"tokens; it was trained on {log.state['seen']:,} tokens, which are "
        f"{log.state['seen'] / story['tokens']:.2g} epochs. The weights are those of step "
        f"{best['step']:,}, where the loss on held-out rows was lowest."
    )
    _add_curves(page, rows, log)
    _add_samples(page, recipe, log)
    page.add_heading("Speed")
    speeds = sorted(point[3] for point in log.state["curve"])
    median_speed = speeds[len(speeds) // 2]
    page.add_key_values(
        {
            "tokens per second, median": f"{median_speed:,.0f}",
            "FLOP per token": f"{log.flops / 1e6:,.1f} million",
            "share of the device's peak": f"{median_speed * log.flops / log.peak:.0%} "
            f"of {log.peak / 1e9:,.0f} GFLOP/s ({log.peak_source})",
        }
    )
    add_settings(page, recipe)
    add_usage(
        page,
        [
            f"hornbook train text-classification DATA --pretrained {run.model} --out RUN",
            f"hornbook convert {run.model} ELSEWHERE --layout google",
        ],
        ["import hornbook", f"model = hornbook.load({str(run.model)!r})", _use(recipe)],
    )
    run.write_report(page.html())


def _add_curves(page: Page, rows: Sequence[Mapping[str, Any]], log: Any) -> None:
    page.add_heading("Training")
    page.add_text(
        "Both losses should fall. If the loss on held-out rows rises while the training loss "
        "falls, the model overfits the corpus: more text or fewer steps help."
    )
    curve = log.state["curve"]
    steps = [row["step"] for row in rows]
    losses = {
        "training": ([point[0] for point in curve], [point[1] for point in curve]),
        "held out": (steps, [row["held_out_loss"] for row in rows]),
    }
    page.add_chart(line_chart(losses, x_label="step", y_label="loss"), "Loss")
    accuracy = {"accuracy": (steps, [row["accuracy"] for row in rows])}
    page.add_chart(
        line_chart(accuracy, x_label="step", y_label="share", include=FULL_RANGE),
        "Accuracy on held-out rows",
    )
    rates = {"learning rate": ([point[0] for point in curve], [point[2] for point in curve])}
    page.add_chart(line_chart(rates, x_label="step", y_label="rate"), "Learning rate")
    speeds = {"tokens/s": ([point[0] for point in curve], [point[3] for point in curve])}
    page.add_chart(line_chart(speeds, x_label="step", y_label="tokens/s"), "Tokens per second")


def _add_samples(page: Page, recipe: Any, log: Any) -> None:
    texts = [one for one in log.state.get("texts", []) if any(one["texts"])]
    if not texts:
        return
    page.add_heading("Samples")
    page.add_text(
        "Held-out rows; a masked word is in brackets, [guess] if the guess is right and [guess, "
        "not the word] if it is wrong."
        if recipe.objective == "mlm"
        else "Beginnings of held-out rows, and the model's continuations after the arrow."
    )
    samples = [texts[number] for number in sorted({0, len(texts) // 3, len(texts) - 1})]
    table = [[f"{one['step']:,}", text] for one in samples for text in one["texts"]]
    page.add_table(table, ["step", "text"], "rl")


def _use(recipe: Any) -> str:
    """Returns a line of Python that uses the model."""
    if recipe.objective == "mlm":  # other vocabularies may lack a mask
        mask = recipe.tokenizer.tokens([recipe.tokenizer.mask_token_id])[0]
        return f'model.fill("...{mask}...")'
    if recipe.objective == "electra":
        return 'model.encode(["..."])'
    return 'model.generate("...", max_new_tokens=64)'


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
