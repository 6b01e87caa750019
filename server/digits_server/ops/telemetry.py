"""Traces and metrics by OpenTelemetry, sent by OTLP: the extra ``otel``, ``--telemetry otlp``.

Imported only when it is asked for. What is sent follows the semantic conventions for RPC, and
where to is said by the standard variables: ``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_SERVICE_NAME``,
``OTEL_TRACES_SAMPLER``, ``OTEL_METRIC_EXPORT_INTERVAL`` and the like.

The interceptor is ours for what two others do not do, as tried with grpcio 1.85:

- ``opentelemetry-instrumentation-grpc`` 0.66b2 has no metrics, gives calls that were cancelled or
  expired the status OK, and logs two tracebacks when a caller leaves a stream while an answer is
  on its way: its generator is then closed in another context than it was begun in.
- ``grpcio-observability`` 1.85.0 measures aio servers, and works beside protobuf 7. But it makes
  no spans, counts health checks too, and asks for one exact version of grpcio.
"""

import asyncio
import contextlib
import functools
import importlib.metadata
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Generator, Iterable
from contextlib import AbstractContextManager
from typing import Any, Final, TypeAlias

import grpc
from prometheus_client import CollectorRegistry

from digits_server.api.arity import (
    Behavior,
    Continuation,
    MethodHandler,
    behavior_of,
    with_behavior,
)
from digits_server.errors import ServerError


class TelemetryError(ServerError):
    """Telemetry is asked for and cannot be given: the server does not start."""


try:
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.metrics import CallbackOptions, Histogram, Meter, Observation
    from opentelemetry.propagate import extract
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
except ModuleNotFoundError as missing:
    raise TelemetryError(
        f"telemetry needs {missing.name}, which is not installed: pip install 'digits[otel]'"
    ) from missing

logger = logging.getLogger(__name__)

# For what is left when the server ends, whatever the exporters' own timeouts are.
FLUSH_SECONDS: Final = 2.0
_SCOPE: Final = "digits_server"
_SERVICE_NAME: Final = "digits-server"
_METRIC_PREFIX: Final = "digits_"
_PROTOCOL_VARIABLES: Final = (
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
)
# The bounds that the conventions ask for, and finer ones below: most calls take a few milliseconds.
_BOUNDS_SECONDS: Final = (
    *(0.0005, 0.001, 0.0025),
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
)
# Those that are the server's fault; by the conventions the others do not mark a span as failed.
_SERVER_FAULTS: Final = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_CallMaker = Callable[[Context], AbstractContextManager[None]]


class Telemetry:
    """What is measured while the server runs; ``start`` makes one."""

    def __init__(
        self,
        services: Collection[str],
        registry: CollectorRegistry | None,
        resource: Resource,
        span_exporter: OTLPSpanExporter,
        metric_exporter: OTLPMetricExporter,
    ) -> None:
        self._exporters = (span_exporter, metric_exporter)
        # Ended by ``shutdown``: at the exit of the interpreter nothing bounds the wait.
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracers.add_span_processor(BatchSpanProcessor(span_exporter))
        self._meters = MeterProvider(
            [PeriodicExportingMetricReader(metric_exporter)],
            resource=resource,
            shutdown_on_exit=False,
        )
        self._tracer = self._tracers.get_tracer(_SCOPE)
        meter = self._meters.get_meter(_SCOPE)
        if registry is not None:
            _observe(registry, meter)
        self.interceptor: grpc.aio.ServerInterceptor = _TelemetryInterceptor(
            services,
            self._tracer,
            meter.create_histogram(
                "rpc.server.call.duration",
                unit="s",
                description="Duration of calls; of a stream, its whole life.",
                explicit_bucket_boundaries_advisory=_BOUNDS_SECONDS,
            ),
        )
        """The outermost of the server's: it measures what the others do, and their refusals."""

    def span(self, name: str) -> AbstractContextManager[object]:
        """Return a context whose duration is a part of the current call's span.

        Where telemetry is off, ``contextlib.nullcontext`` takes this function's place.
        """
        return self._tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False
        )

    async def shutdown(self) -> None:
        """Send what is left; what is not sent within ``FLUSH_SECONDS`` is lost."""
        ending = asyncio.gather(
            asyncio.to_thread(self._tracers.shutdown),
            asyncio.to_thread(self._meters.shutdown),
        )
        try:
            await asyncio.wait_for(asyncio.shield(ending), FLUSH_SECONDS)
        except TimeoutError:
            logger.warning("telemetry was not sent within %g s and is lost", FLUSH_SECONDS)
            # Ends the wait between attempts, and cancels the one under way.
            for exporter in self._exporters:
                exporter.shutdown()
            await ending


def start(services: Collection[str], registry: CollectorRegistry | None = None) -> Telemetry:
    """Begin to send.

    Args:
        services: Full names of those whose calls are measured; of others, none is.
        registry: Its counters and gauges that are the server's own are sent too.

    Raises:
        TelemetryError: A variable of OpenTelemetry's has a value that it cannot have.
    """
    for variable in _PROTOCOL_VARIABLES:
        protocol = os.environ.get(variable) or "grpc"
        if protocol != "grpc":
            raise TelemetryError(f"{variable} is {protocol}, and only grpc is spoken here")
    ours = Resource(
        {"service.name": _SERVICE_NAME, "service.version": importlib.metadata.version("digits")}
    )
    # What is given to ``create`` goes before what the environment says: that comes in here.
    resource = Resource.create(ours.merge(OTELResourceDetector().detect()).attributes)
    try:
        return Telemetry(services, registry, resource, OTLPSpanExporter(), OTLPMetricExporter())
    except Exception as error:  # the exporters read many variables and have no error of their own
        raise TelemetryError(f"telemetry cannot be set up: {error}") from error


def _observe(registry: CollectorRegistry, meter: Meter) -> None:
    # Histograms are left out: there is no instrument that takes one over from elsewhere.
    for family in registry.collect():
        if not family.name.startswith(_METRIC_PREFIX):
            continue
        if family.type == "gauge":
            callback = functools.partial(_observations, registry, family.name)
            meter.create_observable_gauge(family.name, [callback], "", family.documentation)
        elif family.type == "counter":
            callback = functools.partial(_observations, registry, family.name + "_total")
            meter.create_observable_counter(family.name, [callback], "", family.documentation)


def _observations(
    registry: CollectorRegistry, name: str, _: CallbackOptions
) -> Iterable[Observation]:
    return [
        Observation(sample.value, sample.labels)
        for family in registry.restricted_registry([name]).collect()
        for sample in family.samples
        if sample.name == name
    ]


class _TelemetryInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of services, each in a handler of the same arity."""

    def __init__(self, services: Collection[str], tracer: Tracer, durations: Histogram) -> None:
        self._services = frozenset(services)
        self._tracer = tracer
        self._durations = durations

    async def intercept_service(
        self,
        continuation: Continuation,
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "MethodHandler | None":
        handler = await continuation(handler_call_details)
        method = handler_call_details.method.removeprefix("/")
        if handler is None or method.partition("/")[0] not in self._services:
            return handler

        def call(context: Context) -> AbstractContextManager[None]:
            return self._call(method, context)

        wrap = _stream if handler.response_streaming else _unary
        return with_behavior(handler, wrap(behavior_of(handler), call))

    @contextlib.contextmanager
    def _call(self, method: str, context: Context) -> Generator[None, None, None]:
        attributes = {"rpc.system.name": "grpc", "rpc.method": method}
        began = time.perf_counter()
        code = grpc.StatusCode.OK
        with self._tracer.start_as_current_span(
            method,
            extract(dict(context.invocation_metadata() or ())),
            SpanKind.SERVER,
            attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                code = _code_of(error, context)
                raise
            finally:
                outcome = _outcome(code)
                span.set_attributes(outcome)
                _mark_if_failed(span, code)
                self._durations.record(time.perf_counter() - began, {**attributes, **outcome})


def _unary(behavior: Behavior, call: _CallMaker) -> Behavior:
    async def answer(request: Any, context: Context) -> Any:
        with call(context):
            return await behavior(request, context)

    return answer


def _stream(behavior: Behavior, call: _CallMaker) -> Behavior:
    # Not a generator, which gRPC leaves to the garbage collector when its caller has gone: the
    # span would end at any time, and in another context than that in which it is the current one.
    async def answer(requests: AsyncIterator[Any], context: Context) -> None:
        with call(context):
            answers = behavior(requests, context)
            if isinstance(answers, Awaitable):  # one that refuses the call
                await answers
                return
            async with contextlib.aclosing(answers):
                async for response in answers:
                    await context.write(response)

    return answer


def _code_of(error: BaseException, context: Context) -> grpc.StatusCode:
    """Return the status with which a call ended that an error ended."""
    if isinstance(error, grpc.aio.AbortError):
        return context.code()
    if isinstance(error, Exception) and not isinstance(error, grpc.aio.InternalError):
        return grpc.StatusCode.UNKNOWN
    # Cancelled, or an answer could not be sent: the caller does not wait any longer.
    has_expired = context.time_remaining() == 0
    return grpc.StatusCode.DEADLINE_EXCEEDED if has_expired else grpc.StatusCode.CANCELLED


def _outcome(code: grpc.StatusCode) -> dict[str, str]:
    outcome = {"rpc.response.status_code": code.name}
    if code in _SERVER_FAULTS:
        outcome["error.type"] = code.name
    return outcome


def _mark_if_failed(span: Span, code: grpc.StatusCode) -> None:
    if code in _SERVER_FAULTS:
        span.set_status(StatusCode.ERROR)
