"""Calls to a server that is made up: what each ending counts as."""

import dataclasses
import time
from pathlib import Path

import grpc
import pytest
import trustme

from digits_client.bench.calls import Kind, asker, open_channel
from digits_client.bench.recording import Outcome
from digits_client.bench.requests import requests
from digits_client.cli.server_options import ServerOptions

from .fake_server import BAD, BREAKING, GOOD, REFUSED, SILENT, FakeRecognizer, image, serving


async def asked(
    connection: ServerOptions, kind: Kind, *widths: int, timeout_seconds: float = 20
) -> Outcome:
    """Return the outcome of one call with images of these widths."""
    (request,) = requests(kind, [image(width) for width in widths], len(widths))
    async with open_channel(connection) as channel:
        ask = asker(channel, kind, len(widths), connection, timeout_seconds)
        return await ask(request)


async def test_an_answered_image_counts_as_one(connection: ServerOptions) -> None:
    assert await asked(connection, Kind.UNARY, GOOD) == Outcome("OK", {"OK": 1})


@pytest.mark.parametrize(
    ("width", "status", "said"),
    [
        (BAD, "INVALID_ARGUMENT", "is bad"),
        (REFUSED, "RESOURCE_EXHAUSTED", "too much to do"),
        (BREAKING, "UNAVAILABLE", "going away"),
    ],
)
async def test_a_failed_call_counts_under_its_status_and_is_not_tried_again(
    connection: ServerOptions, recognizer: FakeRecognizer, width: int, status: str, said: str
) -> None:
    outcome = await asked(connection, Kind.UNARY, width)
    assert outcome == Outcome(status, {status: 1}, {status: said})
    assert recognizer.calls == 1


async def test_a_call_ends_at_its_deadline(connection: ServerOptions) -> None:
    began = time.monotonic()
    outcome = await asked(connection, Kind.UNARY, SILENT, timeout_seconds=0.1)
    assert outcome.status == "DEADLINE_EXCEEDED"
    assert time.monotonic() - began < 30


async def test_the_images_of_a_batch_count_one_by_one(connection: ServerOptions) -> None:
    outcome = await asked(connection, Kind.BATCH, GOOD, BAD, GOOD, REFUSED)
    assert outcome.status == "OK"
    assert outcome.images == {"OK": 2, "INVALID_ARGUMENT": 1, "RESOURCE_EXHAUSTED": 1}
    assert outcome.said["INVALID_ARGUMENT"] == "is bad"


async def test_a_batch_without_an_answer_is_no_answered_call(connection: ServerOptions) -> None:
    assert (await asked(connection, Kind.BATCH, REFUSED, REFUSED)).status == "RESOURCE_EXHAUSTED"


async def test_the_token_is_shown(
    connection: ServerOptions, recognizer: FakeRecognizer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    await asked(dataclasses.replace(connection, token_file=str(token)), Kind.UNARY, GOOD)
    assert ("authorization", "Bearer secret") in recognizer.metadata


async def test_a_server_with_tls_is_asked(recognizer: FakeRecognizer, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    cert = authority.issue_cert("127.0.0.1")
    key, chain = cert.private_key_pem.bytes(), cert.cert_chain_pems[0].bytes()
    async with serving(recognizer, grpc.ssl_server_credentials([(key, chain)])) as connection:
        trusting = dataclasses.replace(connection, tls_ca=str(tmp_path / "ca.pem"))
        assert (await asked(trusting, Kind.UNARY, GOOD)).status == "OK"


async def test_each_channel_is_a_connection_of_its_own(
    connection: ServerOptions, recognizer: FakeRecognizer
) -> None:
    (request,) = requests(Kind.UNARY, [image(GOOD)], 1)
    async with open_channel(connection) as one, open_channel(connection) as other:
        for channel in (one, other, one):
            await asker(channel, Kind.UNARY, 1, connection, 20)(request)
    assert len(recognizer.peers) == 2
