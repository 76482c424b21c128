import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hornbook.data.images.decoding import read_image, readable
from hornbook.errors import DataError


def stored(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def halves(mode="RGB"):
    """Red on the left, blue on the right, 16 x 8."""
    image = Image.new("RGB", (16, 8), (255, 0, 0))
    image.paste((0, 0, 255), (8, 0, 16, 8))
    return image.convert(mode)


def pixels(data):
    return np.asarray(read_image(data)).astype(int)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_every_format_gives_the_same_image(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    options |= {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    decoded = pixels(stored(halves(), kind, **options))
    assert decoded.shape == (8, 16, 3)
    assert np.abs(decoded[:, 1] - [255, 0, 0]).max() < 12
    assert np.abs(decoded[:, -2] - [0, 0, 255]).max() < 12


def test_transparent_images_are_placed_on_white():
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    image.putpixel((1, 1), (0, 0, 0, 128))
    decoded = pixels(stored(image, "PNG"))
    assert decoded[0, 0].tolist() == [255, 255, 255]
    assert decoded[1, 1].tolist() == [127, 127, 127]
    palette = Image.new("P", (4, 4), 3)
    palette.putpalette([0] * 768)
    assert pixels(stored(palette, "GIF", transparency=3)).min() == 255
    gray = Image.new("LA", (4, 4), (0, 0))
    assert pixels(stored(gray, "PNG")).min() == 255


def test_an_animated_image_gives_its_first_frame():
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        data = stored(frames[0], kind, save_all=True, append_images=frames[1:])
        assert np.abs(pixels(data)[0, 0] - [255, 0, 0]).max() < 8


def test_cmyk_is_converted():
    data = stored(halves("CMYK"), "JPEG", quality=95)
    assert np.abs(pixels(data)[4, 1] - [255, 0, 0]).max() < 20


def test_sixteen_bits_are_scaled_not_clipped():
    for kind in ("PNG", "TIFF"):
        values = np.array([[0, 257 * 100, 65535]], np.uint16)
        decoded = pixels(stored(Image.fromarray(values), kind))
        assert decoded[0, :, 0].tolist() == [0, 100, 255]
    floats = Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32))
    assert pixels(stored(floats, "TIFF"))[0, :, 0].tolist() == [0, 128, 255]


def test_exif_rotation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees to the right
    decoded = pixels(stored(halves(), "PNG", exif=exif))
    assert decoded.shape == (16, 8, 3)
    assert decoded[1, 4].tolist() == [255, 0, 0]
    assert decoded[-2, 4].tolist() == [0, 0, 255]


def bomb(width, height):
    """A PNG of one line of data that declares any size."""

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(99)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(8_001, 8_000), (13_000, 13_000), (2**31 - 1, 2**31 - 1)])
def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded(size):
    with pytest.raises(DataError, match="is refused"):
        read_image(bomb(*size))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "PPM"])
def test_a_truncated_or_damaged_image_is_one_message_with_its_name(kind, tmp_path):
    random = np.random.default_rng(0)
    noise = Image.fromarray(random.integers(0, 255, (24, 24, 3), dtype=np.uint8))
    data = stored(noise, kind)
    file = tmp_path / "x.png"
    for end in (0, 1, 9, len(data) // 3, len(data) // 2):
        file.write_bytes(data[:end])
        with pytest.raises(DataError, match=r"x\.png"):
            read_image(file)
    for _ in range(60):
        altered = bytearray(data)
        for place in random.integers(0, len(data), 3):
            altered[place] = random.integers(0, 256)
        try:  # what was altered may still be an image
            mode, message = read_image(bytes(altered), where="altered").mode, "altered"
        except DataError as error:
            mode, message = "RGB", str(error)
        assert (mode, "altered" in message) == ("RGB", True)


def test_a_file_that_is_not_an_image_is_named(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(DataError, match=r"text\.png is not a readable image"):
        read_image(tmp_path / "text.png")
    with pytest.raises(DataError, match=r"none\.png cannot be read"):
        read_image(tmp_path / "none.png")
    with pytest.raises(DataError, match="cannot be read"):
        read_image(tmp_path)


def test_a_large_jpeg_is_decoded_at_a_reduced_size():
    data = stored(halves().resize((640, 320)), "JPEG")
    assert read_image(data, near=(100, 50)).size == (160, 80)
    assert read_image(data, near=(600, 50)).size == (640, 320)


def test_readable_separates_readable_images_and_problems(tmp_path):
    halves().save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"GIF89a")
    decoded = readable([tmp_path / "good.png", tmp_path / "bad.png"])
    assert decoded.sizes == {tmp_path / "good.png": (16, 8)}
    assert "1 of 2 images" in decoded.summary()
    assert "bad.png" in decoded.summary()
    decoded.raise_if_none("folder")
    with pytest.raises(DataError, match="No image"):
        readable([tmp_path / "bad.png"]).raise_if_none("folder")
