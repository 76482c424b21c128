"""Builds a self-contained HTML page: text, tables, charts and images.

The page runs no scripts and loads nothing, enforced by its Content-Security-Policy.  All arguments
are escaped, so data cannot become markup.
"""

from __future__ import annotations

import base64
import hashlib
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hornbook.report.charts.lettering import escape, format_number, text_width
from hornbook.report.marked_text import KINDS, Mark, marked_text
from hornbook.report.stylesheet import LANGUAGES, stylesheet

_TAGS = {"en": "en", "zh": "zh-Hans"}
_ALIGN = {"l": "", "r": "right", "c": "center"}
_WHOLE = 150.0  # maximum width, in chart units, of a cell without line breaks
_IMAGES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}


class Page:
    """A report of sections, in the order they are added.

    Args:
        title: Heading and title of the browser tab.
        subtitle: One line below: data, model, date.
        language: `"en"` or `"zh"`: determines fonts and pronunciation.

    Example:
        page = Page("Text matching", subtitle="2,000 pairs")
        page.add_heading("Training")
        page.add_chart(line_chart({"loss": (steps, losses)}, x_label="step"), "Loss")
        text = page.html()
    """

    def __init__(self, title: str, subtitle: str | None = None, language: str = "en"):
        if language not in LANGUAGES:
            raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, not {language!r}")
        self.title = title
        self.language = language
        self._parts = [f"<h1>{escape(title)}</h1>"]
        if subtitle:
            self._parts.append(f'<p class="subtitle">{escape(subtitle)}</p>')
        self._charts: list[str] = []  # neighbors share a row if there is room

    def add_heading(self, text: str, level: int = 2) -> None:
        """Starts a section (level 2) or subsection (level 3)."""
        if level not in (2, 3):
            raise ValueError(f"level must be 2 or 3, not {level!r}")
        self._add(f"<h{level}>{escape(text)}</h{level}>")

    def add_text(self, text: str) -> None:
        """Adds one or several paragraphs, separated by empty lines."""
        for paragraph in text.split("\n\n"):
            if paragraph.strip():
                self._add(f"<p>{escape(paragraph.strip())}</p>")

    def add_key_values(self, pairs: Mapping[str, Any]) -> None:
        """Adds a list of names with their values."""
        items = "".join(
            f"<dt>{escape(key)}</dt><dd>{escape(_shown(value))}</dd>"
            for key, value in pairs.items()
        )
        self._add(f"<dl>{items}</dl>")

    def add_table(
        self, rows: Iterable[Sequence[Any]], header: Sequence[str], align: str | None = None
    ) -> None:
        """Adds a table.

        Args:
            rows: Rows with one value per column; None leaves a cell empty.
            header: Names of the columns.
            align: One letter per column, `l`, `r` or `c`.  Defaults to numbers on the right.

        Raises:
            ValueError: a row or `align` differs in length from `header`.
        """
        table = [list(row) for row in rows]
        for row in table:
            if len(row) != len(header):
                raise ValueError(f"{len(header)} columns, but a row has {len(row)}: {row}")
        if align is None:
            align = "".join(
                "r" if _are_numbers(row[i] for row in table) else "l" for i in range(len(header))
            )
        if len(align) != len(header) or set(align) - set(_ALIGN):
            raise ValueError(f"align needs {len(header)} letters of {', '.join(_ALIGN)}")
        head = "".join(
            f'<th scope="col" class="{_ALIGN[letter]}">{escape(name)}</th>'
            for letter, name in zip(align, header, strict=True)
        ).replace(' class=""', "")
        body = "".join(f"<tr>{''.join(map(_cell, align, row))}</tr>\n" for row in table)
        self._add(
            f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>\n'
            f"<tbody>{body}</tbody></table></div>"
        )

    def add_code(self, text: str) -> None:
        """Adds preformatted text in a monospaced font."""
        self._add(f'<pre tabindex="0"><code>{escape(text)}</code></pre>')

    def add_chart(self, svg: str, caption: str) -> None:
        """Adds a chart of this package; consecutive charts share a row.

        Raises:
            ValueError: `svg` is not a chart of this package.
        """
        if not svg.startswith('<svg class="chart') or not svg.endswith("</svg>"):
            raise ValueError("add_chart takes the SVG of a chart function of this package")
        wide = ' class="wide"' if svg.startswith('<svg class="chart wide"') else ""
        heading = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        self._charts.append(f"<figure{wide}>{heading}{svg}</figure>")

    def add_images(self, images: Iterable[tuple[bytes, str]]) -> None:
        """Embeds PNG, JPEG or GIF files, each with a caption.

        Raises:
            ValueError: another file format.
        """
        figures = []
        for data, caption in images:
            kind = next((k for start, k in _IMAGES.items() if data.startswith(start)), None)
            if kind is None:
                raise ValueError(f"images must be {', '.join(_IMAGES.values())} files")
            source = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
            figures.append(
                f'<figure><img src="{source}" alt="{escape(caption)}">'
                f"<figcaption>{escape(caption)}</figcaption></figure>"
            )
        self._add(f'<div class="images">{"".join(figures)}</div>')

    def add_marked_texts(
        self,
        texts: Iterable[tuple[str, Iterable[Mark], str]],
        lines: Iterable[Iterable[tuple[str, str]]] | None = None,
    ) -> None:
        """Adds texts with spans in them marked, and a key of the marks.

        Args:
            texts: The text, its marks, and where it comes from.
            lines: For each text lines below it, each with a kind of mark.
        """
        key = " ".join(f'<mark class="{kind}">{kind}</mark>' for kind in KINDS)
        texts = list(texts)
        below = [
            "".join(
                f'<br><mark class="{kind}">{kind}</mark> {escape(line)}' for kind, line in of_text
            )
            for of_text in (lines if lines is not None else [()] * len(texts))
        ]
        items = "".join(
            f"<li>{marked_text(text, marks)} <cite>{escape(where)}</cite>{more}</li>"
            for (text, marks, where), more in zip(texts, below, strict=True)
        )
        self._add(f'<p>{key}</p>\n<ul class="texts">{items}</ul>')

    def html(self) -> str:
        """Returns the whole page, to be written as UTF-8."""
        self._close_charts()
        style = stylesheet(self.language)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
        body = "\n".join(self._parts)
        return (
            f'<!doctype html>\n<html lang="{_TAGS[self.language]}">\n<head>\n'
            '<meta charset="utf-8">\n'
            '<meta http-equiv="Content-Security-Policy" content="'
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
            "base-uri 'none'; form-action 'none'\">\n"
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="generator" content="hornbook">\n'
            f"<title>{escape(self.title)}</title>\n<style>{style}</style>\n</head>\n"
            f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
        )

    def _add(self, part: str) -> None:
        self._close_charts()
        self._parts.append(part)

    def _close_charts(self) -> None:
        if self._charts:
            self._parts.append(f'<div class="charts">{"".join(self._charts)}</div>')
            self._charts = []


def _cell(letter: str, value: Any) -> str:
    text = _shown(value)
    whole = "whole" if letter == "l" and "\n" not in text and text_width(text) <= _WHOLE else ""
    names = " ".join(filter(None, [_ALIGN[letter], whole]))
    return f'<td class="{names}">{escape(text)}</td>' if names else f"<td>{escape(text)}</td>"


def _are_numbers(values: Iterable[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(
        isinstance(value, numbers.Real) and not isinstance(value, bool) for value in present
    )


def _shown(value: Any) -> str:
    """Formats a value: integers unchanged (perhaps a year), other numbers with four digits."""
    if value is None:
        return ""
    if isinstance(value, numbers.Real) and not isinstance(value, bool | numbers.Integral):
        return format_number(float(value))
    return str(value)
