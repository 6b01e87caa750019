"""What was measured, in figures and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from digits_client import addresses

from .calls import Kind
from .options import Options, cores
from .recording import (
    NO_FAILURES,
    REFUSED,
    SUPERSEDED,
    Recording,
    one_after_another,
)

PERCENTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}

# Less lag than this, or than this share of the latency, is not worth a word.
_NOTED_LAG_SHARE: Final = 0.1
_NOTED_LAG_SECONDS: Final = 0.002
_BUSY: Final = 0.9


@dataclass(frozen=True)
class Figures:
    """Of a repeat, or of several."""

    seconds: float
    calls_per_second: float
    """All that ended, however they did."""
    goodput_per_second: float
    """Calls that were answered."""
    images_per_second: float | None
    """That were answered; None where there are no images."""
    latency_seconds: dict[str, float | None]
    """Of answered calls by percentile, ``mean`` and ``max``; None where there are none."""
    due: int
    never_begun: int
    refused: int
    superseded: int
    errors: dict[str, int]
    """Images, or calls without images, that failed otherwise, by status."""
    lag_p99_seconds: float | None
    lag_max_seconds: float | None
    processor_share: float
    """Of one core, which each process of the generator used in the mean."""

    @classmethod
    def of(cls, recording: Recording, options: Options) -> Self:
        """Return the figures of a recording of all processes."""
        seconds = recording.seconds
        latency, lag = recording.latency, recording.lag
        has_images = options.kind is not Kind.NOOP
        return cls(
            seconds=seconds,
            calls_per_second=recording.ended_calls / seconds,
            goodput_per_second=recording.answered_calls / seconds,
            images_per_second=recording.answered_images / seconds if has_images else None,
            latency_seconds={
                **{name: latency.percentile(share) for name, share in PERCENTILES.items()},
                "max": latency.percentile(1),
                "mean": latency.mean,
            },
            due=recording.due,
            never_begun=recording.never_begun,
            refused=recording.images[REFUSED],
            superseded=recording.images[SUPERSEDED],
            errors={
                status: count
                for status, count in sorted(recording.images.items())
                if status not in NO_FAILURES
            },
            lag_p99_seconds=lag.percentile(0.99),
            lag_max_seconds=lag.percentile(1),
            processor_share=recording.processor_seconds / seconds / options.processes,
        )


@dataclass(frozen=True)
class Result:
    """Of a run."""

    options: Options
    address: str
    model_version: str
    recordings: Sequence[Recording]
    """Of each repeat, at least one."""
    settling: Sequence[float]
    """The figure that has to settle, of each repeat that was not cut short."""
    is_interrupted: bool

    @property
    def counted(self) -> range:
        """The places of the repeats that make the result."""
        if self.is_interrupted:
            return range(len(self.recordings))
        return self.options.repeats.counted(self.settling)

    @property
    def is_stable(self) -> bool:
        """Whether the throughput has settled."""
        return self.options.repeats.is_stable(self.settling)

    @property
    def merged(self) -> Recording:
        """The counted repeats as one."""
        return one_after_another([self.recordings[place] for place in self.counted])

    @property
    def has_failed(self) -> bool:
        """Whether more failed than was allowed, also in repeats that do not count."""
        return one_after_another(self.recordings).failed_share > self.options.max_errors

    @property
    def notes(self) -> list[str]:
        """What to know before one believes the figures."""
        figures = Figures.of(self.merged, self.options)
        notes = [self._stability()]
        everything = one_after_another(self.recordings)
        for status, count in Figures.of(everything, self.options).errors.items():
            said = everything.said.get(status)
            notes.append(f"{count:,} {status}" + (f", first said: {said}" if said else ""))
        notes += _of_generator(figures)
        if figures.goodput_per_second and addresses.is_loopback(self.address):
            notes.append(f"the server and the generator share the {cores()} cores of this machine")
        return notes

    def _stability(self) -> str:
        if self.is_interrupted:
            return "interrupted: the last repeat was cut short, and is counted"
        spread = self.options.repeats.spread(self.settling)
        if spread is None:
            return "one repeat does not tell whether the throughput is stable"
        last = max(self.options.repeats.least, 2)
        if self.is_stable:
            return f"stable: the last {last} repeats differ by {spread:.1%}, and they are counted"
        return f"never stable: the last {last} repeats differ by {spread:.1%}; all are counted"


def _of_generator(figures: Figures) -> list[str]:
    notes = []
    lag = figures.lag_p99_seconds or 0.0
    latency = figures.latency_seconds["p99"] or 0.0
    if figures.never_begun or lag > max(_NOTED_LAG_SECONDS, _NOTED_LAG_SHARE * latency):
        notes.append(
            "the generator fell behind its schedule: calls began up to "
            f"{1000 * (figures.lag_max_seconds or 0.0):,.0f} ms after they were due (p99 "
            f"{1000 * lag:,.0f} ms), which the latencies include, and no fault of the server's"
        )
    if figures.never_begun:
        notes.append(
            f"it never came to {figures.never_begun:,} of {figures.due:,} calls: it was the limit"
        )
    if figures.processor_share > _BUSY:
        notes.append(
            f"the generator's processes were busy {figures.processor_share:.0%} of the time: "
            "they may have been the limit"
        )
    return notes
