"""Two workers beside one. The load generator shares the cores with them."""

from collections.abc import Iterable

from benchmarks.h2load import load
from benchmarks.limits import requests
from benchmarks.limits.figures import Figure, ratios
from benchmarks.limits.serving import RECOGNIZE, ours

SECONDS = 2.0
WARM_UP_SECONDS = 0.5
# Connections are dealt to the workers by chance: of many, each has about half.
CONNECTIONS = 32
FORMS = (requests.Form.RAW28, requests.Form.PNG300)


def measure(rounds: int) -> Iterable[Figure]:
    """Measure a small and a large image."""
    rates: dict[tuple[requests.Form, int], list[float]] = {
        (form, count): [] for form in FORMS for count in (1, 2)
    }
    with ours("--workers", "1") as one, ours("--workers", "2", has_nothing=False) as two:
        for _ in range(rounds):
            for (form, count), values in rates.items():
                answered = load(
                    (one, two)[count - 1].address,
                    RECOGNIZE,
                    requests.one(form),
                    kind="grpc",
                    connections=CONNECTIONS,
                    streams=1,
                    seconds=SECONDS,
                    warm_up_seconds=WARM_UP_SECONDS,
                )
                values.append(answered.calls_per_second)
    for form in FORMS:
        name = requests.NAMES[form]
        for count in (1, 2):
            yield Figure(
                f"workers_{count}_{form}",
                f"`--workers {count}`, {name}",
                rates[form, count],
                "calls/s",
                0,
            )
        yield Figure(
            f"workers_gain_{form}",
            f"{name}: two workers, of one",
            ratios(rates[form, 2], rates[form, 1]),
            at_least=1.7,
        )
