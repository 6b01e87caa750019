"""Which repeat a call belongs to, and what several recordings come to."""

import asyncio

import pytest

from digits_client.bench.recording import (
    Meter,
    Outcome,
    Recording,
    at_the_same_time,
    one_after_another,
)

from .virtual_time import run

ANSWERED = Outcome("OK", {"OK": 3})
HALF = Outcome("OK", {"OK": 2, "INVALID_ARGUMENT": 1}, {"INVALID_ARGUMENT": "is empty"})
LOST = Outcome("UNAVAILABLE", {"UNAVAILABLE": 3}, {"UNAVAILABLE": "is gone"})


def measured(
    *calls: tuple[float, float, Outcome], close_at: float | None = None
) -> list[Recording]:
    """Return three repeats of a second after one of warm-up, with calls: due, ended, how."""

    async def main() -> list[Recording]:
        meter = Meter(1.0, 1.0, 3)
        if close_at is not None:
            meter.close(close_at)
        for due, ended, outcome in sorted(calls, key=lambda call: call[1]):
            meter.began(due, 0.25)
            await asyncio.sleep(ended - meter.now())
            meter.ended(due, outcome)
        return meter.recordings

    return run(main())


def test_latency_belongs_to_when_a_call_was_due_and_throughput_to_when_it_ended() -> None:
    first, second, third = measured((1.5, 2.5, ANSWERED))
    assert (first.due, first.calls, first.images) == (1, {"OK": 1}, {"OK": 3})
    assert first.latency.largest == pytest.approx(1.0)
    assert first.lag.largest == 0.25
    assert (first.ended_calls, first.answered_calls, first.answered_images) == (0, 0, 0)
    assert (second.ended_calls, second.answered_calls, second.answered_images) == (1, 1, 3)
    assert (second.due, second.latency.count) == (0, 0)
    assert (third.due, third.ended_calls) == (0, 0)


def test_what_is_due_in_the_warm_up_is_left_out_but_for_the_throughput() -> None:
    recordings = measured((0.2, 0.9, ANSWERED), (0.5, 1.5, ANSWERED), (3.9, 4.5, ANSWERED))
    assert [recording.due for recording in recordings] == [0, 0, 1]
    assert [recording.ended_calls for recording in recordings] == [1, 0, 0]


def test_only_answered_calls_have_a_latency() -> None:
    first, *_ = measured((1.1, 1.2, LOST), (1.3, 1.5, HALF))
    assert first.calls == {"UNAVAILABLE": 1, "OK": 1}
    assert first.images == {"UNAVAILABLE": 3, "INVALID_ARGUMENT": 1, "OK": 2}
    assert (first.ended_calls, first.answered_calls, first.answered_images) == (2, 1, 2)
    assert first.latency.count == 1
    assert first.latency.largest == pytest.approx(0.2)
    assert first.said == {"UNAVAILABLE": "is gone", "INVALID_ARGUMENT": "is empty"}


def test_a_repeat_that_is_cut_short_is_as_long_as_it_was() -> None:
    recordings = measured((2.1, 2.2, ANSWERED), (2.3, 2.6, ANSWERED), close_at=2.5)
    assert [recording.seconds for recording in recordings] == [1.0, 0.5, 0.0]
    assert (recordings[1].due, recordings[1].ended_calls) == (2, 1)


def recording(*latencies: float, ended_calls: int = 0, due: int = 0) -> Recording:
    made = Recording(2.0, ended_calls=ended_calls, due=due)
    made.calls["OK"] = made.images["OK"] = len(latencies)
    for latency in latencies:
        made.latency.add(latency)
    return made


def test_processes_add_up_within_the_same_time_and_repeats_after_each_other() -> None:
    parts = [recording(0.1, ended_calls=4, due=5), recording(0.2, ended_calls=6, due=7)]
    together, in_turn = at_the_same_time(parts), one_after_another(parts)
    assert (together.seconds, in_turn.seconds) == (2.0, 4.0)
    for added in (together, in_turn):
        assert (added.ended_calls, added.due, added.calls, added.latency.count) == (
            (10, 12, {"OK": 2}, 2)
        )


def test_percentiles_of_several_are_those_of_all_calls_and_no_means_of_percentiles() -> None:
    fast, slow = recording(*[0.001] * 99), recording(1.0)
    p90 = at_the_same_time([fast, slow]).latency.percentile(0.9)
    assert p90 == pytest.approx(0.001, rel=0.01)


def test_the_failed_share_leaves_out_what_was_refused_or_superseded() -> None:
    made = Recording(1.0)
    assert made.failed_share == 0
    made.images.update({"OK": 5, "RESOURCE_EXHAUSTED": 3, "SUPERSEDED": 1, "INTERNAL": 1})
    assert made.failed_share == 0.1
