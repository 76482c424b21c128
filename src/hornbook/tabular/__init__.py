"""Text files of rows as people have them: the one reader that `data` and `mining` share.

From the bytes up, one file per step:

* `opening`: a path or `-` as bytes, unpacked; UTF-16 and UTF-32 become UTF-8 here.
* `other_formats`: names what is no text at all (Excel, images, HTML).
* `encodings`: which encoding the bytes are in, found out or given.
* `lines`: numbered lines of text, one at a time, or the text of a block.
* `separators`: the sign between cells, Excel's `sep=` line.
* `rows`, `tsv`: cells of lines, by the rules of CSV and of TSV.
* `table`: rows under a header line.

Nothing here prints.  What was guessed goes to a function `say`, and what is wrong with a line to a
function `report`, or up as a `DataError`.
"""
