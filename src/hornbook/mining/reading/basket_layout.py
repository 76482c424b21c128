"""Detects the layout of a file with a basket per line, from its beginning.

A header, or a count or running number before the items, must not become items, and with an
unrecognized separator each line would be one item.  Whatever is detected with certainty is skipped
and noted; it holds for the whole file, and a later line that does not fit is an error.
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
    name_of_separator,
    other_candidate,
    sep_line,
    separator_named,
    unusual_separator,
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
        sign: The separator of items; None for spaces.
        skip: Number of lines before the baskets: Excel's `sep=`, a header.
        first_field: What each line begins with: `"item"`; `"count"`, the number of items that
            follow; `"id"`, a number or name of the basket.
        is_sure: Whether `first_field` is the user's choice rather than detected.
        may_be_numbers: Whether the file may consist of integers separated by spaces.
        notes: What was detected, one sentence each.
    """

    sign: str | None = None
    skip: int = 0
    first_field: str = "item"
    is_sure: bool = True
    may_be_numbers: bool = True
    notes: list[str] = field(default_factory=list)


def check_choices(header: str, first_field: str) -> None:
    """Raises OptionError if `header` or `first_field` is unknown."""
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
        name: Name of the file.
        separator, header, first_field: See `read_baskets`.

    Raises:
        DataError: it is a web page.
        OptionError: `header` or `first_field` is unknown.
    """
    check_choices(header, first_field)
    sign = None if separator is None else separator_named(separator)
    numbered = [
        (number, line)
        for number, line in enumerate(re.split(r"\r\n|\r|\n", head), 1)
        if line.strip()
    ]
    if not numbered:
        return Layout(sign, may_be_numbers=separator is None)
    refuse_page(numbered[0][1], name)
    skip, notes = 0, []
    declaration = sep_line(numbered[0][1])
    if declaration is not None:
        skip = numbered.pop(0)[0]
        sign = declaration if separator is None else sign
    lines = [line for _, line in numbered]
    if separator is None and declaration is None:
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
    """Returns the note about a header; the file may also be a table."""
    width = len(rows[0])
    names = ", ".join(rows[0][:4]) + (", ..." if width > 4 else "")
    note = (
        f"Line {line} ({names}) looks like column names and is not read as a basket; "
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
    has_index = not rows[0][0]  # a data frame was written with its index
    items = {cell for row in rest for cell in row[has_index:] if cell}
    if items.intersection(first):
        return False
    indices = [[str(start + place) for place in range(len(first))] for start in (0, 1)]
    if len(first) > 1 and first in indices and not any(map(_NUMBER.fullmatch, items)):
        return True
    matches = [_NUMBERED.fullmatch(cell) for cell in first]
    stems = {match[1].lower() for match in matches if match and match[1].strip()}
    if len(stems) == 1 and sum(match is not None for match in matches) > 1:
        places = [int(match[2]) for match in matches if match]
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
    """Returns the rows without their first field if that is not an item.

    Raises:
        DataError: a count or id was detected, and a line has none.
    """
    if layout.first_field == "item":
        return fields
    if not layout.is_sure:
        for row, line in zip(fields, lines, strict=True):
            first, items = row[0].strip(), sum(bool(cell.strip()) for cell in row[1:])
            if layout.first_field == "count" and first != str(items):
                what = f"the number of items that follow, but here {first!r} precedes {items}"
            elif not _NUMBER.fullmatch(first):
                what = f"a running number, but here it is {first!r}"
            else:
                continue
            raise DataError(
                f"{name}:{line}: in earlier lines the first field is {what}.\n"
                f"Use --first-field {layout.first_field} to drop it from every line, or "
                "--first-field item to keep it."
            )
    return [row[1:] for row in fields]


def _doubts(sign: str | None, lines: Sequence[str]) -> list[str]:
    """Returns notes on other possible separators."""
    rival = other_candidate(sign, lines)
    if rival is not None:
        return [
            f"Items are separated by {name_of_separator(sign)}, but {name_of_separator(rival)} is "
            f"in most lines too; --separator {name_of_separator(rival)} chooses it."
        ]
    if sign is None and len(lines) > 1 and (odd := unusual_separator(lines)) is not None:
        return [
            f"Every line has {odd!r}: if it separates the items, add "
            f"--separator {shlex.quote(odd)}."
        ]
    return []


def _wrapped(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns notes on lines that are lists in brackets or quotes."""
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
                f"Each line is enclosed in {opening}{closing}: the brackets are read as parts of "
                "items.  Remove them from the file."
            ]
    if all(len(row) == 1 for row in rows):
        for sign in ",;|":
            examples = [row[0] for row in rows if sign in row[0]]
            if len(examples) > 1 and 2 * len(examples) >= len(rows):
                return [
                    f"{len(examples):,} of {len(rows):,} lines are a single item with {sign!r} in "
                    f"it, such as {examples[0][:40]!r}: if it separates the items, remove the "
                    "quotes around them from the file."
                ]
    return []


def _cells(numbered: Sequence[tuple[int, str]], sign: str | None, name: str) -> list[list[str]]:
    """Returns the cells of the first thousand lines, stripped, without padding at the end."""
    cell_lists: list[list[str]] = []
    rows = cell_rows([(n, line + "\n") for n, line in numbered], sign, name, lambda *_: None)
    try:
        for row in islice(rows, 1000):
            cells = [cell.strip() for cell in row.cells]
            while cells and not cells[-1]:
                cells.pop()
            cell_lists.append(cells)
    except OpenQuote:  # reported, or closed, when the whole file is read
        pass
    return cell_lists
