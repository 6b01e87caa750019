"""The admin port of all workers: it asks the admin port of each.

Metrics are those of every worker, each with the label ``worker``: a counter that begins anew
with a new process is one that Prometheus knows how to read, which a sum would not be. The server
is ready, and alive, as long as one worker is: the others are being replaced, and callers reach
that one. Health over gRPC is a worker's own answer.
"""

import contextlib
import http.client
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from digits_server.ops.admin_pages import Readiness, http_pages
from digits_server.ops.port_mux import LOOPBACK, switched_port

from .worker import Worker

_OPEN_METRICS: Final = {"Accept": "application/openmetrics-text; version=1.0.0"}
# A worker that has nothing to say for so long is left out.
_ANSWER_SECONDS: Final = 2.0


@contextlib.asynccontextmanager
async def workers_admin_port(host: str, port: int, crew: Sequence[Worker]) -> AsyncIterator[str]:
    """Serve the port for as long as the context lasts.

    Args:
        host: To listen on.
        port: 0 takes a free one.
        crew: Who is asked.

    Yields:
        ``host:port`` as bound.

    Raises:
        BindError: The address is in use or not ours.
    """
    with ThreadPoolExecutor(len(crew), thread_name_prefix="asking") as threads:
        asked = _Crew(crew, threads)
        registry = CollectorRegistry()
        registry.register(asked)
        async with (
            http_pages(registry, asked.readiness, asked.is_alive) as http_port,
            switched_port(host, port, asked.grpc_port, http_port) as address,
        ):
            yield address


class _Answer(NamedTuple):
    """What a worker answered."""

    number: str
    port: int
    page: str


class _Crew(Collector):
    """What all workers say, put together."""

    def __init__(self, crew: Sequence[Worker], threads: ThreadPoolExecutor) -> None:
        self._crew = crew
        self._threads = threads

    def describe(self) -> Iterable[Metric]:
        """Tell nothing beforehand: there may be no worker yet."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of all."""
        together: dict[str, Metric] = {}
        for number, _, page in self._ask("/metrics"):
            for family in text_string_to_metric_families(page):  # type: ignore[no-untyped-call]
                same = together.setdefault(
                    family.name,
                    Metric(family.name, family.documentation, family.type, family.unit),
                )
                same.samples += [
                    sample._replace(labels=sample.labels | {"worker": number})
                    for sample in family.samples
                ]
        return together.values()

    def readiness(self) -> Readiness:
        """Return what the first that is ready says of the models, and what each says."""
        told = {number: json.loads(page) for number, _, page in self._ask("/readyz")}
        ready = [each for each in told.values() if _is_ready(each)]
        details = (
            {key: value for key, value in ready[0].items() if key != "status"} if ready else {}
        )
        return Readiness(bool(ready), {**details, "workers": told})

    def is_alive(self) -> bool:
        """Return whether one answers."""
        return bool(self._ask("/livez"))

    def grpc_port(self) -> int | None:
        """Return where one answers gRPC, if one does; where one is ready, if one is."""
        answers = self._ask("/readyz")
        ready = [answer for answer in answers if _is_ready(json.loads(answer.page))]
        return next((answer.port for answer in ready + answers), None)

    def _ask(self, path: str) -> list[_Answer]:
        """Return the page of each that answers."""
        asked = [
            (str(worker.number), worker.admin_port)
            for worker in self._crew
            if worker.admin_port is not None
        ]
        pages = self._threads.map(lambda worker: _page(worker[1], path), asked)
        return [
            _Answer(number, port, page)
            for (number, port), page in zip(asked, pages, strict=True)
            if page is not None
        ]


def _is_ready(told: dict[str, Any]) -> bool:
    return bool(told["status"] == "SERVING")


def _page(port: int, path: str) -> str | None:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_ANSWER_SECONDS)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path, headers=_OPEN_METRICS)
            return connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return None
