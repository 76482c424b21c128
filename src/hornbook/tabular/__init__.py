"""Reads text files of rows (CSV, TSV, lines), for `data` and `mining`.

One file per step, starting from the bytes:

* `opening`: opens a path or `-` as bytes, decompressed; converts UTF-16 and UTF-32 to UTF-8.
* `other_formats`: refuses files that are not text (Excel, images, HTML).
* `encodings`: detects the encoding.
* `lines`: reads numbered lines of text, one at a time, or the text of a block.
* `separators`: finds the separator of cells, and reads Excel's `sep=` line.
* `rows`, `tsv`: split lines into cells, by the rules of CSV and of TSV.
* `table`: reads rows below a header line.

Nothing here prints.  Notes on guesses are passed to a function `say`, and problems of a line to a
function `report`, or raised as `DataError`.
"""
