"""Time and memory of reading a Google BERT checkpoint: hornbook against TensorFlow.

    python benchmarks/loading.py

writes a 12-layer base-size BERT with random values into a temporary folder, reads it whole
with each contender in a fresh process, and adds the table to RESULTS.md.  Memory is what the
process grew by while it read (`VmHWM`), the arrays it read into included.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from results import keep

HEADING = "Loading a Google checkpoint"
ROUNDS = 5


def google_bert_shapes(
    *, vocabulary=21128, hidden=768, layers=12, intermediate=3072, positions=512
) -> dict[str, tuple[int, ...]]:
    """The names and shapes in a checkpoint that Google's BERT code wrote, heads included."""

    def dense(name, inputs, outputs):
        return {f"{name}/kernel": (inputs, outputs), f"{name}/bias": (outputs,)}

    def norm(name):
        return {f"{name}/beta": (hidden,), f"{name}/gamma": (hidden,)}

    shapes = {
        "bert/embeddings/word_embeddings": (vocabulary, hidden),
        "bert/embeddings/position_embeddings": (positions, hidden),
        "bert/embeddings/token_type_embeddings": (2, hidden),
        **norm("bert/embeddings/LayerNorm"),
        **dense("bert/pooler/dense", hidden, hidden),
        **dense("cls/predictions/transform/dense", hidden, hidden),
        **norm("cls/predictions/transform/LayerNorm"),
        "cls/predictions/output_bias": (vocabulary,),
        "cls/seq_relationship/output_weights": (2, hidden),
        "cls/seq_relationship/output_bias": (2,),
    }
    for number in range(layers):
        layer = f"bert/encoder/layer_{number}"
        for part in ("query", "key", "value"):
            shapes |= dense(f"{layer}/attention/self/{part}", hidden, hidden)
        shapes |= dense(f"{layer}/attention/output/dense", hidden, hidden)
        shapes |= norm(f"{layer}/attention/output/LayerNorm")
        shapes |= dense(f"{layer}/intermediate/dense", hidden, intermediate)
        shapes |= dense(f"{layer}/output/dense", intermediate, hidden)
        shapes |= norm(f"{layer}/output/LayerNorm")
    return shapes


# Each contender prepares (imports count for nobody) and returns the work that is measured,
# which gives back all tensors.


def hornbook_reader(prefix: str) -> Callable[[], dict]:
    """Ours: NumPy arrays, checksums verified."""
    from hornbook.checkpoints import find_checkpoint

    def read():
        checkpoint = find_checkpoint(prefix)
        return {name: checkpoint.read(name) for name in checkpoint.names()}

    return read


def hornbook_reader_verified_before(prefix: str) -> Callable[[], dict]:
    """Ours, as `read_weights` does it: everything is verified before the first is read."""
    from hornbook.checkpoints import find_checkpoint

    def read():
        checkpoint = find_checkpoint(prefix)
        checkpoint.verify()
        return {name: checkpoint.read(name) for name in checkpoint.names()}

    return read


def tensorflow_load_checkpoint(prefix: str) -> Callable[[], dict]:
    """TensorFlow's `tf.train.load_checkpoint`: NumPy arrays, checksums verified."""
    import tensorflow as tf

    def read():
        reader = tf.train.load_checkpoint(prefix)
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}

    return read


def tensorflow_restore(prefix: str) -> Callable[[], dict]:
    """TensorFlow's `RestoreV2`, what its models are restored with: tensors, not arrays."""
    import tensorflow as tf

    def read():
        names = list(tf.train.load_checkpoint(prefix).get_variable_to_shape_map())
        dtypes = [tf.float32] * len(names)
        tensors = tf.raw_ops.RestoreV2(
            prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), dtypes=dtypes
        )
        return dict(zip(names, tensors, strict=True))

    return read


def hornbook_model(prefix: str) -> Callable[[], dict]:
    """`hornbook.load`: a Keras model ready to compute, every checksum verified."""
    import keras

    import hornbook
    from hornbook.models.variables import named_variables

    keras.ops.zeros(1)  # the backend starts before the clock does

    def read():
        return named_variables(hornbook.load(Path(prefix).parent).model)

    return read


CONTENDERS: dict[str, Callable[[str], Callable[[], dict]]] = {
    "hornbook, each tensor verified as it is read": hornbook_reader,
    "hornbook, all verified before the first": hornbook_reader_verified_before,
    "hornbook.load, the whole Keras model": hornbook_model,
    "TensorFlow, tf.train.load_checkpoint": tensorflow_load_checkpoint,
    "TensorFlow, tf.raw_ops.RestoreV2": tensorflow_restore,
}


def measure(contender: str, prefix: str) -> dict:
    """Runs one contender in this process: seconds, CPU seconds, bytes of memory."""
    read = CONTENDERS[contender](prefix)
    before = _reset_peak_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    tensors = read()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = _status("VmHWM") - before
    checksum = sum(float(_array(tensor).sum()) for tensor in tensors.values())
    return {"wall": wall, "cpu": cpu, "memory": memory, "checksum": checksum}


def _array(tensor) -> np.ndarray:
    return tensor.numpy() if hasattr(tensor, "numpy") else np.asarray(tensor)


def measure_in_child(contender: str, prefix: str) -> dict:
    """The same in a fresh process."""
    command = [sys.executable, __file__, "--child", contender, "--prefix", prefix]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _reset_peak_memory() -> int:
    """The memory in use; the peak counts from here on (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    raise SystemExit(f"{field} is not in /proc/self/status: this benchmark needs Linux")


def main() -> None:
    """Writes the checkpoint, measures in turns, prints and keeps the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--prefix", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child, options.prefix)))
        return
    with tempfile.TemporaryDirectory() as folder:
        table = compare(str(Path(folder, "bert_model.ckpt")))
    print(table)
    keep(HEADING, table)


def compare(prefix: str) -> str:
    """All contenders, `ROUNDS` times in turns, as a Markdown table of medians."""
    from hornbook.checkpoints import write_tensor_bundle

    shapes = google_bert_shapes(vocabulary=30522)  # the English BERT-base: 110 M parameters
    random = np.random.default_rng(0)
    write_tensor_bundle(
        prefix,
        {name: random.normal(size=shape).astype("float32") for name, shape in shapes.items()},
    )
    config = {
        "vocab_size": 30522,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
    }
    Path(prefix).with_name("bert_config.json").write_text(json.dumps(config))
    size = 4 * sum(math.prod(shape) for shape in shapes.values())
    results: dict[str, list[dict]] = {name: [] for name in CONTENDERS}
    for _ in range(ROUNDS):  # in turns, so that a busy moment meets everybody
        for name, measured in results.items():
            measured.append(measure_in_child(name, prefix))
    checksums = [m["checksum"] for measured in results.values() for m in measured]
    if not np.allclose(checksums, checksums[0], rtol=1e-6):
        raise SystemExit(f"the contenders did not read the same: {sorted(set(checksums))}")
    lines = [
        f"{size / 4e6:.1f} M parameters, {size / 1e6:.0f} MB in {len(shapes)} tensors, all in the "
        f"page cache; median (best) of {ROUNDS} fresh processes in turns, after imports.",
        "",
        "| reader | seconds | CPU seconds | peak memory / weights |",
        "|---|---|---|---|",
    ]
    for name, measured in results.items():
        wall, cpu = ([m[key] for m in measured] for key in ("wall", "cpu"))
        memory = np.median([m["memory"] for m in measured]) / size
        lines.append(
            f"| {name} | {np.median(wall):.3f} ({min(wall):.3f}) "
            f"| {np.median(cpu):.3f} ({min(cpu):.3f}) | {memory:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
