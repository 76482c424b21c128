"""Detects the layout of a file with a basket per line from its beginning.

A header, a count or a running number in front of the items must not become items, and with a
separator that is not recognized each line would be one item.  What is certain is skipped, with a
note, and holds for the whole file: a later line that does not fit is an error.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from hornbook.errors import DataError, OptionError
from hornbook.tabular.other_formats import refuse_page
from hornbook.tabular.rows import OpenQuote
from hornbook.tabular.separators import (
    find_separator,
    name_of_sign,
    rival_of,
    sep_line,
    sign_of,
    unusual_sign,
)
from hornbook.tabular.table import cell_rows

HEAD_BYTES = 20_000
HEADERS = ("auto", "yes", "no")
FIRST_FIELDS = ("auto", "item", "count", "id")
_NUMBER = re.compile(r"\d{1,18}")
_NUMBERED = re.compile(r"(\D*?)[ _-]?\(?(\d+)\)?")
_HEADER_WORDS = {
    word
    for language in (
        "item items item(s) itemset itemsets product products product(s) transaction transactions",
        "basket baskets order orders id ids tid count counts size quantity number date member",
        "artikel produkt produkte warenkorb korb anzahl bestellung kunde nummer datum",
        "article articles produit produits panier paniers nombre commande client",
        "artículo artículos producto productos cesta cestas cantidad número pedido cliente fecha",
        "商品 商品名 商品名称 物品 产品 产品名称 购物篮 购物车",
        "订单 订单号 编号 序号 数量 件数 交易 交易号",
    )
    for word in language.split()
}


@dataclass(frozen=True)
class Layout:
    """The layout of a file with a basket per line.

    Attributes:
        sign: The separator of items; None: spaces.
        skip: Number of lines before the baskets: Excel's `sep=`, a header.
        first_field: What each line begins with: `"item"`; `"count"`, the number of items that
            follow; `"id"`, a number or name of the basket.
        is_sure: Whether the user said so, and it was not detected.
        may_be_numbers: Whether the file may be nothing but integers separated by spaces.
        notes: What was detected, one sentence each.
    """

    sign: str | None = None
    skip: int = 0
    first_field: str = "item"
    is_sure: bool = True
    may_be_numbers: bool = True
    notes: list[str] = field(default_factory=list)


def check_choices(header: str, first_field: str) -> None:
    """Raises:
    OptionError: one of them is not known.
    """
    for name, value, known in (
        ("header", header, HEADERS),
        ("first_field", first_field, FIRST_FIELDS),
    ):
        if value not in known:
            raise OptionError(f"Unknown {name} {value!r}.  Known: {', '.join(known)}.")


def find_layout(
    head: str,
    name: str,
    *,
    separator: str | None = None,
    header: str = "auto",
    first_field: str = "auto",
) -> Layout:
    """Detects the layout of a file.

    Args:
        head: Its first lines, complete.
        name: Of the file.
        separator, header, first_field: see `read_baskets`.

    Raises:
        DataError: it is a web page.
        OptionError: a choice is not known.
    """
    check_choices(header, first_field)
    sign = None if separator is None else sign_of(separator)
    numbered = [
        (number, line)
        for number, line in enumerate(re.split(r"\r\n|\r|\n", head), 1)
        if line.strip()
    ]
    if not numbered:
        return Layout(sign, may_be_numbers=separator is None)
    refuse_page(numbered[0][1], name)
    skip, notes = 0, []
    declared = sep_line(numbered[0][1])
    if declared is not None:
        skip = numbered.pop(0)[0]
        sign = declared if separator is None else sign
    lines = [line for _, line in numbered]
    if separator is None and declared is None:
        sign = find_separator(lines)
        notes += _doubts(sign, lines)
    rows = _cells(numbered, sign, name)
    if rows and (header == "yes" or (header == "auto" and is_header(rows))):
        skip = numbered[0][0]
        if header == "auto":
            notes.append(_header_note(skip, rows))
        rows = rows[1:]
    kind = first_field
    if first_field == "auto":
        kind, note = find_first_field(rows)
        notes += [note] if note else []
    notes += _wrapped([row[kind != "item" :] for row in rows])
    return Layout(
        sign,
        skip,
        kind,
        first_field != "auto",
        separator is None and sign is None,
        notes,
    )


def _header_note(line: int, rows: Sequence[Sequence[str]]) -> str:
    """The note about a header, which a table has as well."""
    width = len(rows[0])
    shown = ", ".join(rows[0][:4]) + (", ..." if width > 4 else "")
    note = (
        f"Line {line} ({shown}) looks like column names and is not read as a basket; "
        "--header no reads it as one."
    )
    if width > 1 and all(len(row) == width for row in rows):
        note += "  If this is a table, name the columns with --basket and --item, or add --table."
    return note


def is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names columns, and is not a basket like the others."""
    first, rest = [cell for cell in rows[0] if cell], rows[1:]
    if not first or not rest:
        return False
    has_index = not rows[0][0]  # a data frame was written together with the numbers of its rows
    items = {cell for row in rest for cell in row[has_index:] if cell}
    if items.intersection(first):
        return False
    counted = [[str(start + place) for place in range(len(first))] for start in (0, 1)]
    if len(first) > 1 and first in counted and not any(map(_NUMBER.fullmatch, items)):
        return True
    numbered = [_NUMBERED.fullmatch(cell) for cell in first]
    stems = {match[1].lower() for match in numbered if match and match[1].strip()}
    if len(stems) == 1 and sum(match is not None for match in numbered) > 1:
        places = [int(match[2]) for match in numbered if match]
        stem = next(iter(stems))
        alike = re.compile(re.escape(stem) + r"[ _-]?\(?\d+\)?", re.IGNORECASE)
        is_running = places == list(range(places[0], places[0] + len(places))) and places[0] < 2
        if is_running and not any(map(alike.fullmatch, items)):
            return True
    if all(map(_is_header_word, first)) and not any(map(_is_header_word, items)):
        return True
    no_number = not any(map(_NUMBER.fullmatch, first))
    return no_number and len(rest) > 2 and all(map(_NUMBER.fullmatch, items))


def _is_header_word(cell: str) -> bool:
    """Whether a cell is `product`, `Product 1`, `product_id` or the like."""
    name = cell.lower()
    return not _HEADER_WORDS.isdisjoint({name, re.sub(r"[ _-]?(\d+|id|name|no\.?)$", "", name)})


def find_first_field(rows: Sequence[Sequence[str]]) -> tuple[str, str]:
    """Returns what the first field of each row is, and a note about it."""
    rows = [row for row in rows if row]
    if len(rows) < 2 or not all(_NUMBER.fullmatch(row[0]) for row in rows):
        return "item", ""
    numbers = [int(row[0]) for row in rows]
    are_words = not all(_NUMBER.fullmatch(cell) for row in rows for cell in row[1:] if cell)
    are_counts = numbers == [sum(map(bool, row[1:])) for row in rows]
    otherwise = "--first-field item reads it as one."
    if are_counts and (are_words or (len(rows) > 4 and len(set(numbers)) > 1)):
        what = "The first field of each line is the number of items that follow, not an item"
        return "count", f"{what}; {otherwise}"
    if are_counts and len(set(numbers)) > 1:
        return "item", (
            "The first number of each line is also the number of items that follow.  It is read as "
            "an item; if it is not one, add --first-field count."
        )
    different = len(set(numbers)) == len(numbers) and any(len(row) > 1 for row in rows)
    is_running = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    if different and are_words and is_running and len(rows) > 2:
        return "id", f"The first field of each line is a running number, not an item; {otherwise}"
    if different and (are_words or is_running) and len(rows) > 4:
        return "item", (
            "The first field of each line is a different number.  It is read as an item; if it is "
            "not one, add --first-field id."
        )
    return "item", ""


def without_first(
    fields: list[list[str]], lines: Sequence[int], layout: Layout, name: str
) -> list[list[str]]:
    """The rows without their first field, where it is not an item.

    Raises:
        DataError: it was detected as a count or an id, and a line does not have one.
    """
    if layout.first_field == "item":
        return fields
    if not layout.is_sure:
        for row, line in zip(fields, lines, strict=True):
            first, items = row[0].strip(), sum(bool(cell.strip()) for cell in row[1:])
            if layout.first_field == "count" and first != str(items):
                what = f"how many items follow, and here {first!r} stands before {items}"
            elif not _NUMBER.fullmatch(first):
                what = f"a running number, and here it is {first!r}"
            else:
                continue
            raise DataError(
                f"{name}:{line}: in the lines before the first field is {what}.\n"
                f"Say --first-field {layout.first_field} to leave it out of every line, or "
                "--first-field item."
            )
    return [row[1:] for row in fields]


def _doubts(sign: str | None, lines: Sequence[str]) -> list[str]:
    """Notes on another separator that is possible."""
    rival = rival_of(sign, lines)
    if rival is not None:
        return [
            f"Items are separated by {name_of_sign(sign)}, though {name_of_sign(rival)} is in most "
            f"lines too; --separator {name_of_sign(rival)} says otherwise."
        ]
    if sign is None and len(lines) > 1 and (odd := unusual_sign(lines)) is not None:
        return [
            f"Every line holds {odd!r}: if it separates the items, say "
            f"--separator {shlex.quote(odd)}."
        ]
    return []


def _wrapped(rows: Sequence[Sequence[str]]) -> list[str]:
    """Notes on lines that are lists in brackets or in quotes."""
    rows = [row for row in rows if row]
    if len(rows) < 2:
        return []
    for opening, closing in ("{}", "[]", "()"):
        lines = ["\n".join(row) for row in rows]
        are_wrapped = all(
            line[0] == opening and line[-1] == closing and line.count(opening) == 1
            for line in lines
        )
        if are_wrapped and any(re.search("[\n,;|]", line) for line in lines):
            return [
                f"Each line stands in {opening}{closing}: the brackets are read as parts of "
                "items.  Take them out of the file."
            ]
    if all(len(row) == 1 for row in rows):
        for sign in ",;|":
            holding = [row[0] for row in rows if sign in row[0]]
            if len(holding) > 1 and 2 * len(holding) >= len(rows):
                return [
                    f"{len(holding):,} of {len(rows):,} lines are one item that holds {sign!r}, as "
                    f"in {holding[0][:40]!r}: if it separates the items, take the quotes around "
                    "them out of the file."
                ]
    return []


def _cells(numbered: Sequence[tuple[int, str]], sign: str | None, name: str) -> list[list[str]]:
    """The cells of the first thousand lines, without spaces around them and padding at the end."""
    stripped: list[list[str]] = []
    rows = cell_rows([(n, line + "\n") for n, line in numbered], sign, name, lambda *_: None)
    try:
        for row in islice(rows, 1000):
            cells = [cell.strip() for cell in row.cells]
            while cells and not cells[-1]:
                cells.pop()
            stripped.append(cells)
    except OpenQuote:  # reported, or closed, when the whole file is read
        pass
    return stripped
