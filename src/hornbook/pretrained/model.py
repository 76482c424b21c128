"""A Transformer and its tokenizer: text to vectors, and saving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.checkpoints import SHARD_SIZE
from hornbook.data.batches import length_buckets, pad, padded_length
from hornbook.errors import OptionError, did_you_mean
from hornbook.files import atomic_folder, write_json
from hornbook.generation.option_checks import checked_token_ids
from hornbook.pretrained.opening.companions import Companions
from hornbook.pretrained.opening.model_folder import replaceable, write_model
from hornbook.pretrained.tasks.generation_config import FILE as GENERATION_CONFIG
from hornbook.pretrained.tasks.generation_config import GenerationConfig
from hornbook.pretrained.tasks.inputs import Given, Prompts, given, one_text
from hornbook.pretrained.tasks.labelling import Classifier, labels_of
from hornbook.progress import note
from hornbook.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from hornbook.generation.masked import Order
    from hornbook.pretrained.tasks.filling import Answer


class Pretrained:
    """A Transformer and its tokenizer.

    Args:
        model: The Keras layer, built.
        tokenizer: Or None, when the vocabulary is the caller's business.
        generation: How the model wants to be asked to write; None: nothing is known of it.
        companions: What else lay in its folder, which `save` carries along.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Tokenizer | None,
        *,
        generation: GenerationConfig | None = None,
        companions: Companions | None = None,
    ):
        self.model = model
        self.tokenizer = tokenizer
        self.generation = generation
        self.companions = companions
        self._encoders: dict[str, Any] = {}
        self._writer: Any = None
        self._reader: Any = None
        self._classifier: Any = None

    @property
    def config(self):
        """The `TransformerConfig`."""
        return self.model.config

    def need_tokenizer(self) -> Tokenizer:
        """The tokenizer.

        Raises:
            OptionError: the model came without one.
        """
        if self.tokenizer is None:
            raise OptionError(
                "This model came without its vocabulary, so it takes token ids and no text.\n"
                "Put the vocab.txt, tokenizer.json or *.model it was trained with into its folder."
            )
        return self.tokenizer

    def __call__(self, *inputs, **options):
        """The model itself: see `Transformer`."""
        return self.model(*inputs, **options)

    def encode(
        self,
        texts: Prompts | tuple[str, str] | Sequence[tuple[str, str]],
        *,
        pooling: str = "mean",
        max_length: int | None = None,
        batch_tokens: int = 4096,
    ) -> np.ndarray:
        """One vector for each text; of two stacks, from the one that reads.

        Texts of like length are computed together, so little time goes into padding.

        Args:
            texts: A text, a pair of texts as a tuple, or a list of texts or pairs; or token ids, of
                one text or of several.  A NumPy array or a column of a table is a list.
            pooling: `"mean"` over the tokens, `"first"` token, or `"pooler"`.
            max_length: Tokens at most; None: as many as the model has positions.
            batch_tokens: Tokens computed at a time, padding included.

        Returns:
            `(hidden_size,)` float32 for one text or pair; `(len(texts), hidden_size)` for a list,
            in its order.

        Raises:
            OptionError: naming what is no text, or has no token.
        """
        known = given(texts, pairs=True)
        positions = self.config.max_length
        if max_length is not None and max_length < 1:
            raise OptionError(f"max_length is {max_length}; it must be at least 1.")
        limit = min(max_length or positions, positions)
        encoder = self._encoder(pooling)
        encodings = self._encodings(known, limit)
        lengths = [len(token_ids) for token_ids, _ in encodings]
        vectors = np.empty((len(encodings), self.config.hidden_size), "float32")
        for numbers in length_buckets(lengths, batch_tokens=batch_tokens, shuffle=False):
            length = min(padded_length(max(lengths[number] for number in numbers)), limit)
            chosen = [encodings[number] for number in numbers]
            # few shapes, few compilations: a batch is full or has a power of two rows
            power = 2 ** (len(chosen) - 1).bit_length()
            rows = max(len(chosen), min(power, batch_tokens // length))
            chosen += [chosen[0]] * (rows - len(chosen))
            inputs = {
                "token_ids": pad([token_ids for token_ids, _ in chosen], length),
                "segment_ids": pad([segment_ids for _, segment_ids in chosen], length),
                "padding_mask": pad([[1] * len(token_ids) for token_ids, _ in chosen], length),
            }
            vectors[numbers] = encoder.predict_on_batch(inputs)[: len(numbers)]
        return vectors[0] if known.alone else vectors

    @property
    def labels(self) -> list[str]:
        """The names of the labels of a fine-tuned head, in the order of its logits."""
        return labels_of(self.config)

    def classify(
        self,
        texts: Prompts | tuple[str, str] | Sequence[tuple[str, str]],
        *,
        max_length: int | None = None,
        batch_tokens: int = 4096,
    ) -> Any:
        """What the head of a fine-tuned checkpoint says of texts.

        Args:
            texts, max_length, batch_tokens: As of `encode`.

        Returns:
            Logits, float32.  Of `classification` `(labels,)` for one text, `(texts, labels)` for
            a list, in the order of `labels`; of `token_classification` `(tokens, labels)` and of
            `question_answering` `(tokens, 2)` for one text, and a list of them for a list.

        Raises:
            OptionError: the model was loaded without such a head.
        """
        known = given(texts, pairs=True)
        if self._classifier is None:
            self._classifier = Classifier(self.model)
        limit = min(max_length or self.config.max_length, self.config.max_length)
        found = self._classifier.logits(self._encodings(known, limit), batch_tokens)
        if known.alone:
            return found[0]
        return np.array(found) if self._classifier.of_texts else found

    def _encodings(self, known: Given, limit: int) -> list[tuple[list[int], list[int]]]:
        """Token ids and segment ids of each text, of which none is empty."""
        if known.texts:
            found = self.need_tokenizer().encode_batch(known.rows, limit) if known.rows else []
            rows = [(encoding.token_ids, encoding.segment_ids) for encoding in found]
        else:
            rows = [(token_ids, [0] * len(token_ids)) for token_ids in known.rows]
        for number, (token_ids, _) in enumerate(rows):
            checked_token_ids(f"texts[{number}]", token_ids, self.config.vocab_size)
            if len(token_ids) > limit:
                raise OptionError(
                    f"texts[{number}] has {len(token_ids)} tokens, of {limit} at most."
                )
        return rows

    def _encoder(self, pooling: str):
        """A Keras model from ids to one vector a text, compiled once."""
        import keras

        from hornbook.layers import MaskedAveragePooling

        ways = {
            "mean": lambda x, mask: MaskedAveragePooling()(x, mask),
            "first": lambda x, mask: x[:, 0],
            "pooler": lambda x, mask: self.model.pool(x),
        }
        if pooling not in ways:
            raise OptionError(f"Unknown pooling {pooling!r}. {did_you_mean(pooling, ways)}")
        if self.config.condition_size is not None:
            raise OptionError(
                "Every norm of this model listens to a condition, which encode() does not have.\n"
                "Call the model itself, with condition=..., or load it without condition_size."
            )
        if pooling == "pooler" and self.model.pooler is None:
            raise OptionError("This model has no pooler.  Load it with heads=['pooler'].")
        if pooling not in self._encoders:
            names = ("token_ids", "segment_ids", "padding_mask")
            inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
            reader = self.model.encoder if self.config.encoder_decoder else self.model
            x = reader(**inputs)
            outputs = keras.ops.cast(ways[pooling](x, inputs["padding_mask"]), "float32")
            self._encoders[pooling] = keras.Model(inputs, outputs)
        return self._encoders[pooling]

    def generate(
        self,
        prompts: Prompts,
        *,
        batch_size: int = 8,
        details: bool = False,
        condition: Any = None,
        draft: Pretrained | None = None,
        **options: Any,
    ) -> Any:
        """Goes on with prompts, or writes what a model of two stacks makes of them.

        Everything is greedy unless an option says otherwise, or the `generation_config.json` that
        came with the model; options go first.

        Args:
            prompts: A text or a list of texts; or token ids, of one prompt or of several.  A NumPy
                array or a column of a table is a list.
            batch_size: Prompts that are written side by side; their texts do not depend on it.
            details: Whether to return `hornbook.generation.Result`s, with token ids,
                log-probabilities and the reason each text ended, instead of texts.
            condition: What the norms of the model listen to, `(condition_size,)` or
                `(prompts, condition_size)`.
            draft: A smaller model with the same vocabulary that writes ahead.  It changes the
                time it takes, not what is written, or from which distribution.
            options: Fields of `hornbook.generation.Request`: `max_new_tokens`, `temperature`,
                `top_k`, `top_p`, `beams`, `n`, `seed`, `stop_strings`, `repetition_penalty` ...
                `bad_words`, `one_of`, `only_from` and `forced_prefix` may be texts.

        Returns:
            For one prompt its text, for several a list; with `n` above 1 each is a list of
            texts.  Prompts of token ids get token ids.

        Raises:
            OptionError: an option that does not exist or cannot work, a prompt that is empty or
                too long, a model that does not write.
        """
        choices = {"batch_size": batch_size, "condition": condition, "draft": draft}
        known: Any = given(prompts, "prompts")
        answers = list(self.generate_each(known, details=details, **choices, **options))
        return answers[0] if known.alone else answers

    def generate_each(
        self,
        prompts: Prompts,
        *,
        batch_size: int = 8,
        details: bool = False,
        condition: Any = None,
        draft: Pretrained | None = None,
        **options: Any,
    ) -> Iterator[Any]:
        """What `generate` returns of each prompt, as soon as its batch is written.

        All prompts and options are checked before the first is written.
        """
        known = given(prompts, "prompts")
        results = self._writing().results(
            known,
            options,
            batch_size=batch_size,
            condition=condition,
            draft=None if draft is None else draft._writing(),
        )
        texts, several = known.texts, options.get("n", 1) > 1

        def shown(result):
            return result if details else result.text if texts else result.token_ids

        return ([shown(r) for r in found] if several else shown(found[0]) for found in results)

    def stream(self, prompt: str, *, condition: Any = None, **options: Any) -> Iterator[str]:
        """The text that `generate` would write, piece by piece as it is written.

        Args:
            prompt: A text.
            condition: As of `generate`.
            options: As of `generate`; a search knows its text only at the end.
        """
        return self._writing().stream(prompt, options, condition=condition)

    def streams(self, **options: Any) -> bool:
        """Whether `stream` can show a text with these options; a search knows it at its end."""
        return self._writing().streams(options)

    def score(
        self,
        texts: Prompts,
        *,
        prompts: Prompts | None = None,
        condition: Any = None,
        window: int | None = None,
        stride: int | None = None,
        batch_tokens: int = 4096,
    ) -> Any:
        """How likely the model finds texts, token by token.

        A causal model scores every token but the first; long texts are read in windows that
        overlap.  What a model writes about something it has read is scored with `prompts`, every
        token of it, and the end mark of models that write one.  Of a masked model each token is
        hidden once: the pseudo-log-likelihood.

        Args:
            texts: A text or a list of texts; or token ids, of one or of several.
            prompts: What each of the texts goes on from or answers.  Prefix language models and
                those of two stacks need it.
            condition: As of `generate`.
            window: The most tokens of a causal model's text that are read at once; None: all, if
                the model has positions for them, else 1024 or what it has.
            stride: How far a window is from the one before; None: half a window.
            batch_tokens: Tokens computed at a time, padding included.

        Returns:
            For one text a `hornbook.generation.Score`, for several a list.

        Raises:
            OptionError: a text that is empty or too long, prompts that are missing.
        """
        from hornbook.pretrained.tasks.text_scores import Scorer

        known = given(texts)
        scores = Scorer(self._reading(), self.tokenizer).scores(
            known,
            prompts,
            condition=condition,
            window=window,
            stride=stride,
            batch_tokens=batch_tokens,
        )
        return scores[0] if known.alone else scores

    def fill(
        self,
        texts: Prompts,
        *,
        n: int = 1,
        order: Order = "confident first",
        details: bool = False,
    ) -> Any:
        """Writes into the gaps of texts with a masked language model.

        Args:
            texts: A text or several, `[MASK]` (as the vocabulary has it) where a token is wanted;
                or token ids.
            n: How many texts of each are wanted, the likeliest first.
            order: `"confident first"` fills the surest gap and looks again, `"left to right"` the
                first one, `"at once"` all of them by one look.
            details: Whether to return `hornbook.generation.masked.Filled`s, with token ids and
                log-probabilities.

        Returns:
            For one text the text, for several a list; with `n` above 1 each is a list.
        """
        known = given(texts)
        found = self._filling().fill(known, n, order)

        def shown(one):
            return one if details else one.text if known.texts else one.token_ids

        answers = [[shown(one) for one in each] if n > 1 else shown(each[0]) for each in found]
        return answers[0] if known.alone else answers

    def gibbs(
        self,
        template: str,
        *,
        n: int = 1,
        sweeps: int = 30,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> Any:
        """Draws what stands in the gaps of a text with a masked language model (Gibbs sampling).

        Args:
            template: A text whose `[MASK]`s may become anything and whose rest stays.
            n: How many texts, each from a chain of its own.
            sweeps: How often each gap is drawn again.
            temperature: What logits are divided by.
            seed: The same seed draws the same texts.

        Returns:
            A text, or with `n` above 1 a list of texts.
        """
        drawn = self._filling().gibbs(one_text(template, "template"), n, sweeps, temperature, seed)
        return drawn if n > 1 else drawn[0]

    def extract(self, question: str, passages: Sequence[str], *, answer_length: int = 32) -> Answer:
        """Cuts the answer to a question out of passages, with a masked language model.

        For a model that learnt to read `[CLS] [MASK] ... [SEP] question [SEP] passage [SEP]` and to
        put the answer and then [SEP] in the masks.  All masks of a passage are read at once, and
        the answer is the likeliest run of its tokens; the passages vote.

        Args:
            question: A text.
            passages: Texts.  What does not fit into the model's positions is not read.
            answer_length: Masks.

        Returns:
            The answer and what each passage says, see `hornbook.pretrained.tasks.filling.Answer`.
        """
        known = given(passages, "passages")
        if known.alone or not known.texts:
            raise OptionError("passages is a list of texts: give [passage].")
        question = one_text(question, "question")
        return self._filling().extract(question, known.rows, answer_length)

    def _filling(self):
        """What fills gaps with this model."""
        from hornbook.pretrained.tasks.filling import Filler

        return Filler(self._reading(), self.need_tokenizer())

    def _reading(self):
        """What reads with this model, compiled once."""
        from hornbook.pretrained.tasks.token_outputs import Reader

        if self._reader is None:
            self._reader = Reader(self.model)
        return self._reader

    def _writing(self):
        """What writes with this model, compiled once."""
        from hornbook.pretrained.tasks.generating import Writer

        if self._writer is None:
            self._writer = Writer(self.model, self.tokenizer, self.generation)
        return self._writer

    def save(
        self, folder: str | Path, *, layout: str = "huggingface", shard_size: int = SHARD_SIZE
    ) -> None:
        """Writes a model folder, whole or not at all, with its checksums.

        What else lay in the folder that the model came from (a licence, a chat template, how
        sentence-transformers pools) is carried along; weights in other forms are not, and named.

        Args:
            folder: Made, or replaced if it is a model folder.
            layout: `"huggingface"` (transformers opens it), `"google"` (TensorFlow's
                checkpoint format) or `"keras"` (Keras's own `.weights.h5`).
            shard_size: Bytes in a file at most, in the first of these layouts.

        Raises:
            HornbookError: the layout has no place for a weight, or the disk is full.
        """
        with atomic_folder(replaceable(folder)) as temporary:
            write_model(temporary, self.model, self.tokenizer, layout=layout, shard_size=shard_size)
            if self.generation is not None:
                write_json(temporary / GENERATION_CONFIG, self.generation.values)
            if self.companions is not None:
                left_out = self.companions.write(temporary, self.tokenizer)
            else:
                left_out = []
        if left_out and self.companions is not None:
            note(f"not carried along from {self.companions.folder}: {', '.join(left_out)}")
