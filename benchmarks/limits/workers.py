"""Throughput of two workers relative to one. The load generator shares the cores with them."""

from collections.abc import Iterable

from benchmarks.figures import Figure, ratios
from benchmarks.limits import payloads
from benchmarks.limits.server_load import load_server
from benchmarks.limits.serving import RECOGNIZE, unlimited_server

SECONDS = 2.0
# The kernel assigns connections to the workers by their ports: of many, each gets about half.
CONNECTIONS = 32
TARGETS = {payloads.Form.RAW28: 1.6, payloads.Form.PNG300: 1.7}


def measure(rounds: int) -> Iterable[Figure]:
    """Measure a small and a large image with one and two workers in each round."""
    rates: dict[tuple[payloads.Form, int], list[float]] = {
        (form, count): [] for form in TARGETS for count in (1, 2)
    }
    with (
        unlimited_server("--workers", "1", has_no_op=False) as one,
        unlimited_server("--workers", "2", has_no_op=False) as two,
    ):
        for _ in range(rounds):
            for (form, count), values in rates.items():
                result = load_server(
                    (one, two)[count - 1].address,
                    RECOGNIZE,
                    payloads.single_request(form),
                    connections=CONNECTIONS,
                    streams=1,
                    seconds=SECONDS,
                )
                values.append(result.calls_per_second)
    for form, target in TARGETS.items():
        yield Figure(
            f"workers_gain_{form}",
            f"{payloads.LABELS[form]}: two workers relative to one",
            ratios(rates[form, 2], rates[form, 1]),
            at_least=target,
        )
