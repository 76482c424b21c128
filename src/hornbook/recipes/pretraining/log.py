"""The log of a pretraining run: losses, speed, and samples of the model's outputs.

It is part of the state of the loop, and so of the snapshots: a resumed run logs no step twice.
"""

from __future__ import annotations

import csv
from typing import Any

import numpy as np

from hornbook.files import atomic_file
from hornbook.progress import note
from hornbook.training.language.steps import check_progress

POINTS = 400  # on the curve of the training loss
SAMPLES = 3
SHOWN = 48  # tokens of a sample
COLUMNS = (
    "step",
    "loss",
    "held_out_loss",
    "accuracy",
    "perplexity",
    "learning_rate",
    "tokens_per_second",
)


class TrainingLog:
    """The log of one run.

    Args:
        recipe: The `Pretraining`, started.
        run: Its `RunFolder`.
        steps: Its `LanguageSteps`.
        total: Number of optimizer steps of the whole training.
        devices: The devices it runs on.
    """

    def __init__(self, recipe: Any, run: Any, steps: Any, total: int, devices: Any):
        from hornbook.training.throughput import flops_per_token, peak_flops

        self.recipe, self.run, self.steps, self.total = recipe, run, steps, total
        self.state: dict[str, Any] = {}
        self._devices = devices
        self._every = max(total // POINTS, 1)
        self._model = recipe.pretrained_model()
        first = steps.objective.batch(steps.rows, 0, 0, steps.held_out[:1])
        predictions = first["labels"].size / steps.rows.length
        self.flops = flops_per_token(recipe.transformer, steps.rows.length, predictions)
        peak, self.peak_source = peak_flops(recipe.compute_dtype)
        self.peak = peak * devices.count * recipe.model_parallel

    def begin(self, state: dict[str, Any]) -> None:
        """Called with the state of the loop; a resumed run may have no steps left."""
        self.state = state

    def watch(self, state: dict[str, Any], loss: float) -> None:
        """Called after each step."""
        check_progress(state, loss, self.run)
        losses = state.setdefault("waiting", [])
        losses.append(loss)
        if state["step"] % self._every == 0 or state["step"] == self.total:
            point = [state["step"], float(np.mean(losses)), self._rate(), self.speed]
            state.setdefault("curve", []).append(point)
            state["waiting"] = []

    @property
    def speed(self) -> float:
        """Tokens per second since the last measurement, excluding its time."""
        return float(self.state.get("samples", 0) / max(self.state.get("seconds", 0.0), 1e-9))

    @property
    def utilization(self) -> float:
        """The share of the devices' peak FLOP/s that the model uses (MFU)."""
        return float(self.speed * self.flops / self.peak)

    def _rate(self) -> float:
        """Returns the learning rate of the last step."""
        optimizer = self.recipe.model.optimizer
        return float(getattr(optimizer, "inner_optimizer", optimizer).learning_rate)

    def story(self, metrics: dict[str, float]) -> dict[str, Any]:
        """Returns the facts for the model card, none of which depends on the machine."""
        shards = self.steps.rows.shards
        counts = {"documents": shards.num_documents, "tokens": shards.num_tokens}
        sources = self.run.recipe()["data"]["corpus"]
        progress = {"step": self.state["step"], "seen": self.state["seen"]}
        loss = self.state["curve"][-1][1] if self.state.get("curve") else None
        return {"corpus": sources, **counts, **progress, "loss": loss, **metrics}

    def write(self, row: dict[str, Any]) -> None:
        """Called after each measurement."""
        texts = self.samples()
        self.state.setdefault("texts", []).append({"step": row["step"], "texts": texts})
        if self._devices.is_first:
            lines = self.lines()
            with atomic_file(self.run.path / "log.csv", "w") as file:
                table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
                table.writeheader()
                table.writerows(lines)
            if self.recipe.tensorboard:
                from hornbook.training.event_file import write_scalars

                write_scalars(self.run.path / "tensorboard", lines)
        words = (
            f"step {row['step']:,}/{self.total:,}  loss {row['loss']:.3f}, held out "
            f"{row['held_out_loss']:.3f}, accuracy {row['accuracy']:.1%}; "
            f"{self.speed:,.0f} tokens/s, {self.utilization:.0%} MFU"
        )
        note(words if not texts else f"{words}\n  {texts[0]}")
        self._devices.wait()

    def lines(self) -> list[dict[str, float]]:
        """Returns the rows of `log.csv`: the points of the curve, and the measurements."""
        lines: dict[int, dict[str, float]] = {}
        for step, loss, rate, speed in self.state["curve"]:
            point = {"loss": loss, "learning_rate": rate, "tokens_per_second": round(speed)}
            lines[step] = {"step": step, **point}
        for row in self.state["rows"]:
            metrics = {name: row[name] for name in ("held_out_loss", "accuracy", "perplexity")}
            lines.setdefault(row["step"], {"step": row["step"]}).update(metrics)
        return [lines[step] for step in sorted(lines)]

    def samples(self) -> list[str]:
        """Returns the model's outputs for some held-out rows: filled masks, or continuations."""
        if self.recipe.objective == "electra":
            return []
        numbers = np.resize(self.steps.held_out, SAMPLES)
        arrays = self.steps.objective.batch(self.steps.rows, 0, 0, numbers)
        if self.recipe.objective == "mlm":
            return [self._masks_filled(arrays, row) for row in range(SAMPLES)]
        return [self._continuation(arrays, row) for row in range(SAMPLES)]

    def _masks_filled(self, arrays: dict[str, np.ndarray], row: int) -> str:
        """Returns the start of a row, with masked words as [guess], or [guess, not word]."""
        tokenizer = self.recipe.tokenizer
        real = arrays["weights"][row] > 0
        places = arrays["masked_positions"][row][real]
        labels = dict(zip(places.tolist(), arrays["labels"][row][real].tolist(), strict=True))
        ids = arrays["token_ids"][row][:SHOWN].tolist()
        tokens = [labels.get(place, token) for place, token in enumerate(ids)]
        masks = [place for place in labels if place < len(ids)]
        if not masks:  # all of them are later in the row
            return str(tokenizer.decode(tokens))
        for place in masks:
            tokens[place] = tokenizer.mask_token_id
        [result] = self._model.fill([tokens], order="at once", details=True)
        text, run = "", []  # run: tokens since the last mask
        for place, token in enumerate(tokens):
            if place not in labels:
                run.append(token)
                continue
            text += _joined(text, tokenizer.decode(run)) if run else ""
            guess = tokenizer.decode([int(result.token_ids[place])])
            word = tokenizer.decode([labels[place]])
            text += _joined(text, f"[{guess}]" if guess == word else f"[{guess}, not {word}]")
            run = []
        return text + (_joined(text, tokenizer.decode(run)) if run else "")

    def _continuation(self, arrays: dict[str, np.ndarray], row: int) -> str:
        """Returns a prompt, an arrow, and the model's continuation."""
        ids = arrays["token_ids"][row][arrays["documents"][row] == 1]
        if "segment_ids" in arrays:
            prefix = arrays["segment_ids"][row][arrays["documents"][row] == 1] == 0
            ids = ids[prefix] if prefix.any() else ids
        prompt = ids[: SHOWN // 4].tolist() if "decoder_token_ids" not in arrays else ids.tolist()
        new = SHOWN // 2
        config = self.recipe.transformer.config
        if not config.encoder_decoder and config.position_kind == "learned":
            new = min(new, config.max_length - len(prompt))
        if new < 1:
            return ""
        [token_ids] = self._model.generate([prompt], max_new_tokens=new)
        tokenizer = self.recipe.tokenizer
        return f"{tokenizer.decode(prompt)} → {tokenizer.decode(list(token_ids))}"


def _joined(before: str, part: str) -> str:
    """Returns `part`, with a space before it if two Latin words would meet."""
    meet = before[-1:].isascii() and part[:1].isascii() and before[-1:] not in (" ", "")
    return f" {part}" if meet else part
