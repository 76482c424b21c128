"""Every reader of files that hornbook has, with small sound files of its kind, for `fuzzing.py`."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TENSORS: dict[str, Any] = {
    "bert/embeddings/word_embeddings": np.arange(300, dtype="float32").reshape(50, 6),
    "a/b": np.arange(40, dtype="float16"),
    "global_step": np.asarray(np.int64(7)),
    "k": np.ones((7, 5)),
}
TEXTS = [
    "hello world",
    "今天天气不错 foo",
    "A\u0301bc </s> [CLS] [MASK] 😀",
    "x" * 300,
    " \t\n",
    "",
]
CORPUS = ["hello world this is text 123", "今天 天气 不错", "foo bar baz hello hello"] * 30
ROWS = [
    {"text": f"今天天气不错 number {i} \\ \" é 😀", "label": "ab"[i % 2]} for i in range(30)
]  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """A kind of files and what reads it.

    Attributes:
        make: Writes sound files into an empty folder.
        read: Reads the folder and returns something to compare.
    """

    make: Callable[[Path], None]
    read: Callable[[Path], Any]


def _lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


# Weights.


def _write_bundle(folder: Path) -> None:
    from hornbook.checkpoints import write_tensor_bundle

    write_tensor_bundle(folder / "bert_model.ckpt", TENSORS)


def _write_safetensors(folder: Path) -> None:
    from hornbook.checkpoints import write_safetensors

    write_safetensors(folder / "model.safetensors", TENSORS)


def _write_shards(folder: Path) -> None:
    from hornbook.checkpoints import write_shards

    write_shards(folder, TENSORS, shard_size=600)


def _write_torch(folder: Path) -> None:
    import torch

    state = {name.replace("/", "."): torch.from_numpy(x.copy()) for name, x in TENSORS.items()}
    torch.save(state, folder / "pytorch_model.bin")


def _write_bert4keras(case: str, file: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        tests = Path(__file__).parents[1] / "tests" / "checkpoints" / "bert4keras"
        with tarfile.open(tests / "bert4keras_files.tar.xz") as archive:
            for member in archive.getmembers():
                if member.isfile() and member.name.startswith(f"bert4keras/{case}/{file}"):
                    member.name = Path(member.name).name
                    archive.extract(member, folder, filter="data")

    return make


def _read_checkpoint(folder: Path) -> Any:
    from hornbook.checkpoints import find_checkpoint

    checkpoint = find_checkpoint(folder)
    tensors = {}
    for name in checkpoint.names():
        shape, array = tuple(checkpoint.shape(name)), checkpoint.read(name)
        assert array.shape == shape, (name, array.shape, shape)
        tensors[name] = (str(array.dtype), shape, array.tobytes())
    checkpoint.verify()
    return tensors


# Configurations and tokenizers.


def _write_config(folder: Path) -> None:
    from hornbook.pretrained.opening.bundled import model_folder

    shutil.copy(model_folder("hornbook-tiny") / "config.json", folder)


def _read_config(folder: Path) -> Any:
    from hornbook.pretrained.opening.model_folder import family_of, read_config_file

    file, values = read_config_file(folder)
    family = family_of(values, None)
    config = family.read_config(values, str(file))
    family.write_config(config)
    return repr(config)


def _write_wordpiece(folder: Path) -> None:
    from hornbook.pretrained.opening.bundled import model_folder

    tiny = model_folder("hornbook-tiny")
    tokens = (tiny / "vocab.txt").read_text("utf-8").split("\n")[:400]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", "utf-8")
    shutil.copy(tiny / "tokenizer_config.json", folder)
    (folder / "added_tokens.json").write_text('{"[E1]": 400, "<user>": 401}')


def _learned(kind: str, size: int) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from hornbook.text.learning import learn_vocabulary

        folder.rmdir()  # a vocabulary is learned into a new folder
        learn_vocabulary(CORPUS, size, folder, kind=kind)
        (folder / "manifest.json").unlink(missing_ok=True)

    return make


def _read_tokenizer(folder: Path) -> Any:
    from hornbook.text.tokenizer_folder import tokenizer_from_folder

    tokenizer = tokenizer_from_folder(folder)
    if tokenizer is None:
        return None
    read = [tokenizer.vocabulary_size, tokenizer.kind]
    for text in TEXTS:
        ids = list(tokenizer.encode(text).token_ids)
        read += [ids, tokenizer.decode(ids), tokenizer.tokens(ids)]
    (folder / "saved").mkdir()
    tokenizer.save(folder / "saved")
    return read


# Rows, documents, images, baskets.


def _write_labeled(folder: Path) -> None:
    (folder / "train.jsonl").write_text(_lines(ROWS), "utf-8")


def _read_labeled(folder: Path) -> Any:
    from hornbook.data.texts.labeled import read_labeled_texts

    return [repr(read_labeled_texts(folder, split)) for split in ("train", "valid")]


def _write_table(name: str, delimiter: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        rows = [f'"a ""q"" {i}"{delimiter}{"xy"[i % 2]}' for i in range(20)]
        (folder / name).write_text("\n".join([f"text{delimiter}label", *rows]))

    return make


def _write_pairs(folder: Path) -> None:
    rows = [
        {"source": f"a{i}", "target": f"b{i}", "label": i % 2, "criterion": "c"} for i in range(30)
    ]
    (folder / "train.jsonl").write_text(_lines(rows))


def _read_pairs(folder: Path) -> Any:
    from hornbook.data.texts.pairs import read_pairs

    return [repr(read_pairs(folder, split)) for split in ("train", "valid")]


def _write_questions(folder: Path) -> None:
    paragraphs = [
        {
            "context": f"第{i}段，今天 hello。",
            "qas": [
                {"question": "谁？", "id": i, "answers": [{"text": "今天", "answer_start": 4}]},
                {"question": "谁？", "answers": [], "is_impossible": True},
            ],
        }
        for i in range(15)
    ]
    text = json.dumps({"data": [{"title": "a", "paragraphs": paragraphs}]}, ensure_ascii=False)
    (folder / "train.json").write_text(text, "utf-8")


def _read_questions(folder: Path) -> Any:
    from hornbook.data.questions.question_data import questions_with_answers

    return _both_splits(questions_with_answers(folder))


def _both_splits(data: Any) -> list[str]:
    splits = data.training()
    return [repr(splits.train), repr(splits.valid)]


def _write_tagged(folder: Path) -> None:
    sentences = [f"第 O\n{i} O\n北 B-LOC\n京 E-LOC\n王 S-PER\n" for i in range(20)]
    (folder / "train.bmes").write_text("\n".join(sentences), "utf-8")


def _write_entities(folder: Path) -> None:
    rows = [
        {"text": f"北京{i}", "entities": [[0, 2, "place"], {"start": 2, "end": 3, "type": "n"}]}
        for i in range(20)
    ]
    (folder / "train.jsonl").write_text(_lines(rows), "utf-8")


def _read_tagged(folder: Path) -> Any:
    from hornbook.data.entities.tagged_data import tagged_texts

    return _both_splits(tagged_texts(folder))


def _write_relations(folder: Path) -> None:
    rows = []
    for i in range(20):
        place = {"start": 0, "end": 2, "text": "北京"}
        inside = {"subject": place, "predicate": "p", "object": {"start": 3, "end": 4}}
        slots = {"@value": "京", "in": "天"}
        row = {"text": f"北京在天{i}", "relations": [inside, ["北", "q", "天"]]}
        row["relations"].append({"subject": "在", "predicate": "r", "object": slots})
        rows.append(row)
    (folder / "train.jsonl").write_text(_lines(rows), "utf-8")


def _read_relations(folder: Path) -> Any:
    from hornbook.data.relations.related_data import related_texts

    return _both_splits(related_texts(folder))


def _write_events(folder: Path) -> None:
    rows = []
    for i in range(20):
        argument = {"role": "a", "argument": "北京", "argument_start_index": 0}
        duee = {"event_type": "p", "trigger": "在", "trigger_start_index": 2}
        mentions = [{"word": "天", "span": [3, 4], "role": "trigger"}]
        events = [{**duee, "arguments": [argument]}, {"type": "q", "mentions": mentions}]
        events.append({"type": "r", "trigger": {"start": 2, "end": 3}, "arguments": []})
        events.append({"type": "s", "arguments": [{"role": "b", "text": "天"}]})
        rows.append({"text": f"北京在天{i}", "events": events})
    (folder / "train.jsonl").write_text(_lines(rows), "utf-8")


def _read_events(folder: Path) -> Any:
    from hornbook.data.events.event_data import texts_with_events

    return _both_splits(texts_with_events(folder))


def _write_corpus(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        text = "\n\n".join(f"段落 {i} 今天 hello world.\nsecond line" for i in range(30)).encode()
        path = folder / name
        if name.endswith(".gz"):
            path.write_bytes(gzip.compress(text, mtime=0))
        elif name.endswith(".zst"):
            import pyarrow

            path.write_bytes(pyarrow.compress(text, codec="zstd", asbytes=True))
        elif name.endswith(".parquet"):
            import pyarrow
            import pyarrow.parquet

            table = pyarrow.table({"text": [row["text"] for row in ROWS]})
            pyarrow.parquet.write_table(table, path, compression="none")
        elif name.endswith(".jsonl"):
            path.write_text(_lines(ROWS), "utf-8")
        else:
            path.write_bytes(text)

    return make


def _read_corpus(folder: Path) -> Any:
    from hornbook.data.corpus.documents import documents

    return [(document.text, document.line) for document in documents(sorted(folder.iterdir()))]


def _write_image(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from PIL import Image

        pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)

    return make


def _read_image(folder: Path) -> Any:
    from hornbook.data.images.decoding import read_image

    return [read_image(file).tobytes() for file in sorted(folder.iterdir())]


def _write_image_rows(folder: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    _write_image("a.png")(folder)
    image = folder / "a.png"
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pair = {"bytes": image.read_bytes(), "path": "a.png"}
    table = pyarrow.table({"image": [pair] * 6, "label": [n % 2 for n in range(6)]})
    table = table.replace_schema_metadata(metadata)
    pyarrow.parquet.write_table(table, folder / "train.parquet", compression="none")
    image.unlink()


def _read_image_rows(folder: Path) -> Any:
    from hornbook.data.images.decoding import digest_of
    from hornbook.data.images.rows.class_rows import find_classes

    images = find_classes(folder / "train.parquet").files("train")
    return {label: [digest_of(image) for image in own] for label, own in images.items()}


def _write_baskets(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        if name.endswith(".parquet"):
            import pyarrow
            import pyarrow.parquet

            columns = {
                "basket": [i // 3 for i in range(60)],
                "item": [f"i{i % 7}" for i in range(60)],
            }
            pyarrow.parquet.write_table(pyarrow.table(columns), folder / name)
        elif name.endswith(".csv"):
            rows = [f'milk,"bread, white",i{i % 5}' for i in range(40)]
            (folder / name).write_text("\n".join(rows))
        else:
            rows = [" ".join(str(i * k % 13) for k in range(1, 5)) for i in range(40)]
            (folder / name).write_text("\n".join(rows))

    return make


def _read_baskets(folder: Path) -> Any:
    from hornbook.mining import frequent_itemsets
    from hornbook.mining.reading.basket_files import read_baskets

    [file] = folder.iterdir()
    columns: dict[str, Any] = {}
    if file.suffix == ".parquet":
        columns = {"basket": "basket", "item": "item"}
    baskets = read_baskets(file, **columns)
    itemsets = frequent_itemsets(baskets, 0.05, max_length=3)
    return [len(baskets), len(itemsets), sorted(map(str, baskets.labels))[:50]]


# What hornbook writes itself.


def _write_prepared(folder: Path) -> None:
    from hornbook.data.corpus.preparing import prepare_shards
    from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

    corpus = folder.with_name(f"{folder.name}-corpus.txt")
    corpus.write_text("\n\n".join(f"abc cab bca {i % 3}" for i in range(20)))
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = WordPieceTokenizer([*special, *"abc012", "##a", "##b", "##c"])
    prepare_shards(corpus, tokenizer, folder, workers=0, quiet=True)
    corpus.unlink()


def _read_prepared(folder: Path) -> Any:
    from hornbook.data.corpus.shard_index import read_index, write_index
    from hornbook.data.corpus.token_shards import TokenShards

    try:  # with the right checksum, so that what is behind it is read too
        index = json.loads((folder / "index.json").read_text("utf-8"))
        if isinstance(index, dict) and os.urandom(1)[0] % 2:
            index.pop("sha256", None)
            write_index(folder, index)
    except (ValueError, RecursionError, OSError):
        pass
    assert read_index(folder) is not None
    shards = TokenShards.open(folder)
    arrays = [[part.tobytes() for part in shard] for shard in shards.shards]
    return [shards.num_tokens, shards.num_documents, repr(shards.special_ids), arrays]


def _write_saved(folder: Path) -> None:
    from hornbook.recipes import recipe_named
    from hornbook.recipes.fields import learned_by

    recipe = recipe_named("text-classification")()
    recipe.classes = ["a", "b"]
    description = {"recipe": recipe.name, "fields": recipe.fields(), "learned": learned_by(recipe)}
    (folder / "recipe.json").write_text(json.dumps(description))


def _read_saved(folder: Path) -> Any:
    from hornbook.files import write_manifest
    from hornbook.recipes import recipe_named
    from hornbook.recipes.fields import take_learned
    from hornbook.recipes.recipe import naming, read_saved

    write_manifest(folder)
    saved, path = read_saved(folder)
    with naming(path / "recipe.json"):
        recipe = recipe_named(saved["recipe"]).from_fields(saved["fields"])
        take_learned(recipe, saved["learned"])
    return repr(recipe)


def _write_snapshot(folder: Path) -> None:
    from safetensors.numpy import save_file

    from hornbook.files import write_manifest

    inside = folder / "step-00000003"
    inside.mkdir()
    save_file({"00000": np.ones((2, 3), "float32")}, inside / "variables.safetensors")
    (inside / "state.json").write_text(json.dumps({"step": 3, "epoch": 0, "rows": []}))
    write_manifest(inside)
    for file in inside.iterdir():
        file.rename(folder / file.name)
    inside.rmdir()


def _read_snapshot(folder: Path) -> Any:
    from hornbook.training.snapshots import Snapshots

    inside = folder / "step-00000003"
    inside.mkdir()
    for file in list(folder.iterdir()):
        if file != inside:
            file.rename(inside / file.name)
    snapshots = Snapshots(folder)
    path = snapshots.newest()
    return None if path is None else snapshots.state(path)


def _write_run(folder: Path) -> None:
    fields = {"recipe": "captcha", "fields": {"epochs": 3}, "data": {"train": "x"}}
    (folder / "recipe.json").write_text(json.dumps(fields))
    rows = [{"epoch": i, "loss": 1 / (i + 1), "f1": {"a": 0.5}} for i in range(5)]
    (folder / "metrics.jsonl").write_text(_lines(rows))


def _read_run(folder: Path) -> Any:
    from hornbook.training.run_folder import RunFolder

    run = RunFolder(folder)
    return [run.recipe(), run.metrics()]


def _write_labels(folder: Path) -> None:
    rows = [f"{i:04}.png,ab{i % 7}d" for i in range(12)]
    (folder / "labels.csv").write_text("\n".join(["file,label", *rows]))


def _read_labels(folder: Path) -> Any:
    from hornbook.data.captchas.label_files import read_label_file

    rows = read_label_file(folder / "labels.csv", {f"{i:04}.png" for i in range(12)})
    return repr(rows)


READERS: dict[str, Reader] = {
    "google": Reader(_write_bundle, _read_checkpoint),
    "safetensors": Reader(_write_safetensors, _read_checkpoint),
    "sharded": Reader(_write_shards, _read_checkpoint),
    "torch": Reader(_write_torch, _read_checkpoint),
    "keras2": Reader(_write_bert4keras("tagger", "best_model.weights"), _read_checkpoint),
    "keras2-model": Reader(_write_bert4keras("hidden_condition", "whole.h5"), _read_checkpoint),
    "object-graph": Reader(_write_bert4keras("tagger", "tf/"), _read_checkpoint),
    "config": Reader(_write_config, _read_config),
    "wordpiece": Reader(_write_wordpiece, _read_tokenizer),
    "byte-pairs": Reader(_learned("bpe", 300), _read_tokenizer),
    "unigram": Reader(_learned("unigram", 60), _read_tokenizer),
    "labeled-jsonl": Reader(_write_labeled, _read_labeled),
    "labeled-csv": Reader(_write_table("train.csv", ","), _read_labeled),
    "labeled-tsv": Reader(_write_table("train.tsv", "\t"), _read_labeled),
    "pairs": Reader(_write_pairs, _read_pairs),
    "questions": Reader(_write_questions, _read_questions),
    "tagged": Reader(_write_tagged, _read_tagged),
    "entities": Reader(_write_entities, _read_tagged),
    "relations": Reader(_write_relations, _read_relations),
    "events": Reader(_write_events, _read_events),
    "captcha-labels": Reader(_write_labels, _read_labels),
    "text": Reader(_write_corpus("a.txt"), _read_corpus),
    "text-gz": Reader(_write_corpus("a.txt.gz"), _read_corpus),
    "text-zst": Reader(_write_corpus("a.txt.zst"), _read_corpus),
    "documents-jsonl": Reader(_write_corpus("a.jsonl"), _read_corpus),
    "documents-parquet": Reader(_write_corpus("a.parquet"), _read_corpus),
    "png": Reader(_write_image("a.png"), _read_image),
    "jpeg": Reader(_write_image("a.jpg"), _read_image),
    "gif": Reader(_write_image("a.gif"), _read_image),
    "webp": Reader(_write_image("a.webp"), _read_image),
    "image-rows": Reader(_write_image_rows, _read_image_rows),
    "baskets-csv": Reader(_write_baskets("b.csv"), _read_baskets),
    "baskets-integers": Reader(_write_baskets("b.dat"), _read_baskets),
    "baskets-parquet": Reader(_write_baskets("b.parquet"), _read_baskets),
    "prepared": Reader(_write_prepared, _read_prepared),
    "saved-recipe": Reader(_write_saved, _read_saved),
    "snapshot": Reader(_write_snapshot, _read_snapshot),
    "run-folder": Reader(_write_run, _read_run),
}
