"""Spans and durations of calls.

Both follow OpenTelemetry's semantic conventions for RPC.

Two existing packages were tested with grpcio 1.85 and found lacking:

- ``opentelemetry-instrumentation-grpc`` 0.66b2 has no metrics, gives calls that were cancelled or
  expired the status OK, and logs two tracebacks when a client leaves a stream while a response is
  being sent, because its generator is then closed in another context than it was started in.
- ``grpcio-observability`` 1.85.0 measures aio servers, and works with protobuf 7. But it creates
  no spans, also counts health checks, and requires one exact version of grpcio.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Generator
from contextlib import AbstractContextManager
from typing import Any, Final, TypeAlias

import grpc
from opentelemetry.metrics import Histogram, Meter
from opentelemetry.propagate import extract
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from digits_server.api.arity import Behavior, MethodHandler, behavior_of, with_behavior

# The buckets that the conventions recommend, and finer ones below: most calls take a few
# milliseconds.
_BUCKETS_SECONDS: Final = (
    *(0.0005, 0.001, 0.0025),
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
)
# Only these statuses are the server's fault. By the conventions, others do not mark a span as
# failed.
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
_MeasureCall = Callable[[Context], AbstractContextManager[None]]


class CallTelemetry:
    """Wraps each handler of some services in one of the same arity, which records its calls."""

    def __init__(self, services: Collection[str], tracer: Tracer, meter: Meter) -> None:
        """Create the histogram.

        Args:
            services: Full names of the services whose calls are recorded.
            tracer: Creates a span for each call.
            meter: Creates the histogram of durations.
        """
        self._services = frozenset(services)
        self._tracer = tracer
        self._durations: Histogram = meter.create_histogram(
            "rpc.server.call.duration",
            unit="s",
            description="Duration of calls; of streams, their whole lifetime.",
            explicit_bucket_boundaries_advisory=_BUCKETS_SECONDS,
        )

    def wrap(self, method: str, handler: MethodHandler) -> MethodHandler:
        """Return the handler of a method, wrapped if its calls are recorded.

        Args:
            method: Full name of the method, such as ``digits.v1.RecognizerService/Recognize``.
            handler: The outermost handler, so that rejections are recorded too.
        """
        if method.partition("/")[0] not in self._services:
            return handler

        def measure_call(context: Context) -> AbstractContextManager[None]:
            return self._measure_call(method, context)

        wrap = _stream if handler.response_streaming else _unary
        return with_behavior(handler, wrap(behavior_of(handler), measure_call))

    @contextlib.contextmanager
    def _measure_call(self, method: str, context: Context) -> Generator[None, None, None]:
        attributes = {"rpc.system.name": "grpc", "rpc.method": method}
        start = time.perf_counter()
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
                self._durations.record(time.perf_counter() - start, {**attributes, **outcome})


def _unary(behavior: Behavior, measure_call: _MeasureCall) -> Behavior:
    async def respond(request: Any, context: Context) -> Any:
        with measure_call(context):
            return await behavior(request, context)

    return respond


def _stream(behavior: Behavior, measure_call: _MeasureCall) -> Behavior:
    # This is not a generator, because gRPC leaves a generator whose client has left to the garbage
    # collector. The span would end at any time, and in a context where it is not the current one.
    async def respond(requests: AsyncIterator[Any], context: Context) -> None:
        with measure_call(context):
            async with contextlib.aclosing(behavior(requests, context)) as responses:
                async for response in responses:
                    await context.write(response)

    return respond


def _code_of(error: BaseException, context: Context) -> grpc.StatusCode:
    """Return the status of a call that an exception has ended."""
    if isinstance(error, grpc.aio.AbortError):
        return context.code()
    if isinstance(error, Exception) and not isinstance(error, grpc.aio.InternalError):
        return grpc.StatusCode.UNKNOWN
    # Cancelled, or a response could not be sent: the client no longer waits.
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
