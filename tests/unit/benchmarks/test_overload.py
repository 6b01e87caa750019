"""What the measurement of overload derives from statuses and from the server's metrics."""

import http.server
import threading
from collections import Counter

import pytest
from prometheus_client import generate_latest

from benchmarks.end_to_end.overload.handler_time import handler_time
from benchmarks.end_to_end.overload.table import not_served
from digits_server.ops.metrics import CallMetrics, Metrics

METHOD = "digits.v1.RecognizerService/Recognize"


def test_calls_that_were_not_served_are_shares_of_all_calls() -> None:
    statuses = Counter(OK=50, RESOURCE_EXHAUSTED=40, DEADLINE_EXCEEDED=8, CANCELLED=2)
    assert not_served(statuses) == "40% rejected, 8% expired, 2% CANCELLED"
    assert not_served(Counter(OK=50)) == "none"


def test_the_time_in_the_handler_is_that_of_calls_which_were_not_rejected() -> None:
    metrics = Metrics()
    calls = CallMetrics(metrics, METHOD)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(generate_latest(metrics.registry))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
            pass

    def end_call(seconds: float, code: str) -> None:
        calls.start()
        calls.end(code, seconds)

    end_call(9.0, "OK")
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with handler_time(f"127.0.0.1:{server.server_port}", f"/{METHOD}") as in_handler:
            for seconds, code in ((0.25, "OK"), (0.75, "DEADLINE_EXCEEDED")):
                end_call(seconds, code)
            metrics.calls.labels(METHOD, "RESOURCE_EXHAUSTED").inc(100)
        server.shutdown()
        thread.join()
    assert in_handler.mean_seconds == pytest.approx(0.5)
