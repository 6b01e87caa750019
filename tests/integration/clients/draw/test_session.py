"""Closing a session."""

import time
from typing import Any

import pytest

from digits_client.draw import connection_loop, stream_loop
from digits_client.draw.events import Connected, Disconnected

from .conftest import TIMEOUT_SECONDS, TcpProxy, WidthRecognizer, image, session_threads


@pytest.mark.parametrize("phase", ["connecting", "backoff", "stream", "unary call"])
def test_closing_is_prompt_in_every_phase(
    open_session: Any,
    recognizer: WidthRecognizer,
    proxy: TcpProxy,
    monkeypatch: pytest.MonkeyPatch,
    phase: str,
) -> None:
    monkeypatch.setattr(stream_loop, "RESPONSE_TIMEOUT_SECONDS", 3600.0)
    monkeypatch.setattr(connection_loop, "CONNECT_TIMEOUT_SECONDS", 3600.0)
    monkeypatch.setattr(connection_loop, "MIN_BACKOFF_SECONDS", 3600.0)
    if phase == "connecting":
        recognizer.go_on.clear()
    recorded = open_session(proxy.address)
    if phase == "connecting":
        assert recognizer.arrived.wait(TIMEOUT_SECONDS)
    else:
        recorded.wait_for(Connected)
    if phase == "backoff":
        proxy.cut()
        recorded.wait_for(Disconnected)
    if phase in ("stream", "unary call"):
        recognizer.may_respond.clear()
        recorded.session.send(1, image(1), live=phase == "stream")
        assert recognizer.image_received.acquire(timeout=TIMEOUT_SECONDS)
    started = time.monotonic()
    recorded.session.close()
    assert time.monotonic() - started < 5
    assert not session_threads()


def test_a_closed_session_ignores_calls_and_delivers_no_events(
    open_session: Any, recognizer: WidthRecognizer
) -> None:
    recorded = open_session(recognizer.address)
    recorded.wait_for(Connected)
    recorded.session.close()
    recorded.session.close()
    recorded.session.send(1, image(1))
    recorded.session.start_server()
    recorded.session.retry_now()
    assert recorded.events.empty()
    assert recognizer.widths == []


def test_closing_does_not_wait_for_a_response(
    open_session: Any, recognizer: WidthRecognizer
) -> None:
    recorded = open_session(recognizer.address)
    recorded.wait_for(Connected)
    recognizer.may_respond.clear()
    recorded.session.send(1, image(1))
    assert recognizer.image_received.acquire(timeout=TIMEOUT_SECONDS)
    recorded.session.close()
    recorded.session.close()
    recorded.session.send(2, image(2))
    assert not session_threads()
