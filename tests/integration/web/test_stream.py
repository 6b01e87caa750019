"""Drawings over a WebSocket."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.integration.clients.conftest import FakeRecognizer, serving
from tests.processes import PATIENCE_SECONDS, free_port, running_server, wait_until

from .conftest import THREE, Gateway, StartWeb


@contextlib.contextmanager
def stream(web: Gateway, query: str = "", **options: Any) -> Iterator[ClientConnection]:
    with connect(web.stream_url + query, **options) as socket:
        yield socket


def send(socket: ClientConnection, sequence: int, image: bytes = b"image 7") -> None:
    socket.send(sequence.to_bytes(4, "big") + image)


def receive(socket: ClientConnection) -> dict[str, Any]:
    message = socket.recv(PATIENCE_SECONDS)
    assert isinstance(message, str)
    content: dict[str, Any] = json.loads(message)
    return content


def test_a_drawing_is_recognized_as_the_query_says(web: Gateway) -> None:
    with stream(web, "?layout=number&frame=true") as socket:
        send(socket, 5, THREE)
        response = receive(socket)
    assert response["sequence"] == "5"
    assert response["numbers"][0]["text"] == "3"
    assert response["predictions"][0]["frame"]
    assert response["superseded"] is False


def test_an_image_that_is_not_valid_is_an_error_in_its_place(web: Gateway) -> None:
    with stream(web) as socket:
        send(socket, 1, b"junk")
        response = receive(socket)
        assert (response["sequence"], response["error"]["code"]) == ("1", 3)
        send(socket, 2, THREE)
        assert receive(socket)["predictions"][0]["digit"] == 3


def test_every_drawing_has_one_response_and_the_newest_is_recognized(web: Gateway) -> None:
    with stream(web) as socket:
        for sequence in range(200):
            send(socket, sequence, THREE)
        responses = [receive(socket) for _ in range(200)]
    assert sorted(int(response["sequence"]) for response in responses) == list(range(200))
    [newest] = [response for response in responses if response["sequence"] == "199"]
    assert newest["predictions"][0]["digit"] == 3


def test_all_drawings_of_a_socket_go_to_one_call(fake_web: Gateway, server: FakeRecognizer) -> None:
    with stream(fake_web) as socket:
        for sequence in range(5):
            send(socket, sequence)
            assert receive(socket)["predictions"][0]["digit"] == 7
    assert server.attempt_count == 1


def test_while_the_server_is_away_each_drawing_has_an_error_and_the_next_tries_again(
    start_web: StartWeb,
) -> None:
    port = free_port()
    web = start_web(f"127.0.0.1:{port}")
    with stream(web) as socket:
        send(socket, 1)
        response = receive(socket)
        assert (response["sequence"], response["error"]["code"]) == ("1", 14)
        assert str(port) not in response["error"]["message"]
        with serving(FakeRecognizer(), port):
            sequence = 1

            def is_recognized() -> bool:
                nonlocal sequence
                sequence += 1
                send(socket, sequence)
                response = receive(socket)
                assert response["sequence"] == str(sequence)
                return bool(response["predictions"])

            wait_until(is_recognized)
        send(socket, sequence + 1)  # ends with the call
        assert receive(socket)["error"]["code"] == 14


def test_a_server_without_a_free_stream_is_an_error_in_place(
    start_web: StartWeb, environment: dict[str, str]
) -> None:
    with running_server(environment, "--port", "0", "--max-streams", "1") as digits_server:
        web = start_web(digits_server.address)
        with stream(web) as first, stream(web) as second:
            send(first, 1, THREE)
            assert receive(first)["predictions"]
            for sequence in range(50):  # each opens a call, which ends while it is sent
                send(second, sequence, THREE)
                response = receive(second)
                assert (response["sequence"], response["error"]["code"]) == (str(sequence), 8)


@pytest.mark.parametrize("message", [b"", b"abc", "text"])
def test_a_message_without_a_sequence_closes_the_socket(web: Gateway, message: bytes | str) -> None:
    with stream(web) as socket:
        socket.send(message)
        with pytest.raises(ConnectionClosedError, match="4 bytes of sequence and an image"):
            socket.recv(PATIENCE_SECONDS)


def test_a_drawing_that_is_too_large_closes_the_socket(web: Gateway) -> None:
    with stream(web) as socket:
        # The head of a binary frame, with its length and a mask.
        socket.socket.sendall(b"\x82\xff" + (5 * 2**20).to_bytes(8, "big") + bytes(4))
        with pytest.raises(ConnectionClosedError) as closed:
            socket.recv(PATIENCE_SECONDS)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
    assert web.client.get("/healthz").status_code == 200


def test_a_query_that_means_nothing_is_rejected_before_the_socket_opens(web: Gateway) -> None:
    with pytest.raises(InvalidStatus) as rejected, stream(web, "?layout=word"):
        pass
    response = rejected.value.response
    assert response.status_code == 400
    assert json.loads(response.body or b"")["detail"].startswith("layout='word'")


def test_the_protocol_of_the_page_is_confirmed(web: Gateway) -> None:
    with stream(web, subprotocols=["digits.v1"]) as socket:
        assert socket.subprotocol == "digits.v1"


def test_a_page_of_another_site_may_not_open_a_socket(web: Gateway) -> None:
    with pytest.raises(InvalidStatus) as rejected, stream(web, origin="http://evil.example"):
        pass
    assert rejected.value.response.status_code == 403
    own = httpx.URL(web.url)
    with stream(web, origin=f"http://{own.host}:{own.port}") as socket:
        send(socket, 1, THREE)
        assert receive(socket)["predictions"]


def test_a_vanished_browser_leaves_nothing_behind(
    fake_web: Gateway, server: FakeRecognizer
) -> None:
    with stream(fake_web) as socket:
        send(socket, 1)
        receive(socket)
        socket.socket.shutdown(2)
    wait_until(lambda: "digits_web_streams 0.0" in fake_web.client.get("/metrics").text)


def test_more_sockets_than_allowed_are_rejected(
    start_web: StartWeb, server: FakeRecognizer
) -> None:
    web = start_web(server.address, "--max-streams", "1")
    with stream(web):
        with pytest.raises(InvalidStatus) as rejected, stream(web):
            pass
        assert rejected.value.response.status_code == 429
        assert rejected.value.response.headers["retry-after"] == "1"
