import pytest

from benchmarks.document import DOCUMENT as PERFORMANCE
from benchmarks.document import MarkerError, limits_table, table, with_tables

DOCUMENT = "Before.\n<!-- rates -->\nold\n<!-- /rates -->\nAfter.\n"


def test_a_table_replaces_what_is_between_its_markers_and_nothing_else() -> None:
    text = with_tables(DOCUMENT, {"rates": r"| new \1 |"})
    assert text == "Before.\n<!-- rates -->\n\n| new \\1 |\n\n<!-- /rates -->\nAfter.\n"


def test_a_second_time_changes_nothing() -> None:
    once = with_tables(DOCUMENT, {"rates": "| new |"})
    assert with_tables(once, {"rates": "| new |"}) == once


@pytest.mark.parametrize(
    "text",
    [
        "no markers",
        "<!-- rates -->",
        "<!-- /rates --> <!-- rates -->",
        DOCUMENT + DOCUMENT,
    ],
)
def test_markers_have_to_be_there_once_and_in_order(text: str) -> None:
    with pytest.raises(MarkerError, match="rates"):
        with_tables(text, {"rates": "| new |"})


def test_a_table_has_a_line_for_each_row() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_a_missed_target_stands_plainly_beside_its_figure() -> None:
    figure = {
        "what": "share",
        "unit": "",
        "digits": 2,
        "rounds": 5,
        "median": 0.5,
        "min": 0.4,
        "max": 0.6,
        "at_least": 0.75,
        "at_most": None,
        "is_met": False,
    }
    text = limits_table({"groups": {"unary": [figure]}}, "unary")
    assert text.splitlines()[-1] == "| share | 0.50 | 0.40 .. 0.60 | ≥ 0.75 | **missed** |"


def test_every_table_of_the_results_that_are_kept_has_its_place() -> None:
    text = PERFORMANCE.read_text("utf-8")
    for name in ("limits-machine", "profile", "choices-machine", "int8", "peers"):
        assert with_tables(text, {name: "| new |"}) != text
