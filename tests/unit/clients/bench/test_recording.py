"""Recordings: the repeat that a call belongs to, and merging."""

import asyncio

import pytest

from digits_client.bench.recording import (
    Meter,
    Outcome,
    Recording,
    merge_concurrent,
    merge_sequential,
)

from .virtual_time import run

OK = Outcome("OK", {"OK": 3})
PARTLY_OK = Outcome("OK", {"OK": 2, "INVALID_ARGUMENT": 1}, {"INVALID_ARGUMENT": "is empty"})
FAILED = Outcome("UNAVAILABLE", {"UNAVAILABLE": 3}, {"UNAVAILABLE": "is gone"})


def record(*calls: tuple[float, float, Outcome], close_at: float | None = None) -> list[Recording]:
    """Return three repeats of 1 s after a warm-up of 1 s, with calls as (due, end, outcome)."""

    async def main() -> list[Recording]:
        meter = Meter(1.0, 1.0, 3)
        if close_at is not None:
            meter.close(close_at)
        for due, end, outcome in sorted(calls, key=lambda call: call[1]):
            meter.call_started(due, 0.25)
            await asyncio.sleep(end - meter.now())
            meter.call_ended(due, outcome)
        return meter.recordings

    return run(main())


def test_latency_belongs_to_the_repeat_of_the_due_time_and_throughput_to_that_of_the_end() -> None:
    first, second, third = record((1.5, 2.5, OK))
    assert (first.due, first.calls, first.images) == (1, {"OK": 1}, {"OK": 3})
    assert first.latency.largest == pytest.approx(1.0)
    assert first.lag.largest == 0.25
    assert (first.ended_calls, first.ok_calls, first.ok_images) == (0, 0, 0)
    assert (second.ended_calls, second.ok_calls, second.ok_images) == (1, 1, 3)
    assert (second.due, second.latency.count) == (0, 0)
    assert (third.due, third.ended_calls) == (0, 0)


def test_calls_due_in_the_warm_up_count_only_towards_throughput() -> None:
    recordings = record((0.2, 0.9, OK), (0.5, 1.5, OK), (3.9, 4.5, OK))
    assert [recording.due for recording in recordings] == [0, 0, 1]
    assert [recording.ended_calls for recording in recordings] == [1, 0, 0]


def test_only_successful_calls_have_a_latency() -> None:
    first, *_ = record((1.1, 1.2, FAILED), (1.3, 1.5, PARTLY_OK))
    assert first.calls == {"UNAVAILABLE": 1, "OK": 1}
    assert first.images == {"UNAVAILABLE": 3, "INVALID_ARGUMENT": 1, "OK": 2}
    assert (first.ended_calls, first.ok_calls, first.ok_images) == (2, 1, 2)
    assert first.latency.count == 1
    assert first.latency.largest == pytest.approx(0.2)
    assert first.messages == {"UNAVAILABLE": "is gone", "INVALID_ARGUMENT": "is empty"}


def test_a_repeat_that_is_cut_short_has_its_true_length() -> None:
    recordings = record((2.1, 2.2, OK), (2.3, 2.6, OK), close_at=2.5)
    assert [recording.seconds for recording in recordings] == [1.0, 0.5, 0.0]
    assert (recordings[1].due, recordings[1].ended_calls) == (2, 1)


def recording(*latencies: float, ended_calls: int = 0, due: int = 0) -> Recording:
    made = Recording(2.0, ended_calls=ended_calls, due=due)
    made.calls["OK"] = made.images["OK"] = len(latencies)
    for latency in latencies:
        made.latency.add(latency)
    return made


def test_concurrent_recordings_share_their_seconds_and_sequential_ones_add_them() -> None:
    parts = [recording(0.1, ended_calls=4, due=5), recording(0.2, ended_calls=6, due=7)]
    concurrent, sequential = merge_concurrent(parts), merge_sequential(parts)
    assert (concurrent.seconds, sequential.seconds) == (2.0, 4.0)
    for merged in (concurrent, sequential):
        assert (merged.ended_calls, merged.due, merged.calls, merged.latency.count) == (
            (10, 12, {"OK": 2}, 2)
        )


def test_merged_percentiles_are_those_of_all_calls_and_not_means_of_percentiles() -> None:
    fast, slow = recording(*[0.001] * 99), recording(1.0)
    p90 = merge_concurrent([fast, slow]).latency.percentile(0.9)
    assert p90 == pytest.approx(0.001, rel=0.01)


def test_rejected_and_superseded_images_are_not_failures() -> None:
    made = Recording(1.0)
    assert made.failed_share == 0
    made.images.update({"OK": 5, "RESOURCE_EXHAUSTED": 3, "SUPERSEDED": 1, "INTERNAL": 1})
    assert made.failed_share == 0.1
