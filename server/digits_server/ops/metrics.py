"""The server's metrics for Prometheus; all are declared here."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_MODEL_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The metrics of one server, in their own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.calls = Counter(
            "digits_calls",
            "Finished calls, by method and status code.",
            ["method", "code"],
            registry=self.registry,
        )
        self.call_seconds = Histogram(
            "digits_call_seconds",
            "Duration of calls, from the arrival of the request to the end; of streams, their"
            " whole lifetime.",
            ["method"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.calls_in_flight = Gauge(
            "digits_calls_in_flight",
            "Calls that have started and not finished.",
            ["method"],
            registry=self.registry,
        )
        self.images_in_flight = Gauge(
            "digits_images_in_hand",
            "Images in flight: admitted and not yet finished.",
            registry=self.registry,
        )
        self.framing_seconds = Histogram(
            "digits_framing_seconds",
            "Time to decode and normalize the images of one chunk.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.queue_wait_seconds = Histogram(
            "digits_queue_wait_seconds",
            "Time each request waits for a core, and for others to share a chunk with.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.model_seconds = Histogram(
            "digits_model_seconds",
            "Duration of the model's part of one chunk, including the verdicts.",
            buckets=_MODEL_SECONDS,
            registry=self.registry,
        )
        self.batch_images = Histogram(
            "digits_batch_images",
            "Images in one chunk, which a core recognizes at a time, by what limited it: alone (one"
            " request waited), gathered (all that waited), full (the maximum work), swap (the next"
            " request is for another version, or of another kind).",
            ["flush"],
            buckets=_IMAGES,
            registry=self.registry,
        )
        self.rejected_requests = Counter(
            "digits_shed_requests",
            "Requests rejected because of a limit: images, bytes, wait, deadline, streams.",
            ["limit"],
            registry=self.registry,
        )
        self.unauthenticated = Counter(
            "digits_unauthenticated_calls",
            "Calls without a valid token. No other metric counts them.",
            registry=self.registry,
        )
        self.credentials_age = Gauge(
            "digits_credentials_age_seconds",
            "Time since the files with the tokens or the certificate were last read and valid; 0"
            " without such files.",
            ["files"],
            registry=self.registry,
        )
        for files in ("tokens", "certificate"):
            self.credentials_age.labels(files)
        self.certificate_expiry = Gauge(
            "digits_certificate_expiry_timestamp_seconds",
            "When the TLS certificate in use expires, in seconds since 1970; 0 without TLS.",
            registry=self.registry,
        )
        self.dropped = Counter(
            "digits_dropped_images",
            "Images dropped before the model: expired (deadline) or cancelled (caller).",
            ["reason"],
            registry=self.registry,
        )
        self.ended_decoders = Counter(
            "digits_ended_decoders",
            "Decoding processes that ended with an image and were replaced, by cause: time, hung"
            " or crashed.",
            ["cause"],
            registry=self.registry,
        )
        self.verdicts = Counter(
            "digits_verdicts",
            "Finished images by verdict: digit, not_a_digit, blank, or invalid.",
            ["verdict"],
            registry=self.registry,
        )
        self.layouts = Counter(
            "digits_layouts",
            "Finished images by what they were said to hold: digit, number or page.",
            ["layout"],
            registry=self.registry,
        )
        self.number_digits = Histogram(
            "digits_number_digits",
            "Digits of each number found in images that hold several.",
            buckets=(2, 3, 4, 6, 8, 12, 16, 32),
            registry=self.registry,
        )
        self.model_version = Gauge(
            "digits_model_version", "The model version that is served.", registry=self.registry
        )
        self.model_precision = Gauge(
            "digits_model_precision",
            "1, labelled with the precision in which the model is served: float32 or int8.",
            ["precision"],
            registry=self.registry,
        )
        self.model_loads = Counter(
            "digits_model_loads",
            "Attempts to load a model folder, by result: loaded or rejected.",
            ["result"],
            registry=self.registry,
        )
        self.rejected_models = Gauge(
            "digits_rejected_model_versions",
            "Versions in the models folder that cannot be served.",
            registry=self.registry,
        )
        self.model_missing = Gauge(
            "digits_served_model_missing",
            "1 while the models folder does not have the served version, else 0.",
            registry=self.registry,
        )
        self.ready = Gauge(
            "digits_ready", "1 while the server reports SERVING, else 0.", registry=self.registry
        )


class CallMetrics:
    """The metrics of the calls of one method."""

    def __init__(self, metrics: Metrics, method: str) -> None:
        self._method = method
        self._calls = metrics.calls
        self._seconds = metrics.call_seconds.labels(method)
        self._in_flight = metrics.calls_in_flight.labels(method)

    def start(self) -> None:
        """Count a call as in flight."""
        self._in_flight.inc()

    def end(self, code: str, seconds: float) -> None:
        """Count a call that had started, by the name of its status code."""
        self._in_flight.dec()
        self._seconds.observe(seconds)
        self._calls.labels(self._method, code).inc()

    def reject(self, code: str) -> None:
        """Count a call that ended before it started."""
        self._calls.labels(self._method, code).inc()
