"""The metrics of calls: Prometheus sees what its own client would show."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from digits_server.ops.call_metrics import CallMetrics

BUCKET_SECONDS = (0.0005, 0.01, 1)
ENDED = (("OK", 0.0005), ("OK", 0.002), ("CANCELLED", 0.5), ("OK", 2.5), ("OK", 0.0625))
METHOD = "digits.v1.RecognizerService/Recognize"


def test_the_metrics_look_like_those_of_the_prometheus_client() -> None:
    metrics = CallMetrics(BUCKET_SECONDS)
    ours = CollectorRegistry()
    ours.register(metrics)
    calls = metrics.of_method(METHOD)
    calls.in_flight += len(ENDED) + 2
    for code, seconds in ENDED:
        calls.end(code, seconds)
    calls.by_code["RESOURCE_EXHAUSTED"] += 1  # rejected, so it never started
    assert generate_latest(ours) == exposition_of_the_prometheus_client()


def exposition_of_the_prometheus_client() -> bytes:
    registry = CollectorRegistry()
    counts = Counter(
        "digits_calls",
        "Finished calls, by method and status code.",
        ["method", "code"],
        registry=registry,
    )
    seconds_of = Histogram(
        "digits_call_seconds",
        "Duration of calls, from the arrival of the request to the end; of streams, their whole"
        " lifetime.",
        ["method"],
        buckets=BUCKET_SECONDS,
        registry=registry,
    )
    in_flight = Gauge(
        "digits_calls_in_flight",
        "Calls that have started and not finished.",
        ["method"],
        registry=registry,
    )
    for code, seconds in ENDED:
        counts.labels(METHOD, code).inc()
        seconds_of.labels(METHOD).observe(seconds)
    counts.labels(METHOD, "RESOURCE_EXHAUSTED").inc()
    in_flight.labels(METHOD).set(2)
    lines = generate_latest(registry).splitlines(keepends=True)
    return b"".join(line for line in lines if b"_created" not in line)


def test_a_method_appears_with_its_first_call() -> None:
    metrics = CallMetrics(BUCKET_SECONDS)
    calls = metrics.of_method(METHOD)
    assert not [sample for family in metrics.collect() for sample in family.samples]
    calls.in_flight += 1
    assert metrics.of_method(METHOD) is calls
    assert {family.name for family in metrics.collect() if family.samples} == {
        "digits_call_seconds",
        "digits_calls_in_flight",
    }
