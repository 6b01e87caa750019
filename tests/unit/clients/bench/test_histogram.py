"""The histogram: bounded errors, lossless merges, and a JSON form."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_client.bench.histogram import SMALLEST_SECONDS, Histogram

TIMES = st.lists(st.floats(1e-6, 1000), min_size=1, max_size=200)
SHARES = st.floats(0, 1)


def histogram_of(times: list[float]) -> Histogram:
    histogram = Histogram()
    for time in times:
        histogram.add(time)
    return histogram


@given(TIMES, SHARES)
def test_a_percentile_is_less_than_1_percent_off(times: list[float], share: float) -> None:
    exact = sorted(times)[max(1, math.ceil(share * len(times))) - 1]
    assert histogram_of(times).percentile(share) == pytest.approx(exact, rel=0.01)


@given(TIMES)
def test_the_maximum_and_the_mean_are_exact(times: list[float]) -> None:
    histogram = histogram_of(times)
    assert histogram.percentile(1) == max(times)
    assert histogram.mean == pytest.approx(sum(times) / len(times))


@given(TIMES, TIMES)
def test_a_merged_histogram_equals_one_of_all_times(
    first: list[float], second: list[float]
) -> None:
    merged, together = histogram_of(first), histogram_of(first + second)
    merged.merge(histogram_of(second))
    assert merged.count == len(first) + len(second)
    for share in (0, 0.5, 0.9, 0.99, 1):
        assert merged.percentile(share) == together.percentile(share)
    assert merged.mean == pytest.approx(together.mean)


@given(TIMES, SHARES)
def test_a_histogram_survives_a_round_trip_through_json(times: list[float], share: float) -> None:
    written = histogram_of(times)
    read = Histogram.from_json(json.loads(json.dumps(written.to_json())))
    assert read.count == written.count
    assert read.percentile(share) == written.percentile(share)
    assert read.mean == written.mean


def test_an_empty_histogram_has_no_percentiles_even_when_read_from_json() -> None:
    for empty in (Histogram(), Histogram.from_json(Histogram().to_json())):
        assert (empty.count, empty.percentile(0.5), empty.mean) == (0, None, None)
    empty.add(0.5)
    assert empty.percentile(0.5) == 0.5


@pytest.mark.parametrize("time", [0.0, SMALLEST_SECONDS / 3, 1e9])
def test_times_outside_the_buckets_are_counted_too(time: float) -> None:
    histogram = histogram_of([time, 0.1])
    assert histogram.count == 2
    assert time in (histogram.smallest, histogram.largest)


def test_a_histogram_with_another_bucket_layout_is_rejected() -> None:
    with pytest.raises(ValueError, match="another bucket layout"):
        Histogram.from_json({**Histogram().to_json(), "bucket_ratio": 1.5})
