"""Work on many items in as many processes as there are cores."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, Final, TypeVar

import cv2
import numpy as np

Item = TypeVar("Item")
Result = TypeVar("Result")

# Each job has its own random generator, so the results do not depend on the number of processes.
_ITEMS_PER_JOB: Final = 500

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
        return [result for job in jobs for result in _run_job(job)]
    # Spawned, because a fork of a process with TensorFlow's threads hangs.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        return [result for results in processes.map(_run_job, jobs) for result in results]


def _run_job(job: _Job) -> list[Any]:
    make, items, seed = job
    cv2.setNumThreads(1)  # there is a process for each core already
    random = np.random.default_rng(seed)
    return [make(item, random) for item in items]
