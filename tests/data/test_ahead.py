import threading
import time

import pytest

from hornbook.data.ahead import in_order


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_results_come_in_the_order_of_the_items(workers):
    def slow_first(number):
        time.sleep(0.02 if number == 0 else 0)
        return number * number

    assert list(in_order(slow_first, range(20), workers=workers)) == [n * n for n in range(20)]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_is_raised_when_its_item_is_due(workers):
    def inverse(number):
        return 1 / number

    results = in_order(inverse, [1, 2, 0, 4], workers=workers)
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_only_a_limited_number_of_items_is_computed_ahead():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = in_order(lambda number: number, items(), workers=2, ahead=3)
    next(results)
    assert len(taken) <= 5
    results.close()
    assert not [thread for thread in threading.enumerate() if "hornbook-ahead" in thread.name]
