"""Limits: on bodies, before they are read and while they arrive; and on what is in flight."""

import concurrent.futures
import socket
from collections.abc import Iterator

import pytest

from tests.integration.clients.conftest import FakeRecognizer
from tests.processes import PATIENCE_SECONDS, wait_until

from .conftest import Gateway, StartWeb, check_problem, files

LIMIT = 10_000


@pytest.fixture
def small_web(start_web: StartWeb, server: FakeRecognizer) -> Gateway:
    """A gateway with small limits."""
    return start_web(server.address, "--max-body-bytes", str(LIMIT), "--max-files", "3")


def exchange(web: Gateway, request: bytes) -> bytes:
    """Send bytes over a connection, and return what comes until it is closed."""
    address = web.url.partition("://")[2].split(":")
    received = b""
    with socket.create_connection((address[0], int(address[1])), PATIENCE_SECONDS) as connection:
        connection.sendall(request)
        while block := connection.recv(2**16):
            received += block
    return received


def test_a_body_that_is_announced_as_too_large_is_not_waited_for(small_web: Gateway) -> None:
    head = b"POST /v1/recognize HTTP/1.1\r\nHost: x\r\nContent-Length: 10001\r\n\r\n"
    response = exchange(small_web, head)
    assert response.startswith(b"HTTP/1.1 413 ")
    assert b"the body is larger than 10000 bytes" in response


def test_a_body_in_chunks_is_cut_off_at_the_limit(
    small_web: Gateway, server: FakeRecognizer
) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield bytes(1000)

    response = small_web.client.post("/v1/recognize", content=chunks())
    assert check_problem(response, 413, "RESOURCE_EXHAUSTED").startswith("the body is larger")
    assert server.attempt_count == 0


def test_a_body_of_exactly_the_limit_is_served(small_web: Gateway) -> None:
    body = b"7" * LIMIT
    assert small_web.client.post("/v1/recognize", content=body).status_code == 200


@pytest.mark.parametrize(("path", "count"), [("/v1/recognize", 2), ("/v1/recognize:batch", 4)])
def test_more_files_than_allowed_are_rejected(small_web: Gateway, path: str, count: int) -> None:
    response = small_web.client.post(path, files=files(*[b"7"] * count))
    assert "files" in check_problem(response, 413, "RESOURCE_EXHAUSTED")


def test_fields_that_are_not_files_are_limited_too(small_web: Gateway) -> None:
    data = {f"field{index}": "x" for index in range(50)}
    response = small_web.client.post("/v1/recognize:batch", files=files(b"7"), data=data)
    check_problem(response, 413, "RESOURCE_EXHAUSTED")


@pytest.mark.parametrize("body", [b"--x", b"junk", b"--x\r\nno header\r\n", b"--x\r\n: \r\n\r\n"])
def test_a_form_that_is_not_valid_is_a_400(small_web: Gateway, body: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = small_web.client.post("/v1/recognize:batch", content=body, headers=headers)
    check_problem(response, 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("body", [b"x", [b"x"]])  # with its length, and in chunks
def test_a_compressed_body_is_rejected(
    small_web: Gateway, body: bytes | list[bytes], order: int
) -> None:
    framing = (
        ("content-length", "1") if isinstance(body, bytes) else ("transfer-encoding", "chunked")
    )
    headers = [("content-encoding", "gzip"), framing][::order]
    response = small_web.client.post("/v1/recognize", content=body, headers=headers)
    assert "Content-Encoding" in check_problem(response, 415, "INVALID_ARGUMENT")


def test_a_body_that_does_not_arrive_in_time_is_a_408(
    start_web: StartWeb, server: FakeRecognizer
) -> None:
    web = start_web(server.address, "--body-seconds", "0.2")
    head = b"POST /v1/recognize HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1234"
    assert exchange(web, head).startswith(b"HTTP/1.1 408 ")


def test_requests_and_bytes_in_flight_are_limited(
    start_web: StartWeb, server: FakeRecognizer
) -> None:
    server.go_on.clear()
    flags = ("--max-requests", "3", "--max-queue-bytes", "2500", "--timeout-seconds", "60")
    web = start_web(server.address, *flags)
    with concurrent.futures.ThreadPoolExecutor(3) as threads:

        def send(size: int) -> "concurrent.futures.Future[int]":
            body = b"7" * size
            return threads.submit(
                lambda: web.client.post("/v1/recognize", content=body).status_code
            )

        sent = [send(1000), send(1000)]
        wait_until(lambda: "digits_web_body_bytes 2000.0" in web.client.get("/metrics").text)
        response = web.client.post("/v1/recognize", content=b"7" * 1000)
        detail = check_problem(response, 429, "RESOURCE_EXHAUSTED")
        assert detail == "too many bytes are in flight; retry later"
        assert response.headers["retry-after"] == "1"
        sent.append(send(100))
        wait_until(lambda: server.attempt_count == 3)
        response = web.client.post("/v1/recognize", content=b"7")
        detail = check_problem(response, 429, "RESOURCE_EXHAUSTED")
        assert detail == "3 requests are in flight; retry later"
        server.go_on.set()
        assert [each.result() for each in sent] == [200, 200, 200]
    assert web.client.post("/v1/recognize", content=b"7").status_code == 200


def test_a_caller_that_vanishes_frees_what_it_held(small_web: Gateway) -> None:
    host, port = small_web.url.partition("://")[2].split(":")
    with socket.create_connection((host, int(port)), PATIENCE_SECONDS) as connection:
        connection.sendall(
            b"POST /v1/recognize HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nab"
        )
        gauge = "digits_web_body_bytes 2.0"
        wait_until(lambda: gauge in small_web.client.get("/metrics").text)
    gauge = "digits_web_body_bytes 0.0"
    wait_until(lambda: gauge in small_web.client.get("/metrics").text)
    metrics = small_web.client.get("/metrics").text
    assert "digits_web_requests_in_flight 1.0" in metrics
    assert 'digits_web_requests_total{method="POST",path="/v1/recognize",status="0"} 1.0' in metrics
    small_web.process.terminate()
    assert small_web.log.read() == ""


@pytest.mark.parametrize(
    "start", [b"GET /", b"GET / HTTP/1.1\r\na: ", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 9000]
)
def test_a_head_without_an_end_is_rejected(small_web: Gateway, start: bytes) -> None:
    head = start.ljust(2**16 + 1, b"x")
    assert exchange(small_web, head).startswith(b"HTTP/1.1 431 ")


def test_a_large_body_does_not_count_as_a_head(small_web: Gateway) -> None:
    for _ in range(5):
        assert small_web.client.post("/v1/recognize", content=b"7" * LIMIT).status_code == 200
    response = small_web.client.get("/healthz", headers={"x-padding": "x" * 50_000})
    assert response.status_code == 200


def test_what_is_not_http_is_a_400_and_not_logged(small_web: Gateway) -> None:
    assert exchange(small_web, b"\x16\x03\x01\x02\x00").startswith(b"HTTP/1.1 400 ")
    small_web.process.terminate()
    assert small_web.log.read() == ""
