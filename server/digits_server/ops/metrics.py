"""What the server counts of itself, for Prometheus. Each metric is declared here, once."""

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
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.calls = Counter(
            "digits_calls",
            "Calls that ended, by method and status code.",
            ["method", "code"],
            registry=self.registry,
        )
        self.call_seconds = Histogram(
            "digits_call_seconds",
            "From the request's arrival to the end of the call; of a stream, its whole life.",
            ["method"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.calls_in_flight = Gauge(
            "digits_calls_in_flight",
            "Calls that have begun and not ended.",
            ["method"],
            registry=self.registry,
        )
        self.images_in_hand = Gauge(
            "digits_images_in_hand",
            "Images that were accepted and have no answer yet.",
            registry=self.registry,
        )
        self.framing_seconds = Histogram(
            "digits_framing_seconds",
            "Decoding and framing all images of a request, the wait for a thread included."
            " A small raw image alone is framed in the model's call.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.queue_wait_seconds = Histogram(
            "digits_queue_wait_seconds",
            "From framed, or its arrival, to the model's beginning, of each request.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.model_seconds = Histogram(
            "digits_model_seconds",
            "One call of the model, with framing and judging what gathered for it.",
            buckets=_MODEL_SECONDS,
            registry=self.registry,
        )
        self.batch_images = Histogram(
            "digits_batch_images",
            "Images in one call of the model, by what made it go: idle (the model was free),"
            " gathered (all that had come while it worked), full (as many as a call takes),"
            " swap (what follows is for another version), alone (a single image was answered"
            " in place).",
            ["flush"],
            buckets=_IMAGES,
            registry=self.registry,
        )
        self.shed = Counter(
            "digits_shed_requests",
            "Requests turned away by a limit: images, bytes, wait, streams.",
            ["limit"],
            registry=self.registry,
        )
        self.unauthenticated = Counter(
            "digits_unauthenticated_calls",
            "Calls that showed no token, or none that is known. They are in no other metric.",
            registry=self.registry,
        )
        self.dropped = Counter(
            "digits_dropped_images",
            "Images that never reached the model: expired (deadline) or cancelled (caller).",
            ["reason"],
            registry=self.registry,
        )
        self.verdicts = Counter(
            "digits_verdicts",
            "Images answered: digit, not_a_digit, blank, or invalid.",
            ["verdict"],
            registry=self.registry,
        )
        self.model_version = Gauge(
            "digits_model_version", "The version that answers.", registry=self.registry
        )
        self.model_loads = Counter(
            "digits_model_loads",
            "Model folders that were tried: loaded or rejected.",
            ["result"],
            registry=self.registry,
        )
        self.rejected_models = Gauge(
            "digits_rejected_model_versions",
            "Versions that are in the models folder and cannot be served.",
            registry=self.registry,
        )
        self.ready = Gauge(
            "digits_ready", "1 while the server says SERVING, else 0.", registry=self.registry
        )
