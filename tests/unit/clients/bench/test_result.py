"""What is printed, written and drawn of recordings that are made up."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from digits_client.bench import document, plot
from digits_client.bench.compare import comparison
from digits_client.bench.document import Earlier, UnusableDocumentError
from digits_client.bench.histogram import Histogram
from digits_client.bench.options import parse
from digits_client.bench.plot import Curve
from digits_client.bench.recording import Recording
from digits_client.bench.result import Figures, Result
from digits_client.bench.tables import number, table


def recording(
    answered: int = 100,
    latency: float = 0.010,
    lag: float = 0.0,
    never_begun: int = 0,
    processor_seconds: float = 0.5,
    **failed: int,
) -> Recording:
    """Return a repeat of two seconds."""
    made = Recording(2.0, processor_seconds=processor_seconds, never_begun=never_begun)
    made.calls.update({"OK": answered, **failed})
    made.images.update(made.calls)
    made.due = made.ended_calls = made.calls.total()
    made.answered_calls = made.answered_images = answered
    for place in range(answered):
        made.latency.add(latency * (1 + place / answered))
        made.lag.add(lag)
    return made


def result(*recordings: Recording, said: str = "", interrupted: bool = False) -> Result:
    options = parse(
        ["--server", "10.0.0.7:1", "--repeats", "2..3", "--processes", "1", *said.split()]
    )
    settling = [one.answered_calls / one.seconds for one in recordings]
    return Result(options, "10.0.0.7:1", "4", recordings, settling, interrupted)


def cells(text: str) -> dict[str, list[str]]:
    """Return the rows of a table by their name."""
    header, *lines = text.splitlines()
    assert header.split()[0] == "calls/s"
    return {line[:12].strip(): line[12:].split() for line in lines}


def test_the_table_has_a_row_for_each_repeat_and_one_for_those_that_count() -> None:
    rows = cells(table(result(recording(10), recording(100), recording(102))))
    assert list(rows) == ["(repeat 1)", "repeat 2", "repeat 3", "result"]
    assert rows["result"][:3] == ["50.5", "50.5", "50.5"]
    assert rows["(repeat 1)"][:3] == ["5.00", "5.00", "5.00"]


def test_the_table_tells_the_answered_from_the_refused_and_the_failed() -> None:
    one = recording(100, RESOURCE_EXHAUSTED=40, INTERNAL=2, UNAVAILABLE=4, SUPERSEDED=6)
    row = cells(table(result(one, one)))["repeat 1"]
    assert row[:3] == ["76.0", "50.0", "50.0"]
    assert row[-3:] == ["40", "6", "6"]
    p50, p90, p99, p999, longest = map(float, row[3:8])
    assert 14.5 < p50 < 15.5
    assert p50 < p90 < p99 <= p999 <= longest == pytest.approx(19.9)


def test_noop_has_no_images_and_what_was_not_answered_no_latency() -> None:
    row = cells(table(result(recording(0, UNAVAILABLE=5), said="--kind noop")))["repeat 1"]
    assert row == ["2.50", "0.00", "-", "-", "-", "-", "-", "-", "0", "0", "5"]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.123, "0.12"), (12.34, "12.3"), (1234.5, "1,234")]
)
def test_numbers_have_three_digits_or_all_before_the_point(value: float | None, text: str) -> None:
    assert number(value) == text


def test_notes_tell_whether_the_throughput_was_stable() -> None:
    assert result(recording(100), recording(102)).notes[0].startswith("stable: the last 2 repeats")
    assert result(recording(10), recording(50)).notes[0].startswith("never stable: the last 2")
    assert "does not tell" in result(recording(10)).notes[0]
    assert result(recording(10), interrupted=True).notes[0].startswith("interrupted")


def test_notes_name_each_error_and_what_the_server_said_first() -> None:
    one, two = recording(5, INTERNAL=2), recording(5, INTERNAL=1)
    one.said["INTERNAL"], two.said["INTERNAL"] = "it broke", "again"
    assert "3 INTERNAL, first said: it broke" in result(one, two).notes


def test_refused_and_superseded_are_no_errors() -> None:
    one = recording(5, RESOURCE_EXHAUSTED=2, SUPERSEDED=3)
    assert not result(one, one).has_failed
    assert not any("RESOURCE_EXHAUSTED" in note for note in result(one, one).notes)


@pytest.mark.parametrize(("allowed", "has_failed"), [("0", True), ("0.04", True), ("0.05", False)])
def test_a_larger_share_of_errors_than_allowed_is_a_failure(allowed: str, has_failed: bool) -> None:
    one = recording(95, INTERNAL=5)
    assert result(one, one, said=f"--max-errors {allowed}").has_failed == has_failed


def test_errors_of_repeats_that_do_not_count_are_errors_too() -> None:
    made = result(recording(10, INTERNAL=5), recording(100), recording(100))
    assert list(made.counted) == [1, 2]
    assert made.has_failed
    assert "5 INTERNAL" in made.notes


def test_notes_say_by_how_much_the_generator_fell_behind() -> None:
    late = recording(lag=0.25)
    (note,) = (note for note in result(late, late).notes if "fell behind" in note)
    assert "up to 250 ms after they were due (p99 250 ms)" in note
    in_time = recording(lag=0.0005)
    assert not any("fell behind" in note for note in result(in_time, in_time).notes)


def test_notes_say_that_the_generator_was_the_limit() -> None:
    never = recording(never_begun=7)
    assert any("7 of 100 calls" in note for note in result(never).notes)
    busy = recording(processor_seconds=1.96)
    assert any("busy 98% of the time" in note for note in result(busy).notes)


def test_notes_say_that_server_and_generator_share_a_machine() -> None:
    here = Result(parse([]), "127.0.0.1:1", "4", [recording()], [50], is_interrupted=False)
    assert any("share the" in note for note in here.notes)
    assert not any("share the" in note for note in result(recording()).notes)


def written(path: Path, made: Result) -> dict[str, Any]:
    document.write(path, document.document(made))
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_the_document_has_settings_machine_versions_repeats_and_histogram(tmp_path: Path) -> None:
    made = result(recording(10), recording(100, INTERNAL=4), recording(101), said="--rate 50")
    content = written(tmp_path / "a.json", made)
    assert content["settings"]["rate"] == 50
    assert content["server"] == {"address": "10.0.0.7:1", "model_version": "4"}
    assert content["machine"]["cores"] >= 1
    assert {"python", "digits", "grpcio", "numpy"} <= content["versions"].keys()
    assert [repeat["is_counted"] for repeat in content["repeats"]] == [False, True, True]
    assert content["repeats"][1]["errors"] == content["result"]["errors"] == {"INTERNAL": 4}
    assert content["result"]["goodput_per_second"] == 201 / 4
    assert content["calls_by_status"] == {"OK": 201, "INTERNAL": 4}
    assert sum(content["histogram"]["counts"].values()) == 201
    assert (content["is_stable"], content["is_interrupted"]) == (True, False)


def test_a_document_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = result(recording(100), recording(101))
    written(tmp_path / "a.json", made)
    earlier = Earlier.read(tmp_path / "a.json")
    assert earlier.figures == Figures.of(made.merged, made.options)
    assert earlier.latency.percentile(0.9) == made.merged.latency.percentile(0.9)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "digits-bench/0"}', '"text"'])
def test_a_file_that_is_none_of_ours_is_not_compared_with(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UnusableDocumentError, match=r"a\.json"):
        Earlier.read(tmp_path / "a.json")
    with pytest.raises(UnusableDocumentError, match="cannot be read"):
        Earlier.read(tmp_path / "missing.json")


def test_a_comparison_has_ratios_and_says_what_else_is_different(tmp_path: Path) -> None:
    written(tmp_path / "a.json", result(recording(100, 0.020), said="--seconds 9"))
    earlier = Earlier.read(tmp_path / "a.json")
    lines = comparison(earlier, result(recording(200, 0.010)))
    ratios = {line.split("  ")[0]: line.split()[-1] for line in lines if " x " in line}
    assert ratios["goodput/s"] == ratios["images/s"] == "2.00"
    assert float(ratios["p50 ms"]) == pytest.approx(0.5, abs=0.02)
    assert "another seconds: 9.0 before, 5.0 now" in lines
    assert not any("another kind" in line for line in lines)


def test_a_comparison_says_which_of_the_two_was_not_stable(tmp_path: Path) -> None:
    stable, unstable = result(recording(100), recording(100)), result(recording(10), recording(90))
    written(tmp_path / "a.json", unstable)
    lines = comparison(Earlier.read(tmp_path / "a.json"), stable)
    assert [line for line in lines if "not stable" in line] == [
        "the throughput before was not stable, so that the ratios say little"
    ]


def test_what_was_not_measured_has_no_ratio(tmp_path: Path) -> None:
    written(tmp_path / "a.json", result(recording(0, INTERNAL=5)))
    lines = comparison(Earlier.read(tmp_path / "a.json"), result(recording(5)))
    (p50,) = (line for line in lines if line.startswith("p50"))
    assert p50.split()[2] == p50.split()[4] == "-"


def curve(name: str, *times: float) -> Curve:
    latency = Histogram()
    for time in times:
        latency.add(time)
    return Curve(name, latency)


def points(drawing: ET.Element, name: str) -> list[tuple[float, float]]:
    """Return the points of a curve in a drawing."""
    (line,) = (
        element
        for element in drawing.iter("{http://www.w3.org/2000/svg}polyline")
        if element.get("class") == f"curve {name}"
    )
    return [
        (float(x), float(y))
        for x, y in (point.split(",") for point in line.attrib["points"].split())
    ]


def test_the_plot_is_a_curve_that_rises_within_the_drawing() -> None:
    times = [0.001 * (1 + place) for place in range(1000)]
    drawing = ET.fromstring(plot.svg("Latency", "<unary> & more", [curve("now", *times)]))
    drawn = points(drawing, "now")
    assert drawn == sorted(drawn)
    assert [y for _, y in drawn] == sorted((y for _, y in drawn), reverse=True)
    assert all(0 < x < 760 and 0 < y < 430 for x, y in drawn)
    text = " ".join(drawing.itertext())
    assert "<unary> & more" in text
    for label in ("50 %", "90 %", "99 %", "99.9 %", "1 ms", "100 ms", "1 s"):
        assert label in text


def test_the_plot_draws_an_earlier_result_beside() -> None:
    text = plot.svg("Latency", "", [curve("before", 0.02, 0.03), curve("now", 0.01, 0.02)])
    drawing = ET.fromstring(text)
    # Slower is higher, and y points down.
    assert points(drawing, "before")[0][1] < points(drawing, "now")[0][1]


def test_the_plot_needs_nothing_else_and_fits_light_and_dark() -> None:
    text = plot.svg("Latency", "", [curve("now", 0.01)])
    assert "prefers-color-scheme: dark" in text
    assert "href" not in text
    assert "url(" not in text


@pytest.mark.parametrize("times", [(), (0.0,), (1e-9,), (5000.0,), (0.01,), (0.01, 0.01)])
def test_the_plot_bears_any_times(times: tuple[float, ...]) -> None:
    drawing = ET.fromstring(plot.svg("Latency", "", [curve("now", *times)]))
    assert ("nothing was answered" in " ".join(drawing.itertext())) == (not times)
