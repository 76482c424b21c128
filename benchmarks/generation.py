"""Speed of generation: hornbook on each backend, transformers and KerasHub on the same shapes.

    python benchmarks/generation.py [--shape gpt2] [--batch 1 8] [--new-tokens 64] [--dtype float32]

Weights are random, made here and removed again; hornbook and transformers read the same file, and
must generate the same tokens.  Each contender has a process of its own with two threads.  The
floor is the time of reading all weights once, in the fastest matrix-vector product of NumPy
and XLA: the minimum per token in float32.  The first process starts without a
cache of compiled functions; the second one uses the cache of the first.  The table is printed and,
with `--keep`, added to RESULTS.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from results import keep

HEADING = "Generation"
THREADS = 2
PROMPT = 16
SHAPES = {
    "gpt2": {
        "family": "gpt2",
        "vocab_size": 50257,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "max_position_embeddings": 1024,
    },
    "qwen2-0.5b": {
        "family": "qwen2",
        "language_head": "tied",
        "vocab_size": 151936,
        "hidden_size": 896,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "intermediate_size": 4864,
        "max_position_embeddings": 1024,
    },
    "gpt2-ml": {
        "family": "gpt2-ml",
        "vocab_size": 21130,
        "hidden_size": 1536,
        "num_hidden_layers": 48,
        "num_attention_heads": 24,
        "intermediate_size": 6144,
        "max_position_embeddings": 1024,
    },
}
CONTENDERS = (
    "hornbook, jax",
    "hornbook, torch",
    "hornbook, tensorflow",
    "transformers, torch",
    "keras-hub, jax",
)


def make_folder(shape: str, folder: Path) -> int:
    """Writes a model with random weights and returns their number."""
    from hornbook.models.building import make_model
    from hornbook.models.families import FAMILIES
    from hornbook.pretrained import Pretrained

    fields = dict(SHAPES[shape])
    config = FAMILIES[fields.pop("family")].configure(**fields, heads=("mlm",))
    model = make_model(config)
    model.build()
    layout = "google" if shape == "gpt2-ml" else "huggingface"
    Pretrained(model, None).save(folder, layout=layout)
    return int(sum(np.prod(variable.shape) for variable in model.trainable_variables))


def prompts(shape: str, rows: int) -> list[list[int]]:
    random = np.random.default_rng(0)
    return random.integers(10, SHAPES[shape]["vocab_size"], (rows, PROMPT)).tolist()


def hornbook_writer(folder: Path, dtype: str):
    import keras

    from hornbook.pretrained import load

    if keras.config.backend() == "torch":
        import torch

        torch.set_num_threads(THREADS)
    model = load(folder, variable_dtype=dtype, frozen=True)

    def write(rows, count):
        found = model.generate(rows, max_new_tokens=count, stop_ids=(), batch_size=len(rows))
        return [ids.tolist() for ids in found]

    return write


def transformers_writer(folder: Path, dtype: str):
    import torch
    import transformers

    torch.set_num_threads(THREADS)
    dtype = "bfloat16" if dtype.startswith("int") else dtype  # the fewest bits it writes in here
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=getattr(torch, dtype)
    ).eval()

    def write(rows, count):
        ids = torch.tensor(rows)
        with torch.inference_mode():
            found = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=count,
                min_new_tokens=count,
                do_sample=False,
                pad_token_id=0,
                eos_token_id=None,
            )
        return found[:, ids.shape[1] :].tolist()

    return write


def keras_hub_writer(shape: str, dtype: str):
    """Returns a model with other random weights: KerasHub opens files only with its presets."""
    import keras_hub

    dtype = "bfloat16" if dtype.startswith("int") else dtype
    fields = SHAPES[shape]
    sizes = {
        "vocabulary_size": fields["vocab_size"],
        "num_layers": fields["num_hidden_layers"],
        "hidden_dim": fields["hidden_size"],
        "intermediate_dim": fields["intermediate_size"],
        "dtype": dtype,
    }
    if shape == "gpt2":
        backbone = keras_hub.models.GPT2Backbone(
            num_heads=fields["num_attention_heads"],
            max_sequence_length=fields["max_position_embeddings"],
            **sizes,
        )
        model = keras_hub.models.GPT2CausalLM(backbone=backbone, preprocessor=None)
    else:
        backbone = keras_hub.models.QwenBackbone(
            num_query_heads=fields["num_attention_heads"],
            num_key_value_heads=fields["num_key_value_heads"],
            tie_word_embeddings=True,
            **sizes,
        )
        model = keras_hub.models.QwenCausalLM(backbone=backbone, preprocessor=None)

    def write(rows, count):
        ids = np.zeros((len(rows), PROMPT + count), "int32")
        ids[:, :PROMPT] = rows
        mask = np.zeros_like(ids)
        mask[:, :PROMPT] = 1
        inputs = {"token_ids": ids, "padding_mask": mask}
        found = model.generate(inputs, stop_token_ids=None)
        return np.asarray(found["token_ids"])[:, PROMPT:].tolist()

    return write


def contend(options: argparse.Namespace) -> None:
    """Runs one contender in its own process; prints its measurements."""
    library = options.contender.partition(",")[0]
    if library == "hornbook":
        write = hornbook_writer(options.folder, options.dtype)
    elif library == "transformers":
        write = transformers_writer(options.folder, options.dtype)
    else:
        write = keras_hub_writer(options.shape, options.dtype)
    rows = prompts(options.shape, options.batch[0])
    count = options.new_tokens
    begin = time.perf_counter()
    written = write(rows, count)
    first = time.perf_counter() - begin
    seconds, cpu, first_token = [], [], []
    for _ in range(options.rounds):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        write(rows, count)
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - begin_cpu)
    if options.rounds:
        write(rows, 1)  # its shape may be another one
    for _ in range(options.rounds):
        begin = time.perf_counter()
        write(rows, 1)
        first_token.append(time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        json.dumps(
            {
                "first": first,
                "seconds": min(seconds, default=0.0),
                "cpu": min(cpu, default=0.0),
                "first_token": min(first_token, default=0.0),
                "peak": peak,
                "written": written,
            }
        )
    )


def floor_seconds(weights: int) -> tuple[float, float]:
    """Returns wall and CPU seconds of reading so many float32 once: the minimum over matrix-vector
    products from either side in NumPy and one in XLA."""
    import jax

    from hornbook.layers.matrices.frozen_jax import product

    matrix = np.ones((weights // 4096, 1024), "float32")  # a quarter of them, four times
    right, left = np.ones((1, 1024), "float32"), np.ones(len(matrix), "float32")
    compiled, there = jax.jit(product), jax.device_put(matrix)
    ways = (
        lambda: matrix @ right[0],
        lambda: left @ matrix,
        lambda: compiled(right, [there]).block_until_ready(),
    )
    compiled(right, [there]).block_until_ready()
    wall = cpu = np.inf
    for way in ways * 6:
        begin, begin_cpu = time.perf_counter(), time.process_time()
        for _ in range(4):
            way()
        wall = min(wall, time.perf_counter() - begin)
        cpu = min(cpu, time.process_time() - begin_cpu)
    return wall, cpu


def run_one(
    name: str, folder: Path, rows: int, options: argparse.Namespace, rounds: int
) -> dict | None:
    library, _, backend = name.partition(", ")
    needed = {"transformers": "transformers", "keras-hub": "keras_hub"}.get(library, backend)
    if importlib.util.find_spec(needed) is None:
        return None
    if library != "hornbook" and options.shape == "gpt2-ml":
        return None  # nobody else has this family
    environment = {"OMP_NUM_THREADS": str(THREADS), "KERAS_BACKEND": backend}
    environment["XDG_CACHE_HOME"] = str(folder.parent / f"cache-{backend}-{library}-{rows}")
    command = [sys.executable, __file__, "--contender", name, "--folder", str(folder)]
    command += ["--shape", options.shape, "--batch", str(rows), "--dtype", options.dtype]
    command += ["--new-tokens", str(options.new_tokens), "--rounds", str(rounds)]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"{name} failed:\n{done.stderr[-2000:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", default="gpt2", choices=SHAPES)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--dtype", default="float32", choices=("float32", "bfloat16", "int8", "int4")
    )
    parser.add_argument("--only", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--keep", action="store_true", help="write the table into RESULTS.md")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        contend(options)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        weights = make_folder(options.shape, folder)
        wall, cpu = floor_seconds(weights)
        lines = [
            f"`{' '.join(['python', 'benchmarks/generation.py', *sys.argv[1:]])}`",
            "",
            f"{options.shape}, {weights / 1e6:,.0f} M weights, {options.dtype}, prompt of {PROMPT} "
            f"tokens, {options.new_tokens} new ones, {THREADS} threads, best of {options.rounds}. "
            f"Floor for each step in float32: {1e3 * wall:.1f} ms, {1e3 * cpu:.1f} ms of CPU.",
            "",
            "| contender | batch | tokens/s | ms a step (CPU) | of the floor | first token, ms "
            "| first run, s | in a second process, s | peak, GiB | same tokens |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        for rows in options.batch:
            reference = None
            for name in options.only:
                found = run_one(name, folder, rows, options, options.rounds)
                if found is None:
                    continue
                again = run_one(name, folder, rows, options, 0)
                second = f"{again['first']:.1f}" if again else "-"
                if reference is None:
                    reference = found["written"]
                same = "yes" if found["written"] == reference else "no"
                same = "own weights" if name.startswith("keras-hub") else same
                step, step_cpu = (found[x] / options.new_tokens for x in ("seconds", "cpu"))
                lines.append(
                    f"| {name} | {rows} | {rows / step:.1f} "
                    f"| {1e3 * step:.1f} ({1e3 * step_cpu:.1f}) | {wall / step:.0%} "
                    f"| {1e3 * found['first_token']:.0f} | {found['first']:.1f} | {second} "
                    f"| {found['peak'] / 2**30:.2f} | {same} |"
                )
                print(lines[-1], flush=True)
    table = "\n".join(lines)
    print(table)
    if options.keep:
        keep(HEADING, table)


if __name__ == "__main__":
    main()
