"""What a server answers under load, for the choices that are about whole servers."""

from benchmarks.h2load import load
from benchmarks.limits import requests
from benchmarks.limits.serving import RECOGNIZE, RECOGNIZE_BATCH, Served

SECONDS = 1.5
WARM_UP_SECONDS = 0.3


def singly(served: Served, connections: int, streams: int) -> float:
    """Return the answers a second to calls with one raw image."""
    return _calls(served, RECOGNIZE, requests.one(requests.Form.RAW28), connections, streams)


def in_batches(served: Served, form: requests.Form, connections: int) -> float:
    """Return the images a second in calls with many of a form, one call under way on each."""
    return (
        _calls(served, RECOGNIZE_BATCH, requests.many(form), connections, streams=1) * requests.MANY
    )


def _calls(served: Served, path: str, body: bytes, connections: int, streams: int) -> float:
    return load(
        served.address,
        path,
        body,
        kind="grpc",
        connections=connections,
        streams=streams,
        seconds=SECONDS,
        warm_up_seconds=WARM_UP_SECONDS,
    ).calls_per_second
