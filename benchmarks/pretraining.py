"""Pretraining compared with transformers and KerasHub: speed, loss, kills, memory.

    python benchmarks/pretraining.py CORPUS                 # tokens/s, all contenders in turn
    python benchmarks/pretraining.py CORPUS --quality       # held-out loss at equal tokens
    python benchmarks/pretraining.py CORPUS --kills 20      # a killed run and an uninterrupted one
    python benchmarks/pretraining.py CORPUS --memory        # with and without rematerialization

A BERT of 6 layers, 384 wide, rows of 128 tokens, 32 rows a step, float32 or mixed bfloat16, AdamW,
dropout 0.1, a vocabulary of 8,000 tokens learned from CORPUS, which has one document per line.  All
contenders get the same rows.  transformers masks with its own collator and trains with its own
`Trainer`; KerasHub gets our masks.  Each contender has a process of its own; the median step
counts, without the first ones.  The table is printed and, with `--keep`, added to RESULTS.md.
With `--folder`, the prepared corpus and the results stay there, so that contenders can be measured
in several calls with `--only`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from results import keep

LAYERS, FEATURES, HEADS, LENGTH, ROWS = 6, 384, 6, 128, 32
VOCABULARY, DROPOUT, RATE, WARMUP = 8000, 0.1, 5e-4, 0.1
STEPS, LEFT_OUT = 17, 5
SMALL = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
SIX = {"hidden_size": FEATURES, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}


def recipe(corpus: str, folder: Path, sizes: dict, **fields):
    """Returns our recipe, as the command makes it."""
    from hornbook.recipes.pretraining import Pretraining

    config = folder / f"config-{sizes['hidden_size']}.json"
    config.write_text(json.dumps({**sizes, "intermediate_size": 4 * sizes["hidden_size"]}))
    return Pretraining(
        **{
            "model_config": str(config),
            "prepared": str(folder / "prepared"),
            "lines": True,
            "vocabulary_size": VOCABULARY,
            "length": LENGTH,
            "batch_tokens": LENGTH * ROWS,
            "learning_rate": RATE,
            "warmup": WARMUP,
            "dropout": DROPOUT,
            "mask_unit": "tokens",
            **fields,
        }
    )


def the_steps(corpus: str, folder: Path, sizes: dict):
    """Returns the rows of all contenders, and the tokenizer."""
    ours = recipe(corpus, folder, sizes)
    ours.start([corpus], folder / "prepared")
    return ours.steps_on([corpus], folder / "prepared", ROWS), ours.tokenizer


def time_hornbook(corpus: str, folder: Path, dtype: str) -> list[float]:
    out = folder / f"run-{os.getpid()}"
    ours = recipe(corpus, folder, SIX, steps=STEPS, measure_steps=STEPS, compute_dtype=dtype)
    ours.fit(corpus, out)
    times, before = [], None
    with open(out / "log.csv", encoding="utf-8") as file:
        for line in csv.DictReader(file):  # the speed is the mean up to here
            seconds = int(line["step"]) * ROWS * LENGTH / float(line["tokens_per_second"])
            if before is not None:
                times.append(seconds - before)
            before = seconds
    return times


def transformers_model(tokenizer, sizes: dict, seed: int):
    import torch
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(seed)
    return BertForMaskedLM(
        BertConfig(
            vocab_size=tokenizer.vocabulary_size,
            intermediate_size=4 * sizes["hidden_size"],
            max_position_embeddings=LENGTH,
            hidden_dropout_prob=DROPOUT,
            attention_probs_dropout_prob=DROPOUT,
            **sizes,
        )
    )


def train_transformers(
    steps, tokenizer, folder: Path, sizes: dict, count: int, seed: int = 0, dtype: str = "float32"
):
    """Trains with transformers' collator and Trainer; returns the model and the step times."""
    import torch
    from transformers import (
        BertTokenizerFast,
        DataCollatorForLanguageModeling,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    torch.set_num_threads(os.cpu_count() or 1)
    numbers = np.concatenate(
        [
            steps.train[np.random.default_rng(seed + epoch).permutation(len(steps.train))]
            for epoch in range(count * ROWS // len(steps.train) + 1)
        ]
    )[: count * ROWS]
    packed = steps.rows.batch(numbers)
    vocabulary = folder / f"vocabulary-{os.getpid()}"
    vocabulary.mkdir(exist_ok=True)
    tokenizer.save(vocabulary)
    examples = [
        {"input_ids": ids.tolist(), "attention_mask": (documents > 0).astype(int).tolist()}
        for ids, documents in zip(packed.token_ids, packed.documents, strict=True)
    ]

    class Clock(TrainerCallback):
        def __init__(self):
            self.times: list[float] = []

        def on_step_end(self, args, state, control, **kwargs):
            self.times.append(time.perf_counter())

    clock = Clock()
    arguments = TrainingArguments(
        output_dir=str(folder / f"theirs-{os.getpid()}"),
        per_device_train_batch_size=ROWS,
        max_steps=count,
        learning_rate=RATE,
        warmup_steps=int(WARMUP * count),
        lr_scheduler_type="linear",
        weight_decay=0.01,
        adam_beta2=0.98,
        adam_epsilon=1e-6,
        max_grad_norm=1.0,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_strategy="no",
        use_cpu=True,
        bf16=dtype == "bfloat16",
        seed=seed,
    )
    model = transformers_model(tokenizer, sizes, seed)
    collator = DataCollatorForLanguageModeling(
        BertTokenizerFast.from_pretrained(vocabulary), mlm_probability=0.15
    )
    Trainer(
        model, arguments, train_dataset=examples, data_collator=collator, callbacks=[clock]
    ).train()
    return model, np.diff(clock.times).tolist()


def time_transformers(corpus: str, folder: Path, dtype: str) -> list[float]:
    steps, tokenizer = the_steps(corpus, folder, SIX)
    return train_transformers(steps, tokenizer, folder, SIX, STEPS, dtype=dtype)[1]


def time_kerashub(corpus: str, folder: Path, dtype: str) -> list[float]:
    import keras
    import keras_hub

    keras.config.set_dtype_policy(dtype if dtype == "float32" else f"mixed_{dtype}")
    steps, tokenizer = the_steps(corpus, folder, SIX)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=tokenizer.vocabulary_size,
        num_layers=LAYERS,
        num_heads=HEADS,
        hidden_dim=FEATURES,
        intermediate_dim=4 * FEATURES,
        dropout=DROPOUT,
        max_sequence_length=LENGTH,
    )
    model = keras_hub.models.BertMaskedLM(backbone, preprocessor=None)
    model.compile(
        keras.optimizers.AdamW(RATE, weight_decay=0.01, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    times = []
    for batch in steps.batches(0, STEPS):
        start = time.perf_counter()
        arrays = batch.arrays()[0]
        inputs = {
            "token_ids": arrays["token_ids"],
            "segment_ids": np.zeros_like(arrays["token_ids"]),
            "padding_mask": (arrays["documents"] > 0).astype("int32"),
            "mask_positions": arrays["masked_positions"],
        }
        model.train_on_batch(inputs, arrays["labels"], sample_weight=arrays["weights"])
        times.append(time.perf_counter() - start)
    return times


BACKENDS = ("jax", "tensorflow", "torch")
DTYPES = ("float32", "bfloat16")
CONTENDERS = {
    f"{name}, {backend}, {dtype}": (
        backend,
        lambda *given, timed=timed, dtype=dtype: timed(*given, dtype),
    )
    for dtype in DTYPES
    for name, backends, timed in (
        ("hornbook", BACKENDS, time_hornbook),
        ("transformers", ("torch",), time_transformers),
        ("KerasHub", BACKENDS, time_kerashub),
    )
    for backend in backends
}


def child(*words: str, backend: str, seconds: float | None = None) -> subprocess.CompletedProcess:
    """Runs this script in a process of its own."""
    return subprocess.run(
        [sys.executable, __file__, *words],
        env={**os.environ, "KERAS_BACKEND": backend, "HORNBOOK_QUIET": "1"},
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def answer_of(*words: str, backend: str):
    """Returns the last line of the child as JSON; None if it failed, whose reason is printed."""
    done = child(*words, backend=backend)
    if done.returncode:
        print(f"{' '.join(words)}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def speed(corpus: str, folder: Path, only: str | None) -> str:
    file = folder / "speed.json"
    found = json.loads(file.read_text()) if file.is_file() else {}
    child("--one", "prepare", "--folder", str(folder), corpus, backend="jax")
    for name, (backend, _) in CONTENDERS.items():
        if only and only not in name:
            continue
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        times = answer_of("--one", name, "--folder", str(folder), corpus, backend=backend)
        if times:
            end = resource.getrusage(resource.RUSAGE_CHILDREN)
            processor = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
            rate = ROWS * LENGTH / float(np.median(times[LEFT_OUT:]))
            found[name] = {"rate": rate, "processor": processor}
            print(f"{name}: {rate:,.0f} tokens/s", file=sys.stderr)
            file.write_text(json.dumps(found))
    lines = [
        f"| {name} | {found[name]['rate']:,.0f} | {found[name]['processor']:.0f} |"
        for name in CONTENDERS
        if name in found
    ]
    for dtype in DTYPES:
        sides: dict[bool, float] = {}
        for name, one in found.items():
            if name.endswith(dtype):
                side = name.startswith("hornbook")
                sides[side] = max(sides.get(side, 0.0), one["rate"])
        if len(sides) == 2:
            ratio = sides[True] / sides[False]
            lines.append(f"| best of ours / best of theirs, {dtype} | {ratio:.2f} | |")
    columns = f"tokens/s | CPU s of the whole process, {STEPS} steps"
    return "\n".join([f"| 6 x 384, 128 tokens, 2 cores | {columns} |", "|---|---:|---:|", *lines])


def quality_of_one(corpus: str, folder: Path, who: str, seed: int, count: int) -> float:
    """Returns the held-out loss of the small model after `count` steps."""
    if who == "hornbook":
        ours = recipe(corpus, folder, SMALL, steps=count, measure_steps=count, seed=seed)
        ours.fit(corpus, folder / f"quality-{seed}")
        # measured on masks that do not depend on the seed
        steps, _ = the_steps(corpus, folder, SMALL)
        return steps.measure(ours.model.predict_on_batch, ROWS)["held_out_loss"]
    import torch

    steps, tokenizer = the_steps(corpus, folder, SMALL)
    model, _ = train_transformers(steps, tokenizer, folder, SMALL, count, seed)
    model.eval()

    def predict(arrays):
        with torch.no_grad():
            logits = model(
                torch.from_numpy(arrays["token_ids"]).long(),
                attention_mask=torch.from_numpy((arrays["documents"] > 0).astype("int64")),
            ).logits
        places = torch.from_numpy(arrays["masked_positions"]).long()
        labels = torch.from_numpy(arrays["labels"]).long()
        chosen = torch.gather(logits, 1, places[..., None].expand(-1, -1, logits.shape[-1]))
        losses = -torch.log_softmax(chosen, -1).gather(-1, labels[..., None])[..., 0].numpy()
        right = (chosen.argmax(-1) == labels).numpy()
        weights = arrays["weights"]
        sums = {"loss": losses * weights, "correct": right * weights, "weight": weights}
        return {name: value.sum(axis=1) for name, value in sums.items()}

    return steps.measure(predict, ROWS)["held_out_loss"]


def quality(corpus: str, folder: Path, count: int, seeds: int) -> str:
    child("--one", "prepare", "--folder", str(folder), corpus, backend="jax")
    lines = []
    for who, backend in (("hornbook", "jax"), ("transformers", "torch")):
        words = ("--folder", str(folder), "--count", str(count), corpus)
        losses = [
            answer_of("--one", f"quality {who} {seed}", *words, backend=backend)
            for seed in range(seeds)
        ]
        shown = ", ".join(f"{loss:.3f}" for loss in losses)
        lines.append(f"| {who} | {shown} | {np.mean(losses):.3f} | {np.std(losses):.3f} |")
        print(lines[-1], file=sys.stderr)
    return "\n".join(
        [
            f"| 2 x 128, {count:,} steps of {ROWS} x {LENGTH} tokens | held-out MLM loss, "
            f"{seeds} seeds | mean | deviation |",
            "|---|---|---:|---:|",
            *lines,
        ]
    )


def kills(corpus: str, folder: Path, count: int) -> str:
    """Compares a run killed `count` times at random moments with an uninterrupted one."""
    chance = random.Random(0)

    def words(name: str, *more: str) -> list[str]:
        flags = "--lines --size tiny --length 64 --batch-tokens 1024 --steps 1500 --dropout 0.1"
        flags += f" --checkpoint-steps 5 --prepared {folder / 'prepared'} --out {folder / name}"
        return [sys.executable, "-m", "hornbook", "pretrain", corpus, *flags.split(), *more]

    quiet = {**os.environ, "HORNBOOK_QUIET": "1"}
    start = time.monotonic()
    subprocess.run(words("whole"), env=quiet, check=True, capture_output=True)
    whole = time.monotonic() - start
    # a resumed run finds what was prepared and compiled, and is as far as that in a few seconds
    killed, latest = 0, whole / 8
    while True:
        process = subprocess.Popen(
            words("killed", *(["--resume"] if killed else [])),
            env=quiet,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            process.wait(chance.uniform(1, latest) if killed < count else None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
            continue
        if process.returncode:
            raise SystemExit(process.stderr.read().decode())
        if killed < count:
            raise SystemExit(f"The run was over after {killed} kills: the machine is too fast.")
        break
    same = [
        (folder / "killed" / name).read_bytes() == (folder / "whole" / name).read_bytes()
        for name in ("model/model.safetensors", "metrics.jsonl")
    ]
    log = (folder / "killed" / "log.txt").read_text("utf-8").count("resumed from")
    return "\n".join(
        [
            "| kills | resumed from a checkpoint | weights identical | measurements identical |",
            "|---:|---:|---|---|",
            f"| {killed} (kill -9, after 1 to {latest:.0f} s; the whole run takes {whole:.0f} s) "
            f"| {log} | " + " | ".join("yes" if one else "NO" for one in same) + " |",
        ]
    )


def memory_of_one(corpus: str, folder: Path, rows: int, again: bool) -> float:
    """Returns the peak of the process in GiB after two steps of so many rows.

    On PyTorch: on a processor XLA computes once what it is told to compute twice.
    """
    ours = recipe(corpus, folder, SIX, dropout=0.0, rematerialize=again)
    ours.start([corpus], folder / "prepared")
    steps = ours.steps_on([corpus], folder / "prepared", rows)
    from hornbook.training.devices.choosing import Devices

    ours.compile(100, Devices())
    for batch in steps.batches(0, 2):
        ours.model.train_on_batch(batch.arrays()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def memory(corpus: str, folder: Path, limit: float) -> str:
    """Measures the peaks of ever larger steps, until the limit is exceeded."""
    child("--one", "prepare", "--folder", str(folder), corpus, backend="jax")
    sizes = [64, 128, 256, 512]
    lines = []
    for again in (False, True):
        peaks: list[str] = []
        for rows in sizes:
            words = f"memory {rows} {int(again)}", "--folder", str(folder), corpus
            peak = answer_of("--one", *words, backend="torch")
            peaks.append("failed" if peak is None else f"{peak:.2f}")
            if peak is None or peak > limit:
                break
        name = "rematerialised" if again else "kept"
        lines.append(f"| {name} | " + " | ".join(peaks + [""] * (len(sizes) - len(peaks))) + " |")
        print(lines[-1], file=sys.stderr)
    columns = " | ".join(f"{rows} rows" for rows in sizes)
    return "\n".join(
        [
            f"Peak of the process in GiB; 6 x 384, {LENGTH} tokens, float32, PyTorch; each until "
            f"it is over {limit:g} GiB.",
            "",
            f"| | {columns} |",
            "|---|" + "---:|" * len(sizes),
            *lines,
        ]
    )


def one(name: str, corpus: str, folder: Path, count: int):
    """Runs the job of a child."""
    if name == "prepare":
        the_steps(corpus, folder, SIX)
        return None
    kind, *rest = name.split(" ")
    if kind == "quality":
        return quality_of_one(corpus, folder, rest[0], int(rest[1]), count)
    if kind == "memory":
        return memory_of_one(corpus, folder, int(rest[0]), rest[1] == "1")
    return CONTENDERS[name][1](corpus, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus")
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument(
        "--limit", type=float, default=4.0, help="maximum memory in GiB, with --memory"
    )
    parser.add_argument("--count", type=int, default=300, help="number of steps, with --quality")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--only", help="only contenders whose name contains this")
    parser.add_argument(
        "--folder", type=Path, help="folder that keeps the prepared corpus and the results"
    )
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one, options.corpus, options.folder, options.count)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if options.quality:
            heading, table = "loss", quality(options.corpus, folder, options.count, options.seeds)
        elif options.kills:
            heading, table = "kills", kills(options.corpus, folder, options.kills)
        elif options.memory:
            heading, table = "memory", memory(options.corpus, folder, options.limit)
        else:
            heading, table = "speed", speed(options.corpus, folder, options.only)
    print(table)
    if options.keep:
        keep(f"Pretraining: {heading}", table)


if __name__ == "__main__":
    main()
