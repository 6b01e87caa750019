"""Due times, and waiting for them without skipping any."""

import asyncio
import itertools
import statistics

import pytest

from digits_client.bench.schedule import Arrivals, due_times, wait_until_due

from .virtual_time import VirtualTimeLoop, run


def first_times(
    count: int, arrivals: Arrivals, rate: float, seed: str = "1", offset: float = 0
) -> list[float]:
    return list(itertools.islice(due_times(arrivals, rate, seed, offset), count))


def test_constant_schedules_with_different_offsets_interleave() -> None:
    one, other = (first_times(3, Arrivals.CONSTANT, 50, offset=index / 2) for index in range(2))
    assert sorted(one + other) == pytest.approx([0, 0.01, 0.02, 0.03, 0.04, 0.05])


def test_poisson_arrivals_keep_their_rate_and_come_in_bursts() -> None:
    times = first_times(20_000, Arrivals.POISSON, 100)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert statistics.mean(gaps) == pytest.approx(0.01, rel=0.05)
    # The gaps of a Poisson process have an exponential distribution.
    assert statistics.stdev(gaps) == pytest.approx(0.01, rel=0.05)
    assert sum(gap < 0.001 for gap in gaps) / len(gaps) == pytest.approx(0.095, abs=0.01)


def test_only_the_same_seed_repeats_arrivals() -> None:
    assert first_times(9, Arrivals.POISSON, 5, "1 0") == first_times(9, Arrivals.POISSON, 5, "1 0")
    assert first_times(9, Arrivals.POISSON, 5, "1 0") != first_times(9, Arrivals.POISSON, 5, "1 1")


def test_each_time_is_yielded_when_it_comes_and_late_ones_at_once() -> None:
    async def main() -> list[tuple[float, float]]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        yielded = []
        times = iter([0.5, 1.0, 1.5, 2.0, 5.0])
        async for due in wait_until_due(times, asyncio.Event(), lambda _: pytest.fail("missed")):
            yielded.append((due, loop.time()))
            if due == 0.5:
                loop.block(1.25)  # two due times pass meanwhile
        return yielded

    yielded = run(main())
    assert [due for due, _ in yielded] == [0.5, 1.0, 1.5, 2.0, 5.0]
    assert [at for _, at in yielded] == pytest.approx([0.5, 1.75, 1.75, 2.0, 5.0])


def test_stopping_reports_the_times_that_had_come_and_no_later_ones() -> None:
    missed: list[float] = []

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        stop, yielded = asyncio.Event(), []
        times = (float(time) for time in itertools.count())
        async for due in wait_until_due(times, stop, missed.append):
            yielded.append(due)
            if due == 2:
                loop.block(3.5)
                stop.set()
        return yielded

    assert run(main()) == [0, 1, 2]
    assert missed == [3, 4, 5]


def test_stopping_does_not_wait_for_the_next_time() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.call_later(1, stop.set)
        async for _ in wait_until_due(iter([1000.0]), stop, lambda _: pytest.fail("not due")):
            pytest.fail("not due")
        return loop.time()

    assert run(main()) < 2
