import pytest

from benchmarks.performance_doc import (
    DOCUMENT,
    MarkerError,
    figures_table,
    peers_table,
    replace_tables,
    table,
)
from benchmarks.result_files import read_result

TEXT = "Before.\n<!-- rates -->\nold\n<!-- /rates -->\nAfter.\n"


def test_a_table_replaces_only_the_text_between_its_markers() -> None:
    text = replace_tables(TEXT, {"rates": r"| new \1 |"})
    assert text == "Before.\n<!-- rates -->\n\n| new \\1 |\n\n<!-- /rates -->\nAfter.\n"


def test_replacing_a_table_twice_gives_the_same_document() -> None:
    once = replace_tables(TEXT, {"rates": "| new |"})
    assert replace_tables(once, {"rates": "| new |"}) == once


@pytest.mark.parametrize(
    "text",
    [
        "no markers",
        "<!-- rates -->",
        "<!-- /rates --> <!-- rates -->",
        TEXT + TEXT,
    ],
)
def test_markers_must_be_present_once_and_in_order(text: str) -> None:
    with pytest.raises(MarkerError, match="rates"):
        replace_tables(text, {"rates": "| new |"})


def test_a_table_has_a_line_per_row() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_a_missed_target_is_marked() -> None:
    figure = {
        "label": "share",
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
    text = figures_table([figure])
    assert text.splitlines()[-1] == "| share | 0.50 | 0.40 .. 0.60 | ≥ 0.75 | **missed** |"


def test_peers_are_shown_relative_to_the_first_contender() -> None:
    names = ["calls_per_second", "alone_p50_ms", "rate_p99_ms", "rate_calls_per_second"]
    names += ["batch_images_per_second", "memory_mb", "ready_seconds"]
    contenders = [
        {
            "label": name,
            "median": dict.fromkeys(names, value),
            "spread": {"calls_per_second": [value - 2, value + 2]},
            "rate_held": rate_held,
        }
        for name, value, rate_held in (("digits", 10.0, True), ("other", 5.0, False))
    ]
    result = {"contenders": contenders, "settings": {"rate_calls_per_second": 100.0}}
    assert peers_table(result).splitlines()[2:] == [
        "| digits | 1.00 | 0.80 .. 1.20 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 |",
        "| other | 0.50 | 0.30 .. 0.70 | 0.50 | 0.50 (at 5 calls/s) | 0.50 | 0.50 | 0.50 |",
    ]


def test_every_kept_result_has_its_table_in_the_document() -> None:
    limits = read_result("limits")
    assert limits
    names = ["limits-machine", "profile", "peers-machine", "peers", "peers-targets"]
    names += [f"limits-{group}" for group in limits["groups"]]
    text = DOCUMENT.read_text("utf-8")
    for name in names:
        assert replace_tables(text, {name: "| new |"}) != text
