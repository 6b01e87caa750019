"""The private server that a session starts on request."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from digits_client import embedded as embedded_module
from digits_client.draw import connection_loop
from digits_client.draw.events import (
    Connected,
    Connecting,
    Disconnected,
    Recognized,
    StartingServer,
)
from digits_client.errors import UnavailableError
from tests.integration.clients.conftest import serving

from .conftest import (
    TIMEOUT_SECONDS,
    TcpProxy,
    WidthRecognizer,
    image,
    port_of,
    refused_reason,
)

UNUSED_ADDRESS = "127.0.0.1:1"


class FakeEmbeddedServer:
    """Replaces ``embedded_server``: runs another fake, or raises an error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fake = WidthRecognizer()
        self.error: UnavailableError | None = None
        self.start_requested = threading.Event()
        self.may_start = threading.Event()
        self.may_start.set()
        self.running_count = 0
        self.options: list[tuple[str, ...]] = []
        """The options of each server that was requested."""
        self.was_garbage_collected = False
        """True if the context was never left, but freed."""
        monkeypatch.setattr(embedded_module, "embedded_server", self._serve)

    @contextlib.contextmanager
    def _serve(self, *options: str) -> Iterator[str]:
        self.options.append(options)
        self.start_requested.set()
        self.may_start.wait()
        if self.error is not None:
            raise self.error
        with serving(self.fake):
            self.running_count += 1
            try:
                yield self.fake.address
            except GeneratorExit:
                self.was_garbage_collected = True
                raise
            finally:
                self.running_count -= 1


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEmbeddedServer]:
    """The server that ``Session.start_server`` starts."""
    embedded = FakeEmbeddedServer(monkeypatch)
    yield embedded
    embedded.may_start.set()


def test_a_private_server_starts_at_once_and_recognizes_the_waiting_image(
    open_session: Any, embedded: FakeEmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_loop, "MIN_BACKOFF_SECONDS", 3600.0)
    recorded = open_session(UNUSED_ADDRESS)
    recorded.session.send(3, image(3))
    recorded.wait_for(Disconnected)
    recorded.session.start_server()
    assert recorded.next_event() == StartingServer()
    assert recorded.wait_for(Connecting).address == embedded.fake.address
    assert recorded.wait_for(Connected).address == embedded.fake.address
    assert recorded.wait_for(Recognized).revision == 3
    assert embedded.running_count == 1
    recorded.session.close()
    assert embedded.running_count == 0


def test_if_the_private_server_fails_to_start_the_named_server_is_retried(
    open_session: Any, embedded: FakeEmbeddedServer, stopped_recognizer: WidthRecognizer
) -> None:
    embedded.error = UnavailableError("none is installed: install digits[server]")
    address = stopped_recognizer.address
    recorded = open_session(address)
    recorded.wait_for(Disconnected)
    recorded.session.start_server()
    while "install digits[server]" not in recorded.wait_for(Disconnected).reason:
        pass
    with serving(stopped_recognizer, port=port_of(address)):
        assert recorded.wait_for(Connected).address == address


def test_closing_while_the_private_server_starts_stops_that_server_too(
    open_session: Any, embedded: FakeEmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.may_start.clear()
    recorded = open_session(UNUSED_ADDRESS)
    recorded.wait_for(Disconnected)
    recorded.session.start_server()
    assert embedded.start_requested.wait(TIMEOUT_SECONDS)
    cancel, cancelled = recorded.session._cancel, threading.Event()

    def cancel_and_report() -> None:
        cancel()
        cancelled.set()

    monkeypatch.setattr(recorded.session, "_cancel", cancel_and_report)
    closing = threading.Thread(target=recorded.session.close)
    closing.start()
    assert cancelled.wait(TIMEOUT_SECONDS)
    embedded.may_start.set()
    closing.join(TIMEOUT_SECONDS)
    assert not closing.is_alive()
    assert embedded.running_count == 0
    assert not embedded.was_garbage_collected


def test_a_request_during_an_attempt_starts_the_private_server_without_a_backoff(
    open_session: Any,
    recognizer: WidthRecognizer,
    embedded: FakeEmbeddedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_loop, "MIN_BACKOFF_SECONDS", 3600.0)
    monkeypatch.setattr(connection_loop, "CONNECT_TIMEOUT_SECONDS", 0.3)
    recognizer.go_on.clear()
    recorded = open_session(recognizer.address)
    assert recognizer.arrived.wait(TIMEOUT_SECONDS)
    recorded.session.start_server()
    recorded.wait_for(Disconnected)
    assert embedded.start_requested.wait(2)


def test_a_request_for_a_private_server_lapses_when_the_named_server_responds(
    open_session: Any, recognizer: WidthRecognizer, proxy: TcpProxy, embedded: FakeEmbeddedServer
) -> None:
    recognizer.go_on.clear()
    recorded = open_session(proxy.address)
    assert recognizer.arrived.wait(TIMEOUT_SECONDS)
    recorded.session.start_server()
    recognizer.go_on.set()
    recorded.wait_for(Connected)
    proxy.cut()
    recorded.wait_for(Disconnected)
    proxy.restore()
    recorded.wait_for(Connected)
    assert not embedded.start_requested.is_set()


def test_of_two_requests_the_second_decides_which_models_are_served(
    open_session: Any, embedded: FakeEmbeddedServer
) -> None:
    embedded.may_start.clear()
    recorded = open_session(UNUSED_ADDRESS)
    recorded.session.start_server(Path("trained"))
    assert embedded.start_requested.wait(TIMEOUT_SECONDS)
    recorded.session.start_server(None)
    recorded.session.start_server(None)
    handled = threading.Event()
    recorded.session._schedule(handled.set)
    assert handled.wait(TIMEOUT_SECONDS)
    embedded.may_start.set()
    recorded.wait_for(Connected)
    recorded.wait_for(Connected)
    recorded.session.send(3, image(3))
    recorded.wait_for(Recognized)
    assert embedded.options == [("--models-dir", "trained"), ()]


def test_a_real_private_server_recognizes_images_and_stops_with_the_session(
    open_session: Any,
) -> None:
    pytest.importorskip("ai_edge_litert")
    recorded = open_session(UNUSED_ADDRESS)
    recorded.wait_for(Disconnected)
    recorded.session.start_server()
    address = recorded.wait_for(Connected).address
    recorded.session.send(1, Image.new("L", (40, 40), 255))
    assert recorded.wait_for(Recognized).number.digits[0].verdict.value == "blank"
    recorded.session.close()
    second = open_session(address)
    assert second.wait_for(Disconnected).reason == refused_reason(address)
