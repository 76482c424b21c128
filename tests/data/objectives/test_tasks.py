import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.data.corpus.token_shards import TokenShards
from hornbook.data.objectives.packing import pack
from hornbook.data.objectives.span_corruption import span_counts
from hornbook.data.objectives.tasks import OBJECTIVES
from hornbook.errors import OptionError

BERT = {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
SENTINELS = (5, 6, 7, 8, 9)
LENGTH = 24
ANY = [
    ("mlm", {}),
    ("mlm", {"sentence_order": True, "unit": "ngrams"}),
    ("causal_lm", {}),
    ("prefix_lm", {}),
    ("span", {}),
    ("electra", {}),
]
LENGTHS = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=4), min_size=1, max_size=8)


def rows_for(objective, lengths, special_ids=BERT, **options):
    numbers = iter(range(10, 60_000))
    shards = TokenShards.of_documents(
        [[[next(numbers) for _ in range(n)] for n in document] for document in lengths],
        vocabulary_size=60_000,
        special_ids=special_ids,
        sentinels=SENTINELS,
    )
    return pack(shards, LENGTH, **{**objective.packing, **options})


def all_rows(name, lengths, seed=0, epoch=0, special_ids=BERT, **options):
    objective = OBJECTIVES[name](**options)
    rows = rows_for(objective, lengths, special_ids)
    return rows, objective.batch(rows, seed, epoch, np.arange(len(rows)))


@pytest.mark.parametrize(("name", "options"), ANY)
def test_a_batch_is_a_pure_function_of_seed_epoch_and_rows(name, options):
    objective = OBJECTIVES[name](**options)
    rows = rows_for(objective, [[5, 9, 3]] * 12)
    whole = objective.batch(rows, 3, 1, np.arange(len(rows)))
    some = objective.batch(rows, 3, 1, np.array([4, 0, 4]))
    assert whole.keys() == some.keys()
    for field, array in whole.items():
        assert array.dtype in (np.int32, np.float32), field
        assert (array[[4, 0, 4]] == some[field]).all(), field
    if name != "causal_lm":
        for other in ((3, 2), (4, 1)):
            changed = objective.batch(rows, *other, np.arange(len(rows)))
            assert any((whole[field] != changed[field]).any() for field in whole)


@pytest.mark.parametrize(("name", "options"), ANY)
@pytest.mark.parametrize("lengths", [[[1]], [[30]], [[1], [1], [1]], [[2, 40], [7]]])
def test_shapes_are_the_same_for_every_text(name, options, lengths):
    _, batch = all_rows(name, lengths, **options)
    _, usual = all_rows(name, [[5, 9, 3]] * 12, **options)
    assert {field: (a.shape[1:], a.dtype) for field, a in batch.items()} == {
        field: (a.shape[1:], a.dtype) for field, a in usual.items()
    }


@given(LENGTHS)
def test_a_language_model_predicts_every_token_but_the_first_of_a_document(lengths):
    rows, batch = all_rows("causal_lm", lengths)
    predicted = batch["labels"][batch["weights"] > 0]
    packed = rows.batch(range(len(rows)))
    expected = packed.token_ids[(packed.documents > 0) & (packed.positions > 0)]
    assert predicted.tolist() == expected.tolist()
    # every token of text, and every end of a document
    assert (predicted >= 10).sum() == sum(map(sum, lengths))
    assert (predicted == BERT["sep"]).sum() == len(lengths)


@given(LENGTHS, st.integers(0, 3))
def test_the_prefix_is_segment_0_and_the_rest_is_predicted(lengths, seed):
    _, batch = all_rows("prefix_lm", lengths, seed)
    ids, segments, documents = batch["token_ids"], batch["segment_ids"], batch["documents"]
    text = ids[ids >= 10]
    assert text.tolist() == list(range(10, 10 + sum(map(sum, lengths))))
    for row in range(len(ids)):
        for number in range(1, documents[row].max() + 1):
            own = documents[row] == number
            read, written = (
                ids[row, own & (segments[row] == 0)],
                ids[row, own & (segments[row] == 1)],
            )
            assert (np.diff(segments[row, own]) >= 0).all()
            if (ids[row, own] >= 10).sum() == 1:
                assert not len(written)  # one token cannot be divided
                continue
            assert read[-1] == BERT["sep"]
            assert read[-2] >= 10
            assert written[0] >= 10
            predicted = batch["labels"][row][own & (batch["weights"][row] > 0)]
            assert predicted.tolist() == written.tolist()
    assert not segments[documents == 0].any()


def test_a_prefix_without_separator_token():
    special = {"eos": 1}
    _, batch = all_rows("prefix_lm", [[20], [6, 9]], special_ids=special)
    assert (batch["token_ids"] == 1).sum() == 2  # the ends of the documents
    assert batch["weights"].sum() == batch["segment_ids"].sum()


@given(LENGTHS, st.integers(0, 3))
def test_inputs_and_targets_reconstruct_the_text(lengths, seed):
    rows, batch = all_rows("span", lengths, seed)
    packed = rows.batch(range(len(rows)))
    for row, original in enumerate(packed.token_ids):
        original = original[packed.documents[row] > 0].tolist()
        left = batch["token_ids"][row][batch["documents"][row] > 0].tolist()
        remaining = batch["labels"][row][batch["weights"][row] > 0].tolist()
        assert left.pop() == BERT["sep"]
        spans = {}
        if len(original) > 1:
            assert remaining.pop() == BERT["sep"]
        for token in remaining:
            if token in SENTINELS:
                spans[token] = []
            else:
                spans[list(spans)[-1]].append(token)
        filled = [one for token in left for one in spans.get(token, [token])]
        assert filled == original
        noise, count = span_counts(len(original), 0.15, 3.0)
        assert [len(spans), sum(map(len, spans.values()))] == [count, noise]
        assert list(spans) == list(SENTINELS[:count])
    assert (batch["decoder_token_ids"][:, 1:] == batch["labels"][:, :-1]).all()
    assert (batch["decoder_token_ids"][:, 0] == BERT["pad"]).all()


@settings(max_examples=50)
@given(LENGTHS, st.integers(0, 3))
def test_parts_of_a_document_are_in_order_or_swapped(lengths, seed):
    rows, batch = all_rows("mlm", lengths, seed, sentence_order=True)
    ids = batch["token_ids"].copy()
    row, column = np.nonzero(batch["weights"])
    ids[row, batch["masked_positions"][row, column]] = batch["labels"][row, column]
    for row, tokens in enumerate(ids):
        original = rows.batch([row]).token_ids[0]
        original = original[original >= 10].tolist()
        parts = [tokens[(batch["segment_ids"][row] == n) & (tokens >= 10)].tolist() for n in (0, 1)]
        assert (parts[0] + parts[1], parts[1] + parts[0])[batch["order_label"][row]] == original
        if batch["order_weight"][row]:
            assert all(parts)
            assert tokens[tokens > 0][-1] == BERT["sep"]
            assert (tokens == BERT["sep"]).sum() == 2
        else:
            assert not parts[1]
            assert (tokens == BERT["sep"]).sum() == 1


def test_half_of_the_parts_are_swapped():
    _, batch = all_rows("mlm", [[4, 5, 6]] * 400, sentence_order=True)
    assert batch["order_weight"].all()
    assert batch["order_label"].mean() == pytest.approx(0.5, abs=0.08)


def test_electra_has_the_original_tokens():
    rows, batch = all_rows("electra", [[5, 9, 3]] * 20)
    assert (batch["original_ids"] == rows.batch(range(len(rows))).token_ids).all()
    assert (batch["original_ids"] != batch["token_ids"]).sum() <= batch["weights"].sum()


def test_a_missing_special_token_is_named():
    with pytest.raises(OptionError, match="special token for 'mask'; the vocabulary has: eos"):
        all_rows("mlm", [[5]], special_ids={"eos": 1})
    objective = OBJECTIVES["span"](mean_span=1.0, share=0.5)
    with pytest.raises(OptionError, match="need 12 sentinels, but the vocabulary has 5"):
        objective.batch(rows_for(objective, [[9]]), 0, 0, np.array([0]))
