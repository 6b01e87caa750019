"""Images that a session sends, and their events."""

import io
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits_client.draw import connection_loop, stream_loop
from digits_client.draw.diagnose import diagnose
from digits_client.draw.events import Connected, Connecting, Disconnected, Failed, Recognized
from digits_client.errors import OverloadedError
from tests.integration.clients.conftest import serving

from .conftest import (
    REJECTED_WIDTH,
    TIMEOUT_SECONDS,
    TcpProxy,
    WidthRecognizer,
    image,
    port_of,
    timeout_reason,
)

live_or_not = pytest.mark.parametrize("live", [True, False])
all_modes = pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])


@live_or_not
def test_a_prediction_carries_the_revision_of_its_image(
    open_session: Any, recognizer: WidthRecognizer, live: bool
) -> None:
    recorded = open_session(recognizer.address)
    assert isinstance(recorded.next_event(), Connecting)
    assert recorded.wait_for(Connected).model.version == "5"
    recorded.session.send(41, image(3), live=live)
    recognized = recorded.wait_for(Recognized)
    assert (recognized.revision, recognized.number.text) == (41, "3")
    assert recognized.number.digits[0].frame is not None
    assert recognized.round_trip_seconds > 0
    assert isinstance(recognizer.requests[0], pb.StreamingRecognizeRequest) is live


def test_while_an_image_is_in_flight_only_the_newest_waits(
    open_session: Any, recognizer: WidthRecognizer
) -> None:
    recorded = open_session(recognizer.address)
    recorded.wait_for(Connected)
    recognizer.may_respond.clear()
    recorded.session.send(1, image(1))
    assert recognizer.image_received.acquire(timeout=TIMEOUT_SECONDS)
    for revision in range(2, 10):
        recorded.session.send(revision, image(revision))
    recognizer.may_respond.set()
    assert recorded.wait_for(Recognized).revision == 1
    assert recorded.wait_for(Recognized).revision == 9
    assert recognizer.widths == [1, 9]


def test_a_rejected_image_does_not_end_the_connection(
    open_session: Any, recognizer: WidthRecognizer
) -> None:
    recorded = open_session(recognizer.address)
    for live in (True, False):
        recorded.session.send(1, image(REJECTED_WIDTH), live=live)
        assert "image is unset" in recorded.wait_for(Failed).reason
    recorded.session.send(2, image(2))
    assert recorded.wait_for(Recognized).revision == 2


@live_or_not
def test_after_a_restart_of_the_server_only_the_newest_image_is_sent(
    open_session: Any, live: bool
) -> None:
    first, second = WidthRecognizer(), WidthRecognizer()
    with serving(first):
        recorded = open_session(first.address)
        recorded.session.send(6, image(6), live=live)
        assert recorded.wait_for(Recognized).revision == 6
    assert first.address in recorded.wait_for(Disconnected).reason
    for revision in (7, 8):
        recorded.session.send(revision, image(revision), live=live)
    with serving(second, port=port_of(first.address)):
        assert recorded.wait_for(Connected).address == first.address
        assert recorded.wait_for(Recognized).revision == 8
    assert second.widths == [8]


def test_without_a_response_in_time_the_connection_counts_as_lost(
    open_session: Any, recognizer: WidthRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_loop, "RESPONSE_TIMEOUT_SECONDS", 0.2)
    recorded = open_session(recognizer.address)
    recorded.wait_for(Connected)
    recognizer.may_respond.clear()
    recorded.session.send(1, image(1))
    assert recorded.wait_for(Disconnected).reason == timeout_reason(recognizer.address)
    recognizer.may_respond.set()
    assert recorded.wait_for(Recognized).revision == 1


def test_a_timeout_is_reported_even_after_a_long_connection(
    open_session: Any, recognizer: WidthRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stream_loop.RESPONSE_TIMEOUT_SECONDS > connection_loop.MAX_BACKOFF_SECONDS
    monkeypatch.setattr(stream_loop, "RESPONSE_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(connection_loop, "MAX_BACKOFF_SECONDS", 0.2)
    recorded = open_session(recognizer.address)
    recorded.wait_for(Connected)
    recognizer.may_respond.clear()
    recorded.session.send(1, image(1))
    event = recorded.next_event()
    assert isinstance(event, Disconnected)
    assert event.reason == timeout_reason(recognizer.address)


@live_or_not
def test_an_image_in_flight_when_the_connection_is_cut_is_sent_again(
    open_session: Any, recognizer: WidthRecognizer, proxy: TcpProxy, live: bool
) -> None:
    recorded = open_session(proxy.address)
    recorded.wait_for(Connected)
    recognizer.may_respond.clear()
    recorded.session.send(7, image(7), live=live)
    assert recognizer.image_received.acquire(timeout=TIMEOUT_SECONDS)
    proxy.cut()
    assert recorded.wait_for(Disconnected).retry_seconds < 1
    recognizer.may_respond.set()
    proxy.restore()
    recorded.wait_for(Connected)
    recognized = recorded.wait_for(Recognized)
    assert (recognized.revision, recognized.number.text) == (7, "7")


@live_or_not
def test_a_newer_image_replaces_one_whose_connection_was_cut(
    open_session: Any, recognizer: WidthRecognizer, proxy: TcpProxy, live: bool
) -> None:
    recorded = open_session(proxy.address)
    recorded.wait_for(Connected)
    recognizer.may_respond.clear()
    recorded.session.send(7, image(7), live=live)
    assert recognizer.image_received.acquire(timeout=TIMEOUT_SECONDS)
    recorded.session.send(8, image(8), live=live)
    proxy.cut()
    recorded.wait_for(Disconnected)
    recognizer.may_respond.set()
    proxy.restore()
    assert recorded.wait_for(Recognized).revision == 8
    assert recognizer.widths == [7, 8]


def test_a_recognized_image_is_not_sent_again(
    open_session: Any, recognizer: WidthRecognizer, proxy: TcpProxy
) -> None:
    recorded = open_session(proxy.address)
    recorded.session.send(1, image(1))
    recorded.wait_for(Recognized)
    proxy.cut()
    recorded.wait_for(Disconnected)
    proxy.restore()
    recorded.wait_for(Connected)
    recorded.session.send(2, image(2))
    assert recorded.wait_for(Recognized).revision == 2
    assert recognizer.widths == [1, 2]


def test_an_image_rejected_for_overload_does_not_end_the_connection(
    open_session: Any, recognizer: WidthRecognizer
) -> None:
    recorded = open_session(recognizer.address)
    recorded.session.send(1, image(1))
    recorded.wait_for(Recognized)
    retry = any_pb2.Any()
    retry.Pack(error_details_pb2.RetryInfo())
    recognizer.fail(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        details=status_pb2.Status(details=[retry]).SerializeToString(),
    )
    recorded.session.send(2, image(2), live=False)
    overloaded = OverloadedError("")
    overloaded.retry_after_seconds = 0.0
    assert recorded.next_event() == Failed(2, diagnose(overloaded, recognizer.address))
    recorded.session.send(3, image(3), live=False)
    assert isinstance(recorded.next_event(), Recognized)


@live_or_not
def test_an_image_larger_than_a_grpc_message_fails(
    open_session: Any, recognizer: WidthRecognizer, live: bool
) -> None:
    recorded = open_session(recognizer.address)
    recorded.wait_for(Connected)
    noise = np.random.default_rng(0).integers(0, 256, (1250, 1250, 3), np.uint8)  # limit: 4 MiB
    recorded.session.send(1, Image.fromarray(noise), live=live)
    assert isinstance(recorded.next_event(), Failed)


@live_or_not
def test_an_invalid_response_does_not_end_the_session(
    open_session: Any, recognizer: WidthRecognizer, monkeypatch: pytest.MonkeyPatch, live: bool
) -> None:
    monkeypatch.setattr(recognizer, "_result", lambda *_: pb.RecognizeResult())
    recorded = open_session(recognizer.address)
    recorded.wait_for(Connected)
    recorded.session.send(1, image(1), live=live)
    assert isinstance(recorded.next_event(), Failed | Disconnected)


@live_or_not
@all_modes
def test_a_picture_is_sent_pixel_for_pixel(
    open_session: Any, recognizer: WidthRecognizer, mode: str, live: bool
) -> None:
    if mode == "I;16":
        picture = Image.fromarray(np.arange(0, 54_000, 500).astype(np.uint16).reshape(12, 9))
    else:
        picture = Image.effect_noise((9, 12), 60).convert("RGBA").convert(mode)
    recorded = open_session(recognizer.address)
    recorded.session.send(1, picture, live=live)
    recorded.wait_for(Recognized)
    with Image.open(io.BytesIO(recognizer.requests[-1].image.encoded)) as sent:
        assert sent.mode == mode
        assert np.array_equal(np.asarray(sent), np.asarray(picture))


@all_modes
def test_a_large_picture_is_scaled_down_in_the_request_only(
    open_session: Any, recognizer: WidthRecognizer, mode: str
) -> None:
    picture = Image.new(mode, (4000, 1000))
    recorded = open_session(recognizer.address)
    recorded.session.send(1, picture)
    recorded.wait_for(Recognized)
    with Image.open(io.BytesIO(recognizer.requests[-1].image.encoded)) as sent:
        assert (sent.mode, sent.size) == (mode, (1600, 400))
    assert picture.size == (4000, 1000)
