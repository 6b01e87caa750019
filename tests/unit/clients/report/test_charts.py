"""Charts of reports: complete, honest about few images, and small enough for a phone."""

import re

from digits_client.report.charts import (
    MIN_BIN_COUNT,
    bar_chart,
    confusion_table,
    reliability_diagram,
)


def test_an_empty_bar_is_shown_as_empty() -> None:
    chart = bar_chart("Counts & more", [("a < b", 0), ("c", 1200), ("d", 300)])
    assert "<h2>Counts &amp; more</h2>" in chart
    assert '<tr class=empty><th scope="row">a &lt; b</th><td>0</td>' in chart
    assert chart.count('class="trough"') == 3
    assert re.findall(r"width: ([\d.]+)%", chart) == ["100.0", "25.0"]


def test_a_confusion_matrix_has_a_cell_for_each_outcome() -> None:
    table = confusion_table([3, 5], [*"0123456789", "not a digit"], [[0] * 10 + [2], [7] * 11])
    assert table.count("<td") == 22
    assert table.count('class="right') == 2
    assert 'class="right zero"' in table
    assert "--columns: 12" in table
    assert 'title="2 of 3: not a digit"' in table


def test_a_large_count_of_a_confusion_matrix_is_short() -> None:
    table = confusion_table([0], ["0"], [[1_234_567]])
    assert ">1235k</td>" in table
    assert "1,234,567" in table


def test_ranges_with_few_images_are_left_out_of_the_reliability_diagram() -> None:
    bins = [(0.55, 0.5, 3), (0.85, 0.8, MIN_BIN_COUNT), (0.97, 0.99, 4000), (0.65, 0.5, 1)]
    diagram = reliability_diagram(bins, "share right")
    assert diagram.count("<circle") == 2
    assert "Left out: 2 ranges of confidence with fewer than 20 images, 4 in all." in diagram
    assert "Left out" not in reliability_diagram(bins[1:3], "share right")


def test_a_few_images_have_a_sentence_in_place_of_the_diagram() -> None:
    for bins in (
        [],
        [(0.97, 0.99, 4000)],
        [(0.97, 0.99, 40), (0.85, 0.8, 40)],
        [(0.97, 0.99, 400), (0.85, 0.8, 19)],
    ):
        shown = reliability_diagram(bins, "share right")
        assert "<svg" not in shown
        assert "Not drawn from too few images" in shown
    assert "Here are 419, and 1 range with 20." in shown


def test_the_confidence_of_a_range_is_never_certain() -> None:
    diagram = reliability_diagram([(1.0, 1.0, 400), (0.85, 0.8, 40)], "share right")
    assert "400 images: 99.9% confident, 100.0% correct" in diagram
