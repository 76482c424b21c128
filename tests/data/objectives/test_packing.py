import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.data.corpus.token_shards import TokenShards
from hornbook.data.objectives.packing import pack
from hornbook.errors import OptionError

BERT = {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
GPT = {"unk": 1, "bos": 1, "eos": 1}
FIRST = 10  # ids of text
DOCUMENTS = st.lists(  # of lengths of sentences
    st.lists(st.integers(1, 25), min_size=1, max_size=5), min_size=1, max_size=12
)
FRAMINGS = st.sampled_from([None, "enclose", "end", "none"])


def corpus(lengths, special_ids=BERT):
    """Documents of sentences of these lengths, each token with an id of its own."""
    numbers = iter(range(FIRST, 60_000))
    documents = [[[next(numbers) for _ in range(n)] for n in document] for document in lengths]
    return TokenShards.of_documents(documents, vocabulary_size=60_000, special_ids=special_ids)


def two_shards(lengths, special_ids=BERT):
    one = corpus(lengths, special_ids)
    return TokenShards(
        [*one.shards, *one.shards], one.vocabulary_size, one.special_ids, one.before, one.after
    )


@settings(max_examples=60)
@given(
    DOCUMENTS,
    st.integers(6, 40),
    FRAMINGS,
    st.booleans(),
    st.booleans(),
    st.integers(0, 2),
    st.sampled_from([BERT, GPT]),
)
def test_every_token_is_in_exactly_one_row(
    lengths, length, framing, across, sentences, room, special
):
    shards = two_shards(lengths, special)
    options = {"across_documents": across, "sentences": sentences, "room": room}
    rows = pack(shards, length, framing=framing, **options)
    packed = rows.batch(range(len(rows)))
    text = packed.token_ids[(packed.documents > 0) & ~packed.special]
    assert text.tolist() == 2 * shards.shards[0].token_ids.tolist()
    assert packed.token_ids.shape == (len(rows), length)
    assert (packed.token_ids[packed.documents == 0] == special.get("pad", 0)).all()
    free = (packed.documents == 0).sum(axis=1)
    assert (free >= room * packed.documents.max(axis=1)).all()
    if not across:
        assert packed.documents.max() == 1


@given(DOCUMENTS, st.integers(6, 40), st.booleans())
def test_rows_end_at_sentence_ends_unless_a_sentence_exceeds_a_row(lengths, length, across):
    shards = corpus(lengths)
    rows = pack(shards, length, across_documents=across)
    packed = rows.batch(range(len(rows)))
    longest = length - 2
    starts, number = {0}, 0
    for sentence in (n for document in lengths for n in document):
        starts.update(range(number, number + sentence, longest))
        number += sentence
    for row, documents in zip(packed.token_ids, packed.documents, strict=True):
        text = row[(documents > 0) & (row >= FIRST)] - FIRST
        assert int(text[0]) in starts


@given(DOCUMENTS, st.integers(6, 40))
def test_a_row_has_as_many_sentences_as_fit(lengths, length):
    rows = pack(corpus([[n for document in lengths for n in document]]), length, framing="none")
    filled = (rows.batch(range(len(rows))).documents > 0).sum(axis=1)
    sentences = [n for document in lengths for n in document]
    cut = [
        part for n in sentences for part in [length] * (n // length) + [n % length] if part
    ]  # the greedy way, written as a loop
    expected = [0]
    for part in cut:
        if expected[-1] + part > length:
            expected.append(0)
        expected[-1] += part
    assert filled.tolist() == expected


def test_documents_of_a_row_have_special_tokens_numbers_and_positions():
    packed = pack(corpus([[3], [2, 1], [9]]), 12).batch([0, 1])
    assert packed.token_ids.tolist() == [
        [2, 10, 11, 12, 3, 2, 13, 14, 15, 3, 0, 0],
        [2, 16, 17, 18, 19, 20, 21, 22, 23, 24, 3, 0],
    ]
    assert packed.documents.tolist() == [[1] * 5 + [2] * 5 + [0] * 2, [1] * 11 + [0]]
    assert packed.positions[0].tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 0]
    assert packed.special[0].tolist() == [c == "1" for c in "100011000100"]
    assert packed.word_starts[0].tolist() == [c == "1" for c in "011100111000"]
    assert packed.sentence_starts[0].tolist() == [c == "1" for c in "010000101000"]


def test_the_end_token_is_only_at_the_end_of_a_document():
    ids = pack(corpus([[4, 4], [1]], GPT), 7).batch([0, 1]).token_ids
    assert ids.tolist() == [[10, 11, 12, 13, 0, 0, 0], [14, 15, 16, 17, 1, 18, 1]]
    rows = pack(corpus([[4, 4], [2]], GPT), 7, sentences=False)
    assert rows.batch([0, 1]).token_ids.tolist() == [
        [10, 11, 12, 13, 14, 15, 16],
        [17, 1, 18, 19, 1, 0, 0],
    ]
    ids = pack(corpus([[4, 4], [2]]), 8, framing="end").batch([0, 1]).token_ids
    assert ids.tolist() == [[2, 10, 11, 12, 13, 0, 0, 0], [2, 14, 15, 16, 17, 3, 0, 0]]


def test_a_row_does_not_depend_on_its_batch():
    rows = pack(two_shards([[3, 8], [2, 1], [9, 30], [5]]), 16)
    together = rows.batch(range(len(rows)))
    for number in reversed(range(len(rows))):
        alone = rows.batch([number])
        assert all((a[0] == b[number]).all() for a, b in zip(alone, together, strict=True))


def test_special_tokens_in_a_text_are_marked_as_special():
    shards = TokenShards.of_documents([[[10, 4, 11, 1]]], vocabulary_size=20, special_ids=BERT)
    assert pack(shards, 6).batch([0]).special[0].tolist() == [True, False, True, False, False, True]


def test_an_inserted_token_shifts_the_others_and_is_special():
    rows = pack(corpus([[3], [2]]), 11, room=1)
    packed = rows.batch([0])
    places = np.isin(packed.token_ids, [11, 14])
    new = packed.with_special_before(places, 3, 0)
    assert new.token_ids.tolist() == [[2, 10, 3, 11, 12, 3, 2, 13, 3, 14, 3]]
    assert new.documents.tolist() == [[1] * 6 + [2] * 5]
    assert new.positions.tolist() == [[0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4]]
    assert new.special[0].tolist() == [c == "1" for c in "10100110101"]
    with pytest.raises(ValueError, match="no room"):
        new.with_special_before(places, 3, 0)


def test_invalid_packing_options_are_refused():
    with pytest.raises(OptionError, match=r"Rows of 2 tokens leave no room .* Expected 3 or more"):
        pack(corpus([[3]]), 2)
    with pytest.raises(OptionError, match="Did you mean 'enclose'"):
        pack(corpus([[3]]), 9, framing="enclosed")
