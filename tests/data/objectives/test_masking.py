import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.data.objectives.masking import UNITS, Masking, mask_words, quota
from hornbook.data.objectives.packed_rows import PackedRows, positions_within
from hornbook.data.seeding import random_of
from hornbook.errors import OptionError

MASK, SIZE, SPECIAL = 4, 1000, (0, 1, 2, 3, 4)


def rows_of(words, length=64):
    """Rows of words of these sizes, `[CLS] words [SEP]`, every token with an id of its own."""
    shape = len(words), length
    packed = PackedRows(*(np.zeros(shape, t) for t in ("i4", "i4", "i4", bool, bool, bool)))
    for row, sizes in enumerate(words):
        count = sum(sizes)
        packed.token_ids[row, : count + 2] = [2, *range(10, 10 + count), 3]
        packed.documents[row, : count + 2] = 1
        packed.special[row, [0, count + 1]] = True
        packed.word_starts[row, np.cumsum([1, *sizes[:-1]])] = True
    return packed._replace(positions=positions_within(packed.documents))


def masking(**options):
    return Masking(mask_id=MASK, vocabulary_size=SIZE, not_drawn=SPECIAL, **options)


def masked(packed, seed=0, **options):
    randoms = [random_of(seed, row) for row in range(len(packed.token_ids))]
    return mask_words(packed, randoms, masking(**options))


WORDS = st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=9), min_size=1, max_size=6)
ANY_UNIT = st.sampled_from(sorted(UNITS))


@given(WORDS, ANY_UNIT, st.sampled_from([0.1, 0.15, 0.5]), st.integers(0, 5))
def test_the_quota_of_every_row_is_met_exactly(words, unit, share, seed):
    packed = rows_of(words)
    batch = masked(packed, seed, unit=unit, share=share)
    counts = batch.weights.sum(axis=1).astype(int)
    assert counts.tolist() == [quota(sum(sizes), share) for sizes in words]
    for row, count in enumerate(counts):
        places = batch.masked_positions[row, :count]
        assert (np.diff(places) > 0).all()
        assert (batch.labels[row, :count] == packed.token_ids[row, places]).all()
        assert not packed.special[row, places].any()
        assert not batch.masked_positions[row, count:].any()
        elsewhere = np.delete(batch.token_ids[row], places)
        assert (elsewhere == np.delete(packed.token_ids[row], places)).all()


@given(WORDS, st.sampled_from(["words", "ngrams", "spans"]), st.integers(0, 5))
def test_at_most_one_word_per_row_is_masked_in_part(words, unit, seed):
    packed = rows_of(words)
    batch = masked(packed, seed, unit=unit, share=0.4)
    for row, sizes in enumerate(words):
        places = set(batch.masked_positions[row][batch.weights[row] > 0].tolist())
        begin, in_part, fits = 1, 0, []
        for size in sizes:
            hidden = len(places & set(range(begin, begin + size)))
            in_part += 0 < hidden < size
            fits += [size] * (not hidden)
            begin += size
        assert in_part <= 1
        if in_part:  # only because none of the others was short enough
            assert all(size > 1 for size in fits)


def test_the_share_is_exact_over_rows_of_all_lengths():
    assert [quota(n, 0.15) for n in (0, 1, 3, 10, 15, 20, 100, 510)] == [
        *(0, 1, 1, 2, 2, 3, 15, 77),
    ]


def test_masked_tokens_become_mask_themselves_or_ordinary_tokens():
    packed = rows_of([[1] * 60] * 400)
    batch = masked(packed)
    places = batch.weights > 0
    seen = np.take_along_axis(batch.token_ids, batch.masked_positions, axis=1)[places]
    labels = batch.labels[places]
    assert (seen == MASK).mean() == pytest.approx(0.8, abs=0.02)
    assert (seen == labels).mean() == pytest.approx(0.1, abs=0.015)
    drawn = seen[(seen != MASK) & (seen != labels)]
    assert drawn.min() >= 5
    assert 900 < drawn.max() < SIZE
    assert len(set(drawn.tolist())) > 200


def test_every_ordinary_token_is_drawn_where_none_is_masked_or_kept():
    packed = rows_of([[1] * 60] * 20)
    options = Masking(mask_id=MASK, vocabulary_size=8, not_drawn=SPECIAL, masked=0.0, kept=0.0)
    batch = mask_words(packed, [random_of(0, row) for row in range(20)], options)
    seen = np.take_along_axis(batch.token_ids, batch.masked_positions, axis=1)
    assert set(seen[batch.weights > 0].tolist()) == {5, 6, 7}


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_all_positions_are_masked_equally_often(unit):
    packed = rows_of([[1, 2, 3] * 10] * 600)
    batch = masked(packed, unit=unit)
    count = np.bincount(batch.masked_positions[batch.weights > 0], minlength=64)[1:61]
    share = count / 600
    assert share.mean() == pytest.approx(0.15)
    if unit == "tokens":
        assert share.min() > 0.09
        assert share.max() < 0.21


def test_longer_units_mask_longer_runs():
    packed = rows_of([[1] * 60] * 200)

    def stretch(unit):
        hidden = np.zeros(packed.token_ids.shape, bool)
        batch = masked(packed, unit=unit)
        np.put_along_axis(hidden, batch.masked_positions, batch.weights > 0, axis=1)
        return hidden.sum() / (np.diff(hidden, axis=1, prepend=False) & hidden).sum()

    assert stretch("words") < stretch("ngrams") < stretch("spans")
    assert (masked(packed, unit="words").token_ids == masked(packed, unit="tokens").token_ids).all()


def test_masking_of_a_row_does_not_depend_on_its_batch():
    packed = rows_of([[1, 2, 3] * 8, [2] * 20, [1] * 30])
    together = masked(packed)
    last = PackedRows(*(array[2:] for array in packed))
    alone = mask_words(last, [random_of(0, 2)], masking())
    assert all((a[0] == b[2]).all() for a, b in zip(alone, together, strict=True))
    assert (masked(packed, seed=1).token_ids != together.token_ids).any()


def test_a_run_of_words_ends_with_its_document():
    packed = rows_of([[1] * 60] * 400)
    packed.documents[:, :62] = np.arange(62) // 2 + 1
    batch = masked(packed, unit="spans", share=0.05)  # three tokens a row
    next_to = np.diff(batch.masked_positions, axis=1) == 1
    across = next_to & (batch.masked_positions[:, :-1] % 2 == 1)
    assert next_to.sum() > 200
    assert across.sum() < 0.2 * next_to.sum()  # two runs that happen to meet


def test_invalid_options_are_refused():
    for wrong, message in (
        ({"unit": "word"}, "Did you mean 'words'"),
        ({"share": 15}, "must be between 0 and 1; 0.15"),
        ({"masked": 0.8, "kept": 0.3}, "shares with a sum of at most 1"),
    ):
        with pytest.raises(OptionError, match=message):
            masking(**wrong)
