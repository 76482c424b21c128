"""Small tokenizers of every kind, trained here and saved as they are published."""

from __future__ import annotations

import io
import json

import pytest

LINES = [
    "今天天气很好，我们去公园散步吧。",
    "机器学习和语言模型是今天的天气。",
    "The quick brown fox jumps over the lazy dog.",
    "Hello world, it isn't the weather; hello 你好 世界!",
]
BERT_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]

BYTE_PAIRS = ("gpt2", "openai-gpt2", "roberta", "bart")
LIBRARY_FILES = ("qwen", "modernbert", "t5-json", "llama-json", "mpnet")
SENTENCEPIECE = ("t5", "albert", "xlnet", "llama", "xlm-roberta", "cpm")
KINDS = ("bert", "gpt", *BYTE_PAIRS, *LIBRARY_FILES, *SENTENCEPIECE)


def train_byte_pairs(special_tokens, size=360):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    library = Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special_tokens,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    library.train_from_iterator(LINES * 5, trainer)
    return library


def train_sentencepiece(**options):
    sentencepiece = pytest.importorskip("sentencepiece")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES * 20),
        model_writer=model,
        minloglevel=2,
        hard_vocab_limit=False,
        **{"vocab_size": 160, **options},
    )
    return model.getvalue()


SENTENCEPIECE_OPTIONS = {
    "t5": {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},
    "albert": {
        "pad_id": 0,
        "unk_id": 1,
        "bos_id": -1,
        "eos_id": -1,
        "control_symbols": ["[CLS]", "[SEP]", "[MASK]"],
    },
    "xlnet": {"control_symbols": ["<cls>", "<sep>", "<pad>", "<mask>", "<eod>"]},
    "llama": {
        "model_type": "bpe",
        "byte_fallback": True,
        "vocab_size": 420,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
    },
    "xlm-roberta": {},
    "cpm": {
        "control_symbols": ["<cls>", "<sep>", "<pad>", "<mask>", "<eod>"],
        "user_defined_symbols": ["▂", "▃"],
    },
}


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")


def write_bert(folder):
    from hornbook.text.vocabulary import learn_wordpiece
    from hornbook.text.wordpiece.longest_match import WordPieceTokenizer

    WordPieceTokenizer(learn_wordpiece(LINES * 2, 200)).save(folder)


def write_gpt(folder):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    library = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    library.normalizer = normalizers.BertNormalizer()
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=200,
        special_tokens=["<unk>"],
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    library.train_from_iterator(LINES * 5, trainer)
    library.model.save(str(folder))


def write_byte_pairs(folder, kind):
    special_tokens = ["<|endoftext|>"] if "gpt2" in kind else ROBERTA_TOKENS
    train_byte_pairs(special_tokens).model.save(str(folder))
    if kind == "openai-gpt2":
        (folder / "vocab.json").rename(folder / "encoder.json")
        (folder / "merges.txt").rename(folder / "vocab.bpe")
    if kind == "bart":
        mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "special": True}
        config = {"tokenizer_class": "BartTokenizer", "add_prefix_space": True, "mask_token": mask}
        names = {"bos": "<s>", "eos": "</s>", "cls": "<s>", "sep": "</s>", "pad": "<pad>"}
        config |= {f"{purpose}_token": token for purpose, token in names.items()}
        write_json(folder / "tokenizer_config.json", config)


def write_library_file(folder, kind):
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )

    config = {"tokenizer_class": "PreTrainedTokenizerFast"}
    if kind == "qwen":
        library = train_byte_pairs(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
        library.normalizer = normalizers.NFC()
        cut = pre_tokenizers.Split(Regex(r"\p{N}| ?\p{L}+|\s+(?!\S)|\s+|."), "isolated")
        bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        library.pre_tokenizer = pre_tokenizers.Sequence([cut, bytes_only])
        library.post_processor = processors.ByteLevel(trim_offsets=False)
        config |= {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
        library.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    elif kind == "modernbert":
        library = train_byte_pairs(BERT_TOKENS)
        library.add_special_tokens([*BERT_TOKENS[:4], AddedToken("[MASK]", lstrip=True)])
        ids = [(token, library.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
        template = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids
        )
        trims = processors.ByteLevel(trim_offsets=True)
        library.post_processor = processors.Sequence([trims, template])
        config = None
    elif kind == "t5-json":
        library = Tokenizer(models.Unigram())
        library.normalizer = normalizers.NFKC()
        library.pre_tokenizer = pre_tokenizers.Metaspace()
        library.decoder = decoders.Metaspace()
        special_tokens = ["<pad>", "</s>", "<unk>", "<extra_id_0>"]
        trainer = trainers.UnigramTrainer(
            vocab_size=200, special_tokens=special_tokens, unk_token="<unk>", show_progress=False
        )
        library.train_from_iterator(LINES * 5, trainer)
        library.post_processor = processors.TemplateProcessing(
            single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
        )
        library.enable_truncation(4)
        library.enable_padding(length=9)
        config |= {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    elif kind == "llama-json":
        library = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
        alphabet = [f"<0x{byte:02X}>" for byte in range(256)]
        trainer = trainers.BpeTrainer(
            vocab_size=420,
            special_tokens=["<unk>", "<s>", "</s>", *alphabet],
            show_progress=False,
        )
        library.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
        library.train_from_iterator(LINES[2:], trainer)  # so that Chinese falls back on bytes
        library.decoder = decoders.Sequence(
            [
                decoders.Replace("▁", " "),
                decoders.ByteFallback(),
                decoders.Fuse(),
                decoders.Strip(" ", 1, 0),
            ]
        )
        library.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
        )
        content = json.loads(library.to_str())
        content["added_tokens"] = content["added_tokens"][:3]
        library = Tokenizer.from_str(json.dumps(content))
        config |= {
            "bos_token": "<s>",
            "eos_token": {"__type": "AddedToken", "content": "</s>"},
            "unk_token": "<unk>",
        }
    else:
        library = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        library.normalizer = normalizers.BertNormalizer()
        library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        library.decoder = decoders.WordPiece()
        special_tokens = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
        trainer = trainers.WordPieceTrainer(
            vocab_size=200, special_tokens=special_tokens, show_progress=False
        )
        library.train_from_iterator(LINES * 5, trainer)
        library.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
        config |= {"cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>"}
    library.save(str(folder / "tokenizer.json"))
    if config is not None:
        write_json(folder / "tokenizer_config.json", config)


def write_sentencepiece(folder, kind):
    names = {"llama": "tokenizer.model", "xlm-roberta": "sentencepiece.bpe.model"}
    model = train_sentencepiece(**SENTENCEPIECE_OPTIONS[kind])
    (folder / names.get(kind, "spiece.model")).write_bytes(model)
    if kind == "llama":
        config = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "bos_token": "<s>"}
        write_json(folder / "tokenizer_config.json", config)


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory):
    """Returns a function that returns the folder of a kind, which tests do not change."""
    folders = {}

    def make(kind):
        if kind not in folders:
            folder = tmp_path_factory.mktemp(kind)
            if kind == "bert":
                write_bert(folder)
            elif kind == "gpt":
                write_gpt(folder)
            elif kind in BYTE_PAIRS:
                write_byte_pairs(folder, kind)
            elif kind in LIBRARY_FILES:
                write_library_file(folder, kind)
            else:
                write_sentencepiece(folder, kind)
            folders[kind] = folder
        return folders[kind]

    return make


@pytest.fixture(scope="session")
def opened(tokenizer_folder):
    """Returns a function that returns the tokenizer of a kind."""
    from hornbook.text.tokenizer_folder import tokenizer_from_folder

    tokenizers = {}

    def open_kind(kind):
        if kind == "cpm":
            pytest.importorskip("rjieba")
        if kind not in tokenizers:
            tokenizers[kind] = tokenizer_from_folder(tokenizer_folder(kind))
        return tokenizers[kind]

    return open_kind


def pytest_generate_tests(metafunc):
    if "kind" in metafunc.fixturenames and not any(
        "kind" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")
    ):
        metafunc.parametrize("kind", KINDS)
