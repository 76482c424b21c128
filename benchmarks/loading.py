"""Time and memory of opening large checkpoints, compared with all readers of the same files.

    python benchmarks/loading.py [--rounds 3] [--cases "GPT2_ML,BERT-large"]

writes checkpoints of published sizes with random values into a temporary folder (10 GB), opens
each with every contender in a process of its own, and adds the table to RESULTS.md.  Memory is
the growth of the process during reading (`VmHWM`), weights included, as a multiple of the
weights in float32; the peak of the whole process, imports included, is shown beside it.
"""

from __future__ import annotations

import argparse
import json
import math
import mmap
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from results import keep

HEADING = "Loading large checkpoints"


def google_bert_shapes(
    *, vocabulary=21128, hidden=768, layers=12, intermediate=3072, positions=512
) -> dict[str, tuple[int, ...]]:
    """Returns the names and shapes of a checkpoint of Google's BERT code, heads included."""
    shapes = {
        "bert/embeddings/word_embeddings": (vocabulary, hidden),
        "bert/embeddings/position_embeddings": (positions, hidden),
        "bert/embeddings/token_type_embeddings": (2, hidden),
        **norm("bert/embeddings/LayerNorm", hidden),
        **dense("bert/pooler/dense", hidden, hidden),
        **dense("cls/predictions/transform/dense", hidden, hidden),
        **norm("cls/predictions/transform/LayerNorm", hidden),
        "cls/predictions/output_bias": (vocabulary,),
        "cls/seq_relationship/output_weights": (2, hidden),
        "cls/seq_relationship/output_bias": (2,),
    }
    for number in range(layers):
        layer = f"bert/encoder/layer_{number}"
        for part in ("query", "key", "value"):
            shapes |= dense(f"{layer}/attention/self/{part}", hidden, hidden)
        shapes |= dense(f"{layer}/attention/output/dense", hidden, hidden)
        shapes |= norm(f"{layer}/attention/output/LayerNorm", hidden)
        shapes |= dense(f"{layer}/intermediate/dense", hidden, intermediate)
        shapes |= dense(f"{layer}/output/dense", intermediate, hidden)
        shapes |= norm(f"{layer}/output/LayerNorm", hidden)
    return shapes


def gpt2_ml_shapes(
    *, vocabulary=21130, hidden=1536, layers=48, intermediate=6144, positions=1024
) -> dict[str, tuple[int, ...]]:
    """Returns the names and shapes of the checkpoint of GPT2_ML."""
    shapes = {
        "newslm/embeddings/word_embed": (vocabulary, hidden),
        "newslm/embeddings/pos_embed": (positions, hidden),
        **norm("newslm/embeddings/LayerNorm_embed_norm", hidden),
    }
    for number in range(layers):
        layer = f"newslm/layer{number:02d}"
        for part in ("query", "key", "value", "context_projection"):
            shapes |= dense(f"{layer}/{part}_layer", hidden, hidden)
        shapes |= dense(f"{layer}/intermediate", hidden, intermediate)
        shapes |= dense(f"{layer}/output", intermediate, hidden)
        shapes |= norm(f"{layer}/LayerNorm_mlp_ln0", hidden)
        shapes |= norm(f"{layer}/LayerNorm_mlp_ln1", hidden)
    return shapes


def dense(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    """Returns kernel and bias, by Google's names."""
    return {f"{name}/kernel": (inputs, outputs), f"{name}/bias": (outputs,)}


def norm(name: str, features: int) -> dict[str, tuple[int, ...]]:
    """Returns offset and scale, by Google's names."""
    return {f"{name}/beta": (features,), f"{name}/gamma": (features,)}


# Each contender prepares (imports count for nobody) and returns the work that is measured,
# which gives back all tensors.


def copied_bytes(folder: Path) -> Callable[[], dict]:
    """Copies the bytes of the file into new memory: a lower bound for readers that copy."""
    (path,) = [*folder.glob("*.safetensors"), *folder.glob("*.data-*")]

    def read():
        memory = mmap.mmap(-1, path.stat().st_size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with open(path, "rb", buffering=0) as file:
            while file.readinto(memoryview(memory)[file.tell() :]):
                pass
        return {path.name: np.frombuffer(memory, "uint8")}

    return read


def hornbook_tensors(folder: Path) -> Callable[[], dict]:
    """Ours without a model: NumPy arrays; Google's checksums verified."""
    from hornbook.checkpoints import find_checkpoint

    def read():
        checkpoint = find_checkpoint(folder)
        return {name: checkpoint.read(name) for name in checkpoint.names()}

    return read


def hornbook_model(folder: Path, **options: Any) -> Callable[[], dict]:
    """`hornbook.load`: a Keras model ready to compute; Google's checksums verified."""
    import keras

    import hornbook
    from hornbook.models.variables import named_variables

    keras.ops.zeros(1)  # the backend starts before the clock does

    def read():
        return named_variables(hornbook.load(folder, **options).model)

    return read


def hornbook_bfloat16(folder: Path) -> Callable[[], dict]:
    """The same, the weights kept in bfloat16."""
    return hornbook_model(folder, variable_dtype="bfloat16")


def tensorflow_load_checkpoint(folder: Path) -> Callable[[], dict]:
    """TensorFlow's `tf.train.load_checkpoint`: NumPy arrays, checksums verified."""
    import tensorflow as tf

    def read():
        reader = tf.train.load_checkpoint(str(folder / "model.ckpt"))
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}

    return read


def tensorflow_restore(folder: Path) -> Callable[[], dict]:
    """TensorFlow's `RestoreV2`, what its models are restored with: tensors, not arrays."""
    import tensorflow as tf

    prefix = str(folder / "model.ckpt")

    def read():
        names = list(tf.train.load_checkpoint(prefix).get_variable_to_shape_map())
        dtypes = [tf.float32] * len(names)
        tensors = tf.raw_ops.RestoreV2(
            prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), dtypes=dtypes
        )
        return dict(zip(names, tensors, strict=True))

    return read


def safetensors_numpy(folder: Path) -> Callable[[], dict]:
    """The library's `safetensors.numpy.load_file`: NumPy arrays."""
    from safetensors.numpy import load_file

    return lambda: load_file(folder / "model.safetensors")


def transformers_model(folder: Path) -> Callable[[], dict]:
    """`BertForPreTraining.from_pretrained` of transformers: a PyTorch model.

    Its weights are mapped from the file and read when they are used, so they are added up
    within the time that is measured.
    """
    import transformers

    def read():
        model = transformers.BertForPreTraining.from_pretrained(folder)
        weights = dict(model.named_parameters())
        for weight in weights.values():
            weight.sum()
        return weights

    return read


GOOGLE = {
    "plain copy of the bytes": copied_bytes,
    "hornbook.load": hornbook_model,
    "hornbook.load, variable_dtype=bfloat16": hornbook_bfloat16,
    "hornbook, arrays only": hornbook_tensors,
    "TensorFlow, tf.train.load_checkpoint": tensorflow_load_checkpoint,
    "TensorFlow, tf.raw_ops.RestoreV2": tensorflow_restore,
}
HUGGINGFACE = {
    "plain copy of the bytes": copied_bytes,
    "hornbook.load": hornbook_model,
    "hornbook.load, variable_dtype=bfloat16": hornbook_bfloat16,
    "hornbook, arrays only": hornbook_tensors,
    "safetensors, safetensors.numpy.load_file": safetensors_numpy,
    "transformers, from_pretrained, weights touched": transformers_model,
}
CONTENDERS = GOOGLE | HUGGINGFACE


@dataclass(frozen=True)
class Case:
    """One checkpoint.

    Attributes:
        shapes: Names and shapes in Google's layout.
        config: What its configuration says.
        layout: The layout it is written in.
    """

    shapes: dict[str, tuple[int, ...]]
    config: dict[str, Any]
    layout: str

    @property
    def contenders(self) -> Iterable[str]:
        """Returns the contenders that can read it."""
        return GOOGLE if self.layout == "google" else HUGGINGFACE

    @property
    def parameters(self) -> int:
        """Returns the number of its parameters."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def write(self, folder: Path) -> None:
        """Writes the checkpoint with random values."""
        from hornbook.checkpoints import LazyTensor, write_tensor_bundle

        random = np.random.default_rng(0)

        def values(shape):
            return lambda: random.standard_normal(shape, "float32")

        float32 = np.dtype("float32")
        tensors = {n: LazyTensor(shape, float32, values(shape)) for n, shape in self.shapes.items()}
        google = folder if self.layout == "google" else folder / "google"
        google.mkdir(parents=True)
        write_tensor_bundle(google / "model.ckpt", tensors)
        (google / "config.json").write_text(json.dumps(self.config))
        if self.layout != "google":
            import hornbook

            hornbook.load(google).save(folder / "model", layout=self.layout)
            (folder / "model" / "manifest.json").unlink()  # published folders have none


def bert_large(layout: str) -> Case:
    """BERT-large, 0.3 billion parameters."""
    sizes = {"vocabulary": 30522, "hidden": 1024, "layers": 24, "intermediate": 4096}
    config = {"model_type": "bert", "num_attention_heads": 16, **config_of(**sizes)}
    return Case(google_bert_shapes(**sizes), config, layout)


def gpt2_ml() -> Case:
    """GPT2_ML, 1.4 billion parameters."""
    sizes = {"vocabulary": 21130, "hidden": 1536, "layers": 48, "intermediate": 6144}
    config = {"model_type": "gpt2-ml", "num_attention_heads": 24, **config_of(**sizes)}
    return Case(gpt2_ml_shapes(**sizes), config | {"max_position_embeddings": 1024}, "google")


def config_of(*, vocabulary, hidden, layers, intermediate) -> dict[str, Any]:
    """Returns the sizes as a configuration."""
    return {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "intermediate_size": intermediate,
        "max_position_embeddings": 512,
    }


CASES: dict[str, Callable[[], Case]] = {
    "GPT2_ML, Google's layout": gpt2_ml,
    "BERT-large, Google's layout": lambda: bert_large("google"),
    "BERT-large, safetensors": lambda: bert_large("huggingface"),
}


def measure(contender: str, folder: Path) -> dict:
    """Runs one contender in this process: seconds, CPU seconds, bytes of memory."""
    read = CONTENDERS[contender](folder)
    before = _reset_peak_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    tensors = read()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = _status("VmHWM")
    checksum = sum(_sum(tensor) for tensor in tensors.values())
    return {"wall": wall, "cpu": cpu, "grown": peak - before, "peak": peak, "checksum": checksum}


def _sum(tensor: Any) -> float:
    """Returns the sum of the absolute values, equal for all contenders."""
    if hasattr(tensor, "detach"):
        return float(tensor.detach().abs().sum())
    if isinstance(tensor, np.ndarray) and tensor.dtype == np.uint8:
        return math.nan  # bytes, not numbers
    return float(np.abs(np.asarray(tensor)).astype("float32").sum(dtype="float64"))


def measure_in_child(contender: str, folder: Path) -> dict:
    """The same in a fresh process."""
    command = [sys.executable, __file__, "--child", contender, "--folder", str(folder)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _reset_peak_memory() -> int:
    """Resets the peak of memory (Linux); returns the memory in use."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    raise SystemExit(f"{field} is not in /proc/self/status: this benchmark needs Linux")


def main() -> None:
    """Writes the checkpoints, measures alternately, prints and saves the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="processes per contender")
    parser.add_argument("--cases", default="", help="prefixes of names (default: all)")
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child, options.folder)))
        return
    wanted = tuple(options.cases.split(","))
    tables = [
        compare(name, make(), options.rounds)
        for name, make in CASES.items()
        if name.startswith(wanted)
    ]
    print("\n\n".join(tables))
    if wanted == ("",):
        keep(HEADING, "\n\n".join(tables))


def compare(name: str, case: Case, rounds: int) -> str:
    """Measures all contenders alternately; returns a Markdown table of medians."""
    results: dict[str, list[dict]] = {name: [] for name in case.contenders}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "checkpoint")
        case.write(folder)
        if case.layout != "google":
            folder /= "model"
        for _ in range(rounds):  # in turns, so that a busy moment meets everybody
            for contender, measured in results.items():
                measured.append(measure_in_child(contender, folder))
    weights = 4 * case.parameters
    lines = [
        f"{name}: {case.parameters / 1e6:.0f} M parameters, {weights / 2**30:.2f} GiB in float32, "
        f"in the page cache; median (best) of {rounds} fresh processes in turns, after imports.",
        "",
        "| reader | seconds | CPU seconds | grown by / weights | peak of the process, GiB |",
        "|---|---|---|---|---|",
    ]
    checksums = []
    for contender, measured in results.items():
        wall, cpu = ([m[key] for m in measured] for key in ("wall", "cpu"))
        grown = np.median([m["grown"] for m in measured]) / weights
        peak = np.median([m["peak"] for m in measured]) / 2**30
        if "bfloat16" not in contender:  # which rounds
            checksums += [m["checksum"] for m in measured if not math.isnan(m["checksum"])]
        lines.append(
            f"| {contender} | {np.median(wall):.2f} ({min(wall):.2f}) "
            f"| {np.median(cpu):.2f} ({min(cpu):.2f}) | {grown:.2f} | {peak:.2f} |"
        )
    if not np.allclose(checksums, checksums[0], rtol=1e-5):
        raise SystemExit(f"the contenders did not read the same: {sorted(set(checksums))}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
