"""The plot of latency by percentile."""

import xml.etree.ElementTree as ET

import pytest

from digits_client.bench import plot
from digits_client.bench.histogram import Histogram
from digits_client.bench.plot import Curve


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


def test_the_curve_rises_and_stays_within_the_plot() -> None:
    times = [0.001 * (1 + index) for index in range(1000)]
    drawing = ET.fromstring(plot.svg("Latency", "<unary> & more", [curve("now", *times)]))
    drawn = points(drawing, "now")
    assert drawn == sorted(drawn)
    assert [y for _, y in drawn] == sorted((y for _, y in drawn), reverse=True)
    assert all(0 < x < 760 and 0 < y < 430 for x, y in drawn)
    text = " ".join(drawing.itertext())
    assert "<unary> & more" in text
    for label in ("50 %", "90 %", "99 %", "99.9 %", "1 ms", "100 ms", "1 s"):
        assert label in text


def test_the_plot_shows_an_earlier_result_too() -> None:
    text = plot.svg("Latency", "", [curve("before", 0.02, 0.03), curve("now", 0.01, 0.02)])
    drawing = ET.fromstring(text)
    # Slower is higher, and y points down.
    assert points(drawing, "before")[0][1] < points(drawing, "now")[0][1]


def test_the_plot_is_self_contained_and_adapts_to_light_and_dark() -> None:
    text = plot.svg("Latency", "", [curve("now", 0.01)])
    assert "prefers-color-scheme: dark" in text
    assert "href" not in text
    assert "url(" not in text


@pytest.mark.parametrize("times", [(), (0.0,), (1e-9,), (5000.0,), (0.01,), (0.01, 0.01)])
def test_the_plot_accepts_any_times(times: tuple[float, ...]) -> None:
    drawing = ET.fromstring(plot.svg("Latency", "", [curve("now", *times)]))
    assert ("no call was successful" in " ".join(drawing.itertext())) == (not times)
