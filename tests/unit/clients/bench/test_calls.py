"""Single calls to a scripted server, and the outcome that each counts as."""

import dataclasses
import time
from pathlib import Path

import grpc
import pytest
import trustme

from digits_client.bench.calls import call_function, open_channel
from digits_client.bench.recording import Outcome
from digits_client.bench.requests import build_requests
from digits_client.bench.workload import CallKind
from digits_client.cli.server_options import ServerOptions

from .fake_server import BAD, BREAKING, GOOD, REJECTED, SILENT, FakeRecognizer, image, serve


async def call(
    server: ServerOptions, kind: CallKind, *widths: int, timeout_seconds: float = 20
) -> Outcome:
    """Return the outcome of one call with images of these widths."""
    (request,) = build_requests(kind, [image(width) for width in widths], len(widths))
    async with open_channel(server) as channel:
        make_call = call_function(channel, kind, len(widths), server, timeout_seconds)
        return await make_call(request)


async def test_a_recognized_image_counts_once(server: ServerOptions) -> None:
    assert await call(server, CallKind.UNARY, GOOD) == Outcome("OK", {"OK": 1})


@pytest.mark.parametrize(
    ("width", "status", "message"),
    [
        (BAD, "INVALID_ARGUMENT", "is bad"),
        (REJECTED, "RESOURCE_EXHAUSTED", "overloaded"),
        (BREAKING, "UNAVAILABLE", "going away"),
    ],
)
async def test_a_failed_call_counts_under_its_status_and_is_not_retried(
    server: ServerOptions, recognizer: FakeRecognizer, width: int, status: str, message: str
) -> None:
    outcome = await call(server, CallKind.UNARY, width)
    assert outcome == Outcome(status, {status: 1}, {status: message})
    assert recognizer.calls == 1


async def test_a_call_ends_at_its_deadline(server: ServerOptions) -> None:
    start = time.monotonic()
    outcome = await call(server, CallKind.UNARY, SILENT, timeout_seconds=0.1)
    assert outcome.status == "DEADLINE_EXCEEDED"
    assert time.monotonic() - start < 30


async def test_the_images_of_a_batch_count_one_by_one(server: ServerOptions) -> None:
    outcome = await call(server, CallKind.BATCH, GOOD, BAD, GOOD, REJECTED)
    assert outcome.status == "OK"
    assert outcome.images == {"OK": 2, "INVALID_ARGUMENT": 1, "RESOURCE_EXHAUSTED": 1}
    assert outcome.messages["INVALID_ARGUMENT"] == "is bad"


async def test_a_batch_in_which_every_image_failed_is_a_failed_call(server: ServerOptions) -> None:
    outcome = await call(server, CallKind.BATCH, REJECTED, REJECTED)
    assert outcome.status == "RESOURCE_EXHAUSTED"


async def test_calls_carry_the_token(
    server: ServerOptions, recognizer: FakeRecognizer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    await call(dataclasses.replace(server, token_file=str(token)), CallKind.UNARY, GOOD)
    assert ("authorization", "Bearer secret") in recognizer.metadata


async def test_calls_work_over_tls(recognizer: FakeRecognizer, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    cert = authority.issue_cert("127.0.0.1")
    key, chain = cert.private_key_pem.bytes(), cert.cert_chain_pems[0].bytes()
    async with serve(recognizer, grpc.ssl_server_credentials([(key, chain)])) as server:
        trusting = dataclasses.replace(server, tls_ca=str(tmp_path / "ca.pem"))
        assert (await call(trusting, CallKind.UNARY, GOOD)).status == "OK"


async def test_each_channel_has_a_separate_connection(
    server: ServerOptions, recognizer: FakeRecognizer
) -> None:
    (request,) = build_requests(CallKind.UNARY, [image(GOOD)], 1)
    async with open_channel(server) as first, open_channel(server) as second:
        for channel in (first, second, first):
            await call_function(channel, CallKind.UNARY, 1, server, 20)(request)
    assert len(recognizer.peers) == 2
