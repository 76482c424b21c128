from hornbook.report.notebook_table import html_table


def test_every_cell_is_escaped():
    table = html_table(["a<b"], [["<script>", 1.5]])
    assert table == (
        "<table><tr><th>a&lt;b</th></tr><tr><td>&lt;script&gt;</td><td>1.5</td></tr></table>"
    )


def test_ten_rows_are_shown_and_the_others_counted():
    table = html_table([], ([number] for number in range(2000)), total=2000)
    assert table.count("<tr>") == 10
    assert "<td>9</td>" in table
    assert table.endswith("<p>and 1,990 more</p>")
    assert "more" not in html_table([], [[1]] * 10, total=10)
