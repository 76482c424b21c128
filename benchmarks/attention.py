"""Time and memory of the kinds of attention, compared with full attention and other packages.

    python benchmarks/attention.py operator            # PyTorch: SDPA and other packages
    python benchmarks/attention.py operator --lengths 32768 --only "nystrom 64,linear" --backward no
    python benchmarks/attention.py module              # with projections
    python benchmarks/attention.py layer               # a whole BERT-base layer
    KERAS_BACKEND=jax python benchmarks/attention.py operator --backward no --lengths 2048,16384
    KERAS_BACKEND=jax python benchmarks/attention.py full --lengths 2048,4096 --backward yes

`full` is full attention as in training (with dropout, biases etc.), in parts and with all scores at
once.

Attention of 12 heads of 64, batch 1.  One thread; CPU seconds of the process, which depend less on
other work on the machine than wall-clock time; contenders alternate, and the best of the rounds
counts.  Modules of other packages get query, key and value without their projections.
Memory is the growth of the peak of the process.  Compared packages are `transformers`,
`nystrom-attention` and `performer-pytorch`; those that are not installed are skipped.  The table is
printed and, with `--keep`, added to RESULTS.md.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import ops  # noqa: E402
from results import keep  # noqa: E402

from hornbook.layers import MultiHeadAttention  # noqa: E402
from hornbook.layers.attention.exact import exact_attention  # noqa: E402
from hornbook.layers.attention.kinds import KINDS  # noqa: E402

HEADS, SIZE = 12, 64
SCALE = SIZE**-0.5
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "nystrom 64": ("nystrom", {"num_landmarks": 64}),
    "nystrom 256, ridge": ("nystrom", {"num_landmarks": 256, "landmark_inverse": "ridge"}),
    "double_softmax 64": ("double_softmax", {"num_landmarks": 64}),
    "performer 256": ("performer", {"random_features": 256}),
    "linear": ("linear", {}),
    "window 64": ("window", {"window": 64}),
    "window_landmarks 64, 64": ("window_landmarks", {"window": 64, "num_landmarks": 64}),
}
MIB = 2**20
SEED = [3, 0]


def operators(dtype: str, length: int) -> dict[str, Callable]:
    """Returns functions of query, key and value; the first is the baseline."""
    found: dict[str, Callable] = {}
    if keras.config.backend() == "torch":
        import torch

        found["SDPA"] = torch.nn.functional.scaled_dot_product_attention
    else:

        def plain(query, key, value):
            moved = (ops.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
            return ops.transpose(ops.dot_product_attention(*moved), (0, 2, 1, 3))

        found["Keras's own"] = plain
        found["full"] = lambda *x: exact_attention(*x, scale=SCALE)
    policy = "float32" if dtype == "float32" else f"mixed_{dtype}"
    for name, (kind, options) in OPTIONS.items():
        layer = KINDS[kind](**options, dtype=policy)
        found[name] = lambda *x, layer=layer: layer(*x, scale=SCALE)
    if keras.config.backend() == "torch" and dtype == "float32":  # theirs fail in bfloat16
        try:
            from performer_pytorch import FastAttention
        except ImportError:
            print("performer-pytorch is not there")
        else:
            found["performer-pytorch 256"] = FastAttention(dim_heads=SIZE, nb_features=256)
        found |= without_projections(length)
    return found


def without_projections(length: int) -> dict[str, Callable]:
    """Returns the Nyström attention of other packages, without projections."""
    import torch

    class Given(torch.nn.Module):
        """Replaces a projection."""

        def forward(self, x):
            return self.given

    def flat(x):
        return x.transpose(1, 2).reshape(1, length, HEADS * SIZE)

    found: dict[str, Callable] = {}
    theirs = modules(length)
    if "transformers" in theirs:
        inner = transformers_module(length).self
        inner.query, inner.key, inner.value = Given(), Given(), Given()

        def operator(query, key, value):
            # as a projection leaves them: the module makes heads of it without a copy
            inner.query.given, inner.key.given, inner.value.given = map(flat, (query, key, value))
            return inner(inner.query.given)[0]

        found["transformers' Nyström 64"] = operator
    if "nystrom-attention" in theirs:
        module = theirs["nystrom-attention"]
        module.to_qkv, module.to_out = Given(), torch.nn.Identity()

        def other_operator(query, key, value):
            module.to_qkv.given = torch.cat([flat(x) for x in (query, key, value)], dim=-1)
            return module(module.to_qkv.given[..., : HEADS * SIZE])

        found["nystrom-attention 64"] = other_operator
    return found


def transformers_module(length: int):
    """Returns the attention of transformers with 64 landmarks, without the convolution."""
    from transformers import NystromformerConfig
    from transformers.models.nystromformer.modeling_nystromformer import NystromformerAttention

    config = NystromformerConfig(num_landmarks=64, segment_means_seq_len=length)
    module = NystromformerAttention(config).eval()
    module.self.conv_kernel_size = None
    return module


def full_attention() -> dict[str, Callable]:
    """Returns full attention as in training, with all scores at once and in parts."""
    from hornbook.layers.attention import exact as module
    from hornbook.layers.positions.distances import distances

    rows = np.random.default_rng(1).normal(size=(129, SIZE)).astype("float32")
    numbers = np.random.default_rng(2).normal(size=(255, HEADS)).astype("float32")
    cases: dict[str, Callable[[int], dict[str, Any]]] = {
        "plain": lambda length: {},
        "dropout": lambda length: {"dropout": 0.1, "seed": ops.convert_to_tensor(SEED, "uint32")},
        "softmax-plus": lambda length: {"normalization": "softmax_plus"},
        "relative vectors (NEZHA)": lambda length: {
            "relative": distances(rows, np.arange(length)[None])
        },
        "buckets (T5)": lambda length: {"bias": distances(numbers, np.arange(length)[None])},
    }

    def made(options, limit):
        def attend(query, key, value):
            kept, module.MAX_SCORES = module.MAX_SCORES, limit
            try:
                return exact_attention(query, key, value, scale=SCALE, **options(query.shape[2]))
            finally:
                module.MAX_SCORES = kept

        return attend

    found = {}
    for name, options in cases.items():
        found[f"{name}, all scores"] = made(options, 2**62)
        found[f"{name}, in parts"] = made(options, module.MAX_SCORES)
    return found


def modules(length: int) -> dict[str, Callable]:
    """Returns functions of token vectors, with projections."""
    if keras.config.backend() != "torch":
        raise SystemExit("The others are PyTorch's: say KERAS_BACKEND=torch.")
    import torch

    features = HEADS * SIZE
    found: dict[str, Callable] = {}
    ours = MultiHeadAttention(num_heads=HEADS, kind="nystrom", kind_options={"num_landmarks": 64})
    ours.build((None, None, features))
    found["hornbook"] = ours
    try:
        theirs = transformers_module(length)
    except ImportError:
        print("transformers is not there")
    else:
        found["transformers"] = lambda x: theirs(x)[0]
    try:
        from nystrom_attention import NystromAttention
    except ImportError:
        print("nystrom-attention is not there")
    else:
        found["nystrom-attention"] = NystromAttention(
            dim=features, dim_head=SIZE, heads=HEADS, num_landmarks=64, residual=False
        ).eval()
    assert torch.get_num_threads() == 1
    return found


def layers() -> dict[str, Callable]:
    """Returns a layer of BERT-base with each kind."""
    from hornbook.models.blocks import Block
    from hornbook.models.configuration.transformer_config import TransformerConfig

    found = {}
    for name, (kind, options) in {"full": ("full", {}), **OPTIONS}.items():
        config = TransformerConfig(
            vocab_size=1,
            hidden_size=HEADS * SIZE,
            num_hidden_layers=1,
            num_attention_heads=HEADS,
            intermediate_size=4 * HEADS * SIZE,
            attention=kind,
            **options,
        )
        block = Block(config)
        block.build((None, None, HEADS * SIZE))
        found[name] = lambda x, block=block: block(x, training=False)
    return found


def ready(function: Callable, arrays: list, *, backward: bool) -> Callable[[], Any]:
    """Returns a function without arguments, compiled if the backend compiles."""
    backend = keras.config.backend()
    if backend == "torch":
        import torch

        tensors = [x.detach().requires_grad_(backward) for x in arrays]

        def call():
            with torch.set_grad_enabled(backward):
                y = function(*tensors)
                if backward:
                    for x in tensors:
                        x.grad = None
                    y.sum().backward()
            return y

        return call
    if backend == "jax":
        import jax

        def total(*x):
            return function(*x).astype("float32").sum()

        several = tuple(range(len(arrays)))
        compiled = jax.jit(jax.grad(total, several) if backward else function)
        return lambda: jax.block_until_ready(compiled(*arrays))
    import tensorflow as tf

    @tf.function
    def compiled():
        if not backward:
            return function(*arrays)
        with tf.GradientTape() as tape:
            tape.watch(arrays)
            y = tf.reduce_sum(tf.cast(function(*arrays), "float32"))
        return tape.gradient(y, arrays)

    return compiled


def measure(calls: dict[str, Callable], rounds: int, seconds: float) -> dict[str, tuple]:
    """Returns CPU seconds (best of some rounds, fewer for slow ones) and bytes of each."""
    best = dict.fromkeys(calls, float("inf"))
    grown = {}
    for name, call in calls.items():
        grown[name], best[name] = _growth(call)
    for _ in range(rounds):
        for name, call in calls.items():
            if best[name] > seconds:
                continue
            start = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - start)
    return {name: (best[name], grown[name]) for name in calls}


def _growth(call: Callable) -> tuple[float, float]:
    """Returns the growth of peak resident memory in bytes, and CPU seconds, of a call."""
    if keras.config.backend() != "torch":
        call()  # compiles
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # resets the peak
    before = _status("VmRSS")
    start = time.process_time()
    call()
    return _status("VmHWM") - before, time.process_time() - start


def _status(name: str) -> float:
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(name))
    return float(line.split()[1]) * 1024


def arrays_of(what: str, length: int, dtype: str) -> list:
    random = np.random.default_rng(0)
    if what in ("operator", "full"):
        shapes = [(1, HEADS, length, SIZE)] * 3
    else:
        shapes = [(1, length, HEADS * SIZE)]
    return [ops.cast(random.normal(size=shape).astype("float32"), dtype) for shape in shapes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("operator", "full", "module", "layer"))
    parser.add_argument("--lengths", default="512,1024,2048,4096,8192,16384")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--backward", default="both", choices=("no", "yes", "both"))
    parser.add_argument("--only", default="", help="parts of names, comma-separated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="slower contenders run once")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if keras.config.backend() == "torch":
        import torch

        torch.set_num_threads(1)
    for backward in (False, True):
        if options.backward in ("both", "yes" if backward else "no"):
            text = table(options, backward)
            print(text, flush=True)
            if options.keep:
                keep("Attention", text)


def table(options: argparse.Namespace, backward: bool) -> str:
    lengths = [int(length) for length in options.lengths.split(",")]
    cells: dict[str, dict[int, tuple]] = {}
    for length in lengths:
        if options.what == "operator":
            functions = operators(options.dtype, length)
        elif options.what == "full":
            functions = full_attention()
        elif options.what == "module":
            functions = modules(length)
        else:
            functions = layers()
        only = options.only.split(",")
        functions = {name: f for name, f in functions.items() if any(x in name for x in only)}
        arrays = arrays_of(options.what, length, options.dtype)
        calls = {name: ready(f, arrays, backward=backward) for name, f in functions.items()}
        for name, found in measure(calls, options.rounds, options.seconds).items():
            cells.setdefault(name, {})[length] = found
        print(f"{length} tokens done", flush=True)
    first = next(iter(cells))
    way = "forward and backward" if backward else "forward"
    title = (
        f"{options.what}, {way}, {options.dtype}, {keras.config.backend()}: CPU ms "
        f"(times {'as fast as' if options.what != 'module' else 'the time of'} {first}; MiB more)"
    )
    lines = [
        f"{title}.\n",
        "| tokens | " + " | ".join(f"{length:,}" for length in lengths) + " |",
        "|---|" + "---:|" * len(lengths),
    ]
    for name, row in cells.items():
        shown = []
        for length in lengths:
            seconds, grown = row[length]
            against = cells[first][length][0]
            ratio = seconds / against if options.what == "module" else against / seconds
            memory = "" if np.isnan(grown) else f"; {grown / MIB:,.0f}"
            shown.append(f"{1000 * seconds:,.1f} ({ratio:.2f}x{memory})")
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
