"""Calls that are rejected, or end, before their message has arrived."""

import asyncio
import math
import threading
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from digits.v1 import recognizer_pb2 as pb
from digits_server.api.message_reader import MessageReader
from digits_server.api.methods import Methods
from digits_server.api.transport import MAX_PENDING_CALLS
from digits_server.inference.admission import Admission, AdmissionLimits
from digits_server.ops.metrics import Metrics

CALL_COUNT = 4 * MAX_PENDING_CALLS
PATIENCE_SECONDS = 30
METHOD = "digits.v1.RecognizerService/Recognize"


async def test_a_full_server_rejects_a_call_that_has_sent_no_message(
    run_server: Any, image_of: Any
) -> None:
    async with run_server(max_queue_images=1) as started:
        started.engine.free.clear()
        working = started.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
        await asyncio.to_thread(started.engine.entered.acquire)
        call = started.channel.stream_unary(f"/{METHOD}")(metadata=(("x-request-id", "mine-21"),))
        assert await call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        trailers = dict(await call.trailing_metadata())
        assert trailers["x-request-id"] == "mine-21"
        assert int(trailers["grpc-retry-pushback-ms"]) > 0
        code = "RESOURCE_EXHAUSTED"
        assert started.count("digits_calls_total", method=METHOD, code=code) == 1
        started.engine.free.set()
        await working


async def test_a_call_that_ends_its_requests_without_a_message_is_invalid(
    channel: grpc.aio.Channel,
) -> None:
    call: Any = channel.stream_stream(f"/{METHOD}")()
    await call.done_writing()
    assert await call.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert await call.details() == "request is missing"
    assert dict(await call.trailing_metadata())["x-request-id"]


class RecordingAdmission(Admission):
    """Admits all calls, and records how long each caller will wait."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(AdmissionLimits(1, 1, 1, 1), metrics)
        self.remaining_seconds: asyncio.Queue[float] = asyncio.Queue()

    def check(self, remaining_seconds: float = 0) -> None:
        self.remaining_seconds.put_nowait(remaining_seconds)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def admission(metrics: Metrics) -> RecordingAdmission:
    return RecordingAdmission(metrics)


@pytest.fixture
async def channel(
    metrics: Metrics, admission: RecordingAdmission
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server with one method, which returns its request."""

    async def respond(request: bytes, _: object) -> bytes:
        return request

    methods = Methods(metrics, admission, MessageReader(1, metrics))
    service, _, name = METHOD.partition("/")
    methods.add_registered_method_handlers(
        service, {name: grpc.unary_unary_rpc_method_handler(respond)}
    )
    server = grpc.aio.server(handlers=[methods])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)


async def test_admission_is_checked_with_the_time_until_the_deadline(
    channel: grpc.aio.Channel, admission: RecordingAdmission
) -> None:
    call: Any = channel.unary_unary(f"/{METHOD}")
    assert await call(b"x", timeout=1000) == b"x"
    # gRPC sends a deadline in a few digits, rounded up.
    assert 0 < await admission.remaining_seconds.get() < 2000
    assert await call(b"x") == b"x"
    assert await admission.remaining_seconds.get() == math.inf


async def test_a_call_that_is_cancelled_before_its_message_arrives_is_not_counted(
    channel: grpc.aio.Channel, metrics: Metrics, admission: RecordingAdmission
) -> None:
    call: Any = channel.stream_unary(f"/{METHOD}")()
    await admission.remaining_seconds.get()
    [handling] = [task for task in asyncio.all_tasks() if METHOD in task.get_name()]
    call.cancel()
    await asyncio.wait([handling])
    assert not [sample for family in metrics.calls.collect() for sample in family.samples]


async def test_calls_that_the_event_loop_does_not_accept_in_time_are_bounded(
    run_server: Any,
) -> None:
    has_rejected = threading.Event()

    def call_often(address: str) -> Counter[grpc.StatusCode]:
        with grpc.insecure_channel(address) as channel:
            get_model: Any = channel.unary_unary(
                "/digits.v1.RecognizerService/GetModel",
                request_serializer=pb.GetModelRequest.SerializeToString,
            )
            calls = [get_model.future(pb.GetModelRequest()) for _ in range(CALL_COUNT)]
            for call in calls:
                call.add_done_callback(lambda _: has_rejected.set())
            return Counter(call.code() for call in calls)

    async with run_server(max_connection_calls=CALL_COUNT) as started:
        calling = asyncio.create_task(asyncio.to_thread(call_often, started.server.address))
        await asyncio.sleep(0)
        assert has_rejected.wait(PATIENCE_SECONDS)  # the event loop accepts nothing meanwhile
        codes = await calling
        assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.CANCELLED}
        # Those that fit, and those that came once the event loop accepted calls again.
        assert codes[grpc.StatusCode.OK] >= MAX_PENDING_CALLS
        assert await started.stub.GetModel(pb.GetModelRequest())
