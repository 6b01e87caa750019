"""The gateway's metrics for Prometheus; all are declared here.

With several processes, each keeps its own in a shared folder, and any of them reports the sums.
"""

import os
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable by which prometheus_client finds the folder. Set it before importing."""
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_IMAGES: Final = (1, 2, 4, 8, 16, 32)
_PATHS: Final = frozenset(
    {
        *(
            "/",
            "/docs",
            "/docs.css",
            "/openapi.json",
            "/healthz",
            "/metrics",
            "/v1/settings",
            "/v1/model",
        ),
        *("/v1/recognize", "/v1/recognize:batch", "/v1/stream", "/v1/corrections"),
        *("/v2", "/v2/health/live", "/v2/health/ready"),
    }
)
_FOLDERS: Final = ("/static", "/v1/corrections", "/v2/models")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "WEBSOCKET"})
_OTHER: Final = "other"


class Metrics:
    """The metrics of one gateway process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self.requests = Counter(
            "digits_web_requests",
            "Finished requests, by path, method and HTTP status; 101 is a WebSocket, and 0 a"
            " request whose caller has gone.",
            ["path", "method", "status"],
            registry=self._registry,
        )
        self.request_seconds = Histogram(
            "digits_web_request_seconds",
            "Duration of requests, from their headers to the end; of WebSockets, their whole"
            " lifetime.",
            ["path"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.requests_in_flight = Gauge(
            "digits_web_requests_in_flight",
            "Requests that have started and not finished, without WebSockets.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self.streams = Gauge(
            "digits_web_streams",
            "Open WebSockets.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self.body_bytes = Gauge(
            "digits_web_body_bytes",
            "Bytes of request bodies in flight.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self.message_images = Histogram(
            "digits_web_message_images",
            "Images in one message to the digits server, of requests with one image each.",
            buckets=_IMAGES,
            registry=self._registry,
        )

    def record(self, path: str, method: str, status: int, seconds: float) -> None:
        """Count a finished request.

        Args:
            path: Its path.
            method: Its method; WEBSOCKET for a WebSocket.
            status: The HTTP status; 0 without one.
            seconds: Its duration.
        """
        path = _path_label(path)
        self.requests.labels(path, method if method in _METHODS else _OTHER, status).inc()
        self.request_seconds.labels(path).observe(seconds)

    def render(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _path_label(path: str) -> str:
    """Return a path as a label, of which there are few, whatever callers ask for."""
    if path in _PATHS:
        return path
    for folder in _FOLDERS:
        if path.startswith(folder + "/"):
            return folder
    return _OTHER
