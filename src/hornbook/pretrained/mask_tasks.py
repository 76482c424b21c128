"""Tasks of a masked language model: filling masks, sampling, extracting answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hornbook.errors import OptionError
from hornbook.pretrained.loaded_model import LoadedModel
from hornbook.pretrained.tasks.inputs import Prompts, one_text, parse_inputs

if TYPE_CHECKING:
    from hornbook.generation.masked import Filled, Order
    from hornbook.pretrained.tasks.filling import Answer, MaskFiller


class MaskTasks(LoadedModel):
    """A masked language model."""

    def fill(
        self,
        texts: Prompts,
        *,
        n: int = 1,
        order: Order = "confident first",
        details: bool = False,
    ) -> Any:
        """Fills the masks of texts.

        Args:
            texts: A text or several, with `[MASK]` (as the vocabulary spells it) where a token is
                wanted; or token ids.
            n: Number of texts per input, the most likely first.
            order: `"confident first"` fills the most confident mask and predicts again,
                `"left to right"` the first one, `"at once"` all of them with one prediction.
            details: Whether to return `hornbook.generation.masked.Filled`s with token ids (int32
                arrays) and log-probabilities.

        Returns:
            A text for one text, a list for several; with `n` above 1 each is a list.  Token ids
            return lists of token ids.

        Raises:
            OptionError: a text has no mask or is too long, or an option is out of range.
        """
        inputs = parse_inputs(texts)
        results = self._filler.fill(inputs, n, order)

        def shown(result: Filled) -> Any:
            if details:
                return result
            return result.text if inputs.are_texts else result.token_ids.tolist()

        answers = [[shown(one) for one in each] if n > 1 else shown(each[0]) for each in results]
        return answers[0] if inputs.single else answers

    def gibbs(
        self,
        template: str,
        *,
        n: int = 1,
        sweeps: int = 30,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> Any:
        """Samples the masks of a text by Gibbs sampling.

        Args:
            template: A text; its `[MASK]`s are sampled, the rest stays.
            n: Number of texts, each from an independent chain.
            sweeps: How often each mask is resampled.
            temperature: Divisor of the logits.
            seed: The same seed yields the same texts.

        Returns:
            A text, or with `n` above 1 a list of texts.
        """
        template = one_text(template, "template")
        texts = self._filler.gibbs(template, n, sweeps, temperature, seed)
        return texts if n > 1 else texts[0]

    def extract(self, question: str, passages: Sequence[str], *, answer_length: int = 32) -> Answer:
        """Extracts the answer to a question from passages.

        For a model that was trained to read `[CLS] [MASK] ... [SEP] question [SEP] passage [SEP]`
        and to predict the answer and then [SEP] in the masks.  All masks of a passage are
        predicted at once; the answer is its most likely run of tokens, and the passages vote.

        Args:
            question: A text.
            passages: Texts.  What does not fit into the model's positions is not read.
            answer_length: Number of masks.

        Returns:
            The answer, and what each passage says; see `hornbook.pretrained.tasks.filling.Answer`.
        """
        inputs = parse_inputs(passages, "passages")
        if inputs.single or not inputs.are_texts:
            raise OptionError("passages is a list of texts: give [passage].")
        question = one_text(question, "question")
        return self._filler.extract(question, inputs.rows, answer_length)

    @cached_property
    def _filler(self) -> MaskFiller:
        """Fills masks with this model."""
        from hornbook.pretrained.tasks.filling import MaskFiller

        return MaskFiller(self._reader, self.require_tokenizer())
