"""The result of a measurement: figures, and notes on their reliability."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from digits.loopback import is_loopback_address
from digits_client.cli.server_options import ServerOptions

from .recording import (
    NOT_FAILURES,
    REJECTED,
    SUPERSEDED,
    Recording,
    merge_sequential,
)
from .workload import CallKind, Workload, usable_cores

PERCENTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}

# Notes leave out lag below both of these; the share is of the latency.
_NOTED_LAG_SHARE: Final = 0.1
_NOTED_LAG_SECONDS: Final = 0.002
_BUSY_UTILIZATION: Final = 0.9


@dataclass(frozen=True)
class Figures:
    """The figures of a repeat, or of several together."""

    seconds: float
    calls_per_second: float
    """All calls that ended, successful or not."""
    goodput_per_second: float
    """Successful calls."""
    images_per_second: float | None
    """Images of successful calls; None for calls without images."""
    latency_seconds: dict[str, float | None]
    """Latency of successful calls by percentile, ``mean`` and ``max``; None without any."""
    due: int
    never_begun: int
    """Calls that were due but that the generator never started."""
    refused: int
    """Images rejected because the server was overloaded."""
    superseded: int
    """Drawings that a newer one of their stream replaced."""
    errors: dict[str, int]
    """Images, or calls without images, that failed in another way, by status."""
    lag_p99_seconds: float | None
    lag_max_seconds: float | None
    cpu_utilization: float
    """CPU time of the generator per second and process: 1.0 is one fully used core each."""

    @classmethod
    def of(cls, recording: Recording, workload: Workload) -> Self:
        """Return the figures of a recording of all processes."""
        seconds = recording.seconds
        latency, lag = recording.latency, recording.lag
        has_images = workload.kind is not CallKind.NOOP
        return cls(
            seconds=seconds,
            calls_per_second=recording.ended_calls / seconds,
            goodput_per_second=recording.ok_calls / seconds,
            images_per_second=recording.ok_images / seconds if has_images else None,
            latency_seconds={
                **{name: latency.percentile(share) for name, share in PERCENTILES.items()},
                "max": latency.percentile(1),
                "mean": latency.mean,
            },
            due=recording.due,
            never_begun=recording.never_started,
            refused=recording.images[REJECTED],
            superseded=recording.images[SUPERSEDED],
            errors={
                status: count
                for status, count in sorted(recording.images.items())
                if status not in NOT_FAILURES
            },
            lag_p99_seconds=lag.percentile(0.99),
            lag_max_seconds=lag.percentile(1),
            cpu_utilization=recording.cpu_seconds / seconds / workload.processes,
        )


@dataclass(frozen=True)
class Result:
    """The result of ``run_load``."""

    server: ServerOptions
    workload: Workload
    model_version: str
    model_precision: str
    recordings: Sequence[Recording]
    """The recording of each repeat; at least one."""
    convergence: Sequence[float]
    """The value that has to become stable, of each repeat that was not cut short."""
    is_interrupted: bool

    @property
    def counted(self) -> range:
        """The indices of the repeats that make up the result."""
        if self.is_interrupted:
            return range(len(self.recordings))
        return self.workload.repeats.counted(self.convergence)

    @property
    def is_stable(self) -> bool:
        """True if the throughput became stable."""
        return self.workload.repeats.is_stable(self.convergence)

    @property
    def recording(self) -> Recording:
        """The counted repeats, merged."""
        return merge_sequential([self.recordings[index] for index in self.counted])

    @property
    def figures(self) -> Figures:
        """The figures of the counted repeats together."""
        return Figures.of(self.recording, self.workload)

    @property
    def repeat_figures(self) -> list[Figures]:
        """The figures of each repeat, counted or not."""
        return [Figures.of(recording, self.workload) for recording in self.recordings]

    @property
    def failed_share(self) -> float:
        """The share of failed images in all repeats, also in those that are not counted."""
        return merge_sequential(self.recordings).failed_share

    @property
    def notes(self) -> list[str]:
        """Sentences about stability, errors, and limits of the load generator."""
        figures = self.figures
        notes = [self._stability_note()]
        everything = merge_sequential(self.recordings)
        for status, count in Figures.of(everything, self.workload).errors.items():
            message = everything.messages.get(status)
            notes.append(f"{count:,} {status}" + (f", first message: {message}" if message else ""))
        notes += _generator_notes(figures)
        if figures.goodput_per_second and is_loopback_address(self.server.address):
            notes.append(
                f"the server and the load generator share the {usable_cores()} cores of this "
                "machine"
            )
        return notes

    def _stability_note(self) -> str:
        if self.is_interrupted:
            return "interrupted: the last repeat was cut short; the result includes it"
        repeats = self.workload.repeats
        spread = repeats.spread(self.convergence)
        if spread is None:
            return "stability unknown: there was only one repeat"
        finding = f"the last {repeats.window} repeats differ by {spread:.1%}"
        if self.is_stable:
            return f"stable: {finding}; the result is from them"
        return f"not stable: {finding}; the result is from all repeats"


def _generator_notes(figures: Figures) -> list[str]:
    notes = []
    lag = figures.lag_p99_seconds or 0.0
    latency = figures.latency_seconds["p99"] or 0.0
    if figures.never_begun or lag > max(_NOTED_LAG_SECONDS, _NOTED_LAG_SHARE * latency):
        notes.append(
            "the load generator fell behind its schedule: calls started up to "
            f"{1000 * (figures.lag_max_seconds or 0.0):,.0f} ms late (p99 {1000 * lag:,.0f} ms); "
            "the latencies include this delay, which is not the server's"
        )
    if figures.never_begun:
        notes.append(
            f"{figures.never_begun:,} of {figures.due:,} calls never started: the load generator "
            "was the bottleneck"
        )
    if figures.cpu_utilization > _BUSY_UTILIZATION:
        notes.append(
            f"the load generator was busy {figures.cpu_utilization:.0%} of the time: it may have "
            "been the bottleneck"
        )
    return notes
