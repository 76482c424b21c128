"""Recognizes files that are not text, whatever their name is."""

from __future__ import annotations

from hornbook.errors import DataError

_EXCEL = "Open it in Excel and save the sheet as CSV UTF-8."
_EXTRACT = "Extract it first."
_AS_TEXT = "Expected a text file: CSV, TSV or JSON lines."
# first bytes, what the file is, what to do
_KINDS = (
    (b"PK\x03\x04", "an Excel workbook (.xlsx) or another zip archive", _EXCEL),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", _EXCEL),
    (b"PAR1", "a Parquet file", "Name it .parquet where Parquet is read, or save it as CSV."),
    (b"ARROW1", "an Arrow file", "Save it as CSV or JSON lines."),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV."),
    (b"%PDF", "a PDF", _AS_TEXT),
    (b"{\\rtf", "a document in rich text (.rtf)", "Save it as plain text."),
    (b"\x89PNG", "a PNG image", _AS_TEXT),
    (b"\xff\xd8\xff", "a JPEG image", _AS_TEXT),
    (b"GIF8", "a GIF image", _AS_TEXT),
    (b"BZh", "a bzip2 archive", _EXTRACT),
    (b"\xfd7zXZ", "an xz archive", _EXTRACT),
    (b"7z\xbc\xaf", "a 7-Zip archive", _EXTRACT),
    (b"Rar!", "a RAR archive", _EXTRACT),
)
_PAGES = ("<!doctype html", "<html", "<head", "<?xml", "<!--")


def refuse_other_formats(start: bytes, name: str) -> None:
    """Refuses a file by its first bytes.

    Raises:
        DataError: it is an Excel workbook, an image, an archive ...
    """
    for first, what, advice in _KINDS:
        if start.startswith(first) and not (first == b"BZh" and start[3:4] not in b"123456789"):
            raise DataError(f"{name} is not text but {what}.\n{advice}")


def refuse_page(line: str, name: str) -> None:
    """Refuses HTML or XML in place of rows, usually an error page that was saved as the file.

    Args:
        line: The first line that is not blank.
        name: Name of the file.

    Raises:
        DataError: the line starts like a web page.
    """
    if line.lstrip("\ufeff \t").lower().startswith(_PAGES):
        raise DataError(
            f"{name} is a web page (HTML or XML), not rows: perhaps an error message of a server."
            "\nDownload the file again."
        )
