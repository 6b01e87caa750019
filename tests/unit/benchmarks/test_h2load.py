"""What is read from h2load's output, and the requests that h2load is given."""

import http.server
import shutil
import threading
from collections.abc import Iterator

import pytest

from benchmarks import h2load
from benchmarks.h2load import LoadError, Result

REPORT = """
finished in 2.00s, 2.00 req/s, 24.52KB/s
requests: 4 total, 6 started, 4 done, 3 succeeded, 1 failed, 0 errored, 0 timeout
status codes: 3 2xx, 0 3xx, 0 4xx, 1 5xx
traffic: 1.00KB (1024) total, 100B (100) headers (space savings 95.88%), 244B (244) data
"""
LOG = "10\t200\t4000\n11\t503\t9\n12\t200\t1000\n13\t200\t2000\n"

needs_h2load = pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load is not installed")


def test_latencies_count_2xx_responses_and_calls_in_flight_at_the_end_are_not_failures() -> None:
    load = h2load.read_results([Result(REPORT, LOG)], seconds=2)

    assert load.calls_per_second == 1.5
    assert (load.succeeded, load.failed) == (3, 1)
    assert (load.p50_ms, load.p99_ms) == (2.0, 4.0)
    assert load.response_bytes == 61.0


def test_parallel_processes_are_added_up_to_one_load() -> None:
    load = h2load.read_results([Result(REPORT, LOG), Result(REPORT, LOG)], seconds=2)

    assert (load.calls_per_second, load.succeeded, load.failed) == (3.0, 6, 2)
    assert load.response_bytes == 61.0


def test_errored_and_timed_out_calls_count_as_failures_once() -> None:
    report = REPORT.replace("1 failed, 0 errored, 0 timeout", "3 failed, 1 errored, 2 timeout")

    load = h2load.read_results([Result(report, LOG + "14\t-1\t7\n")], seconds=2)

    assert (load.succeeded, load.failed) == (3, 4)


def test_a_load_without_a_successful_call_is_an_error() -> None:
    with pytest.raises(LoadError, match="no call succeeded"):
        h2load.read_results([Result(REPORT, "")], seconds=2)


def test_unexpected_output_is_an_error() -> None:
    with pytest.raises(LoadError, match="reported no figures"):
        h2load.read_results([Result("usage: h2load", LOG)], seconds=2)


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)]
)
def test_a_percentile_is_one_of_the_numbers(percent: float, expected: int) -> None:
    assert h2load.percentile(range(1, 101), percent) == expected


def test_a_grpc_frame_has_the_length_of_its_message() -> None:
    assert h2load.grpc_frame(b"x" * 258) == b"\0\0\0\1\2" + b"x" * 258


def test_http_allows_one_call_in_flight_per_connection() -> None:
    with pytest.raises(ValueError, match="streams"):
        h2load.load("127.0.0.1:1", "/", b"", kind="http", connections=1, streams=2, seconds=0.1)


def test_the_error_for_a_missing_h2load_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)

    with pytest.raises(LoadError, match="apt-get install nghttp2-client"):
        h2load.load("127.0.0.1:1", "/", b"", kind="http", connections=1, streams=1, seconds=0.1)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two packets

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        prefix = f"{self.path} {self.headers['content-type']} {self.headers['x-key']} ".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(prefix + body)))
        self.end_headers()
        self.wfile.write(prefix + body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@needs_h2load
def test_requests_have_the_given_path_body_and_headers(address: str) -> None:
    load = h2load.load(
        address,
        "/predict",
        b"body",
        kind="http",
        connections=1,
        streams=1,
        seconds=1,
        warm_up_seconds=0.1,
        content_type="text/plain",
        headers={"x-key": "value"},
    )

    size = len("/predict text/plain value body")
    # The end of the run may cut off a response whose bytes have come.
    assert size * load.ended <= load.data_bytes <= size * (load.ended + 1)
    assert load.succeeded > 0
    assert load.failed == 0
    assert 0 < load.p50_ms <= load.p99_ms


@needs_h2load
def test_responses_shorter_than_a_correct_one_are_an_error(address: str) -> None:
    def send(correct_response: bytes) -> None:
        h2load.load(
            address,
            "/predict",
            b"body",
            kind="http",
            connections=1,
            streams=1,
            seconds=1,
            warm_up_seconds=0,
            content_type="text/plain",
            headers={"x-key": "value"},
            correct_response=correct_response,
        )

    send(b"/predict text/plain value body")
    with pytest.raises(LoadError, match="a correct response has 40 bytes"):
        send(bytes(40))


@needs_h2load
def test_a_rate_applies_to_all_connections_together(address: str) -> None:
    load = h2load.load(
        f"http://{address}",
        "/predict",
        b"body",
        kind="http",
        connections=2,
        streams=1,
        seconds=1,
        warm_up_seconds=0,
        rate=40,
    )

    # A busy machine may send fewer. At this rate per connection it would be 80.
    assert 0 < load.calls_per_second <= 44


@needs_h2load
def test_a_server_that_does_not_listen_is_an_error() -> None:
    with pytest.raises(LoadError):
        h2load.load(
            "127.0.0.1:1",
            "/",
            b"",
            kind="http",
            connections=1,
            streams=1,
            seconds=0.1,
            warm_up_seconds=0,
        )
