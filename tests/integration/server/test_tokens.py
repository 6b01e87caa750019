"""Tokens: what is open to whom."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digits.v1 import recognizer_pb2 as pb
from digits_server.errors import CredentialsError

TOKEN, OTHER = "first-token-0123456789", "second-token-0123456789"


def shown(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


@pytest.fixture
async def guarded(run_server: Any, tmp_path: Path) -> AsyncIterator[Any]:
    (tmp_path / "tokens").write_text(f"# of October\n{TOKEN}\n\n{OTHER}\n")
    async with run_server(tokens_file=tmp_path / "tokens") as started:
        yield started


@pytest.mark.parametrize("token", [TOKEN, OTHER])
async def test_any_of_the_tokens_lets_in(guarded: Any, token: str) -> None:
    model = await guarded.stub.GetModel(pb.GetModelRequest(), metadata=shown(token))
    assert model.model.version == "7"


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        shown("another-token-0123456789"),
        shown(TOKEN[:-1]),
        shown(TOKEN + " "),
        shown(""),
        (("authorization", TOKEN),),
        (("authorization", f"Basic {TOKEN}"),),
        (*shown("another-token-0123456789"), *shown(TOKEN)),
    ],
)
async def test_nothing_else_lets_in(guarded: Any, metadata: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await guarded.stub.GetModel(pb.GetModelRequest(), metadata=metadata)
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert "a token is needed" in (caught.value.details() or "")


async def test_a_stream_is_refused_before_a_message_is_read(guarded: Any) -> None:
    call = guarded.stub.StreamingRecognize()
    assert await call.code() == grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "method",
    [
        "/inference.GRPCInferenceService/ServerLive",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/digits.v1.RecognizerService/NoSuchMethod",
        "/no.such.Service/AtAll",
    ],
)
async def test_who_has_no_token_learns_nothing_of_what_is_here(guarded: Any, method: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await guarded.channel.unary_unary(method)(b"")
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_health_is_open_to_probes(guarded: Any) -> None:
    health = health_pb2_grpc.HealthStub(guarded.channel)
    answer = await health.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_file_that_is_no_good_is_said_at_the_start(run_server: Any, tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="none cannot be read: No such file"):
        async with run_server(tokens_file=tmp_path / "none"):
            pass
