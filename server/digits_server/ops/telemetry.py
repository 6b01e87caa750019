"""Traces and metrics with OpenTelemetry: the extra ``otel``, enabled by ``--telemetry otlp``.

Imported only when enabled. They are sent by OTLP and configured by the standard variables:
``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_SERVICE_NAME``, ``OTEL_TRACES_SAMPLER``,
``OTEL_METRIC_EXPORT_INTERVAL`` and others.
"""

import asyncio
import functools
import importlib.metadata
import logging
import os
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from typing import Final

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import CollectorRegistry

from digits_server.errors import ServerError

from .call_telemetry import CallTelemetry

logger = logging.getLogger(__name__)

# Limits the final export at shutdown, whatever the timeouts of the exporters are.
FLUSH_SECONDS: Final = 2.0
_SCOPE: Final = "digits_server"
_SERVICE_NAME: Final = "digits-server"
_METRIC_PREFIX: Final = "digits_"
_PROTOCOL_VARIABLES: Final = (
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
)


class TelemetryError(ServerError):
    """Telemetry is enabled but cannot be set up: the server does not start."""


class Telemetry:
    """Records and exports traces and metrics while the server runs; ``start`` creates it."""

    def __init__(
        self,
        services: Collection[str],
        registry: CollectorRegistry | None,
        resource: Resource,
        span_exporter: OTLPSpanExporter,
        metric_exporter: OTLPMetricExporter,
    ) -> None:
        self._exporters = (span_exporter, metric_exporter)
        # ``shutdown`` stops the providers: at interpreter exit the wait would be unlimited.
        self._tracer_provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracer_provider.add_span_processor(BatchSpanProcessor(span_exporter))
        self._meter_provider = MeterProvider(
            [PeriodicExportingMetricReader(metric_exporter)],
            resource=resource,
            shutdown_on_exit=False,
        )
        self._tracer = self._tracer_provider.get_tracer(_SCOPE)
        meter = self._meter_provider.get_meter(_SCOPE)
        if registry is not None:
            _export_registry(registry, meter)
        self.wrap: Final = CallTelemetry(services, self._tracer, meter).wrap
        """Returns a handler that records its calls, for the full name of its method."""

    def span(self, name: str) -> AbstractContextManager[object]:
        """Return a context that is recorded as a child span of the current call.

        Use ``contextlib.nullcontext`` in its place when telemetry is disabled.
        """
        return self._tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False
        )

    async def shutdown(self) -> None:
        """Export what is left. What cannot be sent within ``FLUSH_SECONDS`` is lost."""
        flushing = asyncio.gather(
            asyncio.to_thread(self._tracer_provider.shutdown),
            asyncio.to_thread(self._meter_provider.shutdown),
        )
        try:
            await asyncio.wait_for(asyncio.shield(flushing), FLUSH_SECONDS)
        except TimeoutError:
            logger.warning("telemetry could not be sent within %g s and is lost", FLUSH_SECONDS)
            # Ends the wait between two attempts, and cancels the current attempt.
            for exporter in self._exporters:
                exporter.shutdown()
            await flushing


def start(services: Collection[str], registry: CollectorRegistry | None = None) -> Telemetry:
    """Start to record and export.

    Args:
        services: Full names of the services whose calls are recorded.
        registry: Its counters and gauges that belong to the server are exported too.

    Raises:
        TelemetryError: An OpenTelemetry variable has an invalid or unsupported value.
    """
    for variable in _PROTOCOL_VARIABLES:
        protocol = os.environ.get(variable) or "grpc"
        if protocol != "grpc":
            raise TelemetryError(f"{variable} is {protocol}, but only grpc is supported")
    defaults = Resource(
        {"service.name": _SERVICE_NAME, "service.version": importlib.metadata.version("digits")}
    )
    # ``create`` prefers its arguments to the environment, so the environment is merged first.
    resource = Resource.create(defaults.merge(OTELResourceDetector().detect()).attributes)
    try:
        return Telemetry(services, registry, resource, OTLPSpanExporter(), OTLPMetricExporter())
    except Exception as error:  # the exporters read many variables, without an error type for them
        raise TelemetryError(f"telemetry cannot be set up: {error}") from error


def _export_registry(registry: CollectorRegistry, meter: Meter) -> None:
    """Export the server's counters and gauges. No instrument can take over a histogram."""
    for family in registry.collect():
        if not family.name.startswith(_METRIC_PREFIX):
            continue
        if family.type == "gauge":
            callback = functools.partial(_observe, registry, family.name)
            meter.create_observable_gauge(family.name, [callback], "", family.documentation)
        elif family.type == "counter":
            callback = functools.partial(_observe, registry, family.name + "_total")
            meter.create_observable_counter(family.name, [callback], "", family.documentation)


def _observe(registry: CollectorRegistry, name: str, _: CallbackOptions) -> Iterable[Observation]:
    return [
        Observation(sample.value, sample.labels)
        for family in registry.restricted_registry([name]).collect()
        for sample in family.samples
        if sample.name == name
    ]
