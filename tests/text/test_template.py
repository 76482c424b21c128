from __future__ import annotations

import pytest

from hornbook.text.template import Template, processor_template
from hornbook.text.vocabulary_file import VocabularyError

FIRST = ([11, 12, 13], [(0, 1), (1, 2), (2, 3)])
SECOND = ([21, 22], [(0, 4), (4, 5)])


def test_a_template_gives_the_positions_of_tokens_and_texts():
    ids = {"[CLS]": 1, "[SEP]": 2}
    template = Template.written("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", ids)
    assert template.arrange([FIRST], None) == (
        [1, 11, 12, 13, 2],
        [0] * 5,
        [None, (0, 1), (1, 2), (2, 3), None],
    )
    assert template.arrange([FIRST, SECOND], 6) == (
        [1, 11, 12, 2, 21, 2],
        [0, 0, 0, 0, 1, 1],
        [None, (0, 1), (1, 2), None, (0, 4), None],
    )
    assert [template.num_special_tokens(texts) for texts in (1, 2)] == [2, 3]


def test_a_special_token_without_an_id_is_named():
    with pytest.raises(VocabularyError, match=r"no \[CLS\]"):
        Template.written("[CLS] $A", None, {"[SEP]": 2})


@pytest.mark.parametrize("kind", ["bert", "roberta", "template", "sequence"])
def test_every_post_processor_is_applied_as_in_the_library(kind):
    import json

    from tokenizers import Tokenizer, models, processors

    library = Tokenizer(models.WordLevel({"[CLS]": 0, "[SEP]": 1, "a": 2, "b": 3}, "a"))
    template = processors.TemplateProcessing(
        single="$0:1 [SEP]:3",
        pair="$B:2 [SEP] $A:0 [CLS]:1",
        special_tokens=[("[CLS]", 0), ("[SEP]", 1)],
    )
    library.post_processor = {
        "bert": processors.BertProcessing(("[SEP]", 1), ("[CLS]", 0)),
        "roberta": processors.RobertaProcessing(("[SEP]", 1), ("[CLS]", 0)),
        "template": template,
        "sequence": processors.Sequence([processors.ByteLevel(), template]),
    }[kind]
    ours = processor_template(json.loads(library.to_str())["post_processor"])
    for texts in [("a",), ("a", "b")]:
        theirs = library.encode(*texts)
        ids, segments, _ = ours.arrange([([library.token_to_id(t)], [(0, 1)]) for t in texts], None)
        assert (ids, segments) == (theirs.ids, theirs.type_ids)


def test_two_templates_in_a_row_are_refused():
    part = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]}
    with pytest.raises(VocabularyError, match="several parts"):
        processor_template({"type": "Sequence", "processors": [part, part]})


def test_a_template_must_have_the_ids_it_names():
    part = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}],
        "pair": [],
        "special_tokens": {},
    }
    with pytest.raises(VocabularyError, match="ids of '<s>'"):
        processor_template(part)
