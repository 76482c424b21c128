import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.data.objectives.row_order import shuffled


@given(st.integers(1, 200), st.integers(1, 30), st.integers(0, 3))
def test_every_row_occurs_and_the_last_batch_is_filled_up(count, batch, epoch):
    order = shuffled(count, batch, 7, epoch)
    assert order.shape == (-(-count // batch), batch)
    assert sorted(order.ravel()[:count]) == list(range(count))


def test_hosts_share_every_batch():
    whole = shuffled(50, 8, 1, 2)
    parts = [shuffled(50, 8, 1, 2, (number, 4)) for number in range(4)]
    assert all(part.shape == (7, 2) for part in parts)
    assert (np.sort(np.concatenate(parts, axis=1)) == np.sort(whole)).all()


def test_seed_and_epoch_determine_the_order():
    assert (shuffled(50, 8, 1, 2) == shuffled(50, 8, 1, 2)).all()
    assert (shuffled(50, 8, 1, 2) != shuffled(50, 8, 1, 3)).any()
    assert (shuffled(50, 8, 1, 2) != shuffled(50, 8, 2, 2)).any()


@pytest.mark.parametrize("wrong", [(0, 8, (0, 1)), (9, 0, (0, 1)), (9, 8, (0, 3)), (9, 8, (2, 2))])
def test_a_batch_that_cannot_be_divided_is_refused(wrong):
    count, batch, host = wrong
    with pytest.raises(ValueError, match=r"cannot be put into batches|has no part"):
        shuffled(count, batch, 0, 0, host)
