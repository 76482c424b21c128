"""What is an image is told by what is in a file; everything else is named, and no folder's dirt."""

import os

import pytest
from PIL import Image, features

from hornbook.data.images.decoding import read_image
from hornbook.data.images.formats import ENDINGS, find_images, look_for_images
from hornbook.errors import DataError

KINDS = ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF"]


def names(folder):
    return [path.relative_to(folder).as_posix() for path in look_for_images(folder).paths]


def write(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_images_are_found_in_subfolders_sorted(tmp_path):
    for name in ("b/2.PNG", "a.jpeg", "b/1.gif", ".hidden/3.png"):
        write(tmp_path / name)
    assert names(tmp_path) == ["a.jpeg", "b/1.gif", "b/2.PNG"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["n0", "photo.jpg_large", "x.dat", "a.heic"])
def test_an_image_is_recognized_by_its_signature(kind, name, tmp_path):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    Image.new("RGB", (9, 5), (200, 30, 30)).save(tmp_path / name, kind)
    assert names(tmp_path) == [name]
    image = read_image(tmp_path / name)
    assert image.size == (9, 5)
    assert abs(image.getpixel((4, 2))[0] - 200) < 12


@pytest.mark.parametrize("ending", [".jfif", ".jpe", ".JPG", ".webp", ".tif", ".avif", ".pgm"])
def test_an_image_is_recognized_by_its_suffix(ending, tmp_path):
    write(tmp_path / f"damaged{ending}")
    assert names(tmp_path) == [f"damaged{ending}"]


def test_other_files_are_counted_by_suffix(tmp_path):
    write(tmp_path / "a.png")
    for name in ("1.heic", "2.HEIC", "drawing.svg", "README", "c.txt", "BMW list", "P1 notes"):
        write(tmp_path / name, b"BM and other words that are no image" if "B" in name else b"P1 no")
    images = look_for_images(tmp_path)
    assert images.paths == [tmp_path / "a.png"]
    assert images.summary() == "7 files passed over: 3 without suffix, 2 .heic, 1 .svg, 1 .txt"


def test_finding_images_prints_the_counts_of_other_files(tmp_path, capsys):
    write(tmp_path / "a.png")
    write(tmp_path / "b.heic")
    assert find_images(tmp_path) == [tmp_path / "a.png"]
    assert "1 file passed over: 1 .heic" in capsys.readouterr().err
    (tmp_path / "a.png").unlink()
    with pytest.raises(DataError, match=r"holds no image \(1 file passed over: 1 \.heic\)"):
        find_images(tmp_path)
    with pytest.raises(DataError, match="There is no folder"):
        find_images(tmp_path / "none")


@pytest.mark.parametrize(
    "name",
    [
        "__MACOSX/cat/._0.jpg",
        "__MACOSX/0.jpg",
        "._0.jpg",
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        ".ipynb_checkpoints/x.jpg",
        "@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg",
    ],
)
def test_system_files_are_ignored(name, tmp_path):
    write(tmp_path / "cat" / "a.png")
    write(tmp_path / name)
    images = look_for_images(tmp_path)
    assert (names(tmp_path), images.summary()) == (["cat/a.png"], "")


def test_links_to_folders_are_followed_without_loops(tmp_path):
    write(tmp_path / "far" / "a.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "near").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "back").symlink_to(tmp_path / "data")
    assert names(tmp_path / "data") == ["near/a.png"]


def test_a_dangling_link_is_reported_and_a_pipe_is_never_opened(tmp_path):
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert names(tmp_path) == ["gone.png"]
    with pytest.raises(DataError, match=r"gone\.png cannot be read"):
        read_image(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC image"),
        (b"<!DOCTYPE html><html>not found</html>", "a web page"),
        (b'<?xml version="1.0"?>\n<svg width="9">', "an SVG drawing"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "git lfs pull"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a readable image"),
    ],
)
def test_the_kind_of_a_foreign_file_is_named(content, kind, tmp_path):
    write(tmp_path / "x.jpg", content)
    with pytest.raises(DataError, match=kind):
        read_image(tmp_path / "x.jpg")


def test_every_suffix_belongs_to_an_enabled_decoder():
    assert not ENDINGS & {".eps", ".ps", ".tga", ".wmf", ".psd"}
