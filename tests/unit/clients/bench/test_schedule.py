"""When calls are due, and that none is skipped."""

import asyncio
import itertools
import statistics

import pytest

from digits_client.bench.schedule import Arrivals, due_times, when_due

from .virtual_time import VirtualTimeLoop, run


def first(
    count: int, arrivals: Arrivals, rate: float, seed: str = "1", share: float = 0
) -> list[float]:
    return list(itertools.islice(due_times(arrivals, rate, seed, share), count))


def test_constant_schedules_take_turns() -> None:
    some, others = (first(3, Arrivals.CONSTANT, 50, share=place / 2) for place in range(2))
    assert sorted(some + others) == pytest.approx([0, 0.01, 0.02, 0.03, 0.04, 0.05])


def test_poisson_arrivals_keep_their_rate_and_come_in_bunches() -> None:
    times = first(20_000, Arrivals.POISSON, 100)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert statistics.mean(gaps) == pytest.approx(0.01, rel=0.05)
    # By the exponential distribution that arrivals without memory have.
    assert statistics.stdev(gaps) == pytest.approx(0.01, rel=0.05)
    assert sum(gap < 0.001 for gap in gaps) / len(gaps) == pytest.approx(0.095, abs=0.01)


def test_a_seed_repeats_its_arrivals_and_another_does_not() -> None:
    assert first(9, Arrivals.POISSON, 5, "1 0") == first(9, Arrivals.POISSON, 5, "1 0")
    assert first(9, Arrivals.POISSON, 5, "1 0") != first(9, Arrivals.POISSON, 5, "1 1")


def test_each_time_is_yielded_when_it_has_come_and_late_ones_at_once() -> None:
    async def main() -> list[tuple[float, float]]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        yielded = []
        times = iter([0.5, 1.0, 1.5, 2.0, 5.0])
        async for due in when_due(times, asyncio.Event(), lambda _: pytest.fail("skipped")):
            yielded.append((due, loop.time()))
            if due == 0.5:
                loop.work(1.25)  # so that two times pass
        return yielded

    yielded = run(main())
    assert [due for due, _ in yielded] == [0.5, 1.0, 1.5, 2.0, 5.0]
    assert [at for _, at in yielded] == pytest.approx([0.5, 1.75, 1.75, 2.0, 5.0])


def test_what_was_due_when_it_was_stopped_is_told_and_what_was_not_is_not() -> None:
    missed: list[float] = []

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        stop, yielded = asyncio.Event(), []
        async for due in when_due((float(time) for time in itertools.count()), stop, missed.append):
            yielded.append(due)
            if due == 2:
                loop.work(3.5)
                stop.set()
        return yielded

    assert run(main()) == [0, 1, 2]
    assert missed == [3, 4, 5]


def test_stopping_does_not_wait_for_the_next_time() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.call_later(1, stop.set)
        async for _ in when_due(iter([1000.0]), stop, lambda _: pytest.fail("was not due")):
            pytest.fail("was not due")
        return loop.time()

    assert run(main()) < 2
