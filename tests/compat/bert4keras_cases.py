"""Inputs whose answers by bert4keras itself are in bert4keras_cases.json.

python tests/compat/bert4keras_cases.py BERT4KERAS VOCABULARY writes that file, in an environment
with NumPy and six; BERT4KERAS is a checkout of bojone/bert4keras (answers of commit c1ae0dc),
VOCABULARY the vocab.txt of hornbook-tiny.
"""

import json
import random
import sys
import types
from pathlib import Path

import numpy as np

ANSWERS = Path(__file__).with_suffix(".json")
POOLS = (
    "今天天气很好我们去公园玩吧上海北京中文龘",
    "abcdefghijklmnop ",
    "ABCÉÀöüñŁßΣςσı",
    "，。！？、；：“”‘’《》（）【】",
    "!?.,:;'\"()-/=+<>[]{}#@$%^&*_~`|\\",
    "0123456789",
    "😀😂👨‍👩‍👧🇨🇳❤️",
    "\t\n\r\u3000\u00a0\u2028\u200b\u0000\ufffd\x07\u00ad\x0b\x85",
    "e\u0301a\u0300n\u0303u\u0308",
    "かなカナ한국어ขอบคุณ",
    "\ue000\uf8ff\U000f0000",
    "ＡＢ１２ﬁⅡ①²",
)
WRITTEN = (
    "",
    "   ",
    "don't you're it's 3.14 and 1,000 (a) [b] x=y+z 50% $5.99 e.g. U.S.A. \"quoted\"",
    "今天[MASK]气，用GPT-3写的《文章》（2020年）！",
    "[CLS] a [SEP]",
    "ΟΔΟΣ Straße ÉCOLE",
    "a" * 99,
    "x" * 150,
    "y" * 201,
    "unaffable running " * 12,
)
MORE_TOKENS = (
    *"ABCÉöüñΣςσıéàかな한😀Ａ１ﬁⅡ①²龘",
    *("##A", "##É", "##ς", "##σ", "##な", "##ᅡ", "ᄒ", "##ᆫ", "今天", "北京", "##京", "[unused1]"),
    *("[unused2]", "GPT", "\ue000", "##\ue000", "\uf8ffa", "run", "##ning"),
)
FIRST = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def texts():
    draw = random.Random(0)
    mixed = []
    for _ in range(80):
        pools = draw.sample(POOLS, draw.randint(1, 4))
        mixed.append("".join(draw.choice(draw.choice(pools)) for _ in range(draw.randint(1, 30))))
    return [*WRITTEN, *mixed]


def tokenizer_answers(tokenizers, vocabulary):
    token_dict = tokenizers.load_vocab(vocabulary)
    for token in MORE_TOKENS:
        token_dict.setdefault(token, len(token_dict))
    short, keep = tokenizers.load_vocab(vocabulary, simplified=True, startswith=FIRST)
    yield [len(short), sum(keep), list(short)[-3:]]
    for lower in (True, False):
        tokenizer = tokenizers.Tokenizer(token_dict, do_lower_case=lower)
        for text in texts():
            tokens = tokenizer.tokenize(text)
            ids = tokenizer.encode(text)[0]
            pair = tokenizer.encode(text, "你好 hello", maxlen=16)
            left = tokenizer.encode("好", text, maxlen=12, pattern="S*ESE", truncate_from="left")
            yield [tokens, ids, pair, left, tokenizer.rematch(text, tokens), tokenizer.decode(ids)]
    tokenizer = tokenizers.Tokenizer(
        token_dict,
        do_lower_case=True,
        token_start=None,
        pre_tokenize=lambda text: [text[i : i + 2] for i in range(0, len(text), 2)],
        token_translate={"a": "[unused1]", "。": "[unused2]"},
    )
    for text in texts()[:40]:
        yield [tokenizer.tokenize(text, 9), tokenizer.encode(text, maxlen=12)]


def decoder_answers(snippets):
    """Yields the best beam, its log-probability, and samples."""
    for seed in range(60):
        draw = random.Random(seed)
        size = draw.choice([6, 12, 40])
        kind = draw.choice(["logits", "probas"])
        start, minlen, ends = draw.choice([None, 0]), draw.choice([1, 3]), draw.choice([1, 1, 2])
        options = {"temperature": draw.choice([1, 0.7, 1.5]), "min_ends": ends}
        last, before = np.random.RandomState(seed).randn(2, size, size) * 2

        class Toy(snippets.AutoRegressiveDecoder):
            @snippets.AutoRegressiveDecoder.wraps(default_rtype=kind)
            def predict(self, inputs, output_ids, states, last=last, before=before, kind=kind):
                ids = np.concatenate([inputs[0], output_ids], 1)
                scores = last[ids[:, -1]] + before[ids[:, -2]]
                return scores if kind == "logits" else snippets.softmax(scores).astype("float32")

        decoder = Toy(start_id=start, end_id=3, maxlen=8, minlen=minlen)
        best = decoder.beam_search([[1, 2, 5]], topk=draw.choice([1, 2, 3, 5]), **options)
        np.random.seed(seed)
        topk, topp = draw.choice([None, 3, size]), draw.choice([None, 0.9, 0.5])
        samples = decoder.random_sample([[1, 2, 5]], n=4, topk=topk, topp=topp, **options)
        score = 0.0
        for end in range(start is not None, len(best)):
            step = decoder.predict(
                [np.array([[1, 2, 5]])], best[None, :end], None, options["temperature"], "logits"
            )
            score += float(step[0][0, best[end]])
        yield [best.tolist(), round(score, 6), [ids.tolist() for ids in samples]]


def snippet_answers(snippets):
    draw = random.Random(5)
    for _ in range(40):
        count = draw.randint(1, 4)
        lists = [[draw.randint(0, 9) for _ in range(draw.randint(1, 7))] for _ in range(count)]
        length, mode = draw.choice([None, 3, 10]), draw.choice(["post", "pre"])
        padded = snippets.sequence_padding(lists, length, draw.choice([0, -1]), mode=mode)
        yield [padded.tolist(), str(padded.dtype)]
        arrays = [np.ones((draw.randint(1, 4), draw.randint(1, 4))) for _ in range(count)]
        length = draw.choice([None, [2, 3]])
        yield snippets.sequence_padding(arrays, length, seq_dims=2).tolist()
        yield [snippets.truncate_sequences(draw.randint(1, 9), -1, *lists), lists]
        text = "".join(draw.choice("ab。，\n ！c") for _ in range(draw.randint(0, 40)))
        strips = draw.choice([None, "，", "。 "])
        yield snippets.text_segmentate(text, draw.randint(1, 20), "\n。！，", strips)
        one, other = ("".join(draw.choices("abc", k=draw.randint(1, 9))) for _ in range(2))
        yield snippets.longest_common_substring(one, other)
        yield snippets.longest_common_subsequence(one, other)
        scores = np.random.RandomState(draw.randint(0, 999)).randn(draw.randint(5, 9), 4)
        starts, ends = draw.choice([None, [0, 1]]), draw.choice([None, [2]])
        yield snippets.ViterbiDecoder(scores[:4], starts, ends).decode(scores[4:].copy()).tolist()
    for size in (1, 7, 8, 20):

        class Batches(snippets.DataGenerator):
            def __iter__(self, random=False):
                batch = []
                for is_end, item in self.sample(random):
                    batch.append(item)
                    if len(batch) == self.batch_size or is_end:
                        yield batch
                        batch = []

        np.random.seed(size)
        sized, stream = Batches([*range(size)], 4), Batches({*range(size)}, 4, buffer_size=5)
        stream.steps = None
        yield [
            len(sized),
            *(list(one.__iter__(random)) for one in (sized, stream) for random in (0, 1)),
        ]
        batches = sized.forfit()
        yield [next(batches) for _ in range(5)]


def answers(snippets, tokenizers, vocabulary):
    return json.loads(
        json.dumps(
            {
                "tokenizers": [*tokenizer_answers(tokenizers, vocabulary)],
                "decoders": [*decoder_answers(snippets)],
                "snippets": [*snippet_answers(snippets)],
            }
        )
    )


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    backend = types.ModuleType("bert4keras.backend")  # these two modules compute without Keras
    backend.K = backend.keras = backend.tf = None
    sys.modules["bert4keras.backend"] = backend
    from bert4keras import snippets, tokenizers

    content = answers(snippets, tokenizers, sys.argv[2])
    ANSWERS.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
