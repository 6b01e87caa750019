"""Tokens: which calls need one."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digits.credential_files import CredentialsError
from digits.tokens import Tokens
from digits.v1 import recognizer_pb2 as pb
from digits_server.api.auth import UNAUTHENTICATED_MESSAGE, Authenticator
from digits_server.api.message_reader import MessageReader
from digits_server.api.methods import Methods
from digits_server.inference.admission import Admission, AdmissionLimits
from digits_server.ops.metrics import Metrics

TOKEN, OTHER = "first-token-0123456789", "second-token-0123456789"


def metadata_with(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


@pytest.fixture
async def guarded(run_server: Any, tmp_path: Path) -> AsyncIterator[Any]:
    (tmp_path / "tokens").write_text(f"# October\n{TOKEN}\n\n{OTHER}\n")
    async with run_server(tokens_file=tmp_path / "tokens") as started:
        yield started


@pytest.mark.parametrize("token", [TOKEN, OTHER])
async def test_a_call_with_any_of_the_tokens_is_accepted(guarded: Any, token: str) -> None:
    model = await guarded.stub.GetModel(pb.GetModelRequest(), metadata=metadata_with(token))
    assert model.model.version == "7"


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        metadata_with("another-token-0123456789"),
        metadata_with(TOKEN[:-1]),
        metadata_with(TOKEN + " "),
        metadata_with(""),
        (("authorization", TOKEN),),
        (("authorization", f"Basic {TOKEN}"),),
        (*metadata_with("another-token-0123456789"), *metadata_with(TOKEN)),
    ],
)
async def test_a_call_without_a_valid_token_is_rejected(guarded: Any, metadata: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await guarded.stub.GetModel(pb.GetModelRequest(), metadata=metadata)
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert "a valid token is required" in (caught.value.details() or "")
    assert guarded.count("digits_unauthenticated_calls_total") == 1


@pytest.mark.parametrize("method", ["StreamingRecognize", "Recognize", "GetModel"])
async def test_a_call_is_rejected_before_a_message_is_read(guarded: Any, method: str) -> None:
    call = guarded.channel.stream_stream(f"/digits.v1.RecognizerService/{method}")()
    assert await call.code() == grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("arity", ["unary_unary", "unary_stream", "stream_unary", "stream_stream"])
async def test_a_method_of_any_arity_is_rejected(tmp_path: Path, arity: str) -> None:
    (tmp_path / "tokens").write_text(TOKEN)
    metrics = Metrics()
    methods = Methods(
        metrics,
        Admission(AdmissionLimits(1, 1, 1, 1), metrics),
        MessageReader(1, metrics),
        Authenticator(Tokens(tmp_path / "tokens", 300), (), metrics),
    )

    async def never(_: object, __: object) -> NoReturn:
        raise AssertionError("the call was accepted")

    make = getattr(grpc, f"{arity}_rpc_method_handler")
    methods.add_registered_method_handlers("any.Service", {"Method": make(never)})
    server = grpc.aio.server(handlers=[methods])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            method = getattr(channel, arity)("/any.Service/Method")
            # A stream sends nothing: the rejection does not wait for a message.
            call = method() if arity.startswith("stream") else method(b"")
            assert await call.code() == grpc.StatusCode.UNAUTHENTICATED
            assert await call.details() == UNAUTHENTICATED_MESSAGE
    finally:
        await server.stop(None)


@pytest.mark.parametrize(
    "method",
    [
        "/inference.GRPCInferenceService/ServerLive",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.health.v1.Health/List",
        "/digits.v1.RecognizerService/NoSuchMethod",
        "/no.such.Service/AtAll",
    ],
)
async def test_an_unauthenticated_caller_cannot_learn_which_methods_exist(
    guarded: Any, method: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await guarded.channel.unary_unary(method)(b"")
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_a_probe_needs_no_token_and_learns_nothing_of_the_models(guarded: Any) -> None:
    health = health_pb2_grpc.HealthStub(guarded.channel)
    response = await health.Check(health_pb2.HealthCheckRequest())
    assert response.status == health_pb2.HealthCheckResponse.SERVING
    model = health_pb2.HealthCheckRequest(service="model/7")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health.Check(model)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    watch = health.Watch(model)
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    watch.cancel()
    listed = await health.List(health_pb2.HealthListRequest(), metadata=metadata_with(TOKEN))
    assert "model/7" in listed.statuses


async def test_an_unreadable_token_file_is_an_error_at_the_start(
    run_server: Any, tmp_path: Path
) -> None:
    with pytest.raises(CredentialsError, match="none cannot be read: No such file"):
        async with run_server(tokens_file=tmp_path / "none"):
            pass
