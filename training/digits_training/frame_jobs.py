"""Work on many items in as many processes as there are cores."""

import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextvars import ContextVar
from multiprocessing import get_context
from typing import Any, Final, TypeVar

import cv2
import numpy as np

Item = TypeVar("Item")
Result = TypeVar("Result")

# Each job has its own random generator, so the results do not depend on the number of processes.
_ITEMS_PER_JOB: Final = 500

on_finished: Final[ContextVar[Callable[[Any, int], None] | None]] = ContextVar(
    "on_finished", default=None
)
"""Function that ``run_jobs`` calls after each job, with its own function and the finished items."""

_Job = tuple[Callable[[Any, np.random.Generator], Any], Sequence[Any], np.random.SeedSequence]


def run_jobs(
    make: Callable[[Item, np.random.Generator], Result], items: Sequence[Item], seed: int
) -> list[Result]:
    """Return what a function makes of each item, in their order.

    Args:
        make: A function at the top level of a module, which gets an item and a source of
            randomness.
        items: The items.
        seed: Seed of everything random.
    """
    jobs = [
        (make, items[at : at + _ITEMS_PER_JOB], np.random.SeedSequence((seed, at)))
        for at in range(0, len(items), _ITEMS_PER_JOB)
    ]
    if len(jobs) <= 1:
        return _collect(make, map(_run_job, jobs))
    # Spawned, because a fork of a process with TensorFlow's threads hangs.
    with ProcessPoolExecutor(
        mp_context=get_context("spawn"), initializer=_end_on_interrupt
    ) as processes:
        return _collect(make, processes.map(_run_job, jobs))


def _collect(make: Any, results_of_jobs: Iterable[list[Result]]) -> list[Result]:
    collected: list[Result] = []
    report = on_finished.get()
    for results in results_of_jobs:
        collected += results
        if report is not None:
            report(make, len(results))
    return collected


def _end_on_interrupt() -> None:
    """Let Ctrl-C, which every process gets, end this one without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _run_job(job: _Job) -> list[Any]:
    make, items, seed = job
    cv2.setNumThreads(1)  # there is a process for each core already
    random = np.random.default_rng(seed)
    return [make(item, random) for item in items]
