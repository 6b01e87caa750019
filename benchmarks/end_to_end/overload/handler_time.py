"""The time that calls spend in the server's own code, by its metrics.

What callers wait beyond it, they wait in gRPC, on the network or in their own process.
"""

import contextlib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_SECONDS = 10.0


@dataclass
class HandlerTime:
    """A result that is complete when ``handler_time`` has ended."""

    mean_seconds: float = 0.0
    """Mean over all calls that were not rejected. Rejected ones take hardly any time."""


@contextlib.contextmanager
def handler_time(admin_address: str, method: str) -> Iterator[HandlerTime]:
    """Measure the time that the calls of a method spend in the server's code.

    Args:
        admin_address: ``host:port`` of the server's admin port.
        method: Path of the method.

    Yields:
        The result, which is set at the end.
    """
    result = HandlerTime()
    seconds_before, calls_before = _totals(admin_address, method)
    yield result
    seconds, calls = _totals(admin_address, method)
    result.mean_seconds = (seconds - seconds_before) / max(1.0, calls - calls_before)


def _totals(admin_address: str, method: str) -> tuple[float, float]:
    """Return the time of all calls so far, and the number of those that were not rejected."""
    url = f"http://{admin_address}/metrics"
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
        text = response.read().decode()
    seconds = calls = 0.0
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels.get("method") != method.removeprefix("/"):
                continue
            if sample.name == "digits_call_seconds_sum":
                seconds += sample.value
            elif sample.name == "digits_calls_total":
                is_rejected = sample.labels["code"] == "RESOURCE_EXHAUSTED"
                calls += 0 if is_rejected else sample.value
    return seconds, calls
