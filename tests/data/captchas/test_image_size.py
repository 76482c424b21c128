import pytest

from hornbook.data.captchas.image_size import check_size, image_size
from hornbook.errors import OptionError


def test_the_size_keeps_the_proportions_and_can_be_halved():
    assert image_size([(160, 60)] * 3) == (160, 64)
    assert image_size([(90, 30), (92, 34), (500, 500)]) == (128, 48)
    assert image_size([(1000, 100)]) == (320, 32)
    assert image_size([(1, 1)], "160x60") == (160, 60)


@pytest.mark.parametrize("size", ["60", "9x9", "axb", "160x", "2000x64"])
def test_an_invalid_size_is_refused(size):
    with pytest.raises(OptionError, match=f"size is '?{size}"):
        check_size(size)
