"""GPT-2 on one page: configuration, weights, Transformer block, greedy generation.

python examples/gpt2_on_one_page.py FOLDER "Hello, I am" 20

FOLDER holds a GPT-2 as Hugging Face stores it: config.json, weights, and a vocabulary.

`hornbook.load(FOLDER).generate(prompt)` returns the same text.  It is longer because it serves
every family, trains, compiles, keeps keys and values in a cache, batches, samples, and searches.
Here is NumPy only, and the whole text is computed again for every token: slow, and easy to follow.

Read from top to bottom.  Shapes stand at the ends of lines: T tokens, H heads, F features per
token, D = F / H features per head, V tokens of the vocabulary.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hornbook.checkpoints import find_checkpoint, weight_values
from hornbook.models.families.gpt2 import GPT2
from hornbook.text.tokenizer_folder import tokenizer_from_folder

Weights = dict[str, np.ndarray]  # by hornbook's paths: "blocks.0.attention.query.kernel"


# 1. The configuration: six numbers of config.json describe the whole model.


@dataclass(frozen=True)
class Config:
    """The sizes of a GPT-2; the defaults are those of the smallest, with 124 M weights."""

    vocab_size: int = 50257
    positions: int = 1024  # maximum number of tokens of a text
    features: int = 768  # length of the vector of a token
    blocks: int = 12
    heads: int = 12
    epsilon: float = 1e-5  # keeps layer normalization from dividing by zero
    end_token: int | None = None  # the token that ends a text

    @classmethod
    def read(cls, folder: Path) -> Config:
        """Reads config.json, which uses the names of OpenAI's program."""
        values = json.loads((folder / "config.json").read_text("utf-8"))
        return cls(
            vocab_size=values["vocab_size"],
            positions=values["n_positions"],
            features=values["n_embd"],
            blocks=values["n_layer"],
            heads=values["n_head"],
            epsilon=values.get("layer_norm_epsilon", 1e-5),
            end_token=values.get("eos_token_id"),
        )


# 2. The weights: their names and shapes, and how they are found in a file.


def shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Returns the shape of every weight: two tables, the blocks, and a last normalization."""
    features, wide = config.features, 4 * config.features
    sizes: dict[str, tuple[int, ...]] = {
        "token_embedding.embeddings": (config.vocab_size, features),
        "position_embedding.embeddings": (config.positions, features),
        "final_norm.gamma": (features,),
        "final_norm.beta": (features,),
    }
    for number in range(config.blocks):
        block = f"blocks.{number}"
        for norm in ("attention_norm", "feed_forward_norm"):
            sizes[f"{block}.{norm}.gamma"] = sizes[f"{block}.{norm}.beta"] = (features,)
        dense = {
            "attention.query": (features, features),
            "attention.key": (features, features),
            "attention.value": (features, features),
            "attention.output_dense": (features, features),
            "feed_forward.intermediate": (features, wide),
            "feed_forward.output_dense": (wide, features),
        }
        for name, shape in dense.items():
            sizes[f"{block}.{name}.kernel"] = shape
            sizes[f"{block}.{name}.bias"] = shape[-1:]
    return sizes


def read_weights(folder: Path, config: Config) -> Weights:
    """Reads the weights of a folder.

    The family's table translates names: "blocks.{i}.attention.{query,key,value}.kernel" is stored
    as one matrix, "transformer.h.{i}.attn.c_attn.weight".  It also knows every other layout.  All
    names and shapes are compared before the first number is read.
    """
    checkpoint = find_checkpoint(folder)
    readers = weight_values(
        GPT2.weights[checkpoint.layout],
        {path: np.empty(shape, "float32") for path, shape in shapes(config).items()},
        checkpoint,
        prefixes=["transformer."],  # some files leave it out
        ignore=[r"\.attn\.(masked_)?bias$", r"^lm_head\.weight$"],  # constants, and a copy
    )
    return {path: read() for path, read in readers.items()}


# 3. The parts of a block.


def layer_norm(x: np.ndarray, weights: Weights, name: str, epsilon: float) -> np.ndarray:
    """Gives each token's vector mean 0 and variance 1, then a learned scale and offset."""
    mean = x.mean(axis=-1, keepdims=True)
    variance = x.var(axis=-1, keepdims=True)
    x = (x - mean) / np.sqrt(variance + epsilon)
    return x * weights[f"{name}.gamma"] + weights[f"{name}.beta"]


def dense(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    """Multiplies each token's vector by a matrix and adds an offset."""
    return x @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]


def attention(x: np.ndarray, weights: Weights, name: str, heads: int) -> np.ndarray:
    """Lets each token collect information from itself and all tokens before it."""
    length, features = x.shape

    def split(part: str) -> np.ndarray:
        vectors = dense(x, weights, f"{name}.{part}")  # (T, F)
        vectors = vectors.reshape(length, heads, features // heads)  # (T, H, D)
        return vectors.transpose(1, 0, 2)  # (H, T, D)

    query, key, value = split("query"), split("key"), split("value")
    scores = query @ key.transpose(0, 2, 1)  # (H, T, T)
    scores = scores / (features // heads) ** 0.5  # so that they do not grow with D
    future = np.triu(np.ones((length, length), bool), k=1)  # True above the diagonal
    probabilities = softmax(np.where(future, -np.inf, scores))  # (H, T, T): rows sum to 1
    x = (probabilities @ value).transpose(1, 0, 2)  # (T, H, D)
    return dense(x.reshape(length, features), weights, f"{name}.output_dense")


def softmax(x: np.ndarray) -> np.ndarray:
    """Turns scores into probabilities; the maximum is subtracted so that nothing overflows."""
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def feed_forward(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    """Transforms each token's vector by itself: wide, a nonlinearity, narrow again."""
    x = gelu(dense(x, weights, f"{name}.intermediate"))  # (T, 4 F)
    return dense(x, weights, f"{name}.output_dense")


def gelu(x: np.ndarray) -> np.ndarray:
    """Keeps large numbers and lets small ones fade; the approximation that GPT-2 was trained with.

    Reference: https://arxiv.org/abs/1606.08415
    """
    return 0.5 * x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)))


def block(x: np.ndarray, weights: Weights, name: str, config: Config) -> np.ndarray:
    """Adds to each token's vector what attention and the feed-forward network make of it."""
    normed = layer_norm(x, weights, f"{name}.attention_norm", config.epsilon)
    x = x + attention(normed, weights, f"{name}.attention", config.heads)
    normed = layer_norm(x, weights, f"{name}.feed_forward_norm", config.epsilon)
    return x + feed_forward(normed, weights, f"{name}.feed_forward")


# 4. The model: token ids to the logits of each next token.


def logits(token_ids: list[int], weights: Weights, config: Config) -> np.ndarray:
    """Returns `(T, V)`: for each token how likely every token of the vocabulary comes next."""
    table = weights["token_embedding.embeddings"]  # (V, F)
    positions = weights["position_embedding.embeddings"][: len(token_ids)]  # (T, F)
    x = table[token_ids] + positions
    for number in range(config.blocks):
        x = block(x, weights, f"blocks.{number}", config)
    x = layer_norm(x, weights, "final_norm", config.epsilon)
    return x @ table.T  # the token embedding is the language head, too


# 5. Greedy generation: always append the most likely next token.


def generate(
    prompt: list[int], weights: Weights, config: Config, max_new_tokens: int = 64
) -> list[int]:
    """Returns the new tokens, with the end token if there is one."""
    token_ids = list(prompt)
    while len(token_ids) < min(len(prompt) + max_new_tokens, config.positions):
        last = logits(token_ids, weights, config)[-1]
        token_ids.append(int(last.argmax()))
        if token_ids[-1] == config.end_token:
            break
    return token_ids[len(prompt) :]


def main() -> None:
    folder, prompt = Path(sys.argv[1]), sys.argv[2]
    max_new_tokens = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    config = Config.read(folder)
    weights = read_weights(folder, config)
    tokenizer = tokenizer_from_folder(folder)
    if tokenizer is None:
        sys.exit(f"{folder} has no vocabulary.")
    token_ids = tokenizer.encode(prompt, add_special_tokens=False).token_ids
    print(prompt + tokenizer.decode(generate(token_ids, weights, config, max_new_tokens)))


if __name__ == "__main__":
    main()
