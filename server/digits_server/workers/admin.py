"""The admin port of a server with workers, which combines the admin pages of its workers.

Each metric appears once per worker, with the label ``worker``. Metrics are not summed, because
Prometheus handles a counter that restarts at 0 with its process, but not a sum that drops by a
part. The server is ready, and alive, as long as one worker is: the others are being replaced, and
clients reach that one. Health checks over gRPC are forwarded to one worker.
"""

import contextlib
import http.client
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from digits_server.ops.admin_pages import Readiness, http_pages
from digits_server.ops.port_mux import LOOPBACK, multiplexed_port

from .worker import Worker

RESTARTS_METRIC: Final = "digits_worker_restarts"
_RESTARTS_HELP: Final = (
    "Processes of workers that were replaced, by reason: exited, or unresponsive (no heartbeat)."
)
_ACCEPT_OPEN_METRICS: Final = {"Accept": "application/openmetrics-text; version=1.0.0"}
# A worker that takes longer to respond is left out.
_PAGE_TIMEOUT_SECONDS: Final = 2.0


@contextlib.asynccontextmanager
async def workers_admin_port(host: str, port: int, workers: Sequence[Worker]) -> AsyncIterator[str]:
    """Serve the combined admin port for as long as the context lasts.

    Args:
        host: Host to listen on.
        port: Port to listen on; 0 for a free one.
        workers: At least one worker, each with its own admin port while it serves.

    Yields:
        ``host:port`` as bound.

    Raises:
        BindError: The address is in use or not an address of this machine.
    """
    with ThreadPoolExecutor(len(workers), thread_name_prefix="worker pages") as threads:
        combined = _CombinedWorkers(workers, threads)
        registry = CollectorRegistry()
        registry.register(combined)
        async with (
            http_pages(registry, combined.readiness, combined.is_alive) as http_port,
            multiplexed_port(host, port, combined.grpc_port, http_port) as address,
        ):
            yield address


class _Page(NamedTuple):
    """A page of one worker."""

    worker: str
    """The worker's number."""
    port: int
    """The worker's admin port."""
    content: str


class _CombinedWorkers(Collector):
    """The metrics, readiness and liveness of all workers, combined."""

    def __init__(self, workers: Sequence[Worker], threads: ThreadPoolExecutor) -> None:
        self._workers = workers
        self._threads = threads

    def describe(self) -> Iterable[Metric]:
        """Return no metrics in advance, because there may be no worker yet."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of all workers, and how often each was restarted."""
        restarts = CounterMetricFamily(RESTARTS_METRIC, _RESTARTS_HELP, labels=["worker", "reason"])
        for worker in self._workers:
            for reason, count in worker.restarts.items():
                restarts.add_metric([str(worker.number), reason], count)
        combined: dict[str, Metric] = {RESTARTS_METRIC: restarts}
        for page in self._fetch("/metrics"):
            for family in text_string_to_metric_families(page.content):  # type: ignore[no-untyped-call]
                metric = combined.setdefault(
                    family.name,
                    Metric(family.name, family.documentation, family.type, family.unit),
                )
                metric.samples += [
                    sample._replace(labels=sample.labels | {"worker": page.worker})
                    for sample in family.samples
                ]
        return combined.values()

    def readiness(self) -> Readiness:
        """Return the details of the first ready worker, and those of each worker."""
        workers = {page.worker: json.loads(page.content) for page in self._fetch("/readyz")}
        ready = [fields for fields in workers.values() if _is_ready(fields)]
        details = (
            {key: value for key, value in ready[0].items() if key != "status"} if ready else {}
        )
        return Readiness(bool(ready), {**details, "workers": workers})

    def is_alive(self) -> bool:
        """Return whether any worker responds."""
        return bool(self._fetch("/livez"))

    def grpc_port(self) -> int | None:
        """Return the admin port of a ready worker, else of one that responds, else None."""
        pages = self._fetch("/readyz")
        ready = [page for page in pages if _is_ready(json.loads(page.content))]
        return next((page.port for page in ready + pages), None)

    def _fetch(self, path: str) -> list[_Page]:
        """Return a page of each worker that responds."""
        ports = {
            str(worker.number): worker.admin_port
            for worker in self._workers
            if worker.admin_port is not None
        }
        contents = self._threads.map(lambda port: _get(port, path), ports.values())
        return [
            _Page(worker, port, content)
            for (worker, port), content in zip(ports.items(), contents, strict=True)
            if content is not None
        ]


def _is_ready(fields: dict[str, Any]) -> bool:
    return bool(fields["status"] == "SERVING")


def _get(port: int, path: str) -> str | None:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_PAGE_TIMEOUT_SECONDS)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path, headers=_ACCEPT_OPEN_METRICS)
            return connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return None
