"""The metrics of calls, kept as plain numbers.

Each call changes four of them. prometheus_client's own metrics take a lock and several function
calls for each, 3 µs per call in total (docs/adr/0011).
"""

import bisect
import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector


class MethodCalls:
    """The calls of one method. Not thread-safe: change it from the event loop only."""

    def __init__(self, bucket_seconds: Sequence[float]) -> None:
        self.in_flight = 0
        """Calls that have started and not finished."""
        self.by_code: defaultdict[str, int] = defaultdict(int)
        """Finished calls by the name of their status code."""
        self.seconds = 0.0
        """Total duration of the calls that had started."""
        self.buckets = [0] * (len(bucket_seconds) + 1)
        """The same calls by duration; the last bucket has no limit."""
        self._bucket_seconds = bucket_seconds

    def end(self, code: str, seconds: float) -> None:
        """Count a call that had started."""
        self.in_flight -= 1
        self.by_code[code] += 1
        self.seconds += seconds
        self.buckets[bisect.bisect_left(self._bucket_seconds, seconds)] += 1


class CallMetrics(Collector):
    """The calls of all methods, as a collector for Prometheus.

    All methods are added before the first call. From then on any thread may collect: it reads
    each number as it is at some moment.
    """

    def __init__(self, bucket_seconds: Sequence[float]) -> None:
        """Create the metrics.

        Args:
            bucket_seconds: Upper limits of the buckets of durations, ascending.
        """
        self._bucket_seconds = bucket_seconds
        self._methods: dict[str, MethodCalls] = {}

    def of_method(self, method: str) -> MethodCalls:
        """Return the calls of a method, by its full name."""
        return self._methods.setdefault(method, MethodCalls(self._bucket_seconds))

    def collect(self) -> Iterable[Metric]:
        """Return the current values."""
        calls = CounterMetricFamily(
            "digits_calls",
            "Finished calls, by method and status code.",
            labels=["method", "code"],
        )
        seconds = HistogramMetricFamily(
            "digits_call_seconds",
            "Duration of calls, from the arrival of the request to the end; of streams, their"
            " whole lifetime.",
            labels=["method"],
        )
        in_flight = GaugeMetricFamily(
            "digits_calls_in_flight",
            "Calls that have started and not finished.",
            labels=["method"],
        )
        for method, values in self._methods.items():
            if not values.by_code and not values.in_flight:
                continue  # never called
            for code, count in list(values.by_code.items()):
                calls.add_metric([method, code], float(count))
            seconds.add_metric([method], self._cumulative(values.buckets), values.seconds)
            in_flight.add_metric([method], float(values.in_flight))
        return calls, seconds, in_flight

    describe = collect

    def _cumulative(self, counts: Sequence[int]) -> list[tuple[str, float]]:
        limits = (*(str(float(seconds)) for seconds in self._bucket_seconds), "+Inf")
        return list(zip(limits, itertools.accumulate(counts), strict=True))
