"""Connecting to a server, and reconnecting after a loss."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import status_pb2

from digits_client.cli.server_options import ServerOptions
from digits_client.draw import connection_loop
from digits_client.draw.events import Connected, Disconnected, Event, Recognized
from digits_client.draw.mailbox import Mailbox
from digits_client.errors import DigitsError, UnavailableError
from tests.integration.clients.conftest import serving

from .conftest import (
    TIMEOUT_SECONDS,
    TcpProxy,
    WidthRecognizer,
    image,
    port_of,
    refused_reason,
    timeout_reason,
)


def test_a_server_that_does_not_report_its_model_counts_as_unavailable(
    open_session: Any, recognizer: WidthRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_loop, "CONNECT_TIMEOUT_SECONDS", 0.2)
    recognizer.go_on.clear()
    recorded = open_session(recognizer.address)
    assert recorded.wait_for(Disconnected).reason == timeout_reason(recognizer.address)
    assert recognizer.seconds_left[0] < 1  # gRPC rounds up what it sends
    recognizer.go_on.set()
    assert recorded.wait_for(Connected).address == recognizer.address


def test_a_session_opened_before_its_server_connects_once_the_server_runs(
    open_session: Any, stopped_recognizer: WidthRecognizer
) -> None:
    address = stopped_recognizer.address
    recorded = open_session(address)
    recorded.session.send(5, image(5))
    assert recorded.wait_for(Disconnected).reason == refused_reason(address)
    with serving(stopped_recognizer, port=port_of(address)):
        assert recorded.wait_for(Connected).address == address
        assert recorded.wait_for(Recognized).revision == 5


def test_the_loss_of_an_idle_connection_is_reported_at_once(
    open_session: Any, proxy: TcpProxy
) -> None:
    recorded = open_session(proxy.address)
    recorded.wait_for(Connected)
    proxy.cut()
    assert recorded.wait_for(Disconnected).reason


@pytest.mark.parametrize(
    ("connected_seconds", "reported_count"),
    [
        ([100.0, 100.0, 100.0], 0),
        ([100.0, 1.0, 1.0, 1.0, 100.0, 1.0], 0),  # two rolling restarts of a few servers
        ([1.0, 1.0, 1.0, 1.0], 1),
        ([100.0, 1.0, 1.0, 1.0, 1.0, 1.0], 2),
        ([100.0, None], 1),
    ],
)
async def test_only_a_server_that_is_not_replaced_is_reported_as_lost(
    monkeypatch: pytest.MonkeyPatch, connected_seconds: list[float | None], reported_count: int
) -> None:
    events: list[Event] = []
    loop = connection_loop.ConnectionLoop(ServerOptions("any:1"), Mailbox(), events.append)
    connections = iter(connected_seconds)
    ended = asyncio.Event()

    async def run_connection(_: object) -> tuple[DigitsError, float | None]:
        with contextlib.suppress(StopIteration):
            return UnavailableError("the server is stopping"), next(connections)
        ended.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(loop, "_run_connection", run_connection)
    monkeypatch.setattr(connection_loop, "MIN_BACKOFF_SECONDS", 0.01)
    running = asyncio.create_task(loop.run())
    await asyncio.wait_for(ended.wait(), TIMEOUT_SECONDS)
    running.cancel()
    reports = [event.reason for event in events if isinstance(event, Disconnected)]
    assert reports == ["The connection to the server at any:1 was lost."] * reported_count


def test_a_lost_connection_is_not_diagnosed_as_a_tls_problem(
    open_session: Any, proxy: TcpProxy
) -> None:
    recorded = open_session(proxy.address)
    recorded.session.send(1, image(1))
    recorded.wait_for(Recognized)
    proxy.cut()
    assert "TLS" not in recorded.wait_for(Disconnected).reason


def test_retry_now_ends_the_backoff(
    open_session: Any, stopped_recognizer: WidthRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_loop, "MIN_BACKOFF_SECONDS", 3600.0)
    recorded = open_session(stopped_recognizer.address)
    assert recorded.wait_for(Disconnected).retry_seconds > 1000
    with serving(stopped_recognizer, port=port_of(stopped_recognizer.address)):
        recorded.session.retry_now()
        recorded.wait_for(Connected)


def test_a_rejected_token_is_reported_and_a_corrected_one_is_used(
    open_session: Any, recognizer: WidthRecognizer, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    recognizer.fail(
        grpc.StatusCode.UNAUTHENTICATED,
        details=status_pb2.Status(message="wrong token").SerializeToString(),
    )
    recorded = open_session(recognizer.address, token_file)
    assert f"{token_file} cannot be read" in recorded.wait_for(Disconnected).reason
    assert recognizer.attempt_count == 0
    token_file.write_text("any")
    reason = f"The server at {recognizer.address} rejected the token in {token_file}."
    assert recorded.wait_for(Disconnected).reason == reason
    recorded.wait_for(Connected)
