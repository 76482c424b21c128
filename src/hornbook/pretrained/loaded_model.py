"""A model with its tokenizer: what every task of `Pretrained` shares."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from hornbook.errors import OptionError
from hornbook.pretrained.model_summary import short_description, summary_rows
from hornbook.pretrained.opening.companions import Companions
from hornbook.pretrained.tasks.generation_config import GenerationConfig
from hornbook.pretrained.transformer_protocol import TransformerModel
from hornbook.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from hornbook.models.configuration.transformer_config import TransformerConfig
    from hornbook.pretrained.tasks.token_outputs import Reader


class LoadedModel:
    """A Transformer and its tokenizer.

    Args:
        model: The Keras layer, built.
        tokenizer: Its tokenizer; None for a model that takes token ids only.
        generation: Defaults from its `generation_config.json`; None without one.
        companions: Other files of its folder, which `save` copies.
    """

    def __init__(
        self,
        model: TransformerModel,
        tokenizer: Tokenizer | None,
        *,
        generation: GenerationConfig | None = None,
        companions: Companions | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.generation = generation
        self.companions = companions

    @property
    def config(self) -> TransformerConfig:
        """The `TransformerConfig`."""
        return self.model.config

    def require_tokenizer(self) -> Tokenizer:
        """Returns the tokenizer.

        Raises:
            OptionError: the model has none.
        """
        if self.tokenizer is None:
            raise OptionError(
                "This model came without its vocabulary, so it takes token ids and no text.\n"
                "Put the vocab.txt, tokenizer.json or *.model it was trained with into its folder."
            )
        return self.tokenizer

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Calls the model: see `Transformer`."""
        return self.model(*inputs, **options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({short_description(self.model, self.tokenizer)})"

    def _repr_html_(self) -> str:
        """The summary as a table, for notebooks."""
        from hornbook.report.notebook_table import html_table

        rows = summary_rows(self.model, self.tokenizer)
        head = [row for row in rows if not row[0].startswith("weights of")]
        return html_table([], head)

    def summary(self) -> None:
        """Prints family, sizes, vocabulary, heads, and the number of weights of each part."""
        rows = summary_rows(self.model, self.tokenizer)
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            print(f"{name:<{width}}  {value}")

    @cached_property
    def _reader(self) -> Reader:
        """Reads texts with the language head; compiled once."""
        from hornbook.pretrained.tasks.token_outputs import Reader

        return Reader(self.model)
