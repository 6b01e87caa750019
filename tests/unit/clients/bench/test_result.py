"""Figures, notes and the table of a result."""

import dataclasses

import pytest

from digits_client.bench.tables import format_number, result_table
from digits_client.cli.server_options import ServerOptions

from .made_results import recording, result


def cells(text: str) -> dict[str, list[str]]:
    """Return the rows of a table by their name."""
    header, *lines = text.splitlines()
    assert header.split()[0] == "calls/s"
    return {line[:12].strip(): line[12:].split() for line in lines}


def test_the_table_has_a_row_for_each_repeat_and_one_for_the_counted_repeats() -> None:
    rows = cells(result_table(result(recording(10), recording(100), recording(102))))
    assert list(rows) == ["(repeat 1)", "repeat 2", "repeat 3", "result"]
    assert rows["result"][:3] == ["50.5", "50.5", "50.5"]
    assert rows["(repeat 1)"][:3] == ["5.00", "5.00", "5.00"]


def test_the_table_separates_successful_rejected_and_failed_calls() -> None:
    made = recording(100, RESOURCE_EXHAUSTED=40, INTERNAL=2, UNAVAILABLE=4, SUPERSEDED=6)
    row = cells(result_table(result(made, made)))["repeat 1"]
    assert row[:3] == ["76.0", "50.0", "50.0"]
    assert row[-3:] == ["40", "6", "6"]
    p50, p90, p99, p999, longest = map(float, row[3:8])
    assert 14.5 < p50 < 15.5
    assert p50 < p90 < p99 <= p999 <= longest == pytest.approx(19.9)


def test_noop_calls_have_no_images_and_failed_calls_no_latency() -> None:
    made = result(recording(0, UNAVAILABLE=5), arguments="--kind noop")
    row = cells(result_table(made))["repeat 1"]
    assert row == ["2.50", "0.00", "-", "-", "-", "-", "-", "-", "0", "0", "5"]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.123, "0.12"), (12.34, "12.3"), (1234.5, "1,234")]
)
def test_numbers_have_three_significant_digits_or_all_integer_digits(
    value: float | None, text: str
) -> None:
    assert format_number(value) == text


def test_the_cpu_utilization_is_per_second_and_process() -> None:
    made = recording(cpu_seconds=3.0)
    assert result(made).figures.cpu_utilization == 1.5
    assert result(made, arguments="--processes 3").figures.cpu_utilization == 0.5


def test_the_first_note_is_whether_the_throughput_was_stable() -> None:
    assert result(recording(100), recording(102)).notes[0].startswith("stable: the last 2 repeats")
    unstable = result(recording(10), recording(50))
    assert unstable.notes[0].startswith("not stable: the last 2 repeats")
    assert result(recording(10)).notes[0].startswith("stability unknown: ")
    assert result(recording(10), interrupted=True).notes[0].startswith("interrupted: ")


def test_notes_count_each_error_with_the_first_message_of_the_server() -> None:
    first, second = recording(5, INTERNAL=2), recording(5, INTERNAL=1)
    first.messages["INTERNAL"], second.messages["INTERNAL"] = "it broke", "again"
    assert "3 INTERNAL, first message: it broke" in result(first, second).notes


def test_rejected_and_superseded_images_are_not_errors() -> None:
    made = recording(5, RESOURCE_EXHAUSTED=2, SUPERSEDED=3)
    assert result(made, made).failed_share == 0
    assert not any("RESOURCE_EXHAUSTED" in note for note in result(made, made).notes)


def test_errors_count_even_in_repeats_that_are_not_part_of_the_result() -> None:
    made = result(recording(10, INTERNAL=5), recording(100), recording(100))
    assert list(made.counted) == [1, 2]
    assert made.failed_share == 5 / 215
    assert "5 INTERNAL" in made.notes


def test_a_note_reports_how_late_the_generator_was() -> None:
    late = recording(lag=0.25)
    (note,) = (note for note in result(late, late).notes if "fell behind" in note)
    assert "calls started up to 250 ms late (p99 250 ms)" in note
    in_time = recording(lag=0.0005)
    assert not any("fell behind" in note for note in result(in_time, in_time).notes)


def test_a_note_reports_that_the_generator_was_the_bottleneck() -> None:
    late = recording(never_started=7)
    assert any("7 of 100 calls never started" in note for note in result(late).notes)
    busy = recording(cpu_seconds=1.96)
    assert any("busy 98% of the time" in note for note in result(busy).notes)


def test_a_note_reports_that_server_and_generator_share_a_machine() -> None:
    local = dataclasses.replace(result(recording()), server=ServerOptions("127.0.0.1:1"))
    assert any("share the" in note for note in local.notes)
    assert not any("share the" in note for note in result(recording()).notes)
