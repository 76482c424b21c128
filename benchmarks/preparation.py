"""Speed and memory of preparing a corpus: from text to token ids on disk.

    python benchmarks/preparation.py CORPUS [--rounds 3] [--keep]
    python benchmarks/preparation.py CORPUS --memory 10,100,1000 [--keep]
    python benchmarks/preparation.py CORPUS --workers 1,2 [--keep]

CORPUS is a text file, compressed or not, with one paragraph per line.  All contenders get the same
vocabulary, a WordPiece of 8,000 tokens learned from it, and the same documents as JSON lines, and
run in processes of their own, imports excluded.  CPU seconds are those of all processes.  "2019's
way" is a reimplementation of bert4keras's data_utils.py: jieba, then the tokenizer word by word,
masks and rows in Python.  It and `datasets` need `pip install datasets jieba`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from results import keep

HEADING = "Preparing a corpus"
SLOW = 5  # 2019's way gets one document of so many
PERIOD = 0.1  # seconds between two looks at the memory


def hornbook_shards(corpus: Path, vocabulary: Path, work: Path, *, words: str, workers: int):
    """hornbook, with jieba's words, or with tokens and sentences only."""
    from hornbook.data.corpus.preparing import prepare_shards
    from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

    tokenizer = WordPieceTokenizer.from_folder(vocabulary)
    tokenizer.encode("warm")

    def run() -> int:
        options = {"words": words, "workers": workers, "quiet": True}
        return prepare_shards(corpus, tokenizer, work / "shards", **options).num_tokens

    return run


def datasets_map(corpus: Path, vocabulary: Path, work: Path, *, workers: int):
    """`datasets`: JSON lines to Arrow, then `map` in batches with transformers' tokenizer."""
    import datasets
    import transformers

    datasets.disable_progress_bars()
    tokenizer = transformers.AutoTokenizer.from_pretrained(vocabulary)
    tokenizer("warm")

    def ids(batch):
        found = tokenizer(batch["text"], add_special_tokens=False, return_attention_mask=False)
        return {"input_ids": found["input_ids"]}

    def run() -> int:
        rows = datasets.load_dataset(
            "json", data_files=str(corpus), split="train", cache_dir=str(work / "cache")
        )
        options = {"batched": True, "remove_columns": ["text"]}
        rows = rows.map(ids, num_proc=workers or None, **options)
        return sum(map(len, rows["input_ids"][:]))

    return run


def as_in_2019(corpus: Path, vocabulary: Path, work: Path):
    """Document by document: sentences, jieba, the tokenizer word by word, masks, rows."""
    import jieba

    from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

    jieba.setLogLevel(60)
    tokenizer = WordPieceTokenizer.from_folder(vocabulary)
    jieba.lcut("热身")

    def masked(token_id: int) -> int:
        chance = random.random()
        if chance < 0.8:
            return tokenizer.mask_token_id + 1
        return token_id + 1 if chance < 0.9 else random.randrange(tokenizer.vocabulary_size) + 1

    def run() -> int:
        count = 0
        ids: list[int] = []
        masks: list[int] = []
        with open(corpus, encoding="utf-8") as lines, open(work / "rows", "wb") as out:
            for line in lines:
                for sentence in re.findall(".*?[\n。]+|.+", json.loads(line)["text"]):
                    for word in jieba.lcut(sentence):
                        found = tokenizer.encode(word, add_special_tokens=False).token_ids
                        chosen = random.random() < 0.15
                        ids += found
                        masks += [masked(one) if chosen else 0 for one in found]
                        count += len(found)
                while len(ids) >= 510:
                    np.array([ids[:510], masks[:510]]).tofile(out)
                    del ids[:510], masks[:510]
        return count

    return run


CONTENDERS: dict[str, Callable] = {
    "hornbook, Chinese words": lambda *a: hornbook_shards(*a, words="chinese", workers=0),
    "hornbook, tokens only": lambda *a: hornbook_shards(*a, words="tokens", workers=0),
    "datasets.map": lambda *a: datasets_map(*a, workers=0),
    "2019's way": as_in_2019,
}


def measure(contender: str, corpus: Path, vocabulary: Path) -> dict[str, float]:
    """Runs one contender in this process."""
    with tempfile.TemporaryDirectory() as work:
        name, _, count = contender.rpartition(" ")
        if name == "hornbook" and count.isdecimal():
            run = hornbook_shards(
                corpus, vocabulary, Path(work), words="chinese", workers=int(count)
            )
        elif name == "datasets":
            run = datasets_map(corpus, vocabulary, Path(work), workers=int(count))
        else:
            run = CONTENDERS[contender](corpus, vocabulary, Path(work))
        wall, cpu = time.perf_counter(), _cpu_seconds()
        tokens = run()
        wall, cpu = time.perf_counter() - wall, _cpu_seconds() - cpu
    return {"wall": wall, "cpu": cpu, "tokens": tokens}


def _cpu_seconds() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure_memory(corpus: Path, vocabulary: Path) -> dict[str, float]:
    """Returns the peak memory of this process and its workers during preparation.

    Memory of their own: pages of the shards, which the system may drop at any time, do not count.
    """
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(PERIOD):
            peak = max(peak, sum(map(_own_bytes, _with_children(os.getpid()))))

    with tempfile.TemporaryDirectory() as work:
        run = hornbook_shards(corpus, vocabulary, Path(work), words="chinese", workers=2)
        watcher = threading.Thread(target=watch)
        watcher.start()
        tokens = run()
        done.set()
        watcher.join()
    return {"peak": peak, "tokens": tokens}


def _with_children(process: int) -> list[int]:
    try:
        listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    return [process, *(one for child in listed for one in _with_children(int(child)))]


def _own_bytes(process: int) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"RssAnon:\s+(\d+)", status)
    return 1024 * int(found[1]) if found else 0


def in_child(*words: str) -> dict[str, float]:
    """Runs one contender in a fresh process with one thread."""
    quiet = {"HF_HUB_OFFLINE": "1", "HORNBOOK_QUIET": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, __file__, *words]
    done = subprocess.run(
        command, env=os.environ | quiet, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def write_corpus(texts: list[str], path: Path, size: float) -> int:
    """Writes the texts as JSON lines, repeated until there are `size` bytes of text."""
    written = number = 0
    with open(path, "w", encoding="utf-8") as file:
        while written < size:
            text = texts[number % len(texts)]
            written += len(text.encode())
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
            number += 1
    return written


def speed_table(texts: list[str], work: Path, rounds: int) -> str:
    """Measures all contenders alternately."""
    size = sum(len(text.encode()) for text in texts)
    full = write_corpus(texts, work / "full.jsonl", size)
    part = write_corpus(texts[::SLOW], work / "part.jsonl", size / SLOW)
    found: dict[str, list[dict]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name, results in found.items():
            corpus = work / ("part.jsonl" if name == "2019's way" else "full.jsonl")
            results.append(in_child(str(corpus), "--child", name, "--folder", str(work)))
    lines = [
        f"{len(texts):,} paragraphs, {size / 1e6:.1f} MB; medians of {rounds}.",
        "",
        "| contender | MB/s | MB a CPU second | of datasets.map | tokens |",
        "|---|---:|---:|---:|---:|",
    ]
    rates = {}
    for name, results in found.items():
        size = part if name == "2019's way" else full
        rates[name] = [
            size / 1e6 / statistics.median(result[kind] for result in results)
            for kind in ("wall", "cpu")
        ]
    base = rates["datasets.map"][1]
    for name, (wall, cpu) in rates.items():
        tokens = f"{found[name][0]['tokens']:,}"
        lines.append(f"| {name} | {wall:.2f} | {cpu:.2f} | {cpu / base:.2f} | {tokens} |")
    return "\n".join(lines)


def scaling_table(texts: list[str], work: Path, counts: list[int]) -> str:
    """Measures hornbook and `datasets` with several processes, on the text repeated eight times."""
    corpus = work / "long.jsonl"
    written = write_corpus(texts, corpus, 8 * sum(len(text.encode()) for text in texts))
    lines = [
        f"{written / 1e6:.0f} MB, Chinese words; starting the processes is counted.",
        "",
        "| processes | hornbook, MB/s | datasets.map, MB/s |",
        "|---:|---:|---:|",
    ]
    for count in counts:
        rates = [
            written / 1e6 / in_child(str(corpus), "--child", name, "--folder", str(work))["wall"]
            for name in (f"hornbook {count}", f"datasets {count}")
        ]
        lines.append(f"| {count} | {rates[0]:.2f} | {rates[1]:.2f} |")
    return "\n".join(lines)


def memory_table(texts: list[str], work: Path, sizes: list[int]) -> str:
    """Measures memory on ever longer repetitions of the text."""
    lines = ["Two processes and the one that reads.", "", "| text, MB | peak, MB |", "|---:|---:|"]
    for size in sizes:
        corpus = work / "long.jsonl"
        write_corpus(texts, corpus, size * 1e6)
        found = in_child(str(corpus), "--child", "memory", "--folder", str(work))
        lines.append(f"| {size:,} | {found['peak'] / 1e6:.0f} |")
        corpus.unlink()
    return "\n".join(lines)


def main() -> None:
    """Learns the vocabulary, measures, prints the table; `--keep` adds it to RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", help="megabytes of text, such as 10,100,1000")
    parser.add_argument("--workers", help="numbers of processes, such as 1,2")
    parser.add_argument("--keep", action="store_true", help="add the table to RESULTS.md")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        vocabulary = options.folder / "vocabulary"
        if options.child == "memory":
            print(json.dumps(measure_memory(options.corpus, vocabulary)))
        else:
            print(json.dumps(measure(options.child, options.corpus, vocabulary)))
        return
    from hornbook.data.corpus.documents import documents
    from hornbook.text.learning import learn_vocabulary

    texts = [document.text for document in documents(options.corpus, lines=True)]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        learn_vocabulary(texts, 8000, work / "vocabulary")
        rest = f"--rounds {options.rounds}"
        if options.memory:
            table = memory_table(texts, work, [int(size) for size in options.memory.split(",")])
            rest = f"--memory {options.memory}"
        elif options.workers:
            table = scaling_table(texts, work, [int(n) for n in options.workers.split(",")])
            rest = f"--workers {options.workers}"
        else:
            table = speed_table(texts, work, options.rounds)
    print(table)
    if options.keep:
        keep(HEADING, f"`python benchmarks/preparation.py {options.corpus.name} {rest}`\n\n{table}")


if __name__ == "__main__":
    main()
